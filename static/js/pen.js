// Mouse, finger and pen: pointer events become strokes.

const ERASER_END = 32; // the bit of event.buttons that says a pen is held upside down

/** Draw on the canvas; tool() gives {tool, width} of the next stroke, lifted() is called when a stroke is done. */
export function drawWithPointer(canvas, drawing, tool, lifted) {
  let pointer = null; // the one that draws; a second finger or a resting palm does nothing
  let stroke = null;

  function pointOf(event, box) {
    return {
      x: (event.clientX - box.left) / box.width,
      y: (event.clientY - box.top) / box.height,
      // A mouse claims 0.5 and many fingers 0 or 1: only a pen's pressure means anything.
      pressure: event.pointerType === "pen" && event.pressure > 0 ? event.pressure : null,
    };
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || (event.pointerType === "mouse" && event.button !== 0)) return;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    const { tool: chosen, width } = tool();
    stroke = drawing.add({
      kind: "stroke",
      tool: event.buttons & ERASER_END ? "eraser" : chosen,
      width,
      points: [pointOf(event, canvas.getBoundingClientRect())],
    });
  });

  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const box = canvas.getBoundingClientRect();
    const events = event.getCoalescedEvents?.() ?? [];
    drawing.extend(stroke, (events.length > 0 ? events : [event]).map((each) => pointOf(each, box)));
  });

  function lift(event) {
    if (event.pointerId !== pointer) return;
    pointer = stroke = null;
    lifted();
  }
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift); // the system took the pointer away: what was drawn stays
  canvas.addEventListener("lostpointercapture", lift);
  // A quick stroke of a finger would count as a fling, even where nothing scrolls, and swallow the next tap on a button.
  canvas.addEventListener("touchmove", (event) => event.preventDefault(), { passive: false });
  canvas.addEventListener("contextmenu", (event) => pointer !== null && event.preventDefault());
}
