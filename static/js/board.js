// The sheet on the screen: as many pixels as the device has, painted again whenever something changes.

import { paintMarks } from "./ink.js";

export function showOnBoard(canvas, drawing) {
  const context = canvas.getContext("2d");
  let asked = false;

  function paint() {
    asked = false;
    paintMarks(context, canvas.width, drawing.marks, getComputedStyle(canvas).color);
  }

  // At most one painting for each frame of the screen, however many points arrive.
  function soon() {
    if (!asked) requestAnimationFrame(paint);
    asked = true;
  }

  function fit() {
    const side = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
    if (canvas.width === side) return;
    canvas.width = canvas.height = side; // this empties the canvas; the marks are kept elsewhere, so nothing is lost
    paint();
  }

  drawing.addEventListener("change", soon);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", soon);
  new ResizeObserver(fit).observe(canvas);
  addEventListener("resize", fit); // zooming changes the pixel ratio, not always the size
  fit();
}
