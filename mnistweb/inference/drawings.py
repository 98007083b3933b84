"""Two drawings of each digit that ship with the program, to see at a glance whether a model reads digits.

They are paths of a pen, written down by hand for this project, and pass through the preprocessing that every
drawing passes through. Twenty are far too few to measure a model; they are enough to notice one that was
trained on pictures of another kind and is right as often as chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from mnistweb.imaging.preprocess import preprocess
from mnistweb.imaging.strokes import render_strokes
from mnistweb.nn.model import Sequential

Stroke = list[tuple[float, float]]
LOOKS_LIKE_CHANCE_BELOW = 0.5  # a working perceptron reads nearly all of them, a wrong input scale one or two


def _arc(x: float, y: float, width: float, height: float, start: float, end: float) -> Stroke:
    """A part of the ellipse around (x, y), between two angles in degrees, clockwise from three o'clock."""
    angles = np.radians(np.linspace(start, end, 25))
    return [(float(x + width / 2 * np.cos(a)), float(y + height / 2 * np.sin(a))) for a in angles]


def _slanted(strokes: list[Stroke], slant: float) -> list[Stroke]:
    return [[(x - slant * y, y) for x, y in stroke] for stroke in strokes]


def drawn_digits() -> Iterator[tuple[int, list[Stroke]]]:
    """Each digit and its strokes, points (x, y) in a box of about 100x100 with y down."""
    yield 0, [_arc(50, 50, 60, 95, -90, 270)]
    yield 0, _slanted([_arc(50, 50, 48, 95, -60, 315)], 0.2)
    yield 1, _slanted([[(50, 5), (50, 95)]], 0.15)
    yield 1, [[(33, 25), (53, 5), (53, 95)]]
    yield 2, [[*_arc(50, 30, 56, 50, 185, 395), (20, 93), (82, 93)]]
    yield 2, [[*_arc(48, 28, 50, 44, 200, 410), (26, 90), (19, 83), (28, 77), (46, 85), (64, 93), (84, 87)]]
    yield 3, [[*_arc(46, 27, 52, 44, 205, 440), *_arc(46, 71, 60, 46, 280, 505)]]
    yield 3, [[(22, 8), (74, 8), (46, 40), *_arc(46, 66, 58, 52, 275, 500)]]
    yield 4, [[(32, 5), (20, 58), (82, 58)], [(64, 8), (60, 97)]]
    yield 4, [[(66, 97), (66, 5), (18, 66), (86, 66)]]
    yield 5, [[(76, 7), (32, 7), (27, 44), *_arc(46, 66, 56, 56, 235, 510)]]
    yield 5, [[(32, 10), (29, 44), *_arc(48, 68, 50, 50, 230, 515)], [(32, 10), (74, 6)]]
    yield 6, [[(66, 5), (48, 18), (32, 42), *_arc(50, 70, 46, 46, 190, 545)]]
    yield 6, _slanted([[(52, 3), (36, 30), *_arc(50, 72, 42, 42, 185, 540)]], 0.1)
    yield 7, [[(20, 10), (78, 10), (42, 96)]]
    yield 7, [[(20, 14), (76, 8), (58, 45), (46, 96)], [(36, 54), (72, 50)]]
    yield 8, [[*_arc(50, 27, 40, 44, 90, 450), *_arc(50, 72, 52, 46, 270, 630)]]
    yield 8, _slanted([[*_arc(50, 26, 40, 40, 320, 100), *_arc(50, 72, 46, 48, 280, 610), (70, 14)]], 0.1)
    yield 9, [[*_arc(48, 30, 46, 48, 345, -20), (70, 20), (68, 97)]]
    yield 9, [[*_arc(48, 30, 44, 46, 350, -10), *_arc(44, 60, 54, 72, -15, 120)]]


@cache
def drawings() -> tuple[np.ndarray, np.ndarray]:
    """The drawings in MNIST form, float32 (20, 28, 28, 1), and their digits, int64 (20,). Read only."""
    pixels, digits = [], []
    for digit, strokes in drawn_digits():
        canvas = render_strokes([np.array(stroke) for stroke in strokes])
        pixels.append(preprocess(canvas).pixels)
        digits.append(digit)
    stacked = np.stack(pixels)[..., np.newaxis].astype(np.float32)
    labels = np.array(digits, dtype=np.int64)
    for array in (stacked, labels):
        array.flags.writeable = False
    return stacked, labels


def share_read_right(model: Sequential) -> float:
    """The share of the drawings that a network of digits reads right, from 0 to 1."""
    pixels, digits = drawings()
    return float((model.forward(pixels).argmax(axis=1) == digits).mean())
