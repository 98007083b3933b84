// The paint screen: puts the sheet, the tools, the answers and what the network sees together.

import { AnswerCard } from "./answer.js";
import { showOnBoard } from "./board.js";
import { showBrush } from "./cursor.js";
import { Drawing } from "./drawing.js";
import { asPicture } from "./ink.js";
import { drawWithKeys } from "./keys.js";
import { LiveAnswers } from "./live.js";
import { drawWithPointer } from "./pen.js";
import { showSmall, showSteps } from "./seen.js";
import { post } from "./server.js";

const $ = (id) => document.getElementById(id);
const drawing = new Drawing();
const answer = new AnswerCard($("answer"));
const second = new AnswerCard($("second-answer"));

// ---- Asking

function picture() {
  const marks = drawing.marks;
  // A picture on which nothing was drawn goes as it came, with all its pixels.
  if (marks.length === 1 && marks[0].kind === "picture") return marks[0].dataUrl;
  return asPicture(marks).toDataURL("image/png");
}

function questions() {
  if (drawing.isBlank) return [];
  const image = picture();
  const model = $("model").value || undefined; // none to choose from: the server says what is wrong
  const list = [{ ask: () => post("/predict", { image, model, explain: ["steps"] }), show: showAnswer }];
  if ($("compare").value) {
    list.push({ ask: () => post("/predict", { image, model: $("compare").value }), show: (other) => second.show(other) });
  }
  const explain = [$("reasons").open && "contributions", $("layers").open && "activations"].filter(Boolean);
  if (explain.length > 0) list.push({ ask: () => post("/predict", { image, model, explain }), show: showInside });
  return list;
}

const live = new LiveAnswers({ questions, fail: showProblem });

function cards() {
  return $("compare").value ? [answer, second] : [answer];
}

// What concerns both networks is said once, on the first card: screen readers read aloud what either says.
function forget(sentence) {
  cards().forEach((card) => card.empty(card === answer ? sentence : ""));
  forgetSeen();
}

function forgetSeen() {
  showSeen(null);
  for (const id of ["reasons-pictures", "layers-list"]) $(id).replaceChildren();
}

let extrasAreThere = false; // until then a button that keeps something would do nothing

/** Offer to keep what there is: no answer while a new one is on its way, and in a link strokes alone. */
function offerToKeep() {
  $("save-drawing").disabled = !extrasAreThere || drawing.isBlank;
  $("share").disabled = !extrasAreThere || !drawing.marks.some((mark) => mark.tool === "pen");
  $("save-small").disabled = $("save-answer").disabled = !extrasAreThere || answer.answer === null;
}

function changed() {
  // Really disabled they would drop the focus of who undoes with the keyboard to the end.
  $("undo").setAttribute("aria-disabled", String(!drawing.canUndo));
  $("redo").setAttribute("aria-disabled", String(!drawing.canRedo));
  const sheet = $("paint-canvas").parentElement;
  sheet.classList.toggle("blank", drawing.isBlank);
  sheet.classList.toggle("paper", drawing.hasPicture);
  live.outdate();
  if (drawing.isBlank || drawing.isDot) forget("Nothing drawn yet");
  else if (!$("live").checked) forget("Press Predict when you are ready");
  else {
    cards().forEach((card) => card.waiting());
    live.askSoon();
  }
  offerToKeep();
}

function predict() {
  if (drawing.isBlank) return forget("Nothing drawn yet");
  live.outdate();
  cards().forEach((card) => card.asked());
  offerToKeep();
  live.askNow();
}

// ---- Showing

function showAnswer(result) {
  answer.show(result);
  showSeen(result.explanation);
}

function showSeen(explanation) {
  const steps = explanation?.steps ?? [];
  showSmall($("small"), explanation?.pixels);
  showSteps($("steps"), steps);
  $("steps-note").hidden = steps.length > 0;
  offerToKeep();
}

// The panels that most visitors never open are fetched when they are.
async function showInside({ explanation, labels }) {
  if (explanation.contributions) {
    const { showReasons } = await import("./reasons.js");
    showReasons($("reasons-pictures"), $("reasons-method"), explanation, labels);
  }
  if (explanation.activations) {
    const { showLayers } = await import("./layers.js");
    showLayers($("layers-list"), $("layers-note"), explanation.activations);
  }
}

