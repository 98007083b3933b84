"""Which arrays a layer needs, of which shapes, and how much work it makes: known before anything is built."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.model import LAYERS, Sequential
from mnistweb.weights.errors import WeightsError

Shape = tuple[int, ...]

MAX_LAYERS = 200
MAX_SIZE = 100_000  # of any one number in a layer's configuration
# What a layer's settings are; all others are whole numbers.
_KINDS = {
    "layer": str,
    "initializer": str,
    "bias": bool,
    "momentum": float,
    "epsilon": float,
    "dropout_rate": float,
}
MAX_NUMBERS_A_PICTURE = 2**22  # between two layers, and in a convolution's columns: 16 MB


def array_shapes(layer: Mapping[str, Any]) -> dict[str, Shape]:
    """The arrays of a layer by name, with their shapes, by its configuration: {"weight": (784, 128), ...}."""
    match layer["layer"]:
        case "Dense":
            return {"weight": (layer["in_features"], layer["out_features"]), "bias": (layer["out_features"],)}
        case "Conv2D":
            size, out_channels = layer["kernel_size"], layer["out_channels"]
            shapes: dict[str, Shape] = {"weight": (size, size, layer["in_channels"], out_channels)}
            if layer.get("bias", True):
                shapes["bias"] = (out_channels,)
            return shapes
        case "BatchNorm":
            return dict.fromkeys(("gamma", "beta", "running_mean", "running_var"), (layer["features"],))
        case _:
            return {}


def check_layers(layers: Any) -> None:
    """Raise WeightsError unless this is a list of known layers whose settings are small numbers and words."""
    if not isinstance(layers, list) or not 0 < len(layers) <= MAX_LAYERS:
        raise WeightsError(f"layers must be a list of 1 to {MAX_LAYERS} dicts")
    for index, layer in enumerate(layers):
        if (
            not isinstance(layer, dict)
            or not isinstance(layer.get("layer"), str)
            or layer["layer"] not in LAYERS
        ):
            raise WeightsError(
                f"layer {index} is {layer!r:.60}; wanted a dict with one of {', '.join(LAYERS)}"
            )
        for key, value in layer.items():
            what = f"layer {index} ({layer['layer']}): {key} is {value!r:.40}"
            kind = _KINDS.get(key, int)
            if type(value) is not kind and not (kind is float and type(value) is int):
                raise WeightsError(f"{what}; wanted {kind.__name__}")
            if isinstance(value, int | float) and not 0 <= value <= MAX_SIZE:
                raise WeightsError(f"{what}; wanted 0 to {MAX_SIZE:,}")
        try:
            array_shapes(layer)
        except KeyError as error:
            raise WeightsError(f"layer {index} ({layer['layer']}) lacks {error}") from error


def check_work(model: Sequential) -> None:
    """Raise WeightsError if one picture would need absurdly much memory on its way through the model."""
    shape: Shape = model.input_shape
    for index, layer in enumerate(model.layers):
        shape = layer.output_shape(shape)
        numbers = math.prod(shape)
        if isinstance(layer, Conv2D):
            numbers = max(numbers, math.prod(shape[:2]) * layer.kernel_size**2 * layer.in_channels)
        if numbers > MAX_NUMBERS_A_PICTURE:
            raise WeightsError(
                f"layer {index} ({type(layer).__name__}) works on {numbers:,} numbers a picture, "
                f"at most {MAX_NUMBERS_A_PICTURE:,} are taken"
            )
