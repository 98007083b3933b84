// Taking a drawing away and bringing one in: downloads, a link, a picture placed on the sheet.

import { asPicture } from "./ink.js";
import { receivePictures } from "./picture_drop.js";
import { fromFragment, toFragment } from "./share.js";

const $ = (id) => document.getElementById(id);
const LARGEST_SIDE = 1200; // pixels of a placed picture; a digit needs no more, and a photo would travel slowly
const SAVED_SIDE = 840;
const KEPT = "drawing"; // the name in the session's storage

export function offerExtras({ drawing, answer, small }) {
  const say = (sentence) => ($("notice").textContent = sentence);

  $("save-drawing").addEventListener("click", () => save("digit.png", asPicture(drawing.marks, SAVED_SIDE).toDataURL()));
  $("save-small").addEventListener("click", () => save("digit-28x28.png", small.toDataURL()));
  $("save-answer").addEventListener("click", () => {
    const { explanation, ...plain } = answer.answer ?? {};
    const text = JSON.stringify(plain, null, 2);
    save("answer.json", `data:application/json,${encodeURIComponent(text)}`);
  });

  $("share").addEventListener("click", async () => {
    const link = location.href.replace(/#.*/, "") + toFragment(drawing.marks);
    history.replaceState(null, "", link);
    const left = drawing.marks.some((mark) => mark.kind === "picture") ? " A placed picture does not travel with it." : "";
    try {
      await navigator.clipboard.writeText(link);
      say(`The link is copied: it carries the strokes.${left}`);
    } catch {
      say(`The link is in the address bar: it carries the strokes.${left}`);
    }
  });
  const redraw = (fragment) => {
    const strokes = fromFragment(fragment);
    if (strokes === null) say("The link is damaged: the drawing in it cannot be read.");
    if (!strokes?.length) return;
    drawing.clear();
    strokes.forEach((stroke) => drawing.add(stroke));
  };
  addEventListener("hashchange", () => redraw(location.hash));

  // Going back, reloading by a slip of the finger, or a phone that is short of memory and throws away pages in the
  // background must not lose the strokes. They are newer than those of a link that was opened or copied before.
  const kept = cameBack() ? readKept() : null;
  if (drawing.isBlank) redraw(kept ?? location.hash);
  addEventListener("pagehide", () => keep(toFragment(drawing.marks)));

  async function place([file]) {
    try {
      const image = await createImageBitmap(file);
      drawing.clear();
      drawing.add({ kind: "picture", image, dataUrl: asDataUrl(image, file.type) });
      say(`${file.name} is on the sheet. Draw over it or erase as you like.`);
    } catch {
      say(`${file.name} is no picture that this browser can read.`);
    }
  }
  $("picture").addEventListener("change", () => {
    if ($("picture").files.length > 0) place($("picture").files);
    $("picture").value = "";
  });
  receivePictures($("paint-canvas").parentElement, place, say);
  $("picture").disabled = false; // until now it would have done nothing
}

function cameBack() {
  return document.wasDiscarded || ["back_forward", "reload"].includes(performance.getEntriesByType("navigation")[0]?.type);
}

// A browser that is told to keep nothing throws at the mere mention of the storage.
function readKept() {
  try {
    return sessionStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function keep(fragment) {
  try {
    sessionStorage.setItem(KEPT, fragment);
  } catch {
    // then going back finds an empty sheet
  }
}

/** The picture as it is sent: no larger than it need be, photos as JPEG since as PNG they would be ten times the size. */
function asDataUrl(image, type) {
  const scale = Math.min(1, LARGEST_SIDE / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL(type === "image/jpeg" ? type : "image/png", 0.92);
}

function save(name, url) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}
