"""An explanation shows what happened inside: each layer's activations, and which pixels spoke for a digit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnistweb.inference.classifier import DigitClassifier
from mnistweb.nn import Sequential

_KINKED = {
    "Flatten",
    "Dense",
    "Conv2D",
    "ReLU",
    "MaxPool2D",
    "AveragePool2D",
    "GlobalAveragePool2D",
    "Dropout",
    "BatchNorm",
}

_EXACT = (
    "Gradient times input: a pixel's brightness times the slope of the digit's logit at this picture. "
    "The network is piecewise linear, so they and the share of its biases add up to the logit exactly."
)
_FIRST_ORDER = (
    "Gradient times input: a pixel's brightness times the slope of the digit's logit at this picture. "
    "The network is curved, so this is its tangent's view: right for small changes of the picture."
)


@dataclass(frozen=True)
class UnitSum:
    """How one unit of a dense layer came to its value: total = sum of input x weight over all inputs + bias.

    top: the largest products by size, as (index of the input, input, weight, product).
    """

    total: float
    bias: float
    top: tuple[tuple[int, float, float, float], ...]


@dataclass(frozen=True)
class LayerActivation:
    """What one layer gave for one picture.

    values: without the batch axis, (features,) or (height, width, channels) float32.
    units: for a dense layer, how each unit came to its value; else empty.
    """

    layer: int
    name: str
    values: NDArray[np.float32]
    units: tuple[UnitSum, ...]


@dataclass(frozen=True)
class Contribution:
    """How much each pixel, (28, 28) float32, adds to the logit of one digit or takes from it."""

    digit: int
    logit: float
    pixels: NDArray[np.float32]


def activations(
    classifier: DigitClassifier, pixels: NDArray[np.float32], *, top: int = 5
) -> list[LayerActivation]:
    """Each layer's activations for one picture (28, 28) float32; `top` products are named for each unit."""
    found = []
    values = pixels.reshape(1, 28, 28, 1)
    for index, layer in enumerate(classifier.network.layers):
        inputs, values = values, layer.forward(values)
        name = type(layer).__name__
        units = (
            _unit_sums(inputs[0], layer.params["weight"], layer.params["bias"], top)
            if name == "Dense"
            else ()
        )
        found.append(LayerActivation(index, name, values[0].copy(), units))
    return found


def contributions(
    classifier: DigitClassifier, pixels: NDArray[np.float32], digits: tuple[int, ...]
) -> tuple[str, list[Contribution]]:
    """Which pixels of one picture (28, 28) float32 speak for and against each of `digits`.

    Returns the method in words and one Contribution per digit. The method is gradient x input (Shrikumar,
    Greenside, Shcherbina, Kundaje: Not just a black box, 2016). On a piecewise linear network it is exact:
    logit = gradient . input + what the biases add.
    """
    # Only a training pass keeps what backward needs, so it runs on a twin; other threads use the network.
    twin: Sequential = classifier.network.replica()
    for layer in twin.layers:
        layer.needs_input_grad = True  # of the pixels too, which nobody asks for in training
    found = []
    for digit in digits:
        logits = twin.forward(pixels.reshape(1, 28, 28, 1), training=True)
        logit = float(logits[0, digit])
        one_logit = np.zeros_like(logits)
        one_logit[0, digit] = 1
        gradient = np.asarray(twin.backward(one_logit)).reshape(28, 28)
        found.append(Contribution(digit, logit, gradient * pixels))
    kinked = all(type(layer).__name__ in _KINKED for layer in classifier.network.layers)
    return (_EXACT if kinked else _FIRST_ORDER), found


def _unit_sums(
    inputs: NDArray[np.float32], weight: NDArray[np.float32], bias: NDArray[np.float32], top: int
) -> tuple[UnitSum, ...]:
    products = inputs[:, np.newaxis] * weight  # (in_features, out_features)
    totals = products.sum(axis=0) + bias
    largest = np.argsort(-np.abs(products), axis=0, kind="stable")[:top]
    return tuple(
        UnitSum(
            float(totals[unit]),
            float(bias[unit]),
            tuple(
                (int(i), float(inputs[i]), float(weight[i, unit]), float(products[i, unit]))
                for i in largest[:, unit]
            ),
        )
        for unit in range(weight.shape[1])
    )
