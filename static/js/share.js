// A drawing in a link: its strokes, packed small, travel in the fragment and never reach a server.
//
// Bytes: a version and a checksum of two; then for each stroke a byte of flags (1 eraser, 2 pressure), its width
// in 1/1000 of the sheet, the number of points, and the points as differences to the one before, in 1/1000 of the
// sheet, a pressure byte after each if flagged. All numbers are variable-length, seven bits to a byte, differences zigzagged.

const VERSION = 2;
const WITHOUT_CHECKSUM = 1; // links that were made earlier; cut off between two strokes they looked whole
const GRAIN = 1000;
const SPACING = 0.012; // of points; closer ones make the link longer and the line no better
const WIDEST = 0.5;
const PREFIX = "#strokes=";

/** The fragment for the strokes among the marks; pictures are left out. */
export function toFragment(marks) {
  const bytes = [];
  for (const stroke of marks.filter((mark) => mark.kind === "stroke")) {
    const points = thinned(stroke.points);
    const pressed = points.some((point) => point.pressure !== null);
    bytes.push((stroke.tool === "eraser" ? 1 : 0) | (pressed ? 2 : 0));
    put(bytes, Math.round(stroke.width * GRAIN));
    put(bytes, points.length);
    let [x, y] = [0, 0];
    for (const point of points) {
      const [nextX, nextY] = [Math.round(point.x * GRAIN), Math.round(point.y * GRAIN)];
      put(bytes, zigzag(nextX - x));
      put(bytes, zigzag(nextY - y));
      if (pressed) bytes.push(Math.round(255 * (point.pressure ?? 0.5)));
      [x, y] = [nextX, nextY];
    }
  }
  const text = btoa(Array.from([VERSION, ...checksum(bytes), ...bytes], (byte) => String.fromCharCode(byte)).join(""));
  return PREFIX + text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The strokes of a fragment: [] when it carries none, null when they cannot be read. */
export function fromFragment(fragment) {
  if (!fragment.startsWith(PREFIX)) return [];
  try {
    const text = atob(fragment.slice(PREFIX.length).replaceAll("-", "+").replaceAll("_", "/"));
    const [version, ...bytes] = Uint8Array.from(text, (character) => character.charCodeAt(0));
    if (version === WITHOUT_CHECKSUM) return [...strokes(bytes.values())];
    const said = bytes.splice(0, 2);
    return version === VERSION && String(said) === String(checksum(bytes)) ? [...strokes(bytes.values())] : null;
  } catch {
    return null; // cut off or mistyped
  }
}

function* strokes(bytes) {
  for (let flags = bytes.next(); !flags.done; flags = bytes.next()) {
    const width = Math.min(WIDEST, take(bytes) / GRAIN);
    const points = [];
    let [x, y] = [0, 0];
    for (let left = take(bytes); left > 0; left--) {
      x += unzigzag(take(bytes));
      y += unzigzag(take(bytes));
      points.push({ x: x / GRAIN, y: y / GRAIN, pressure: flags.value & 2 ? byte(bytes) / 255 : null });
    }
    if (points.length > 0) yield { kind: "stroke", tool: flags.value & 1 ? "eraser" : "pen", width, points };
  }
}

/** Two bytes that hardly any other bytes have (J. G. Fletcher, 1982). */
function checksum(bytes) {
  let [sum, sums] = [0, 0];
  for (const byte of bytes) {
    sum = (sum + byte) % 255;
    sums = (sums + sum) % 255;
  }
  return [sum, sums];
}

/** The points without those that crowd upon the one before. */
function thinned(points) {
  let kept = points[0];
  return points.filter((point, index) => {
    const keep = index === 0 || index === points.length - 1 || Math.hypot(point.x - kept.x, point.y - kept.y) >= SPACING;
    if (keep) kept = point;
    return keep;
  });
}

const zigzag = (number) => (number < 0 ? -2 * number - 1 : 2 * number);
const unzigzag = (number) => (number & 1 ? -(number + 1) / 2 : number / 2);

function put(bytes, number) {
  for (; number > 127; number >>= 7) bytes.push(128 | (number & 127));
  bytes.push(number);
}

function take(bytes) {
  let [number, shift, part] = [0, 0, 128];
  for (; part & 128; shift += 7) {
    part = byte(bytes);
    number |= (part & 127) << shift;
  }
  return number;
}

function byte(bytes) {
  const { value, done } = bytes.next();
  if (done) throw new RangeError("the fragment ends in the middle of a stroke");
  return value;
}
