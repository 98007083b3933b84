"""Surfaces without a digit, for the negatives that finished models are measured by; and empty sheets.

Each function gives a grey picture, uint8 (size, size), from a size and a generator of random numbers.
"""

from __future__ import annotations

import numpy as np
from PIL import Image


def _greys(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A field of values about 0..1 between two greys far enough apart to be seen."""
    dark = rng.uniform(0, 110)
    light = rng.uniform(dark + 90, 255)
    return np.rint(dark + (light - dark) * np.clip(field, 0, 1)).astype(np.uint8)


def bricks(size: int, rng: np.random.Generator) -> np.ndarray:
    """A wall: bricks in rows, each second row moved by half a brick."""
    wide, high = rng.uniform(0.15, 0.35) * size, rng.uniform(0.07, 0.16) * size
    joint = rng.uniform(0.01, 0.025) * size
    y, x = np.mgrid[:size, :size].astype(float)
    row = np.floor(y / high)
    joints = (y % high < joint) | ((x + row % 2 * wide / 2) % wide < joint)
    return _greys(1 - joints, rng)


def cells(size: int, rng: np.random.Generator) -> np.ndarray:
    """Borders between the regions nearest to scattered points (G. Voronoi, 1908), as cracked mud has them."""
    points = rng.random((int(rng.integers(12, 50)), 2)) * size
    y, x = np.mgrid[:size, :size].astype(float)
    distances = np.hypot(x[..., None] - points[:, 0], y[..., None] - points[:, 1])
    nearest = np.partition(distances, 1, axis=-1)
    return _greys((nearest[..., 1] - nearest[..., 0]) / rng.uniform(4, 12), rng)


def clouds(size: int, rng: np.random.Generator) -> np.ndarray:
    """Noise whose strength falls with its frequency, as in clouds, marble and rough walls."""
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    across, down = np.fft.rfftfreq(size), np.fft.fftfreq(size)
    frequency = np.hypot(down[:, None], across[None, :])
    frequency[0, 0] = 1
    field = np.fft.irfft2(spectrum / frequency ** rng.uniform(0.6, 1.6), (size, size))
    return _greys(0.5 + field / (4 * field.std()), rng)


def plaid(size: int, rng: np.random.Generator) -> np.ndarray:
    """Crossing stripes of several widths, as in cloth."""
    across, down = (np.repeat(rng.random(40), rng.integers(4, 30, 40))[:size] for _ in range(2))
    across, down = (np.resize(stripes, size) for stripes in (across, down))
    return _greys((across[None, :] + down[:, None]) / 2, rng)


def rings(size: int, rng: np.random.Generator) -> np.ndarray:
    """Many rings around one point, as in wood, a little wavy."""
    y, x = np.mgrid[:size, :size] / size - rng.uniform(0.2, 0.8, 2)[:, None, None]
    radius = np.hypot(x, y) * (1 + 0.1 * np.sin(3 * np.arctan2(y, x) + rng.uniform(0, 6)))
    return _greys(0.5 + 0.5 * np.sin(radius * rng.uniform(40, 120)), rng)


def salt_and_pepper(size: int, rng: np.random.Generator) -> np.ndarray:
    """Grey with grains of black and white, from a pixel to a thirtieth of the picture large."""
    grain = int(rng.integers(1, max(2, size // 30)))
    cells = -(-size // grain)
    coarse = np.full((cells, cells), rng.uniform(90, 165))
    hit = rng.random((cells, cells))
    share = rng.uniform(0.03, 0.2)
    coarse[hit < share], coarse[hit > 1 - share] = 0, 255
    return np.kron(coarse, np.ones((grain, grain)))[:size, :size].astype(np.uint8)


def page_of_text(size: int, rng: np.random.Generator) -> np.ndarray:
    """Lines of words as seen from too far away to read."""
    page = np.ones((size, size))
    pitch = int(rng.integers(12, 30))
    for top in range(pitch // 2, size - pitch, pitch):
        place = int(rng.integers(8, 20))
        while place < size - 20:
            long = int(rng.integers(8, 50))
            bottom = top + pitch // 2
            page[top:bottom, place : min(place + long, size - 8)] = rng.uniform(
                0, 0.7, (bottom - top, min(place + long, size - 8) - place)
            )
            place += long + int(rng.integers(4, 10))
    return _greys(page, rng)


def empty_sheet(size: int, rng: np.random.Generator) -> np.ndarray:
    """One even grey, from black to white."""
    return np.full((size, size), rng.integers(0, 256), np.uint8)


def lit_sheet(size: int, rng: np.random.Generator) -> np.ndarray:
    """Paper that the light falls on from one side, with the camera's noise."""
    y, x = np.mgrid[:size, :size] / size - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    light = rng.uniform(120, 230) * (1 + rng.uniform(0, 0.3) * (x * np.cos(angle) + y * np.sin(angle)))
    return np.clip(np.rint(light + rng.normal(0, rng.uniform(0, 3), light.shape)), 0, 255).astype(np.uint8)


def squared_sheet(size: int, rng: np.random.Generator) -> np.ndarray:
    """Squared or lined paper with nothing on it."""
    page = np.full((size, size), rng.uniform(225, 255))
    pitch, line = int(rng.integers(20, 60)), int(rng.integers(1, 3))
    ruled = np.arange(size) % pitch < line
    page[ruled] -= rng.uniform(30, 100)
    if rng.random() < 0.5:
        page[:, ruled] = page[ruled].min()
    return page.astype(np.uint8)


def framed_sheet(size: int, rng: np.random.Generator) -> np.ndarray:
    """An empty sheet within a frame."""
    page = np.full((size, size), rng.integers(215, 256), np.uint8)
    margin, thick = int(rng.integers(0, 12)), int(rng.integers(2, 12))
    inner = margin + thick
    ink = int(rng.integers(0, 90))
    page[margin : size - margin, margin : size - margin] = ink
    page[inner : size - inner, inner : size - inner] = page.max() if margin else 255
    return page


def dusty_sheet(size: int, rng: np.random.Generator) -> np.ndarray:
    """Paper with one dot, where a pen was put down and lifted again."""
    y, x = np.mgrid[:size, :size]
    centre, radius = rng.uniform(0.2, 0.8, 2) * size, rng.uniform(2, 13)
    shade = np.clip(np.hypot(x - centre[0], y - centre[1]) - radius + 0.5, 0, 1)
    return np.rint(255 * shade).astype(np.uint8)


def small_sheet(size: int, rng: np.random.Generator) -> np.ndarray:
    """An even grey that a camera made a little uneven: a picture of a few pixels, scaled up."""
    few = rng.normal(rng.uniform(60, 200), 1.5, (6, 6)).astype(np.uint8)
    return np.asarray(Image.fromarray(few).resize((size, size), Image.Resampling.BICUBIC))


TEXTURES = (bricks, cells, clouds, plaid, rings, salt_and_pepper, page_of_text)
BLANKS = (empty_sheet, lit_sheet, squared_sheet, framed_sheet, dusty_sheet, small_sheet)
