// Pictures of numbers: the 28 x 28 pixels the network is given, signed maps, and the steps that led there.

export const SIDE = 28;
const FOR = [40, 110, 235]; // blue and orange, which colour-blind people can tell apart
const AGAINST = [225, 90, 30];

/** Paint 784 numbers in 0..1 as MNIST looks: bright ink on black. */
export function paintPixels(canvas, pixels) {
  paintEach(canvas, pixels, (value) => {
    const grey = Math.round(255 * value);
    return [grey, grey, grey, 255];
  });
}

/** Paint 784 signed numbers over a shadow of the ink: blue speaks for, orange against, at the scale given. */
export function paintSigned(canvas, values, scale, ink) {
  paintEach(canvas, values, (value, index) => {
    const strength = Math.min(1, Math.abs(value) / scale) ** 0.7; // weak voices stay visible
    const shadow = 0.25 * ink[index];
    const alpha = strength + shadow * (1 - strength);
    const colour = value > 0 ? FOR : AGAINST;
    return [...colour.map((part) => (alpha ? (part * strength + 128 * (alpha - strength)) / alpha : 0)), 255 * alpha];
  });
}

function paintEach(canvas, values, colourOf) {
  const image = new ImageData(SIDE, SIDE);
  values.forEach((value, index) => image.data.set(colourOf(value, index), 4 * index));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The little picture beside the steps, or an empty frame when there is none. */
export function showSmall(canvas, pixels) {
  canvas.getContext("2d").clearRect(0, 0, SIDE, SIDE);
  if (pixels) paintPixels(canvas, pixels);
  const found = pixels ? `${pixels.filter((value) => value > 0).length} with ink` : "nothing yet";
  canvas.setAttribute("aria-label", `The 28 by 28 pixels given to the network: ${found}`);
}

/** The steps as a list of figures; numbersOf(image) may add a line below each, once its picture is there. */
export function showSteps(list, steps, numbersOf = null) {
  list.replaceChildren(...steps.map((step) => stepItem(step, numbersOf)));
}

function stepItem({ title, width, height, image: src }, numbersOf) {
  const image = make("img", { className: "crisp", src, width, height, alt: `The picture after this step: ${title}` });
  const size = make("span", { className: "fine" }, `${width} × ${height}`);
  const caption = make("figcaption", {}, `${title} `, size);
  if (numbersOf) image.decode().then(() => caption.append(make("span", { className: "fine" }, numbersOf(image))));
  return make("li", {}, make("figure", {}, image, caption));
}

/** A new element with properties and children. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
