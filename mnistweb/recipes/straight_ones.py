"""Ones that are nothing but a straight line, as hasty hands, rulers and arrow keys draw them.

Hardly any writer of the pen strokes made one, and what a network has never seen it takes for no digit.
"""

from __future__ import annotations

import math

import numpy as np

from mnistweb.imaging.strokes import render_strokes
from mnistweb.recipes.drawings import CANVAS, in_mnist_form, varied_brush

_UPRIGHT = 0.4  # how many of them stand exactly


def straight_one(rng: np.random.Generator) -> np.ndarray:
    """A straight line on the canvas, uint8 (280, 280): up to 30 degrees from upright, most of them less.

    The brush is 3 to 12 % of the canvas wide, the line 33 to 90 % long.
    """
    angle = 0.0 if rng.random() < _UPRIGHT else math.radians(float(np.clip(rng.normal(2, 9), -30, 30)))
    half = np.array([math.sin(angle), -math.cos(angle)]) / 2
    return render_strokes(
        [np.stack([half, -half]).astype(np.float32)],
        size=CANVAS,
        brush=varied_brush(rng),
        extent=rng.uniform(0.33, 0.9),
        center=(rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)),
    )


def draw_straight_ones(numbers: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Straight ones in MNIST form: images uint8 (N, 28, 28) and labels int64 (N,), all 1."""
    pictures = (straight_one(np.random.default_rng([seed, number])) for number in numbers.tolist())
    return np.stack([in_mnist_form(picture) for picture in pictures]), np.ones(len(numbers), np.int64)
