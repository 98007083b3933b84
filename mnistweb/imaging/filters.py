"""The few neighbourhood operations that preparing a picture needs: averages, closings, changes of size.

All take and return (H, W) float32 and treat what lies beyond the edge as absent.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float32]


def box_mean(values: Plane, radius: int) -> Plane:
    """Each pixel's mean over the square of 2 * radius + 1 pixels around it, less at the edges."""
    return _box_sum(values, radius) / _box_sum(np.ones_like(values), radius)


def _box_sum(values: Plane, radius: int) -> Plane:
    for _ in range(2):  # along the rows, then, transposed, along the columns
        size = values.shape[1]
        sums = np.zeros((values.shape[0], size + 1))  # float64: differences of long sums
        np.cumsum(values, axis=1, out=sums[:, 1:])
        places = np.arange(size)
        upper, lower = np.minimum(places + radius + 1, size), np.maximum(places - radius, 0)
        values = (sums[:, upper] - sums[:, lower]).T
    return values.astype(np.float32)


def closing(values: Plane, size: int) -> Plane:
    """Fill what is dark and narrower than `size` pixels (odd): the greatest over a square, then the least.

    Grey-scale closing as in Serra, Image Analysis and Mathematical Morphology (1982), chapter XII.
    """
    return -_moving_max(-_moving_max(values, size), size)


def dilated(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """The mask grown by `radius` pixels in each direction (a square's shape)."""
    return _moving_max(mask, 2 * radius + 1)


def _moving_max(values: NDArray, size: int) -> NDArray:
    """The greatest over the `size` x `size` square around each pixel, in log2(size) steps an axis."""
    radius = size // 2
    lowest = False if values.dtype == bool else -np.inf
    for _ in range(2):
        padded = np.pad(values, ((0, 0), (radius, radius)), constant_values=lowest)
        width = 1  # padded[:, i] is the maximum over i .. i + width - 1
        while width < size:
            step = min(width, size - width)
            padded = np.maximum(padded[:, :-step], padded[:, step:])
            width += step
        values = padded.T
    return values


def resized(values: Plane, shape: tuple[int, int]) -> Plane:
    """The plane in another shape: averaged when it shrinks, smoothly interpolated when it grows."""
    if values.shape == shape:
        return values
    shrinks = shape[0] < values.shape[0] or shape[1] < values.shape[1]
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(np.ascontiguousarray(values)).resize(shape[::-1], method))
