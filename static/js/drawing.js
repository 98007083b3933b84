// A drawing is a list of marks; undo and redo move a boundary along that list.
//
// A mark is one of
//   {kind: "stroke", tool: "pen" | "eraser", width, points: [{x, y, pressure}]}
//   {kind: "picture", image, dataUrl}  a picture placed on the sheet, to paint and to send
//   {kind: "clear"}                    so that clearing can be undone as well
// x, y and width are parts of the sheet's side, 0 to 1. pressure is 0 to 1, or null for a pointer without any.

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

  /** One touch that went no farther than the brush is wide: the start of something, not worth a question yet. */
  get isDot() {
    const [mark, ...others] = this.marks;
    if (others.length > 0 || mark?.kind !== "stroke") return false;
    const extent = (of) => Math.max(...mark.points.map(of)) - Math.min(...mark.points.map(of));
    return Math.max(extent(({ x }) => x), extent(({ y }) => y)) < mark.width;
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

  /** Lengthen a stroke that add() returned. */
  extend(stroke, points) {
    stroke.points.push(...points);
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
