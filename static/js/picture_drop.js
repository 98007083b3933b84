// Pictures that arrive by dropping or pasting.

/**
 * Call take(files) with the image files that are dropped on the zone, or pasted anywhere on the page.
 * Other files that are dropped are named in a sentence for refuse().
 */
export function receivePictures(zone, take, refuse) {
  const isPicture = (file) => file.type.startsWith("image/");
  const give = (transfer) => {
    const files = [...(transfer?.files ?? [])].filter(isPicture);
    if (files.length > 0) take(files);
    return files.length > 0;
  };
  const refuseOthers = (transfer) => {
    const others = [...transfer.files].filter((file) => !isPicture(file)).map((file) => file.name);
    if (others.length > 0) refuse(`${others.join(", ")} ${others.length === 1 ? "is no picture" : "are no pictures"}.`);
    else if (transfer.files.length === 0) refuse("Only files of pictures can be dropped here.");
  };
  let depth = 0; // dragenter and dragleave also come from the zone's children
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    zone.classList.toggle("over", depth > 0);
  };
  zone.addEventListener("dragenter", () => mark(1));
  zone.addEventListener("dragleave", () => mark(-1));
  zone.addEventListener("drop", (event) => {
    mark(-depth);
    event.preventDefault();
    give(event.dataTransfer);
    refuseOthers(event.dataTransfer);
  });
  // A picture that misses the zone must not replace the page, and the drawing with it.
  for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
  addEventListener("paste", (event) => give(event.clipboardData) && event.preventDefault());
}
