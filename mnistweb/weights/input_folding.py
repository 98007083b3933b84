"""Moves what a network expects of its pictures into its first layer, so that it can take ours as they are.

Our pictures are 28x28, from 0 (paper) to 1 (ink), row by row. A network trained on 0..255, on -1..1, on
pictures normalised by mean and standard deviation, or on transposed ones gets them so again:

    W (a x + c) + b = (a W) x + (b + c * the sum of W over its inputs)
"""

from __future__ import annotations

import math
import re

import numpy as np

from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.layers import Dense, Layer
from mnistweb.nn.model import Sequential
from mnistweb.nn.normalization import BatchNorm
from mnistweb.weights.errors import WeightsError

ORIENTATIONS = ("upright", "transposed")
_NUMBER = r"[+-]?\d{1,6}(?:\.\d{1,9})?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})", re.ASCII)
_MEAN_STD = re.compile(rf"({_NUMBER}),({_NUMBER})", re.ASCII)


def parse_input_scale(text: str) -> tuple[float, float]:
    """(a, c) such that the network wants a * x + c for our x from 0 (paper) to 1 (ink).

    text: "0..1", "0..255", "-1..1", "1..0" (value of paper, value of ink), or "0.1307,0.3081" (mean, standard
    deviation of pixels from 0 to 1, which were subtracted and divided by). Raises WeightsError for others.
    """
    if match := _RANGE.fullmatch(text):
        paper, ink = float(match[1]), float(match[2])
        if paper != ink:
            return ink - paper, paper
    elif (match := _MEAN_STD.fullmatch(text)) and float(match[2]) > 0:
        mean, deviation = float(match[1]), float(match[2])
        return 1 / deviation, -mean / deviation
    raise WeightsError(
        f"input scale {text!r:.40}; wanted the values of paper and ink, as in 0..1, 0..255 or -1..1, "
        "or mean and standard deviation, as in 0.1307,0.3081"
    )


def fold_input_scale(model: Sequential, scale: tuple[float, float]) -> Sequential:
    """A model that does with x what `model` does with a * x + c. The same one for a = 1, c = 0."""
    factor, offset = scale
    if (factor, offset) == (1.0, 0.0):
        return model
    model = model.astype(np.float32)
    first = next(layer for layer in model.layers if isinstance(layer, Dense | Conv2D))
    if isinstance(first, Conv2D) and first.padding > 0 and offset != 0:
        # The rim that padding adds is 0 in the network's scale, not in ours, so no bias can make up for it.
        return Sequential([_scaling(factor, offset), *model.layers], input_shape=model.input_shape)
    weight = first.params["weight"].astype(np.float64)  # the sums over 784 rows would lose digits in float32
    first.params["bias"][...] += offset * weight.sum(axis=tuple(range(weight.ndim - 1)))
    first.params["weight"][...] = factor * weight
    return model


def turn_pictures(model: Sequential, orientation: str) -> Sequential:
    """A model that does with pictures what `model` does with them transposed. The same one for "upright"."""
    if orientation not in ORIENTATIONS:
        raise WeightsError(f"orientation {orientation!r:.40}; wanted one of {', '.join(ORIENTATIONS)}")
    if orientation == "upright":
        return model
    model = model.astype(np.float32)
    shape: tuple[int, ...] = model.input_shape
    for layer in model.layers:
        # Every layer treats both axes of a picture alike, so turning each kernel turns everything.
        if isinstance(layer, Conv2D):
            layer.params["weight"][...] = layer.params["weight"].swapaxes(0, 1).copy()
        elif isinstance(layer, Dense):
            weight = layer.params["weight"]
            weight[...] = weight.reshape(*shape, -1).swapaxes(0, 1).reshape(weight.shape)  # (H, W, C, out)
            break
        if len(out := layer.output_shape(shape)) == 3:
            shape = out
        elif len(shape) == 3 and math.prod(out) != math.prod(shape):
            break  # a global average: nothing after it knows where a pixel was
    return model


def _scaling(factor: float, offset: float) -> Layer:
    """The layer a * x + c for pictures of one channel: a batch normalisation whose averages are 0 and 1."""
    layer = BatchNorm(1)
    layer.params["gamma"][...] = factor * math.sqrt(1 + layer.epsilon)
    layer.params["beta"][...] = offset
    return layer
