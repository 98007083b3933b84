"""Makes a picture of a digit look like one of MNIST: 28x28, ink bright, 20 pixels long, centred by its mass.

MNIST's makers fitted each digit into 20x20 pixels with its proportions kept and anti-aliased, and placed it
in 28x28 so that its centre of mass lies in the middle (LeCun, Bottou, Bengio, Haffner: Gradient-based
learning applied to document recognition, 1998, section III A). A network trained on such pictures reads no
others well.

This is the one way from a picture to a network: the canvas, the upload, the API, the command line and the
drawings that networks are trained on all pass through it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnistweb.imaging.components import connected_components
from mnistweb.imaging.decode import MIN_SIDE, plain
from mnistweb.imaging.errors import BlankImageError, ImageError, ImageTooSmallError
from mnistweb.imaging.filters import Plane, dilated
from mnistweb.imaging.lines import without_lines
from mnistweb.imaging.paper import Grey, Ink, find_ink, grey_of
from mnistweb.imaging.parts import find_sheet, is_dot, parts_of_digit
from mnistweb.imaging.placement import MNIST_FRAME, Frame, centre_of_mass, centred, scaled

WORKING_SIDE = 400  # pixels; larger pictures are reduced to this before anything else
_MOST_SHEETS = 2  # that lie on one another: a sheet on a table, a frame on the sheet
_SOFT_EDGE = 2  # pixels

Box = tuple[slice, slice]  # rows and columns


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
    polarity: "dark_on_light" or "light_on_dark", as found in the input. ink_box: (left, top, right, bottom)
    and centre_of_mass: (x, y), both in pixels of the input; few ask for the centre, so it is found then.
    """

    pixels: NDArray[np.float32]
    steps: tuple[Step, ...]
    polarity: str
    ink_box: tuple[int, int, int, int]
    find_centre: Callable[[], tuple[float, float]] = field(repr=False, compare=False)

    @cached_property
    def centre_of_mass(self) -> tuple[float, float]:
        """The mean of all ink."""
        return self.find_centre()


def preprocess(
    image: Image.Image | NDArray, *, keep_steps: bool = False, frame: Frame = MNIST_FRAME
) -> Preprocessed:
    """Bring a picture into MNIST form.

    image: a PIL picture of any mode, or an array (H, W), (H, W, 3) or (H, W, 4), uint8 or float in [0, 1].
    keep_steps: also return the picture after each step. frame: how it shall lie in the 28x28.

    Raises BlankImageError when nothing like a digit is drawn on it, ImageTooSmallError when a side has fewer
    than 8 pixels, and ImageError for an array that is no picture.
    """
    steps: list[Step] = []

    def keep(name: str, title: str, pixels: NDArray) -> None:
        if keep_steps:
            steps.append(Step(name, title, pixels if pixels.dtype == np.uint8 else _shown(pixels)))

    original = _as_image(image)
    picture = _on_white_paper(original)
    if keep_steps:  # or else the conversion would be for nothing
        keep("composite", "On white paper", np.asarray(picture.convert("RGB")))
    grey = grey_of(picture)
    keep("grey", "Grey", grey)

    ink, digit, (rows, columns), left, top = _find_digit(grey)
    if keep_steps:
        keep("light", "Light evened out", ink.evened)
        keep("ink", "Ink bright, paper black", ink.amount)
        clean = np.zeros(ink.evened.shape, np.float32)
        clean[rows, columns] = digit
        keep("clean", "Lines, frames and specks removed", clean)
    keep("crop", "Cropped to the ink", digit)
    small = scaled(digit, frame.longer_side)
    keep("scale", f"Longer side {frame.longer_side} pixels", small)
    pixels = centred(small, by_mass=frame.by_mass)
    keep("centre", f"Centred by its {'mass' if frame.by_mass else 'box'}", pixels)

    back = original.width / picture.width  # from pixels of the working size to those of the input
    left, top = left + columns.start, top + rows.start
    right, bottom = left + digit.shape[1], top + digit.shape[0]
    return Preprocessed(
        pixels=pixels,
        steps=tuple(steps),
        polarity="dark_on_light" if ink.dark else "light_on_dark",
        ink_box=(round(left * back), round(top * back), round(right * back), round(bottom * back)),
        find_centre=lambda: _centre_in_input(digit, left, top, back),
    )


def _centre_in_input(digit: Plane, left: int, top: int, back: float) -> tuple[float, float]:
    x, y = centre_of_mass(digit)
    return (left + x + 0.5) * back, (top + y + 0.5) * back


