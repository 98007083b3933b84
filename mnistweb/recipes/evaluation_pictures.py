"""Pictures of digits to measure finished models by, each as the file that a person would send.

They go through the same public way as a request: file bytes -> decode -> preprocess. What the preprocessing
refuses as blank is kept as a picture of zeros, so that a digit lost there counts against the model's service.
Picture n of a set comes from the set's seed and n alone; no training and no validation uses these seeds.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image, ImageFilter

from mnistweb.data.unipen import StrokeDigit
from mnistweb.imaging.errors import BlankImageError
from mnistweb.imaging.photographs import DARK_MEDIA, LIGHT_MEDIA, photograph
from mnistweb.imaging.strokes import render_strokes
from mnistweb.inference.pictures import prepare
from mnistweb.recipes.drawings import CANVAS, canvas_picture, varied_canvas_picture

WRITERS_SEED, PHOTOS_SEED, SCANS_SEED = 101, 102, 103
_MEDIA = (*DARK_MEDIA, *LIGHT_MEDIA)
_FROM_STROKES = 0.6  # share of the photographs that shows pen strokes, the rest shows pictures of a data set
_SCAN_SIDE, _BLACK_AND_WHITE, _NOISY = 16, 0.2, 0.25  # pixels, and shares of the scans
_SCALED_UP_BY = (
    Image.Resampling.NEAREST,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)

MakeFile = Callable[[int], tuple[bytes, int]]


def draw_writers(numbers: np.ndarray, digits: list[StrokeDigit]) -> tuple[np.ndarray, np.ndarray]:
    """Digit n as its writer drew it, anywhere on a canvas of 280x280 pixels, brush 10 to 26 pixels wide.

    Returns images float32 (N, 28, 28) and labels int64 (N,), as all functions here that draw.
    """
    return _seen(numbers, partial(writers_file, digits=digits))


def draw_photos(
    numbers: np.ndarray, digits: list[StrokeDigit], images: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Stand-ins for small photographs of `digits` and of `images`, uint8 (M, 28, 28), each medium in turn."""
    return _seen(numbers, partial(photo_file, digits=digits, images=images, labels=labels))


def draw_scans(numbers: np.ndarray, digits: list[StrokeDigit]) -> tuple[np.ndarray, np.ndarray]:
    """Digit n modulo how many there are as a scanner of 16x16 pixels saw it, scaled up."""
    return _seen(numbers, partial(scan_file, digits=digits))


def writers_file(number: int, digits: list[StrokeDigit]) -> tuple[bytes, int]:
    """Picture `number` of `draw_writers`: a PNG, and the digit it shows."""
    digit = digits[number]
    return png(canvas_picture(digit, np.random.default_rng([WRITERS_SEED, number]))), digit.label


def photo_file(
    number: int, digits: list[StrokeDigit], images: np.ndarray, labels: np.ndarray
) -> tuple[bytes, int]:
    """Picture `number` of `draw_photos`: a JPEG of 60 to 360 pixels, and the digit it shows."""
    rng = np.random.default_rng([PHOTOS_SEED, number])
    if rng.random() < _FROM_STROKES:
        digit = digits[rng.integers(len(digits))]
        ink, label = 255 - varied_canvas_picture(digit, rng), digit.label
    else:
        place = rng.integers(len(images))
        top, bottom, left, right = rng.integers(2, 16, 4)
        ink, label = np.pad(images[place], ((top, bottom), (left, right))), int(labels[place])
    side = round(math.exp(rng.uniform(math.log(60), math.log(360))))
    return photograph(ink, rng, medium=_MEDIA[number % len(_MEDIA)], side=side), label


def scan_file(number: int, digits: list[StrokeDigit]) -> tuple[bytes, int]:
    """Picture `number` of `draw_scans`: a PNG of 24 to 320 pixels, and the digit it shows."""
    rng = np.random.default_rng([SCANS_SEED, number])
    digit = digits[number % len(digits)]
    ink = 255 - render_strokes(digit.strokes, size=CANVAS, brush=rng.uniform(14, 40), extent=0.8)
    picture = Image.fromarray(ink)
    picture = picture.crop(picture.getbbox()).filter(ImageFilter.GaussianBlur(rng.uniform(0, 12)))
    # As LeCun et al. describe the digits of the US Postal Service (Neural Computation 1, 1989): cropped,
    # scaled to 16 pixels with the proportions kept, grey by scaling. Other collections are black and white.
    scale = _SCAN_SIDE / max(picture.size)
    small = [max(2, round(side * scale)) for side in picture.size]
    coarse = np.zeros((_SCAN_SIDE, _SCAN_SIDE), np.uint8)
    left, top = (_SCAN_SIDE - small[0]) // 2, (_SCAN_SIDE - small[1]) // 2
    shrunk = np.asarray(picture.resize((small[0], small[1]), Image.Resampling.BOX))
    coarse[top : top + small[1], left : left + small[0]] = shrunk
    ink_level, paper_level = rng.uniform(150, 255), rng.uniform(0, 60)
    amount = (coarse / 255) ** rng.uniform(0.7, 1.4)
    if rng.random() < _BLACK_AND_WHITE:
        amount = (amount > 0.4 * amount.max()).astype(float)  # as a scanner sets itself to the ink
    grey = paper_level + (ink_level - paper_level) * amount
    if rng.random() < _NOISY:
        grey += rng.normal(0, rng.uniform(1, 6), grey.shape)
    levels = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    margin = int(rng.integers(0, 3))
    levels = np.pad(levels, margin, mode="constant", constant_values=round(paper_level))
    if rng.random() < 0.5:
        levels = 255 - levels
    side = round(math.exp(rng.uniform(math.log(24), math.log(320))))
    way = _SCALED_UP_BY[rng.integers(len(_SCALED_UP_BY))]
    return png(np.asarray(Image.fromarray(levels).resize((side, side), way))), digit.label


def png(picture: np.ndarray) -> bytes:
    """A picture uint8 (H, W) as the bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def as_seen(content: bytes) -> np.ndarray:
    """What a network is shown of a file, float32 (28, 28); zeros when it was refused as blank."""
    try:
        return prepare(content).pixels
    except BlankImageError:
        return np.zeros((28, 28), np.float32)


def _seen(numbers: np.ndarray, make_file: MakeFile) -> tuple[np.ndarray, np.ndarray]:
    files = [make_file(number) for number in numbers.tolist()]
    images = np.stack([as_seen(content) for content, _ in files])
    return images, np.array([label for _, label in files], np.int64)
