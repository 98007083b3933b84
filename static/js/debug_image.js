// The debug page: drop a picture, see every preprocessing step and its numbers.

import { receivePictures } from "./picture_drop.js";
import { make, showSmall, showSteps } from "./seen.js";
import { post } from "./server.js";

const $ = (id) => document.getElementById(id);
const form = $("debug-form");
const address = new URL(form.action).href;

document.querySelector(".drop-words").hidden = false;
$("copy-curl").hidden = false;
receivePictures($("drop"), takeDropped, (sentence) => say(sentence, true));
$("image").addEventListener("change", inspectChosen);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  inspectChosen(); // once more, say after the server was away
});
$("copy-curl").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText($("curl").textContent);
    say("The command is copied.");
  } catch {
    getSelection().selectAllChildren($("curl"));
    say("The command is selected; copy it with Ctrl+C.");
  }
});

function takeDropped([file]) {
  const transfer = new DataTransfer();
  transfer.items.add(file);
  $("image").files = transfer.files;
  inspectChosen();
}

function inspectChosen() {
  if ($("image").files.length > 0) inspect($("image").files[0]);
}

let latest = 0; // the number of the last question; answers to earlier ones may come after its own

async function inspect(file) {
  const number = ++latest;
  say(`Reading ${file.name}`);
  $("curl").textContent = curlCommand(file);
  try {
    const answer = await post("/debug-image", asForm(file));
    if (number !== latest) return;
    show(answer);
    say(`${file.name} was read.`);
  } catch (problem) {
    if (number !== latest) return;
    $("debug-result").hidden = true;
    say([problem.title, problem.detail].filter(Boolean).join(": "), true);
  }
}

/** As a form the server takes a file of any kind, and names the kind if it is no picture that it reads. */
function asForm(file) {
  const data = new FormData();
  data.append("image", file);
  return data;
}

function show(answer) {
  $("debug-result").hidden = false;
  showSmall($("small"), answer.pixels);
  showSteps($("steps"), answer.steps, inNumbers);
  $("numbers").replaceChildren(
    row("Shape", answer.shape.join(" × ")),
    row("Minimum", rounded(answer.min_value)),
    row("Maximum", rounded(answer.max_value)),
    row("Mean", rounded(answer.mean_value)),
    row("Pixels that are not zero", answer.non_zero_pixels),
    row("Centre of mass in the picture (row, column)", answer.centre_of_mass?.map((at) => at.toFixed(2)).join(", ") ?? "none"),
    row("Polarity found", (answer.polarity ?? "none").replaceAll("_", " ")),
    row("Saved as", saved(answer)),
  );
}

function saved({ saved_debug_image: name, not_saved_because: reason }) {
  if (!name) return `not saved: ${reason}`;
  return make("a", { href: `${address}/${encodeURIComponent(name)}`, title: name }, name.length > 20 ? `${name.slice(0, 12)}….png` : name);
}

/** Least, greatest and mean grey of a step's picture. */
function inNumbers(image) {
  const canvas = make("canvas", { width: image.naturalWidth, height: image.naturalHeight });
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  let [least, greatest, sum] = [255, 0, 0];
  for (let i = 0; i < data.length; i += 4) {
    const grey = (data[i] + data[i + 1] + data[i + 2]) / 3;
    least = Math.min(least, grey);
    greatest = Math.max(greatest, grey);
    sum += grey;
  }
  return `${Math.round(least)} to ${Math.round(greatest)}, mean ${((4 * sum) / data.length).toFixed(1)}`;
}

function row(name, value) {
  return make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, value));
}

function rounded(number) {
  return String(Number(number.toFixed(4)));
}

function curlCommand(file) {
  // Quoted twice: for curl, which would end the name at a semicolon, and for the shell.
  const name = file.name.replaceAll(/["\\]/g, "\\$&").replaceAll("'", "'\\''");
  return `curl -H 'Accept: application/json' -F 'image=@"${name}"' ${address}`;
}

function say(sentence, wrong = false) {
  $("debug-notice").textContent = sentence;
  $("debug-notice").className = wrong ? "notice wrong" : "fine";
}
