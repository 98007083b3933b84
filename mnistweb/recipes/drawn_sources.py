"""The pictures that no file holds: drawn from pen strokes, photographed, scanned, or showing no digit at all.

Picture n of a source comes from the source's seed and n alone, so any process can draw any of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mnistweb.data.catalogue import STROKES
from mnistweb.data.dataset import Dataset
from mnistweb.data.finding import data_folders, find_file
from mnistweb.data.unipen import StrokeDigit
from mnistweb.imaging.negatives import Material
from mnistweb.recipes.drawings import canvas_picture, in_mnist_form, varied_canvas_picture
from mnistweb.recipes.errors import RecipeError
from mnistweb.recipes.mixing import NO_CLASS
from mnistweb.recipes.negatives import negative
from mnistweb.recipes.stand_ins import stand_in

TRAINING_SEED, VALIDATION_SEED = 7, 11


def find_strokes_file(data_dir: Path | None = None) -> Path:
    """The file of pen strokes. Raises MissingDataError when it is not there, DataError when it is damaged."""
    folders = data_folders() if data_dir is None else [data_dir]
    return find_file(folders, STROKES, STROKES.files[0])


def split_writers(
    digits: list[StrokeDigit], held_out: tuple[int, ...]
) -> tuple[list[StrokeDigit], list[StrokeDigit]]:
    """The digits of all other writers, and those of `held_out`. Raises RecipeError if one is unknown."""
    writers = {digit.writer for digit in digits}
    if unknown := set(held_out) - writers:
        raise RecipeError(
            f"data.validation_writers: the stroke file has no writer {min(unknown)}, it has {sorted(writers)}"
        )
    learned = [digit for digit in digits if digit.writer not in held_out]
    chosen_by = [digit for digit in digits if digit.writer in held_out]
    if not learned or not chosen_by:
        raise RecipeError("data.validation_writers: both parts need at least one writer")
    return learned, chosen_by


def draw_varied(numbers: np.ndarray, digits: list[StrokeDigit]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of varied digits in MNIST form: number n shows digit n modulo how many there are.

    Returns images uint8 (N, 28, 28) and labels int64 (N,), as do all functions here that draw.
    """
    images, labels = np.empty((len(numbers), 28, 28), np.uint8), np.empty(len(numbers), np.int64)
    for place, number in enumerate(numbers.tolist()):
        digit = digits[number % len(digits)]
        rng = np.random.default_rng([TRAINING_SEED, number])
        images[place] = in_mnist_form(varied_canvas_picture(digit, rng))
        labels[place] = digit.label
    return images, labels


def draw_stand_ins(
    numbers: np.ndarray, digits: list[StrokeDigit], images: np.ndarray, labels: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Stand-ins for photographs and scans of `digits` and of the dataset's own `images` (M, 28, 28)."""
    drawn = [
        stand_in(digits, images, labels, np.random.default_rng([seed, number])) for number in numbers.tolist()
    ]
    return np.stack([picture for picture, _ in drawn]), np.array([label for _, label in drawn], np.int64)


def draw_negatives(numbers: np.ndarray, made_from: Material, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of no digit, made from that material. All labels are NO_CLASS."""
    drawn = [negative(made_from, np.random.default_rng([seed, number, 1])) for number in numbers.tolist()]
    return np.stack(drawn), np.full(len(drawn), NO_CLASS, np.int64)


def held_out_drawings(digits: list[StrokeDigit]) -> Dataset:
    """Digits just as their writers drew them on the canvas, with varied brushes, in MNIST form."""
    images = np.empty((len(digits), 28, 28), np.uint8)
    for number, digit in enumerate(digits):
        rng = np.random.default_rng([VALIDATION_SEED, number])
        images[number] = in_mnist_form(canvas_picture(digit, rng))
    labels = np.array([digit.label for digit in digits], np.int64)
    return Dataset(as_inputs(images), labels, "pen strokes of held-out writers")


def as_inputs(images: np.ndarray) -> np.ndarray:
    """uint8 (N, 28, 28) as the networks take them: float32 (N, 28, 28, 1) in [0, 1]."""
    inputs = images[..., np.newaxis].astype(np.float32)
    inputs /= np.float32(255)
    return inputs
