"""What a network looks for in a picture: the weights of its first layer, drawn as pictures themselves."""

from __future__ import annotations

import numpy as np

from mnistweb.inference.sheets import signed_sheet, usual_size
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.layers import Dense
from mnistweb.nn.model import Sequential

_MOST = 32  # pictures in all
_SIDE = 28


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
    return signed_sheet(tiles, scale=usual_size(tiles))
