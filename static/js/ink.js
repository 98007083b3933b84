// How marks become pixels, on the screen's canvas and in the picture that is sent alike.

const PICTURE_SIDE = 280;

/** Paint marks onto a square canvas of the given side in device pixels. */
export function paintMarks(context, side, marks, colour) {
  context.clearRect(0, 0, side, side);
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
  if (at.length === 1) {
    context.beginPath();
    context.arc(at[0].x, at[0].y, at[0].width / 2, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  // Points are joined by quadratic curves that meet halfway between them, so a slow pointer leaves no corners.
  // Where the pressure changes, the line is painted in pieces, each of its own width.
  let from = at[0];
  context.beginPath();
  context.moveTo(from.x, from.y);
  context.lineWidth = from.width;
  for (let i = 1; i < at.length - 1; i++) {
    const halfway = { x: (at[i].x + at[i + 1].x) / 2, y: (at[i].y + at[i + 1].y) / 2 };
    if (at[i].width !== context.lineWidth) {
      context.stroke();
      context.beginPath();
      context.moveTo(from.x, from.y);
      context.lineWidth = at[i].width;
    }
    context.quadraticCurveTo(at[i].x, at[i].y, halfway.x, halfway.y);
    from = halfway;
  }
  const last = at.at(-1);
  context.lineTo(last.x, last.y);
  context.stroke();
}

/** What pressure does to the width: half as wide at the lightest touch, half as wide again at the hardest. */
function swelling(pressure) {
  return pressure === null ? 1 : 0.5 + pressure;
}
