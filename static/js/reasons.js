// Which pixels speak for a digit and which against: the answer and its runner-up, side by side.

import { SIDE, make, paintSigned } from "./seen.js";

/** Fill box with a picture for each class, and note with the name of the method. */
export function showReasons(box, note, { contributions, pixels }, labels) {
  note.textContent = contributions.method;
  // One scale for both, so that their colours can be compared.
  const scale = Math.max(1e-9, ...contributions.classes.flatMap(({ pixels: values }) => values.map(Math.abs)));
  box.replaceChildren(
    ...contributions.classes.map(({ digit, logit, pixels: values }) => {
      const name = labels?.[digit] ?? `a ${digit}`;
      const canvas = make("canvas", { className: "crisp", width: SIDE, height: SIDE });
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", inWords(name, values));
      paintSigned(canvas, values, scale, pixels);
      const score = make("span", { className: "fine" }, `score ${logit.toFixed(2).replace("-", "−")}`);
      return make("figure", {}, canvas, make("figcaption", {}, make("strong", {}, `for ${name} `), score));
    }),
    legend(),
  );
}

function inWords(name, values) {
  const total = (sign) => values.reduce((sum, value) => sum + Math.max(0, sign * value), 0).toFixed(2);
  return `Pixels for and against ${name}: ${total(1)} for, ${total(-1)} against`;
}

function legend() {
  return make("p", { className: "legend" }, make("span", { className: "for" }, "speaks for"), make("span", { className: "against" }, "speaks against"));
}
