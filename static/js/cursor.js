// Over the sheet the pointer is a ring as wide as the brush, dashed for the eraser.
// The system draws it, as any other cursor, so it never lags behind the hand.

/** Returns a function that brings the cursor up to date with tool(), to be called when tool or width changed. */
export function showBrush(canvas, tool) {
  function update() {
    const { tool: kind, width } = tool();
    const middle = Math.ceil((width * canvas.clientWidth) / 2) + 2;
    const ring = `<circle cx="${middle}" cy="${middle}" r="${middle - 2}"`;
    const dashes = kind === "eraser" ? ' stroke-dasharray="4 3"' : "";
    // Dark within light, to be seen on ink as well as on paper.
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${2 * middle}" height="${2 * middle}" fill="none">
      ${ring} stroke="#fff" stroke-width="3"/>${ring} stroke="#222"${dashes}/></svg>`;
    canvas.style.setProperty("cursor", `url("data:image/svg+xml,${encodeURIComponent(svg)}") ${middle} ${middle}, crosshair`);
  }
  new ResizeObserver(update).observe(canvas);
  return update;
}
