// Curves over the epochs, drawn as SVG: axes, lines of a few ticks, one or two curves.

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 52; // pixels for the numbers of the upright axis
const BOTTOM = 26;
const TOP = 8;
const RIGHT = 10;

/**
 * Draws into `frame`. curves: [{kind: "training" | "validation", points: [[epoch, value], ...]}]; `epochs` is where the
 * axis ends, `title` what is drawn, `write(value)` how a value is written. scale: "logarithmic", or "upper" to leave out
 * the low values of the first steps of training, which would press all others together: there the curve comes from below.
 */
export function drawChart(frame, { title, curves, epochs, write, scale = "", height = 240 }) {
  const width = Math.max(200, frame.clientWidth);
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": inWords(title, curves, write) });
  const values = curves.flatMap((curve) => curve.points.map((point) => point[1])).filter((value) => scale !== "logarithmic" || value > 0);
  if (values.length > 0) {
    const low = scale === "upper" ? lowToShow(curves, values) : Math.min(...values);
    const most = Math.max(3, Math.floor(height / 55));
    const high = Math.max(...values);
    const isLogarithmic = scale === "logarithmic" && high > 3 * low; // else there is nothing to spread
    const ticks = (isLogarithmic ? logarithmicTicks : niceTicks)(low, high, most);
    const at = isLogarithmic ? Math.log : (value) => value;
    const [bottom, top] = [at(ticks[0]), at(ticks.at(-1))];
    const x = (epoch) => LEFT + ((width - LEFT - RIGHT) * epoch) / Math.max(epochs, 1);
    // The logarithm of 0 has no place: far below.
    const y = (value) => Math.min(9 * height, TOP + (height - TOP - BOTTOM) * (1 - (at(value) - bottom) / (top - bottom)));
    for (const tick of ticks) {
      svg.append(make("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }));
      svg.append(text(write(tick), { x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" }));
    }
    for (const epoch of wholeTicks(epochs, Math.floor((width - LEFT) / 48))) {
      svg.append(make("line", { class: "tick", x1: x(epoch), x2: x(epoch), y1: height - BOTTOM, y2: height - BOTTOM + 5 }));
      svg.append(text(String(epoch), { x: x(epoch), y: height - 6, "text-anchor": "middle" }));
    }
    svg.append(make("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: height - BOTTOM, y2: height - BOTTOM }));
    // What is below the axis is cut off: drawn on the axis it would be a value that nobody measured.
    const end = height - BOTTOM + 1;
    const above = make("svg", { width, height: end, overflow: "hidden" });
    svg.append(above);
    for (const { kind, points } of curves) {
      const path = points.map(([epoch, value], index) => `${index ? "L" : "M"}${x(epoch).toFixed(1)} ${y(value).toFixed(1)}`).join("");
      above.append(make("path", { class: `curve ${kind}`, d: path }));
      const dots = kind === "validation" && points.length <= 60 ? points : points.slice(-1);
      for (const [epoch, value] of dots) {
        if (y(value) < end) svg.append(make("circle", { class: `dot ${kind}`, cx: x(epoch), cy: y(value), r: 3 }));
      }
    }
  }
  frame.replaceChildren(svg);
}

/** All but the lowest twentieth, and all that was kept aside: those are few, and each is looked at. */
function lowToShow(curves, values) {
  const aside = curves.filter(({ kind }) => kind === "validation").flatMap(({ points }) => points.map((point) => point[1]));
  return Math.min(values.toSorted((a, b) => a - b)[Math.floor(values.length / 20)], ...aside);
}

/** At most about `most` round numbers from at or below `low` to at or above `high`. */
export function niceTicks(low, high, most) {
  if (high - low < 1e-9 * Math.max(1, Math.abs(high))) [low, high] = [low - Math.abs(low || 1) / 2, high + Math.abs(high || 1) / 2];
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

/** Powers of ten from at or below `low` to at or above `high`; between them 2 and 5 where there is room. */
export function logarithmicTicks(low, high, most) {
  for (const steps of [[1, 2, 5], [1, 3], [1]]) {
    const all = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
      all.push(...steps.map((step) => step * 10 ** power));
    }
    const first = all.findLastIndex((tick) => tick <= low * (1 + 1e-9));
    const last = all.findIndex((tick) => tick >= high * (1 - 1e-9));
    const ticks = all.slice(first, Math.max(last, first + 1) + 1);
    if (ticks.length <= 2 * most || steps.length === 1) return ticks;
  }
}

function wholeTicks(epochs, most) {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000].find((each) => epochs / each <= most) ?? 5000;
  return Array.from({ length: Math.floor(epochs / step) + 1 }, (_, index) => index * step);
}

function inWords(title, curves, write) {
  const words = curves
    .filter(({ points }) => points.length > 0)
    .map(({ kind, points }) => `${kind === "training" ? "training" : "kept aside"} from ${write(points[0][1])} to ${write(points.at(-1)[1])}`);
  return `${title}${words.length ? `: ${words.join("; ")}` : ", nothing yet"}`;
}

function make(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function text(content, attributes) {
  const element = make("text", attributes);
  element.textContent = content;
  return element;
}
