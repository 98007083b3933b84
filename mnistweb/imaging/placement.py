"""Places a cropped digit as MNIST's makers did: 20 pixels long, proportions kept, centred by its mass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnistweb.imaging.filters import Plane

SIDE = 28  # pixels of the finished picture
DIGIT_SIDE = 20  # pixels of the digit's longer side in it


def scaled(ink: Plane) -> Plane:
    """A cropped digit (h, w) in [0, 1], its longer side scaled to 20 pixels by averaging over areas.

    The brightest pixel becomes 1, as it nearly always is in MNIST.
    """
    scale = DIGIT_SIDE / max(ink.shape)
    size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
    small = np.asarray(Image.fromarray(np.ascontiguousarray(ink)).resize(size, Image.Resampling.BOX))
    return small / small.max()


def centre_of_mass(ink: Plane) -> tuple[float, float]:
    """(x, y) of the mean of all ink, counted from 0 at the middle of the first pixel."""
    total = float(ink.sum())
    x = float(ink.sum(axis=0) @ np.arange(ink.shape[1])) / total
    y = float(ink.sum(axis=1) @ np.arange(ink.shape[0])) / total
    return x, y


def centred(ink: Plane) -> NDArray[np.float32]:
    """A digit of at most 20 x 20 pixels placed in 28 x 28.

    The shift is by whole pixels, as in MNIST, where each picture's centre of mass rounds to pixel (14, 14).
    """
    height, width = ink.shape
    x, y = centre_of_mass(ink)
    left = min(max(round(SIDE / 2 - x), 0), SIDE - width)
    top = min(max(round(SIDE / 2 - y), 0), SIDE - height)
    pixels = np.zeros((SIDE, SIDE), np.float32)
    pixels[top : top + height, left : left + width] = ink
    return pixels