function showProblem(problem, retryMs) {
  if (problem.code === "blank_image") return forget(problem.detail); // a frame, say, or what was erased altogether
  const sentence = problem.away
    ? `${problem.title}. Your drawing is kept; trying again in ${Math.ceil(retryMs / 1000)} s.`
    : problem.detail || problem.title;
  cards().forEach((card) => card.failed(card === answer ? sentence : ""));
  forgetSeen();
}

// ---- Tools

function tool() {
  return { tool: $("eraser").getAttribute("aria-pressed") === "true" ? "eraser" : "pen", width: $("brush").value / 100 };
}

/** What the chosen networks are for: some read other things than digits. */
function tellWhatItReads() {
  for (const [id, card] of [["model", answer], ["compare", second]]) {
    const { reads, labels } = $(id).selectedOptions[0]?.dataset ?? {};
    $(`${id}-reads`).textContent = reads ? `reads ${reads}` : "";
    card.name(labels && JSON.parse(labels));
  }
  const { labels } = $("model").selectedOptions[0]?.dataset ?? {};
  document.querySelector(".sheet-hint").textContent = labels ? JSON.parse(labels).join(", ") : "any digit, 0 to 9";
  document.querySelector("h1").textContent = labels ? "Draw a picture" : "Draw a digit";
}

// Each says in words what it did, for those who can't see it.
const commands = {
  undo() {
    if (!drawing.canUndo) return "nothing to undo";
    drawing.undo();
    return "undone";
  },
  redo() {
    if (!drawing.canRedo) return "nothing to redo";
    drawing.redo();
    return "drawn again";
  },
  clear() {
    drawing.clear();
    return "cleared";
  },
  predict,
  toggleEraser() {
    const erasing = tool().tool === "pen";
    $("eraser").setAttribute("aria-pressed", String(erasing));
    updateCursor();
    return erasing ? "eraser" : "pen";
  },
  changeBrush(steps) {
    $("brush").value = Number($("brush").value) + steps;
    return `brush ${nameBrush()}`;
  },
};

function nameBrush() {
  const name = `${$("brush").value} % of the sheet`;
  $("brush").setAttribute("aria-valuetext", name);
  updateCursor();
  return name;
}

// While the slider moves, a dot on the sheet shows how wide the line will be.
function showBrushDot(shown) {
  const dot = document.querySelector(".brush-dot");
  dot.hidden = !shown;
  dot.style.setProperty("width", `${$("brush").value}%`);
}

$("undo").addEventListener("click", commands.undo);
$("redo").addEventListener("click", commands.redo);
$("clear").addEventListener("click", commands.clear);
$("predict").addEventListener("click", predict);
$("eraser").addEventListener("click", commands.toggleEraser);
$("brush").addEventListener("input", () => {
  nameBrush();
  showBrushDot(true);
});
for (const name of ["pointerup", "pointercancel", "blur"]) $("brush").addEventListener(name, () => showBrushDot(false));
$("live").addEventListener("change", () => $("live").checked && changed());
$("model").addEventListener("change", () => {
  tellWhatItReads();
  if (!drawing.isBlank) predict();
});
$("compare").addEventListener("change", () => {
  const comparing = Boolean($("compare").value);
  $("second-answer").hidden = !comparing;
  $("second-answer").parentElement.classList.toggle("comparing", comparing);
  second.empty("");
  tellWhatItReads();
  if (!drawing.isBlank) predict();
});
for (const id of ["reasons", "layers"]) {
  $(id).addEventListener("toggle", () => $(id).open && !drawing.isBlank && live.askNow());
}

showOnBoard($("paint-canvas"), drawing);
const updateCursor = showBrush($("paint-canvas"), tool);
nameBrush();
addEventListener("pageshow", nameBrush); // whoever comes back finds the slider where it was left; nothing else tells
drawWithPointer($("paint-canvas"), drawing, tool, () => $("live").checked && !drawing.isDot && live.askSoon(true));
drawWithKeys($("paint-canvas"), document.querySelector(".cell"), drawing, tool, commands, (sentence) => {
  $("cell-report").textContent = sentence;
});
drawing.addEventListener("change", changed);
tellWhatItReads();
changed();

// ---- Keeping, sharing, placing: needed later than the first stroke
import("./extras.js").then(({ offerExtras }) => {
  offerExtras({ drawing, answer, small: $("small") });
  extrasAreThere = true;
  offerToKeep();
});
