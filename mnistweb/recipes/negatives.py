"""What pictures of no digit are made from: the fonts of this machine and the digits of the training set."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageFont

from mnistweb.data.strokes import warp_strokes
from mnistweb.data.unipen import StrokeDigit
from mnistweb.imaging.errors import ImageError
from mnistweb.imaging.negatives import Material, negative_picture
from mnistweb.imaging.strokes import render_strokes
from mnistweb.recipes.drawings import in_mnist_form

_FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "C:/Windows/Fonts")
_MOST_FONTS = 48
_OF_EACH_KIND = 600  # digits that pairs and parts are made of
_SIDE = 112  # pixels of each of them
_TRIES = 50


def material(
    digits: list[StrokeDigit], images: np.ndarray, labels: np.ndarray, *, held_out: bool
) -> Material:
    """Fonts and digits to make negatives from: some of the strokes of `digits`, and some of `images`.

    images: uint8 (N, 28, 28), ink bright, with labels (N,). held_out: the fonts kept from training.
    """
    rng = np.random.default_rng(0)
    of_strokes = [digits[place] for place in rng.permutation(len(digits))[:_OF_EACH_KIND]]
    of_images = rng.permutation(len(images))[:_OF_EACH_KIND]
    inks = [
        255 - render_strokes(digit.strokes, size=_SIDE, brush=rng.uniform(4, 11), extent=0.85)
        for digit in of_strokes
    ]
    inks += [
        np.asarray(Image.fromarray(images[place]).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))
        for place in of_images
    ]
    shown = np.array([digit.label for digit in of_strokes] + labels[of_images].tolist(), np.int64)
    fonts = [path for number, path in enumerate(font_files()) if (number % 4 == 0) == held_out]
    return Material(tuple(fonts), np.stack(inks), shown, warp_strokes)


def negative(made_from: Material, rng: np.random.Generator) -> np.ndarray:
    """One picture of no digit in MNIST form, uint8 (28, 28)."""
    for _ in range(_TRIES):
        try:
            return in_mnist_form(negative_picture(rng, made_from)[0])
        except ImageError:  # a texture that the preprocessing takes for empty paper, for instance
            continue
    raise AssertionError(f"{_TRIES} negatives in a row came out blank")


@cache
def font_files() -> tuple[str, ...]:
    """Fonts of this machine that have Latin letters, in a fixed order; empty where there are none."""
    found = []
    for folder in _FONT_FOLDERS:
        for path in sorted(Path(folder).rglob("*.[ot]tf")):
            try:
                font = ImageFont.truetype(str(path), 40)
            except OSError:
                continue
            # A font without these letters shows one and the same box for each.
            if len({bytes(font.getmask(letter)) for letter in "ARah"}) == 4:
                found.append(str(path))
    return tuple(found[:: max(1, -(-len(found) // _MOST_FONTS))])
