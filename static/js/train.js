// The page /train while a training runs: listens to what the server tells of it, and draws that.

import { drawChart } from "./chart.js";

const $ = (id) => document.getElementById(id);
const ROOT = document.documentElement.dataset.root;
const AGAIN_MS = 2000;
const SILENT_MS = 10_000; // a stream lasts five seconds, and the next comes within two

const CURVES = {
  loss: { title: "Loss", point: 1, validation: "validation_loss", write: short, scale: "logarithmic" },
  accuracy: { title: "Accuracy", point: 2, validation: "validation_accuracy", write: percent, scale: "upper" },
  learning_rate: { title: "Learning rate", point: 3, write: short },
  gradient_norm: { title: "Gradient norm", point: 4, write: short },
  weight_norm: { title: "Weight norm", point: 5, write: short },
};

let shown = null; // what the server told last
let toldAt = new Date();

function percent(value) {
  return `${+(100 * value).toFixed(2)} %`;
}

function short(value) {
  return value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(0) : String(+value.toPrecision(3));
}

function show(told) {
  const run = $("run");
  if (told.queue !== run.dataset.queue) refresh(told.queue);
  if (!told.state) return;
  shown = told;
  if ($("run-sentence").textContent !== told.sentence) {
    // Read aloud is a new state, and not each epoch: a quick training has several a second.
    $("run-sentence").ariaLive = told.state === run.dataset.state ? "off" : "polite";
    $("run-sentence").textContent = told.sentence;
  }
  run.dataset.state = told.state;
  $("run-stage").textContent = told.total && told.done ? `${told.stage}, ${told.done} of ${told.total}` : told.stage || "progress";
  $("run-progress").parentElement.hidden = told.is_over;
  $("run-progress").max = told.total || 1;
  $("run-progress").value = told.done;
  told.numbers.forEach(([, value], index) => {
    $("run-numbers").children[index].lastElementChild.textContent = value;
  });
  if (told.weights) {
    const source = `${ROOT}/train/${told.run}/weights.png?${told.weights}`;
    if ($("weights").getAttribute("src") !== source) $("weights").src = source;
    $("weights-figure").hidden = false;
  }
  showRows(told.cells);
  drawCharts();
}

function showRows(rows) {
  $("epochs").hidden = rows.length === 0;
  if ($("epoch-rows").rows.length === rows.length) return;
  $("epoch-rows").replaceChildren(
    ...rows.map((cells) => {
      const row = document.createElement("tr");
      for (const cell of cells) row.insertCell().textContent = cell;
      return row;
    }),
  );
}

function drawCharts() {
  if (!shown || (shown.points.length === 0 && shown.rows.length === 0)) return;
  $("charts").hidden = false;
  for (const frame of document.querySelectorAll("[data-chart]")) {
    const { title, point, validation, write, scale } = CURVES[frame.dataset.chart];
    const curves = [{ kind: "training", points: trainingPoints(frame.dataset.chart, point) }];
    if (validation) curves.push({ kind: "validation", points: shown.rows.filter((row) => validation in row).map((row) => [row.epoch, row[validation]]) });
    const height = frame.classList.contains("small") ? 150 : 240;
    drawChart(frame.querySelector(".chart-drawing"), { title, curves, epochs: lastEpoch(), write, scale, height });
  }
}

/** Where the axis ends: with the training, or where it ended before. */
function lastEpoch() {
  const reached = Math.max(1, shown.rows.length, Math.ceil(shown.points.at(-1)?.[0] ?? 0));
  return shown.is_over ? reached : Math.max(reached, shown.epochs);
}

/** Points within the epochs; where they are missing, for the epochs before, one an epoch. */
function trainingPoints(key, column) {
  const within = shown.points.filter((point) => point[column] !== null).map((point) => [point[0], point[column]]);
  const first = within.length ? within[0][0] : Infinity;
  return [...shown.rows.filter((row) => row.epoch < first && key in row).map((row) => [row.epoch, row[key]]), ...within];
}

/** What the server writes around the curves has changed: the buttons, the queue. The form stays as it is. */
async function refresh(queue) {
  $("run").dataset.queue = queue;
  const response = await fetch(`${ROOT}/train?run=${encodeURIComponent($("run").dataset.run)}`).catch(() => null);
  if (response?.redirected || response?.status === 404) {
    isGone = true;
    hangUp();
    $("run-actions").replaceChildren();
    sayAway("This run is not in the queue any more");
  } else if (response?.ok) {
    replaceParts(new DOMParser().parseFromString(await response.text(), "text/html"));
  }
}

function replaceParts(page) {
  for (const id of ["run-actions", "queue"]) {
    if (!page.getElementById(id)) continue;
    const focused = $(id).contains(document.activeElement);
    $(id).replaceWith(document.adoptNode(page.getElementById(id)));
    if (focused) $(id).querySelector("button, a")?.focus();
  }
}

let source = null;
let isGone = false; // the run, from the queue
let silence = 0; // the timer that ends when nothing was told for too long

function listen() {
  if (source || isGone || document.hidden) return;
  source = new EventSource(`${ROOT}/train/events?run=${encodeURIComponent($("run").dataset.run)}`);
  waitForWord();
  source.onmessage = (event) => {
    const told = JSON.parse(event.data);
    toldAt = new Date();
    $("run-away").hidden = true;
    waitForWord();
    show(told);
    if (told.is_over) hangUp();
  };
  source.onerror = async () => {
    if (source?.readyState !== EventSource.CLOSED) return; // it asks again by itself
    hangUp();
    await refresh($("run").dataset.queue); // finds out if it is the run that has gone
    if (isGone) return;
    sayAway("The server does not answer", "Trying again.");
    setTimeout(listen, AGAIN_MS);
  };
}

/** A connection may be cut without any error. */
function waitForWord() {
  clearTimeout(silence);
  silence = setTimeout(() => {
    sayAway("The server does not answer", "Trying again.");
    hangUp();
    listen();
  }, SILENT_MS);
}

function sayAway(what, next = "") {
  const time = toldAt.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const words = `${what}; this is how it was at ${time}. ${next}`.trim();
  if ($("run-away").textContent !== words) $("run-away").textContent = words; // else it would be read aloud each time
  $("run-away").hidden = false;
}

function hangUp() {
  clearTimeout(silence);
  source?.close();
  source = null;
}

if ($("run")) {
  listen();
  addEventListener("pagehide", hangUp);
  addEventListener("pageshow", listen);
  document.addEventListener("visibilitychange", () => (document.hidden ? hangUp() : listen()));
  new ResizeObserver(drawCharts).observe($("charts"));
}
// The name that was typed and what was chosen to learn from go along when the settings of a recipe are taken.
$("recipe").form.addEventListener("formdata", ({ formData }) => {
  for (const id of ["name", "data-dataset"]) formData.set(id, $(id).value);
});
