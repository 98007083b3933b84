"""Views: one picture shown to the network several times, shifted and turned a little; answers are averaged.

A network is not quite the same judge of a digit a pixel further left. What it says of several such views,
averaged, is right more often than what it says of one, at as many times the cost (as A. Krizhevsky,
I. Sutskever, G. Hinton did with crops: "ImageNet classification with deep convolutional neural networks",
2012, section 4.1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIDE = 28


class View(NamedTuple):
    """How a picture is moved before it is looked at: turned clockwise, then shifted, in pixels."""

    turn_degrees: float = 0.0
    right: float = 0.0
    down: float = 0.0


NO_SHIFT = ((0.0, 0.0),)
CROSS = ((0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0))


def combined(turns: Iterable[float], shifts: Iterable[tuple[float, float]]) -> tuple[View, ...]:
    """Every turn (degrees) with every shift (right, down)."""
    shifts = tuple(shifts)
    return tuple(View(turn, right, down) for turn in turns for right, down in shifts)


# Chosen on pictures kept aside for that; `mnistweb evaluate --report` puts the trials into the model card.
VIEWS = combined((-9, 0, 9), CROSS)


def seen(images: NDArray[np.float32], view: View) -> NDArray[np.float32]:
    """The images (N, 28, 28) or (N, 28, 28, 1) as that view shows them, in the same shape.

    Pixels are interpolated from the four nearest; what comes from outside of the picture is black.
    """
    if view == View():
        return images
    places, weights = _sources(view)
    padded = np.zeros((len(images), SIDE * SIDE + 1), np.float32)  # the last one is what lies outside
    padded[:, :-1] = images.reshape(len(images), -1)
    moved = padded[:, places[0]] * weights[0]
    for place, weight in zip(places[1:], weights[1:], strict=True):
        moved += padded[:, place] * weight
    return moved.reshape(images.shape)


@cache
def _sources(view: View) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For each pixel of the view the four it is made of, (4, 784), and their weights, (4, 784) float32."""
    turn = math.radians(view.turn_degrees)
    middle = (SIDE - 1) / 2
    rows, columns = np.mgrid[:SIDE, :SIDE].reshape(2, -1)  # (784,) each
    x, y = columns - middle - view.right, rows - middle - view.down
    # Where this pixel was before the turn: turned back, y pointing down.
    source_x = math.cos(turn) * x + math.sin(turn) * y + middle
    source_y = -math.sin(turn) * x + math.cos(turn) * y + middle
    left, top = np.floor(source_x).astype(np.intp), np.floor(source_y).astype(np.intp)
    to_right, to_bottom = source_x - left, source_y - top
    places, weights = [], []
    for column, row, weight in (
        (left, top, (1 - to_right) * (1 - to_bottom)),
        (left + 1, top, to_right * (1 - to_bottom)),
        (left, top + 1, (1 - to_right) * to_bottom),
        (left + 1, top + 1, to_right * to_bottom),
    ):
        inside = (column >= 0) & (column < SIDE) & (row >= 0) & (row < SIDE)
        places.append(np.where(inside, row * SIDE + column, SIDE * SIDE))
        weights.append(weight)
    return np.stack(places), np.stack(weights).astype(np.float32)