def _find_digit(grey: Grey, sheets: int = 0) -> tuple[Ink, Plane, Box, int, int]:
    """The ink, what of it is the digit, cropped, and its box; left and top of the part that the ink shows.

    When what stands out is a sheet of paper, within a thick frame or on a table, the digit is looked for on
    that.
    """
    ink = find_ink(grey)
    parts = connected_components(without_lines(ink.above(ink.threshold)))
    strong = ink.above(0.6)
    chosen = parts_of_digit(parts, strong)
    sheet = find_sheet(parts, chosen, strong) if sheets < _MOST_SHEETS else None
    if sheet is not None:
        left, top, right, bottom = sheet
        inset = max(2, round(0.04 * min(right - left, bottom - top)))  # its edge is blurred or askew
        within = grey[top + inset : bottom - inset, left + inset : right - inset]
        ink, digit, box, x, y = _find_digit(within, sheets + 1)
        return ink, digit, box, left + inset + x, top + inset + y
    if not chosen.any():
        raise BlankImageError("the picture is blank but for lines, a frame or specks")
    strokes, box = parts.mask_of(chosen), parts.bounds(chosen)
    if is_dot(strokes[box], min(strokes.shape)):
        raise BlankImageError("the picture is blank but for a dot")
    if ink.clean:
        return ink, ink.on(strokes[box], box), box, 0, 0
    # In a photograph the threshold lies within the soft edge of a stroke, which belongs to it.
    box = _grown(box, _SOFT_EDGE)
    digit = ink.on(dilated(strokes[box], _SOFT_EDGE), box)
    inked = _ink_box(digit)
    return ink, digit[inked], _within(inked, box), 0, 0


def _grown(box: Box, by: int) -> Box:
    """A box with some more pixels on each side; slices may end beyond the picture."""
    rows, columns = (slice(max(0, side.start - by), side.stop + by) for side in box)
    return rows, columns


def _within(inner: Box, outer: Box) -> Box:
    """In a picture's own pixels a box that counts from where another begins."""
    rows, columns = (
        slice(outside.start + inside.start, outside.start + inside.stop)
        for inside, outside in zip(inner, outer, strict=True)
    )
    return rows, columns


def _ink_box(ink: Plane) -> Box:
    """The rows and columns from the first to the last that have ink."""
    inked = ink > 0
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _on_white_paper(image: Image.Image) -> Image.Image:
    """The picture reduced to the working size, of mode L or RGB, with white where it is see-through."""
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        image = plain(image)
    if max(image.size) > WORKING_SIDE:
        scale = WORKING_SIDE / max(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    if image.mode not in ("LA", "RGBA"):
        return image
    opacity = image.getchannel("A")
    drawn = _grey_of_rgba(image) if image.mode == "RGBA" else None
    if drawn is None:
        drawn = image.convert(image.mode[:-1])
    if np.asarray(opacity).min() == 255:
        return drawn
    paper = Image.new(drawn.mode, image.size, "white")
    paper.paste(drawn, mask=opacity)
    return paper


def _grey_of_rgba(image: Image.Image) -> Image.Image | None:
    """What is painted on a canvas, in the one grey that it is, or None if there is a colour in it."""
    pixels = np.asarray(image).view("<u4")[:, :, 0]  # red is the lowest byte, opacity the highest
    red = pixels.astype(np.uint8)
    grey = (pixels & np.uint32(0xFFFFFF) == red * np.uint32(0x010101)).all()
    return Image.fromarray(red) if grey else None


def _as_image(image: Image.Image | NDArray) -> Image.Image:
    if not isinstance(image, Image.Image):
        values = np.asarray(image)
        if values.ndim == 3 and values.shape[2] == 1:
            values = values[:, :, 0]
        if values.ndim != 2 and not (values.ndim == 3 and values.shape[2] in (3, 4)):
            raise ImageError(
                f"an array of shape (H, W), (H, W, 3) or (H, W, 4) is wanted, got {values.shape}"
            )
        if not values.size:
            raise ImageTooSmallError(f"the array of shape {values.shape} is empty")
        if values.dtype.kind == "f":
            values = _shown(values)
        elif values.dtype != np.uint8:
            raise ImageError(f"an array of uint8, or of floats in [0, 1], is wanted, got {values.dtype}")
        image = Image.fromarray(values)
    if min(image.size) < MIN_SIDE:
        raise ImageTooSmallError(
            f"the picture is {image.width}x{image.height} pixels; each side must have at least {MIN_SIDE}"
        )
    return image


def _shown(values: NDArray) -> NDArray[np.uint8]:
    """Values in [0, 1] as uint8; NaN becomes 0."""
    return np.round(np.clip(np.nan_to_num(values), 0, 1) * 255).astype(np.uint8)
