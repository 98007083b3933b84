"""Stand-ins for pictures that are hard to come by: photographs of digits on paper, and coarse scans.

Like everything that is trained on, they go through the preprocessing that serves requests.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from mnistweb.data.unipen import StrokeDigit
from mnistweb.imaging.decode import decode_image
from mnistweb.imaging.errors import ImageError
from mnistweb.imaging.photographs import photograph
from mnistweb.recipes.drawings import in_mnist_form, varied_canvas_picture

_SCANS = 0.25  # share of coarse scans, the rest are photographs
_FROM_STROKES = 0.6  # share that shows pen strokes, the rest shows pictures of the dataset
_TRIES = 20


def stand_in(
    digits: list[StrokeDigit], images: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """One photograph or scan in MNIST form, uint8 (28, 28), and the digit that it shows.

    images: uint8 (N, 28, 28), ink bright, with labels (N,), to be shown beside the strokes of `digits`.
    """
    for _ in range(_TRIES):
        if rng.random() < _FROM_STROKES:
            digit = digits[rng.integers(len(digits))]
            ink, label = 255 - varied_canvas_picture(digit, rng), digit.label
        else:
            number = rng.integers(len(images))
            ink, label = _with_paper_around(images[number], rng), int(labels[number])
        picture = coarse_scan(ink, rng) if rng.random() < _SCANS else decode_image(photograph(ink, rng))
        try:
            return in_mnist_form(picture), label
        except ImageError:  # chalk so faint that nothing is left of it teaches nothing: try another
            continue
    raise AssertionError(f"{_TRIES} stand-ins in a row came out blank")


def coarse_scan(ink: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """The ink (H, W), uint8, bright, as a scanner of 12 to 20 pixels a digit sees it, scaled up again."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    cropped = Image.fromarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    scale = rng.integers(12, 21) / max(cropped.size)
    width, height = (max(2, round(side * scale)) for side in cropped.size)
    coarse = np.asarray(cropped.resize((width, height), Image.Resampling.BOX))
    margins = rng.integers(0, 4, (2, 2))
    coarse = np.pad(coarse, margins)
    if rng.random() < 0.5:
        coarse = 255 - coarse
    factor = rng.uniform(2, 12)
    size = (round(coarse.shape[1] * factor), round(coarse.shape[0] * factor))
    ways = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
    return Image.fromarray(coarse).resize(size, ways[rng.integers(len(ways))])


def _with_paper_around(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    top, bottom, left, right = rng.integers(0, 16, 4)
    return np.pad(image, ((top, bottom), (left, right)))
