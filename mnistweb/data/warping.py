"""Turns, scales, slants, shifts and bends pictures: where each pixel comes from, and how it is fetched.

Bending is the elastic distortion of P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional
neural networks applied to visual document analysis", ICDAR 2003, section 2: random displacements of every
pixel, smoothed by a Gaussian of width sigma, scaled by alpha.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

SIDE = 28
_MIDDLE = np.float32((SIDE - 1) / 2)


def affine_sources(
    turn: np.ndarray,
    log_width: np.ndarray,
    log_height: np.ndarray,
    slant: np.ndarray,
    right: np.ndarray,
    down: np.ndarray,
) -> np.ndarray:
    """Where each pixel comes from when pictures are turned, scaled, slanted and shifted about their middle.

    Each argument is float32 (N,), one number a picture: radians, natural logarithms of the factors on width
    and height, sideways shift per pixel of height, pixels. They lead from a pixel to its source, so what is
    seen goes the other way: ``right=3`` moves the ink to the left. Returns float32 (2, N, 784): x, then y.
    """
    cos, sin, width, height = np.cos(turn), np.sin(turn), np.exp(log_width), np.exp(log_height)
    # Rotation times slant times scale in homogeneous form: source = matrix @ (x, y, 1).
    matrix = np.stack(
        [
            np.stack([cos * width, (cos * slant - sin) * height, right]),
            np.stack([sin * width, (sin * slant + cos) * height, down]),
        ]
    )  # (2, 3, N)
    source = matrix.transpose(0, 2, 1).reshape(-1, 3) @ _places()  # (2*N, 784)
    source += _MIDDLE
    return source.reshape(2, -1, SIDE * SIDE)


@lru_cache(maxsize=1)
def _places() -> np.ndarray:
    """All pixels, counted from the middle, in homogeneous form: x, y and 1, float32 (3, 784)."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32).reshape(2, -1) - _MIDDLE
    return np.stack([x, y, np.ones_like(x)])


def elastic_displacements(count: int, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Simard's fields for alpha = 1: uniform noise in [-1, 1], smoothed; float32 (2, count, 784): dx, dy."""
    smooth = _smoothing_matrix(sigma)
    noise = rng.random((2 * count * SIDE, SIDE), np.float32)
    noise -= 0.5  # half of what it shall be
    along_rows = (noise @ (2 * smooth)).reshape(-1, SIDE, SIDE)
    return np.matmul(smooth.T, along_rows).reshape(2, count, SIDE * SIDE)


@lru_cache(maxsize=8)
def _smoothing_matrix(sigma: float) -> np.ndarray:
    """Columns are Gaussians, float32 (28, 28); near the edge, as strong as in the middle."""
    distance = np.arange(SIDE)[:, None] - np.arange(SIDE)
    kernel = np.exp(-(distance**2) / (2 * sigma**2))
    wide = np.arange(-math.ceil(4 * sigma), math.ceil(4 * sigma) + 1)
    whole = np.exp(-(wide**2) / (2 * sigma**2))
    # What the edge cuts off would weaken the displacement there: keep its standard deviation instead.
    kernel *= np.sqrt((whole**2).sum() / (kernel**2).sum(axis=0)) / whole.sum()
    return kernel.astype(np.float32)


def resample(images: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fetch every pixel from (x, y) of its picture by bilinear interpolation; outside the picture is 0.

    images float32 (N, 28, 28); x and y float32 (N, 784), in pixels, pixel centres at whole numbers.
    """
    count, width = len(images), SIDE + 2
    padded = np.zeros((count, width, width), np.float32)
    padded[:, 1:-1, 1:-1] = images
    flat = padded.reshape(-1)
    last = np.float32(SIDE + 1) - np.float32(1e-4)  # so that the right and lower neighbours exist
    x = np.clip(x + 1, 0, last)
    y = np.clip(y + 1, 0, last)
    left, top = np.floor(x), np.floor(y)
    x -= left
    y -= top
    top *= width
    top += left
    place = top.astype(np.intp)
    place += (np.arange(count) * (width * width))[:, None]
    upper = _between(flat, place, x)
    lower = _between(flat[width:], place, x)
    lower -= upper
    lower *= y
    upper += lower
    return upper.reshape(images.shape)


def _between(flat: np.ndarray, place: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    # All places exist. "clip" spares looking for those that don't.
    here = np.take(flat, place, mode="clip")
    there = np.take(flat[1:], place, mode="clip")
    there -= here
    there *= fraction
    here += there
    return here
