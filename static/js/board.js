// The sheet on the screen: as many pixels as the device has, painted again whenever something changes.

import { paintMarks } from "./ink.js";

export function showOnBoard(canvas, drawing) {
  const context = canvas.getContext("2d");
  // All marks but the last are painted once and kept: however much is on the sheet, a stroke follows the pen.
  const kept = document.createElement("canvas").getContext("2d");
  let keptMarks = [];
  let asked = false;

  function paint(colour = getComputedStyle(canvas).color) {
    asked = false;
    const side = canvas.width;
    const before = drawing.marks.slice(0, -1);
    if (keptMarks.length > before.length || keptMarks.some((mark, index) => mark !== before[index])) forget();
    paintMarks(kept, side, before.slice(keptMarks.length), colour);
    keptMarks = before;
    context.clearRect(0, 0, side, side);
    context.drawImage(kept.canvas, 0, 0);
    paintMarks(context, side, drawing.marks.slice(-1), colour);
  }

  function forget() {
    kept.canvas.width = kept.canvas.height = canvas.width; // setting the size empties a canvas
    keptMarks = [];
  }

  // At most one painting for each frame of the screen, however many points arrive.
  function soon() {
    if (!asked) requestAnimationFrame(() => paint());
    asked = true;
  }

  function fit() {
    const side = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
    if (canvas.width === side) return;
    canvas.width = canvas.height = side;
    paintAgain();
  }

  function paintAgain(colour) {
    forget();
    paint(colour);
  }

  drawing.addEventListener("change", soon);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paintAgain());
  addEventListener("beforeprint", () => paintAgain("#000")); // paper is light, whatever the screen is
  addEventListener("afterprint", () => paintAgain());
  new ResizeObserver(fit).observe(canvas);
  addEventListener("resize", fit); // zooming changes the pixel ratio, not always the size
  fit();
}
