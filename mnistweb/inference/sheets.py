"""A sheet is many small pictures in rows, as one PNG: the weights of a layer, or what its filters like."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image

COLUMNS = 8
# Blue speaks for what comes after, orange against it, as in the explanations on the paint screen; zero is
# transparent, so that a sheet fits a light page and a dark one.
_FOR, _AGAINST = (40, 110, 235), (225, 90, 30)
_ZERO = 128  # the shade of zero; 1 is the most against, 255 the most for
_SIGNED_PALETTE = [part for shade in range(256) for part in (_AGAINST if shade < _ZERO else _FOR)]
_SIGNED_ALPHAS = bytes(min(255, 2 * abs(shade - _ZERO)) for shade in range(256))
# Shades 0..253 are greys; one more is transparent, and the last one is the colour of frames.
_CLEAR, _FRAME = 254, 255
_GREY_PALETTE = [part for shade in range(255) for part in (shade, shade, shade)] + [255, 150, 60]
_GREY_ALPHAS = bytes(0 if shade == _CLEAR else 255 for shade in range(256))
_OUTSIDE = 0.35  # brightness of what lies outside of a frame


def signed_sheet(tiles: np.ndarray, *, scale: float, zoom: int = 1, columns: int = COLUMNS) -> bytes:
    """A PNG of `tiles` (n, height, width), positive values blue, negative orange, full at `scale` > 0.

    zoom: pixels a value is wide and high.
    """
    shades = np.clip(np.rint(tiles / scale * 127), -127, 127).astype(np.int16) + _ZERO
    sheet = _tiled(_zoomed(shades.astype(np.uint8), zoom), _ZERO, columns, gap=2)
    return _png(sheet, _SIGNED_PALETTE, _SIGNED_ALPHAS)


def usual_size(values: np.ndarray) -> float:
    """A scale for `signed_sheet`: the size that one value in a hundred exceeds, else 1.

    The few largest weights would leave all others pale.
    """
    return float(np.quantile(np.abs(values), 0.99)) or 1.0


def framed_sheet(tiles: np.ndarray, frames: np.ndarray, *, zoom: int = 3, columns: int = COLUMNS) -> bytes:
    """A PNG of grey pictures uint8 (n, height, width), each with a frame around a part and the rest darker.

    frames: int (n, 4), each top, left, bottom and right of the part, the last two beyond it, as in slices; a
    part of no size has no frame.
    """
    sheet = _zoomed(np.minimum(tiles, _CLEAR - 1), zoom)
    for tile, (top, left, bottom, right) in zip(sheet, frames * zoom, strict=True):
        inside = tile[top:bottom, left:right].copy()
        tile[...] = tile * _OUTSIDE
        if inside.size:
            inside[:, [0, -1]] = inside[[0, -1]] = _FRAME
            tile[top:bottom, left:right] = inside
    return _png(_tiled(sheet, _CLEAR, columns, gap=4), _GREY_PALETTE, _GREY_ALPHAS)


def _zoomed(tiles: np.ndarray, zoom: int) -> np.ndarray:
    return tiles.repeat(zoom, axis=1).repeat(zoom, axis=2)


def _tiled(tiles: np.ndarray, background: int, columns: int, *, gap: int) -> np.ndarray:
    """The tiles uint8 (n, height, width) row by row on one picture, uint8; the last row may be short."""
    count, height, width = tiles.shape
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), background, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * (height + gap), number % columns * (width + gap)
        sheet[top : top + height, left : left + width] = tile
    return sheet


def _png(sheet: np.ndarray, palette: list[int], alphas: bytes) -> bytes:
    picture = Image.frombytes("P", sheet.shape[::-1], sheet.tobytes())
    picture.putpalette(palette)
    file = io.BytesIO()
    picture.save(file, "PNG", transparency=alphas)
    return file.getvalue()
