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

from mnistweb.imaging.errors import BlankImageError

SIDE = 28  # pixels of the finished picture
DIGIT_SIDE = 20  # pixels of the digit's longer side in it
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
            steps.append(Step(name, title, np.ascontiguousarray(pixels, dtype=np.uint8)))

    picture = _as_picture(image)
    original_size = picture.size
    if max(picture.size) > WORKING_SIDE:
        picture.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    if "A" in picture.mode or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture).convert("RGB")
    keep("composite", "On white paper", np.asarray(picture.convert("RGB")))
    grey = np.asarray(picture.convert("L"))
    keep("grey", "Grey", grey)

    border = np.concatenate((grey[0], grey[-1], grey[:, 0], grey[:, -1]))
    paper = float(np.median(border))
    darkest, lightest = float(grey.min()), float(grey.max())
    polarity = "dark_on_light" if paper - darkest >= lightest - paper else "light_on_dark"
    contrast = max(paper - darkest, lightest - paper)
    if contrast < 16:
        raise BlankImageError("the picture is blank: nothing on it differs from its background")
    ink = (paper - grey) if polarity == "dark_on_light" else (grey - paper)
    ink = np.clip(ink * (255 / contrast), 0, 255).astype(np.uint8)
    keep("ink", "Ink bright, paper black", ink)

    inked = ink > 8
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    cropped = ink[top:bottom, left:right]
    if max(cropped.shape) < 0.04 * max(ink.shape):
        raise BlankImageError("the picture is blank but for a dot")
    keep("crop", "Cropped to the ink", cropped)

    scale = DIGIT_SIDE / max(cropped.shape)
    size = (max(1, round(cropped.shape[1] * scale)), max(1, round(cropped.shape[0] * scale)))
    small = np.asarray(Image.fromarray(cropped).resize(size, Image.Resampling.BOX))
    keep("scale", "Longer side 20 pixels", small)

    mass = small.astype(np.float32)
    total = mass.sum()
    x = float((mass.sum(axis=0) * (np.arange(small.shape[1]) + 0.5)).sum() / total)
    y = float((mass.sum(axis=1) * (np.arange(small.shape[0]) + 0.5)).sum() / total)
    pixels = np.zeros((SIDE, SIDE), np.float32)
    # MNIST counts pixel centres: in each of its pictures the mean column and row, counted from 0, round to 14.
    x0 = min(max(round(SIDE / 2 - (x - 0.5)), 0), SIDE - small.shape[1])
    y0 = min(max(round(SIDE / 2 - (y - 0.5)), 0), SIDE - small.shape[0])
    pixels[y0 : y0 + small.shape[0], x0 : x0 + small.shape[1]] = mass / 255
    keep("centre", "Centred by its mass", pixels * 255)

    back = original_size[0] / grey.shape[1]
    return Preprocessed(
        pixels=pixels,
        steps=tuple(steps),
        polarity=polarity,
        ink_box=(round(left * back), round(top * back), round(right * back), round(bottom * back)),
        centre_of_mass=((left + x / scale) * back, (top + y / scale) * back),
    )


def _as_picture(image: Image.Image | NDArray) -> Image.Image:
    if isinstance(image, Image.Image):
        return image.copy()
    values = np.asarray(image)
    if values.dtype.kind == "f":
        values = np.round(np.clip(values, 0, 1) * 255)
    return Image.fromarray(values.astype(np.uint8))
