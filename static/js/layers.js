// Inside the network: feature maps as pictures, dense layers as rows of units that show their sum when pointed at.

import { SIDE, make } from "./seen.js";

const FEW = 16; // so many units there is room to number

/** Fill box with one section for each layer that has something to show. */
export function showLayers(box, note, activations) {
  const maps = activations.some((layer) => layer.maps) ? "Maps are brighter where they answer more. " : "";
  note.textContent = `${maps}Of units, blue sums are above zero, orange ones below; point at a unit, or move among units with the arrow keys, to see its sum.`;
  const chosen = [...box.querySelectorAll("[aria-selected=true]")].map((unit) => unit.id); // stay chosen
  box.replaceChildren(...activations.map((layer, index) => section(layer, activations.slice(0, index), chosen)).filter(Boolean));
}

function section(layer, before, chosen) {
  const [height, width, count] = layer.maps ? layer.shape : [0, 0, layer.shape[0]];
  const size = layer.maps ? `${count} maps, ${width} × ${height}` : `${count} units`;
  const head = make("h3", {}, `${layer.name} `, make("span", { className: "fine" }, size));
  if (layer.maps) return make("section", { className: "layer" }, head, featureMaps(layer));
  if (layer.units) return make("section", { className: "layer" }, head, ...units(layer, before, chosen));
  return null; // activation functions and reshaping: the next layer shows what came of them
}

function featureMaps({ maps }) {
  const image = make("img", { className: "crisp maps", src: maps.image });
  image.alt = `${maps.count} feature maps of ${maps.width} by ${maps.height}`;
  return image;
}

// A list of units of which one is chosen: one tab stop, arrow keys within. At first that is the one with the largest sum.
function units(layer, before, chosen) {
  const sums = layer.units.map((unit) => unit.sum);
  const scale = Math.max(1e-9, ...sums.map(Math.abs));
  const sum = make("div", { className: "unit-sum" });
  const list = make("div", { className: "units" });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", `Units of layer ${layer.layer}, ${layer.name}`);
  list.setAttribute("aria-orientation", "horizontal");

  const options = layer.units.map((unit, index) => {
    const option = make("div", { id: `unit-${layer.layer}-${index}`, className: unit.sum < 0 ? "unit negative" : "unit" });
    option.setAttribute("role", "option");
    option.setAttribute("aria-label", `unit ${index}, sum ${unit.sum.toFixed(2)}`);
    if (layer.units.length <= FEW) option.append(make("span", { className: "unit-name" }, `${index}`));
    option.style.setProperty("--strength", (Math.abs(unit.sum) / scale).toFixed(3));
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
  const again = options.findIndex((option) => chosen.includes(option.id));
  choose(again >= 0 ? again : sums.indexOf(Math.max(...sums)));
  sum.setAttribute("role", "status"); // only now, so that what is chosen by itself is not announced
  for (const name of ["pointerover", "pointerdown", "focusin"]) {
    list.addEventListener(name, (event) => {
      const option = event.target.closest(".unit");
      if (option) choose(options.indexOf(option));
    });
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
  // An input is a pixel when no layer but a reshaping one lies before, otherwise a unit of the layer before.
  const ofPixels = before.every((layer) => layer.name === "Flatten");
  const nameOf = (input) => (ofPixels ? `${Math.floor(input / SIDE) + 1}, ${(input % SIDE) + 1}` : `${input}`);
  const others = sum - bias - top.reduce((total, [, , , product]) => total + product, 0);
  const cell = (text, scope) => make("th", { scope }, text);
  const row = (name, working, value) => make("tr", {}, cell(name, "row"), make("td", {}, working), make("td", {}, signed(value)));
  return make(
    "table",
    {},
    make("caption", {}, `Unit ${index}: input × weight + bias`),
    make("thead", {}, make("tr", {}, cell(ofPixels ? "pixel (row, column)" : "unit before", "col"), cell("input × weight", "col"), cell("product", "col"))),
    make(
      "tbody",
      {},
      ...top.map(([input, value, weight, product]) => row(nameOf(input), `${value.toFixed(3)} × ${signed(weight)}`, product)),
      row("all other inputs", "", others),
      row("bias", "", bias),
      row("sum", "", sum),
    ),
  );
}

function signed(value) {
  return (value < 0 ? "−" : "+") + Math.abs(value).toFixed(3);
}
