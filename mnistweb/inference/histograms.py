"""How the numbers in a network are spread: its weights, and its activations on the shipped drawings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnistweb.inference.drawings import drawings
from mnistweb.nn.activations import ReLU, Sigmoid, Tanh
from mnistweb.nn.model import Sequential

BINS = 41  # an odd number, so that zero lies in the middle of a bin when both signs occur


@dataclass(frozen=True)
class Histogram:
    """How many values fall into each of `BINS` bins of equal width between low and high.

    layer: the index of the layer. low: 0 when no value is negative, else -high. share_of_zeros: of values
    that are exactly 0; a ReLU makes many, and they are not counted in the bins. silent: units or maps that
    are 0 on every drawing, of `units`.
    """

    layer: int
    name: str
    counts: tuple[int, ...]
    low: float
    high: float
    mean: float
    deviation: float
    share_of_zeros: float = 0.0
    silent: int = 0
    units: int = 0


def weight_histograms(model: Sequential) -> list[Histogram]:
    """The weights of each layer that has some, between their largest size on either side of 0."""
    return [
        _histogram(index, type(layer).__name__, layer.params["weight"])
        for index, layer in enumerate(model.layers)
        if "weight" in layer.params
    ]


def activation_histograms(model: Sequential) -> list[Histogram]:
    """What each activation function, and the last layer, makes of the drawings that ship."""
    values, _ = drawings()
    found = []
    for index, layer in enumerate(model.layers):
        values = layer.forward(values)
        if isinstance(layer, ReLU | Sigmoid | Tanh) or index == len(model.layers) - 1:
            name = type(layer).__name__
            found.append(_histogram(index, name, values, leaves_zeros=isinstance(layer, ReLU)))
    return found


def _histogram(index: int, name: str, values: np.ndarray, *, leaves_zeros: bool = False) -> Histogram:
    counted = values[values != 0] if leaves_zeros else values
    largest = float(np.abs(counted).max(initial=0)) or 1.0
    low, high = (0.0 if counted.min(initial=0) >= 0 else -largest), largest
    counts, _ = np.histogram(counted, BINS, (low, high))
    by_unit = values.reshape(-1, values.shape[-1])
    return Histogram(
        layer=index,
        name=name,
        counts=tuple(counts.tolist()),
        low=low,
        high=high,
        mean=float(values.mean(dtype=np.float64)),
        deviation=float(values.std(dtype=np.float64)),
        share_of_zeros=float((values == 0).mean()) if leaves_zeros else 0.0,
        silent=int((by_unit == 0).all(axis=0).sum()) if leaves_zeros else 0,
        units=values.shape[-1],
    )
