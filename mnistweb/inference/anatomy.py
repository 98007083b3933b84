"""The anatomy of a network: its layers one by one, and what the first of them looks for in a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mnistweb.inference.classifier import DigitClassifier
from mnistweb.inference.drawings import drawings
from mnistweb.inference.favourites import Favourites, favourites
from mnistweb.inference.histograms import Histogram, activation_histograms, weight_histograms
from mnistweb.inference.sheets import framed_sheet, signed_sheet, usual_size
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.layers import Dense, Dropout, Flatten, Layer
from mnistweb.nn.model import Sequential
from mnistweb.nn.normalization import BatchNorm
from mnistweb.nn.pooling import AveragePool2D, MaxPool2D

MOST_TILES = 256  # units or filters that are shown of one layer
_SIDE = 28


@dataclass(frozen=True)
class LayerFacts:
    """One layer: what it is, the shape of what it gives for one picture, how many numbers it learned."""

    index: int
    name: str
    details: str
    output_shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class UnitGroup:
    """Hidden units that speak for one class, the strongest first: indices of the first layer's units."""

    label: int
    units: tuple[int, ...]
    picture: str


@dataclass(frozen=True)
class FilterSheet:
    """The favourite drawings of one convolution's filters; `picture` shows the first `shown` of them."""

    number: int
    favourites: Favourites
    shown: int
    picture: str

    @property
    def silent(self) -> int:
        """How many filters answer none of the drawings."""
        return int(self.favourites.is_silent.sum())


@dataclass(frozen=True)
class Anatomy:
    """All that a page shows of the inside of one model.

    unit_groups: of a network whose first layer sees the pixels themselves, else empty. hidden_units: how many
    that layer has in all. kernels: the name of the picture of a first convolution's kernels, else "".
    filter_sheets: one for each convolution. pictures: PNG files by their names.
    """

    layers: tuple[LayerFacts, ...]
    weights: tuple[Histogram, ...]
    activations: tuple[Histogram, ...]
    unit_groups: tuple[UnitGroup, ...]
    hidden_units: int
    kernels: str
    filter_sheets: tuple[FilterSheet, ...]
    pictures: Mapping[str, bytes]


def dissect(classifier: DigitClassifier) -> Anatomy:
    """Take a model apart. Costs about as much as reading a hundred pictures; nothing in the model changes."""
    model, network = classifier.saved.model, classifier.network
    pictures: dict[str, bytes] = {}
    groups = _unit_groups(network, pictures)
    first = next((layer for layer in network.layers if layer.params), None)
    kernels = ""
    if isinstance(first, Conv2D):
        kernels = "kernels"
        tiles = first.params["weight"][:, :, 0, :MOST_TILES].transpose(2, 0, 1)  # (k, k, C, O) -> (O, k, k)
        pictures[kernels] = signed_sheet(tiles, scale=usual_size(tiles), zoom=8)
    return Anatomy(
        layers=tuple(layer_facts(model)),
        weights=tuple(weight_histograms(model)),
        activations=tuple(activation_histograms(model)),
        unit_groups=groups,
        hidden_units=first.out_features if isinstance(first, Dense) else 0,
        kernels=kernels,
        filter_sheets=tuple(
            _filter_sheet(number, found, pictures)
            for number, found in enumerate(favourites(network), start=1)
        ),
        pictures=pictures,
    )


def layer_facts(model: Sequential) -> list[LayerFacts]:
    """Each layer of a model in its order."""
    shape = model.input_shape
    found = []
    for index, layer in enumerate(model.layers):
        shape = layer.output_shape(shape)
        parameters = sum(array.size for array in layer.params.values())
        found.append(LayerFacts(index, type(layer).__name__, _details(layer), shape, parameters))
    return found


def unit_leanings(network: Sequential) -> np.ndarray | None:
    """How much each unit of the first layer adds to each class's logit by its way through the later weights.

    float (units, classes), each row with mean 0, since what is added to all classes alike decides nothing.
    The activation functions between are left out: for one hidden layer the sign is exact, for more it is a
    sketch.
    None unless the first layer that learns is dense and sees the 784 pixels.
    """
    first, *later = [layer for layer in network.layers if layer.params]
    if not isinstance(first, Dense) or first.in_features != _SIDE * _SIDE:
        return None
    leanings: np.ndarray = np.eye(network.num_classes, dtype=np.float32)
    # From the classes back, so that each product has only as many columns as there are classes.
    for layer in reversed(later):
        if isinstance(layer, Dense):
            leanings = layer.params["weight"] @ leanings
        elif isinstance(layer, BatchNorm):
            deviation = np.sqrt(layer.buffers["running_var"] + layer.epsilon)
            leanings = (layer.params["gamma"] / deviation)[:, np.newaxis] * leanings
    return leanings - leanings.mean(axis=1, keepdims=True)


def _unit_groups(network: Sequential, pictures: dict[str, bytes]) -> tuple[UnitGroup, ...]:
    """The first layer's units by the class that they speak for; draws a sheet of each group's weights."""
    leanings = unit_leanings(network)
    if leanings is None:
        return ()
    weight = next(layer for layer in network.layers if layer.params).params["weight"]
    # A unit with doubled weights, halved on the way out, does the same: so the product says how strong it is.
    strength = leanings.max(axis=1) * np.linalg.norm(weight, axis=0)
    order = np.argsort(-strength, kind="stable")[:MOST_TILES]
    tiles = weight.T.reshape(-1, _SIDE, _SIDE)
    scale = usual_size(tiles[order])
    groups = []
    for label in range(leanings.shape[1]):
        units = order[leanings[order].argmax(axis=1) == label]
        if len(units):
            name = f"units-{label}"
            pictures[name] = signed_sheet(tiles[units], scale=scale)
            groups.append(UnitGroup(label, tuple(units.tolist()), name))
    return tuple(groups)


def _filter_sheet(number: int, found: Favourites, pictures: dict[str, bytes]) -> FilterSheet:
    name = f"filters-{number}"
    shown = min(MOST_TILES, len(found.drawings))
    pixels = drawings()[0][found.drawings[:shown], :, :, 0]
    # What no drawing wakes has none that it likes: its place stays black.
    pixels = np.where(found.is_silent[:shown, np.newaxis, np.newaxis], 0, pixels)
    fields = np.where(found.is_silent[:shown, np.newaxis], 0, found.fields[:shown])
    pictures[name] = framed_sheet(np.rint(pixels * 255).astype(np.uint8), fields)
    return FilterSheet(number, found, shown, name)


def _details(layer: Layer) -> str:
    match layer:
        case Conv2D():
            k = layer.kernel_size
            return (
                f"{layer.out_channels} kernels of {k}x{k}x{layer.in_channels}, stride {layer.stride}, "
                f"padding {layer.padding}"
            )
        case MaxPool2D() | AveragePool2D():
            return f"windows of {layer.pool_size}x{layer.pool_size}, stride {layer.stride}"
        case Dense():
            return f"{layer.in_features} inputs to each of {layer.out_features} units"
        case Dropout():
            return f"{100 * layer.dropout_rate:.0f} % zeroed in training, nothing after it"
        case Flatten():
            return "lays the picture out as one row"
        case BatchNorm():
            return f"keeps the mean and variance of {math.prod(layer.buffers['running_mean'].shape)} features"
    return ""
