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
$("image").addEventListener("change", () => $("image").files.length > 0 && inspect($("image").files[0]));
form.addEventListener("submit", (event) => event.preventDefault());
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
  inspect(file);
}

async function inspect(file) {
  say(`Reading ${file.name}`);
  $("curl").textContent = curlCommand(file);
  try {
    show(await post("/debug-image", file));
    say(`${file.name} was read.`);
  } catch (problem) {
    $("debug-result").hidden = true;
    say([problem.title, problem.detail].filter(Boolean).join(": "), true);
  }
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
  const name = `'@${file.name.replaceAll("'", "'\\''")}'`;
  return `curl -H 'Content-Type: ${file.type}' -H 'Accept: application/json' --data-binary ${name} ${address}`;
}

function say(sentence, wrong = false) {
  $("debug-notice").textContent = sentence;
  $("debug-notice").className = wrong ? "notice wrong" : "fine";
}
