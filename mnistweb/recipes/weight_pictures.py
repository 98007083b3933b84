"""What a network looks for in a picture: the weights of its first layer, drawn as pictures themselves."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image

from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.layers import Dense
from mnistweb.nn.model import Sequential

_COLUMNS, _MOST = 8, 32  # pictures in a row, and in all
_SIDE = 28
# Blue speaks for what comes after, orange against it, as in the explanations on the paint screen; the zero is
# transparent, so that it fits a light page and a dark one.
_FOR, _AGAINST = (40, 110, 235), (225, 90, 30)


def first_layer_tiles(model: Sequential) -> np.ndarray | None:
    """The weights of the first layer that learns, a picture for each of its first 32 units or filters.

    float (n, 28, 28) for a dense layer, (n, k, k) for a convolution (its first channel); None when the layer
    does not look at a picture.
    """
    for layer in model.layers:
        if isinstance(layer, Conv2D):
            return layer.params["weight"][:, :, 0, :_MOST].transpose(2, 0, 1)  # (k, k, C, O) -> (n, k, k)
        if isinstance(layer, Dense):
            weight = layer.params["weight"]
            if weight.shape[0] != _SIDE * _SIDE:
                return None
            return weight[:, :_MOST].T.reshape(-1, _SIDE, _SIDE)
    return None


def first_layer_picture(model: Sequential) -> bytes | None:
    """These pictures in rows of eight, as one PNG; None when there are none."""
    tiles = first_layer_tiles(model)
    if tiles is None or not np.isfinite(tiles).all():
        return None
    # The few largest weights would leave all others pale.
    scale = float(np.quantile(np.abs(tiles), 0.99)) or 1.0
    shades = np.clip(np.round(tiles / scale * 127), -127, 127).astype(np.int16) + 128
    count, side, _ = tiles.shape
    gap = 2 if side == _SIDE else 1
    columns = min(count, _COLUMNS)
    rows = math.ceil(count / columns)
    sheet = np.full((rows * (side + gap) - gap, columns * (side + gap) - gap), 128, np.uint8)
    for number, tile in enumerate(shades):
        top, left = (number // columns) * (side + gap), (number % columns) * (side + gap)
        sheet[top : top + side, left : left + side] = tile
    picture = Image.frombytes("P", sheet.shape[::-1], sheet.tobytes())
    picture.putpalette([part for shade in range(256) for part in (_AGAINST if shade < 128 else _FOR)])
    file = io.BytesIO()
    alphas = bytes(min(255, 2 * abs(shade - 128)) for shade in range(256))
    picture.save(file, "PNG", transparency=alphas, compress_level=1)
    return file.getvalue()
