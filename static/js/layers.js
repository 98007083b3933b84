// Inside the network: feature maps as pictures, dense layers as rows of units that show their sum when pointed at.

import { SIDE, make } from "./seen.js";

/** Fill box with one section for each layer that has something to show. */
export function showLayers(box, note, activations) {
  note.textContent = "Maps are brighter where they answer more. Of units, blue sums are above zero, orange ones below; point at a unit, or move among units with the arrow keys, to see its sum.";
  const open = box.querySelector("[aria-selected=true]")?.id; // keep the unit that was looked at
  box.replaceChildren(...activations.map((layer, index) => section(layer, activations.slice(0, index))).filter(Boolean));
  if (open) document.getElementById(open)?.dispatchEvent(new Event("choose"));
}

function section(layer, before) {
  const head = make("h3", {}, `${layer.name} `, make("span", { className: "fine" }, layer.shape.join(" × ")));
  if (layer.maps) return make("section", { className: "layer" }, head, featureMaps(layer));
  if (layer.units) return make("section", { className: "layer" }, head, ...units(layer, before));
  return null; // activation functions and reshaping: the next layer shows what came of them
}

function featureMaps({ maps }) {
  const image = make("img", { className: "crisp maps", src: maps.image });
  image.alt = `${maps.count} feature maps of ${maps.width} by ${maps.height}`;
  return image;
}

// A list of units of which one is chosen: one tab stop, arrow keys within.
function units(layer, before) {
  const sums = layer.units.map((unit) => unit.sum);
  const scale = Math.max(1e-9, ...sums.map(Math.abs));
  const sum = make("div", { className: "unit-sum" }, make("p", { className: "fine" }, "No unit chosen."));
  sum.setAttribute("role", "status");
  const list = make("div", { className: "units" });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", `Units of layer ${layer.layer}, ${layer.name}`);
  list.setAttribute("aria-orientation", "horizontal");

  const options = layer.units.map((unit, index) => {
    const option = make("div", { id: `unit-${layer.layer}-${index}`, className: unit.sum < 0 ? "unit negative" : "unit" });
    option.setAttribute("role", "option");
    option.setAttribute("aria-label", `unit ${index}, sum ${unit.sum.toFixed(2)}`);
    option.style.setProperty("--strength", (Math.abs(unit.sum) / scale).toFixed(3));
    option.addEventListener("choose", () => choose(index));
    return option;
  });
  list.append(...options);

  function choose(index) {
    options.forEach((option, each) => {
      option.setAttribute("aria-selected", String(each === index));
      option.tabIndex = each === index ? 0 : -1;
    });
    sum.replaceChildren(sumOf(layer.units[index], index, before));
  }
  options[0].tabIndex = 0;
  for (const name of ["pointerover", "pointerdown", "focusin"]) {
    list.addEventListener(name, (event) => options.includes(event.target) && choose(options.indexOf(event.target)));
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = Math.min(options.length - 1, Math.max(0, options.indexOf(document.activeElement) + step));
    options[next].focus();
  });
  return [list, sum];
}

/** The sum written out: the five largest products, all the others together, the bias. */
function sumOf({ sum, bias, top }, index, before) {
  const others = sum - bias - top.reduce((total, [, , , product]) => total + product, 0);
  const row = (name, working, value) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, working), make("td", {}, signed(value)));
  return make(
    "table",
    {},
    make("caption", {}, `Unit ${index}: input × weight + bias`),
    make(
      "tbody",
      {},
      ...top.map(([input, value, weight, product]) => row(nameOf(input, before), `${value.toFixed(3)} × ${signed(weight)}`, product)),
      row("all other inputs", "", others),
      row("bias", "", bias),
      row("sum", "", sum),
    ),
  );
}

/** An input is a pixel when no layer but a reshaping one lies before, otherwise a unit of the layer before. */
function nameOf(input, before) {
  const isPixel = before.every((layer) => layer.name === "Flatten");
  return isPixel ? `pixel, row ${Math.floor(input / SIDE) + 1}, column ${(input % SIDE) + 1}` : `input ${input}`;
}

function signed(value) {
  return (value < 0 ? "−" : "+") + Math.abs(value).toFixed(3);
}
