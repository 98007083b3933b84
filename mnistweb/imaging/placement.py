"""Places a cropped digit as MNIST's makers did: 20 pixels long, proportions kept, centred by its mass.

Other sets lie in their 28x28 in another way; a `Frame` says how.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnistweb.imaging.filters import Plane

SIDE = 28  # pixels of the finished picture
DIGIT_SIDE = 20  # pixels of the digit's longer side in it


@dataclass(frozen=True)
class Frame:
    """How what is shown lies in the 28x28: the pixels of its longer side, 1..28, and what is in the middle.

    by_mass: the centre of mass of the ink is; otherwise the middle of the box around it.
    """

    longer_side: int = DIGIT_SIDE
    by_mass: bool = True


MNIST_FRAME = Frame()


def scaled(ink: Plane, longer_side: int = DIGIT_SIDE) -> Plane:
    """A cropped digit (h, w) in [0, 1], its longer side scaled to 20 pixels by averaging over areas.

    longer_side: another length, 1..28, for networks that learned from pictures of another size.

    The brightest pixel becomes 1, as it nearly always is in MNIST.
    """
    scale = longer_side / max(ink.shape)
    size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
    small = np.asarray(Image.fromarray(np.ascontiguousarray(ink)).resize(size, Image.Resampling.BOX))
    return small / small.max()


def centre_of_mass(ink: Plane) -> tuple[float, float]:
    """(x, y) of the mean of all ink, counted from 0 at the middle of the first pixel."""
    total = float(ink.sum())
    x = float(ink.sum(axis=0) @ np.arange(ink.shape[1])) / total
    y = float(ink.sum(axis=1) @ np.arange(ink.shape[0])) / total
    return x, y


def centred(ink: Plane, *, by_mass: bool = True) -> NDArray[np.float32]:
    """A digit of at most 28 x 28 pixels, usually 20 x 20, placed in 28 x 28: by its mass, or by its box.

    The shift is by whole pixels, as in MNIST, where each picture's centre of mass rounds to pixel (14, 14).
    """
    height, width = ink.shape
    x, y = centre_of_mass(ink) if by_mass else (width / 2, height / 2)
    left = min(max(round(SIDE / 2 - x), 0), SIDE - width)
    top = min(max(round(SIDE / 2 - y), 0), SIDE - height)
    pixels = np.zeros((SIDE, SIDE), np.float32)
    pixels[top : top + height, left : left + width] = ink
    return pixels
