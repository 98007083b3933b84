"""Makes any picture of a digit look like one of MNIST: 28x28, ink bright, 20 pixels long, centred by its mass.

MNIST's makers fitted each digit into 20x20 pixels with its proportions kept and anti-aliased, and placed it in
28x28 so that its centre of mass lies in the middle (LeCun, Bottou, Bengio, Haffner: Gradient-based learning
applied to document recognition, 1998, section III A). A network trained on such pictures reads no others well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnistweb.imaging import cleaning
from mnistweb.imaging.errors import BlankImageError
from mnistweb.imaging.filters import dilated
from mnistweb.imaging.paper import as_picture, find_ink, grey_of
from mnistweb.imaging.placement import centre_of_mass, centred, scaled

WORKING_SIDE = 400  # pixels; larger pictures are reduced to this before anything else


@dataclass(frozen=True)
class Step:
    """One step of the way, to be looked at: pixels are uint8, (H, W) or (H, W, 3)."""

    name: str
    title: str
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Preprocessed:
    """A digit in MNIST form.

    pixels: (28, 28) float32 in [0, 1], ink bright. steps: how it came about, empty unless asked for.
    polarity: "dark_on_light" or "light_on_dark", as found in the input. ink_box: (left, top, right, bottom) and
    centre_of_mass: (x, y), both in pixels of the input.
    """

    pixels: NDArray[np.float32]
    steps: tuple[Step, ...]
    polarity: str
    ink_box: tuple[int, int, int, int]
    centre_of_mass: tuple[float, float]


def preprocess(image: Image.Image | NDArray, *, keep_steps: bool = False) -> Preprocessed:
    """Bring a picture into MNIST form.

    image: a PIL picture of any mode, or an array (H, W), (H, W, 3) or (H, W, 4), uint8 or float in [0, 1].
    keep_steps: also return the picture after each step.

    Raises BlankImageError when nothing like a digit is drawn on it.
    """
    steps: list[Step] = []

    def keep(name: str, title: str, pixels: NDArray) -> None:
        if keep_steps:
            steps.append(Step(name, title, pixels if pixels.dtype == np.uint8 else as_picture(pixels)))

    original = _as_image(image)
    picture = _on_white_paper(original)
    keep("composite", "On white paper", np.asarray(picture.convert("RGB")))
    grey = grey_of(picture)
    keep("grey", "Grey", grey)

    left, top = 0, 0  # of the part that is looked at
    for _ in range(3):
        ink = find_ink(grey)
        parts = cleaning.parts_of_ink(ink.amount, ink.faint)
        chosen = cleaning.parts_of_digit(parts, ink.amount > 0.6)
        sheet = cleaning.sheet_box(parts, chosen)
        if sheet is None:
            break
        inset = max(2, round(0.04 * min(sheet[2] - sheet[0], sheet[3] - sheet[1])))
        left, top = left + sheet[0] + inset, top + sheet[1] + inset
        grey = grey[sheet[1] + inset : sheet[3] - inset, sheet[0] + inset : sheet[2] - inset]
    keep("light", "Light evened out", ink.evened)
    keep("ink", "Ink bright, paper black", ink.amount)

    kept = parts.mask_of(chosen)
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    if not len(rows):
        raise BlankImageError("the picture is blank but for lines, a frame or specks")
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    if cleaning.is_dot(kept[box], min(kept.shape)):
        raise BlankImageError("the picture is blank but for a dot")
    digit = ink.amount * (kept if ink.clean else dilated(kept, 2))
    keep("clean", "Lines, frames and specks removed", digit)
    cropped = digit[box]
    keep("crop", "Cropped to the ink", cropped)
    small = scaled(cropped)
    small = small / small.max()
    keep("scale", "Longer side 20 pixels", small)
    pixels = centred(small)
    keep("centre", "Centred by its mass", pixels)

    back = original.width / picture.width
    x, y = centre_of_mass(cropped)
    left, top = left + box[1].start, top + box[0].start
    right, bottom = left + cropped.shape[1], top + cropped.shape[0]
    return Preprocessed(
        pixels=pixels,
        steps=tuple(steps),
        polarity="dark_on_light" if ink.dark else "light_on_dark",
        ink_box=(round(left * back), round(top * back), round(right * back), round(bottom * back)),
        centre_of_mass=((left + x + 0.5) * back, (top + y + 0.5) * back),
    )


def _on_white_paper(image: Image.Image) -> Image.Image:
    """The picture reduced to the working size, of mode L or RGB, with white where it is see-through."""
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        image = image.convert("RGBA" if "transparency" in image.info or "A" in image.mode else "RGB")
    if max(image.size) > WORKING_SIDE:
        scale = WORKING_SIDE / max(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    if image.mode in ("LA", "RGBA"):
        paper = Image.new(image.mode[:-1], image.size, "white")
        paper.paste(image.convert(paper.mode), mask=image.getchannel("A"))
        return paper
    return image


def _as_image(image: Image.Image | NDArray) -> Image.Image:
    if isinstance(image, Image.Image):
        return image
    values = np.asarray(image)
    if values.dtype.kind == "f":
        values = np.round(np.clip(values, 0, 1) * 255)
    return Image.fromarray(values.astype(np.uint8))
