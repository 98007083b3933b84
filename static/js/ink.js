// How marks become pixels, on the screen's canvas and in the picture that is sent alike.

const PICTURE_SIDE = 280;
const PIECE = 0.01; // of the sheet: the longest straight piece of a line that swells,
const STEP = 0.0025; // and the most by which the next piece is wider or narrower

/** Paint marks onto a square canvas of the given side in device pixels, over what is there. */
export function paintMarks(context, side, marks, colour) {
  context.lineCap = "round";
  context.lineJoin = "round";
  context.strokeStyle = colour;
  context.fillStyle = colour;
  for (const mark of marks) {
    context.globalCompositeOperation = mark.tool === "eraser" ? "destination-out" : "source-over";
    if (mark.kind === "picture") paintPicture(context, side, mark.image, colour);
    if (mark.kind === "stroke") paintStroke(context, side, mark);
  }
  context.globalCompositeOperation = "source-over";
}

/** The drawing as a canvas of dark ink on white paper, whatever colours the screen shows. */
export function asPicture(marks, side = PICTURE_SIDE) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  paintMarks(context, side, marks, "#000");
  context.globalCompositeOperation = "destination-over"; // the paper goes under the ink, and under what was erased
  context.fillStyle = "#fff";
  context.fillRect(0, 0, side, side);
  return canvas;
}

function paintPicture(context, side, image, colour) {
  const scale = Math.min(side / image.width, side / image.height);
  const [width, height] = [image.width * scale, image.height * scale];
  const [left, top] = [(side - width) / 2, (side - height) / 2];
  context.fillStyle = "#fff"; // what is transparent lies on white paper, here as on the server
  context.fillRect(left, top, width, height);
  context.fillStyle = colour;
  context.imageSmoothingQuality = "high";
  context.drawImage(image, left, top, width, height);
}

function paintStroke(context, side, { points, width }) {
  const at = points.map((point) => ({ x: point.x * side, y: point.y * side, width: side * width * swelling(point.pressure) }));
  context.beginPath();
  if (at.every(({ x, y }) => x === at[0].x && y === at[0].y)) {
    const widest = Math.max(...at.map((point) => point.width));
    context.arc(at[0].x, at[0].y, widest / 2, 0, 2 * Math.PI); // a line of length 0 would not show
    return context.fill();
  }
  if (at.some((point) => point.width !== at[0].width)) return paintSwelling(context, side, at);
  context.lineWidth = at[0].width;
  context.moveTo(at[0].x, at[0].y);
  for (const { control, to } of curves(at)) context.quadraticCurveTo(control.x, control.y, to.x, to.y);
  context.stroke();
}

/** What pressure does to the width: half as wide at the lightest touch, half as wide again at the hardest. */
function swelling(pressure) {
  return pressure === null ? 1 : 0.5 + pressure;
}

// Points are joined by quadratic curves that meet halfway between them, so a slow pointer leaves no corners.
function* curves(at) {
  let from = at[0];
  for (let i = 1; i < at.length - 1; i++) {
    const to = between(at[i], at[i + 1], 0.5);
    yield { from, control: at[i], to };
    from = to;
  }
  yield { from, control: from, to: at.at(-1) }; // a straight end
}

// A line whose width changes is painted in short pieces, each a little wider or narrower than the one before.
function paintSwelling(context, side, at) {
  for (const { from, control, to } of curves(at)) {
    const length = Math.hypot(to.x - from.x, to.y - from.y);
    const pieces = Math.ceil(Math.max(1, length / (PIECE * side), Math.abs(to.width - from.width) / (STEP * side)));
    let last = from;
    for (let piece = 1; piece <= pieces; piece++) {
      const part = piece / pieces;
      const next = between(between(from, control, part), between(control, to, part), part);
      context.lineWidth = next.width;
      context.beginPath();
      context.moveTo(last.x, last.y);
      context.lineTo(next.x, next.y);
      context.stroke();
      last = next;
    }
  }
}

function between(one, other, part) {
  const mix = (key) => one[key] + part * (other[key] - one[key]);
  return { x: mix("x"), y: mix("y"), width: mix("width") };
}
