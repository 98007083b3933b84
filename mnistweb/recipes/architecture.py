"""From the words of a recipe's architecture to a network with its first, random weights."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np

from mnistweb.nn.activations import ReLU, Sigmoid, Tanh
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.errors import ShapeError
from mnistweb.nn.layers import Dense, Dropout, Flatten, Layer, Shape
from mnistweb.nn.model import Sequential
from mnistweb.nn.normalization import BatchNorm
from mnistweb.nn.pooling import AveragePool2D, GlobalAveragePool2D, MaxPool2D
from mnistweb.recipes.errors import RecipeError
from mnistweb.recipes.recipe import ArchitectureSettings

INPUT_SHAPE = (28, 28, 1)
# Ten times the largest recipe here. Beyond, a training takes days, and a slip of the hand all memory.
MAX_PARAMETERS = 5_000_000
MAX_LAYERS = 64  # entries of `convolutions` and `hidden` together
# The running averages look back over some 30 batches: fewer would be noisy, more lag behind the weights.
_NORM_MOMENTUM = 0.97
_ACTIVATIONS: dict[str, type[Layer]] = {"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid}
_CONVOLUTION = re.compile(r"conv (\d{1,4})x(\d{1,4})x(\d{1,4})(?: stride (\d{1,4}))?( valid)?")
_POOLING = re.compile(r"(max|average)_pool (\d{1,4})x(\d{1,4})")
_DROPOUT = re.compile(r"dropout (0(?:\.\d+)?)")


def build_model(settings: ArchitectureSettings, num_classes: int, rng: np.random.Generator) -> Sequential:
    """The network that `settings` describe, for pictures (N, 28, 28, 1), with weights drawn from `rng`.

    Raises RecipeError that names the entry which is not understood or does not fit the one before it, and,
    before any memory is taken for it, when the network would be larger than MAX_PARAMETERS or MAX_LAYERS.
    """
    if (count := len(settings.convolutions) + len(settings.hidden)) > MAX_LAYERS:
        raise RecipeError(f"architecture expected at most {MAX_LAYERS} layers, got {count}")
    layers: list[Layer] = []
    parameters = 0
    shape: Shape = INPUT_SHAPE
    for entry in settings.convolutions:
        parameters += _weights_of(entry, shape)
        _check_size("convolutions", parameters)
        try:
            for layer in _convolutional(entry, settings, shape, rng):
                shape = layer.output_shape(shape)
                layers.append(layer)
        except ShapeError as problem:
            raise RecipeError(
                f"architecture.convolutions: {entry!r} does not fit here: {problem}"
            ) from problem
    if len(shape) > 1:
        layers.append(Flatten())
        shape = layers[-1].output_shape(shape)
    features = shape[0]
    widths = (features, *settings.hidden, num_classes)
    _check_size("hidden", parameters + sum(before * after for before, after in pairwise(widths)))
    for units in settings.hidden:
        layers.append(Dense(features, units, rng=rng))
        features = units
        if settings.batch_norm:
            layers.append(BatchNorm(features, momentum=_NORM_MOMENTUM))
        layers.append(_ACTIVATIONS[settings.activation]())
        if settings.dropout_rate:
            layers.append(Dropout(settings.dropout_rate, rng=rng))
    layers.append(Dense(features, num_classes, rng=rng))
    return Sequential(layers, input_shape=INPUT_SHAPE)


def check_architecture(settings: ArchitectureSettings) -> None:
    """Raise the RecipeError that `build_model` would, for ten classes, without waiting for the data."""
    build_model(settings, 10, np.random.default_rng(0))


def _check_size(key: str, parameters: int) -> None:
    if parameters > MAX_PARAMETERS:
        raise RecipeError(
            f"architecture.{key} expected a network of at most {MAX_PARAMETERS:,} parameters, "
            f"got one of {parameters:,}"
        )


def _weights_of(entry: str, shape: Shape) -> int:
    """How many weights an entry of ``convolutions`` asks for."""
    match = _CONVOLUTION.fullmatch(entry)
    return int(match[1]) * int(match[2]) * int(match[3]) * shape[-1] if match else 0


def _convolutional(
    entry: str, settings: ArchitectureSettings, shape: Shape, rng: np.random.Generator
) -> list[Layer]:
    """The layers that one entry of ``convolutions`` stands for."""
    if match := _CONVOLUTION.fullmatch(entry):
        height, width, channels = (int(match[group]) for group in (1, 2, 3))
        if height != width or not height % 2 or not channels:
            raise RecipeError(
                f"architecture.convolutions: expected an odd square such as 3x3x32, got {entry!r}"
            )
        padding = 0 if match[5] else height // 2
        # BatchNorm has a shift of its own, and takes any bias of the convolution away again.
        bias = not settings.batch_norm
        layers: list[Layer] = [
            Conv2D(shape[-1], channels, height, int(match[4] or 1), padding, bias=bias, rng=rng)
        ]
        if settings.batch_norm:
            layers.append(BatchNorm(channels, momentum=_NORM_MOMENTUM))
        return [*layers, _ACTIVATIONS[settings.activation]()]
    if match := _POOLING.fullmatch(entry):
        if match[2] != match[3] or match[2] == "0":
            raise RecipeError(f"architecture.convolutions: expected a square such as 2x2, got {entry!r}")
        return [(MaxPool2D if match[1] == "max" else AveragePool2D)(int(match[2]))]
    if entry == "global_average_pool":
        return [GlobalAveragePool2D()]
    if match := _DROPOUT.fullmatch(entry):
        return [Dropout(float(match[1]), rng=rng)]
    raise RecipeError(
        f'architecture.convolutions: cannot read {entry!r:.60}. Allowed: "conv 3x3x32", "conv 5x5x24 valid", '
        '"conv 3x3x64 stride 2", "max_pool 2x2", "average_pool 2x2", "global_average_pool", "dropout 0.1"'
    )
