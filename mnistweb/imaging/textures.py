"""Grey pictures with nothing drawn on them: noise, stripes, checks, blobs, dots, and light that fades."""

from __future__ import annotations

import numpy as np
from PIL import Image


def texture(size: int, rng: np.random.Generator) -> np.ndarray:
    """One of the textures, with two random greys at its ends; uint8 (size, size)."""
    ways = (_noise, _stripes, _checks, _blobs, _dots, _gradient, _lines)
    field = ways[rng.integers(len(ways))](size, rng)  # float (size, size), 0..1
    dark, light = sorted(rng.uniform(0, 255, 2))
    if light - dark < 60:
        dark, light = 0.0, 255.0
    if rng.random() < 0.5:
        dark, light = light, dark
    return np.rint(dark + (light - dark) * np.clip(field, 0, 1)).astype(np.uint8)


def _noise(size: int, rng: np.random.Generator) -> np.ndarray:
    grain = int(rng.integers(1, 20))
    coarse = rng.random((-(-size // grain), -(-size // grain)))
    return np.kron(coarse, np.ones((grain, grain)))[:size, :size]


def _blobs(size: int, rng: np.random.Generator) -> np.ndarray:
    cells = int(rng.integers(8, 24))
    small = Image.fromarray((rng.random((cells, cells)) * 255).astype(np.uint8))
    field = np.asarray(small.resize((size, size), Image.Resampling.BICUBIC)) / 255
    if rng.random() < 0.5:
        return (field - 0.5) * 20 + 0.5  # blotches with edges
    return field


def _waves(size: int, rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:size, :size] / size
    angle, cycles = rng.uniform(0, np.pi), rng.uniform(3, 20)
    return np.sin(2 * np.pi * cycles * (x * np.cos(angle) + y * np.sin(angle)))


def _stripes(size: int, rng: np.random.Generator) -> np.ndarray:
    return _waves(size, rng) * rng.uniform(0.5, 20) + 0.5


def _checks(size: int, rng: np.random.Generator) -> np.ndarray:
    return _waves(size, rng) * _waves(size, rng) * 20 + 0.5


def _gradient(size: int, rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:size, :size] / size - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    if rng.random() < 0.5:
        return 0.5 + x * np.cos(angle) + y * np.sin(angle)
    return 1 - np.hypot(x - rng.uniform(-0.4, 0.4), y - rng.uniform(-0.4, 0.4)) * rng.uniform(1, 3)


def _dots(size: int, rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:size, :size] / size
    field = np.zeros((size, size))
    for _ in range(int(rng.integers(5, 60))):
        centre, radius = rng.random(2), rng.uniform(0.005, 0.04)
        field[np.hypot(x - centre[0], y - centre[1]) < radius] = 1
    return field


def _lines(size: int, rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:size, :size] / size
    field = np.zeros((size, size))
    for _ in range(int(rng.integers(6, 25))):
        angle, offset = rng.uniform(0, np.pi), rng.uniform(-0.5, 0.5)
        distance = np.abs((x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle) - offset)
        field[distance < rng.uniform(0.003, 0.02)] = 1
    return field
