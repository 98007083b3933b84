// A drawing is a list of marks; undo and redo move a boundary along that list.
//
// A mark is one of
//   {kind: "stroke", tool: "pen" | "eraser", width, points: [{x, y, pressure}]}
//   {kind: "picture", image, dataUrl}  a picture placed on the sheet, to paint and to send
//   {kind: "clear"}                    so that clearing can be undone as well
// x, y and width are parts of the sheet's side, 0 to 1. pressure is 0 to 1, or null for a pointer without any.

const SPACING = 0.006; // a fast mouse sends a thousand points a second; closer ones than this make no better line

export class Drawing extends EventTarget {
  #marks = [];
  #undone = [];

  /** The marks that show: those after the last clearing. */
  get marks() {
    const cleared = this.#marks.findLastIndex((mark) => mark.kind === "clear");
    return this.#marks.slice(cleared + 1);
  }

  get isBlank() {
    return !this.marks.some((mark) => mark.kind === "picture" || mark.tool === "pen");
  }

  get hasPicture() {
    return this.marks.some((mark) => mark.kind === "picture");
  }

  /** One touch that went no farther than the brush is wide: the start of something, not worth a question yet. */
  get isDot() {
    const [mark, ...others] = this.marks;
    return others.length === 0 && mark?.kind === "stroke" && mark.points.every((point) => apart(point, mark.points[0]) < mark.width);
  }

  get canUndo() {
    return this.#marks.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  add(mark) {
    this.#marks.push(mark);
    this.#undone = [];
    this.#changed();
    return mark;
  }

  /** Lengthen a stroke that add() returned. Its last point moves along until it is far enough from the one before. */
  extend(stroke, points) {
    for (const point of points) {
      const [before, last] = stroke.points.slice(-2);
      if (last && apart(before, last) < SPACING) stroke.points.pop();
      stroke.points.push(point);
    }
    this.#changed();
  }

  clear() {
    if (this.marks.length > 0) this.add({ kind: "clear" });
  }

  undo() {
    this.#move(this.#marks, this.#undone);
  }

  redo() {
    this.#move(this.#undone, this.#marks);
  }

  #move(from, to) {
    if (from.length === 0) return;
    to.push(from.pop());
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

function apart(one, other) {
  return Math.hypot(one.x - other.x, one.y - other.y);
}
