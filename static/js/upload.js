// The upload form with conveniences: drop and paste, a list of what was chosen, progress. It works without them.

import { receivePictures } from "./picture_drop.js";
import { make } from "./seen.js";

const $ = (id) => document.getElementById(id);
const form = $("upload-form");
const input = $("image");
const BYTES_PER_MEGABYTE = 2 ** 20;

document.querySelector(".drop-words").hidden = false;
receivePictures($("drop"), (files) => choose([...input.files, ...files]), complain);
input.addEventListener("change", showChosen);

function choose(files) {
  const transfer = new DataTransfer();
  files.forEach((file) => transfer.items.add(file));
  input.files = transfer.files;
  showChosen();
}

function showChosen() {
  $("chosen").replaceChildren(...[...input.files].map(chosenItem));
  complain("");
}

function chosenItem(file, index) {
  const image = make("img", { alt: "", width: 56, height: 56, src: URL.createObjectURL(file) });
  image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
  image.addEventListener("error", () => image.replaceWith(make("span", { className: "no-preview" })), { once: true });
  const size = make("span", { className: "fine" }, `${Math.max(1, Math.round(file.size / 1000))} kB`);
  const remove = make("button", { type: "button", title: `Leave out ${file.name}`, ariaLabel: `Leave out ${file.name}` }, "×");
  remove.addEventListener("click", () => {
    choose([...input.files].filter((_, each) => each !== index));
    ($("chosen").children[index]?.querySelector("button") ?? input).focus();
  });
  return make("li", {}, image, make("bdi", {}, file.name), size, remove);
}

function complain(sentence) {
  $("upload-problem").textContent = sentence;
  $("upload-problem").hidden = !sentence;
}

function tooMuch() {
  const { maxFiles, maxMegabytes } = form.dataset;
  const bytes = [...input.files].reduce((sum, file) => sum + file.size, 0);
  if (input.files.length > Number(maxFiles)) return `${input.files.length} pictures are chosen; ${maxFiles} at a time are taken.`;
  if (bytes > Number(maxMegabytes) * BYTES_PER_MEGABYTE) return `The pictures are larger than ${maxMegabytes} MB together.`;
  return "";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  complain(tooMuch());
  if (tooMuch()) return;
  // fetch() tells nothing of how far a body has been sent; XMLHttpRequest does.
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.responseType = "document";
  request.setRequestHeader("Accept", "text/html");
  request.upload.addEventListener("progress", ({ loaded, total }) => progress(loaded / total));
  request.addEventListener("load", () => (request.response ? showResult(request) : giveUp()));
  request.addEventListener("error", giveUp);
  request.addEventListener("abort", giveUp);
  progress(0);
  request.send(new FormData(form));
});

function progress(part) {
  $("progress").hidden = false;
  form.querySelector("[type=submit]").disabled = true;
  $("progress-bar").value = part;
  $("progress-words").textContent = part < 1 ? "Sending" : "Reading the digits";
}

function giveUp() {
  $("progress").hidden = true;
  form.querySelector("[type=submit]").disabled = false;
  complain("The server does not answer. Your pictures are still chosen; try again in a moment.");
}

/** Put the page the server rendered in this one's place, and let the back button lead to the form. */
function showResult({ response }) {
  history.pushState(null, "", location.href);
  addEventListener("popstate", () => location.reload(), { once: true });
  document.title = response.title;
  const main = document.adoptNode(response.querySelector("main"));
  document.querySelector("main").replaceWith(main);
  const heading = main.querySelector("h1");
  heading.tabIndex = -1;
  heading.focus();
  scrollTo(0, 0);
}
