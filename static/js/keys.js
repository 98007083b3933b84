// Drawing without a pointer: a cell moves over a grid of 28 by 28 and inks where it is told to.

const CELLS = 28;
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * commands: {undo, redo, clear, predict, toggleEraser, changeBrush}, of which each may return what it did in words;
 * report(sentence) speaks to screen readers.
 */
export function drawWithKeys(canvas, cell, drawing, tool, commands, report) {
  const at = { column: CELLS / 2, row: CELLS / 4 };
  let stroke = null; // the one that is being drawn while the pen is down
  let locked = false; // D keeps the pen down without holding Space

  const point = () => ({ x: (at.column + 0.5) / CELLS, y: (at.row + 0.5) / CELLS, pressure: null });

  function show(done) {
    cell.hidden = false;
    cell.style.setProperty("left", `${(100 * at.column) / CELLS}%`);
    cell.style.setProperty("top", `${(100 * at.row) / CELLS}%`);
    cell.classList.toggle("down", stroke !== null);
    const inking = stroke === null ? "" : stroke.tool === "eraser" ? ", erased" : ", inked";
    report(typeof done === "string" ? done : `row ${at.row + 1}, column ${at.column + 1}${inking}`);
  }

  function penDown() {
    stroke ??= drawing.add({ kind: "stroke", ...tool(), points: [point()] });
  }

  function penUp() {
    stroke = null;
    locked = false;
  }

  function move([columns, rows]) {
    at.column = Math.min(CELLS - 1, Math.max(0, at.column + columns));
    at.row = Math.min(CELLS - 1, Math.max(0, at.row + rows));
    if (stroke) drawing.extend(stroke, [point()]);
  }

  const letters = {
    e: commands.toggleEraser,
    d: () => {
      const putDown = !locked;
      penUp();
      if (putDown) penDown();
      locked = putDown;
    },
    "[": () => commands.changeBrush(-1),
    "]": () => commands.changeBrush(1),
  };

  // Changing history under a stroke that is being drawn would lengthen a mark that is gone.
  const afterLifting = (command) => () => {
    penUp();
    return command();
  };
  const named = {
    " ": penDown,
    Enter: commands.predict,
    Delete: afterLifting(commands.clear),
    Backspace: afterLifting(commands.clear),
  };

  function historyFor(event) {
    const key = event.key.toLowerCase();
    if (!(event.ctrlKey || event.metaKey)) return null;
    if (key === "z") return afterLifting(event.shiftKey ? commands.redo : commands.undo);
    return key === "y" ? afterLifting(commands.redo) : null;
  }

  function actionFor(event) {
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) return historyFor(event);
    if (event.altKey) return null;
    if (event.key in STEPS) return () => move(STEPS[event.key]);
    return named[event.key] ?? letters[key];
  }

  canvas.addEventListener("keydown", (event) => {
    const action = actionFor(event);
    if (!action) return;
    event.preventDefault();
    if (event.repeat && !(event.key in STEPS)) return;
    show(action());
  });
  // Undo and redo are wanted wherever the focus is: after a click on Clear it is on that button.
  document.addEventListener("keydown", (event) => {
    const action = event.target === canvas ? null : historyFor(event);
    if (!action) return;
    event.preventDefault();
    report(action());
  });
  canvas.addEventListener("keyup", (event) => {
    if (event.key !== " " || locked) return;
    penUp();
    cell.classList.remove("down");
  });
  canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && show());
  for (const name of ["pointerdown", "blur"]) {
    canvas.addEventListener(name, () => {
      penUp();
      cell.hidden = true;
    });
  }
}
