// The upload form with conveniences: drop and paste, a list of what was chosen, progress. It works without them.

import { receivePictures } from "./picture_drop.js";
import { make } from "./seen.js";

const $ = (id) => document.getElementById(id);
const form = $("upload-form");
const input = $("image");
const BYTES_PER_MEGABYTE = 2 ** 20;
const pages = { form: pageOf(document) }; // and the result, once there is one

document.querySelector(".drop-words").hidden = false;
receivePictures($("drop"), (files) => choose([...input.files, ...files]), complain);
input.addEventListener("change", showChosen);
addEventListener("pageshow", showChosen); // a browser that comes back may have kept what was chosen

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

function complain(...words) {
  $("upload-problem").replaceChildren(...words);
  $("upload-problem").hidden = !$("upload-problem").textContent;
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
  request.addEventListener("load", () => received(request.response));
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

function ready() {
  $("progress").hidden = true;
  form.querySelector("[type=submit]").disabled = false;
}

function giveUp() {
  ready();
  complain("The server does not answer. Your pictures are still chosen; try again in a moment.");
}

function received(page) {
  if (!page?.querySelector("main")) return giveUp(); // a page from a proxy, or none
  ready();
  // The form came back: this one stays, with all that is bound to it and chosen in it, and says what is wrong.
  if (page.getElementById("upload-form")) return complain(...page.querySelector(".notice.wrong").childNodes);
  pages.result = pageOf(page);
  history.replaceState({ page: "form" }, "");
  history.pushState({ page: "result" }, "");
  show(pages.result);
}

// The page the server rendered takes this one's place; Back and Forward change between the two. Links within a page
// make entries of the history too, which are neither.
addEventListener("popstate", ({ state }) => {
  const page = pages[state?.page];
  if (page && !page.main.isConnected) show(page);
});

function pageOf(page) {
  return { title: page.title, main: page.querySelector("main") };
}

function show({ title, main }) {
  document.title = title;
  document.querySelector("main").replaceWith(main);
  const heading = main.querySelector("h1");
  heading.tabIndex = -1;
  heading.focus();
  scrollTo(0, 0);
}
