"""Finds the network that a file's arrays belong to, from their shapes, and builds it.

A file seldom says which way round its arrays lie, where poolings are or which activation it used. Shapes
answer the first two, for a picture of 28x28 has to come out as ten numbers; the last has to be asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnistweb.nn.activations import ReLU, Sigmoid, Tanh
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.layers import Dense, Flatten, Layer
from mnistweb.nn.model import Sequential
from mnistweb.nn.normalization import BatchNorm
from mnistweb.nn.pooling import GlobalAveragePool2D, MaxPool2D
from mnistweb.weights.errors import WeightsError
from mnistweb.weights.geometry import Geometry, find_geometry
from mnistweb.weights.layouts import ACTIVATIONS, Block, Found, Norm
from mnistweb.weights.ordering import PIXELS, convolutions_in_order, matrices_in_order, possible_inputs
from mnistweb.weights.shapes import check_work

_ACTIVATION_LAYERS: dict[str, type[Layer]] = dict(zip(ACTIVATIONS, (ReLU, Sigmoid, Tanh), strict=True))


@dataclass(frozen=True)
class Assembled:
    """The network, its activation (None without hidden layers), and how the arrays lay in the file."""

    model: Sequential
    activation: str | None
    arrays: str


def assemble(
    found: Found,
    *,
    activation: str | None,
    padding: str | None = None,
    pool_after: Sequence[int] | None = None,
) -> Assembled:
    """The network of these blocks, in float32, for pictures (N, 28, 28, 1) from 0 to 1.

    Raises WeightsError, naming the array, its shape and what would fit, when there is no such network, and
    when the file leaves open what `activation`, `padding` or `pool_after` would say.
    """
    kernels, conv_words = convolutions_in_order(found)
    geometry, inputs = None, PIXELS
    if kernels:
        shapes = [kernel.weight.shape for kernel in kernels]
        geometry = find_geometry(shapes, possible_inputs(found), padding=padding, pool_after=pool_after)
        inputs = geometry.features
    matrices, dense_words = matrices_in_order(found, inputs)
    if geometry and matrices and conv_words == "OIHW":
        matrices[0] = _rows_in_our_order(matrices[0], geometry)
    blocks = [*kernels, *matrices]
    word = _activation(activation, found, hidden=len(blocks) - 1)
    model = Sequential(_layers(blocks, _place_norms(found.norms, blocks), geometry, word))
    check_work(model)
    return Assembled(model, word, ", ".join(filter(None, (conv_words, dense_words))))


def _activation(given: str | None, found: Found, *, hidden: int) -> str | None:
    word = given or found.activation
    if hidden == 0:
        return None
    if word is None:
        raise WeightsError(
            f"the file does not say which activation stands between its {hidden + 1} layers; name it with "
            "--activation relu, sigmoid or tanh (tutorials mostly use relu, older books sigmoid)"
        )
    if word not in _ACTIVATION_LAYERS:
        raise WeightsError(f"activation {word!r:.40}; wanted one of {', '.join(ACTIVATIONS)}")
    return word


def _place_norms(norms: Sequence[Norm], blocks: Sequence[Block]) -> dict[str, Norm]:
    """Which batch norm stands after which block: by the file's order where that tells, else by size."""
    placed: dict[str, Norm] = {}
    position = 0
    for norm in norms:
        size = len(norm.arrays["gamma"])
        fits = [i for i, b in enumerate(blocks[:-1]) if b.weight.shape[-1] == size and b.name not in placed]
        sure = [i for i in fits if blocks[i].name == norm.follows]
        later = [i for i in fits if i >= position]
        if not fits:
            raise WeightsError(f"{norm.name} normalises {size} features; no layer without one gives as many")
        position = (sure or later or fits)[0]
        placed[blocks[position].name] = norm
    return placed


def _layers(
    blocks: Sequence[Block], norms: dict[str, Norm], geometry: Geometry | None, activation: str | None
) -> list[Layer]:
    layers: list[Layer] = [] if geometry else [Flatten()]
    convolutions = len(geometry.pooled) if geometry else 0
    for index, block in enumerate(blocks):
        padding = (block.weight.shape[0] - 1) // 2 if geometry and geometry.padding == "same" else 0
        layers.append(_learned(block, padding))
        if block.name in norms:
            layers.append(_batch_norm(norms[block.name]))
        if index < len(blocks) - 1:
            layers.append(_ACTIVATION_LAYERS[str(activation)]())
        if geometry and index < convolutions:
            if geometry.pooled[index]:
                layers.append(MaxPool2D(2))
            if index == convolutions - 1:
                layers.append(GlobalAveragePool2D() if geometry.averaged else Flatten())
    return layers


def _learned(block: Block, padding: int) -> Layer:
    shape = block.weight.shape
    layer: Layer
    if len(shape) == 4:
        layer = Conv2D(shape[2], shape[3], shape[0], padding=padding, rng=None)
    else:
        layer = Dense(shape[0], shape[1], rng=None)
    if block.bias is not None and block.bias.shape != (shape[-1],):
        raise WeightsError(f"the bias of {block.name} has shape {block.bias.shape}; wanted ({shape[-1]},)")
    layer.params["weight"][...] = _float32(block.weight, block.name)
    if block.bias is not None:
        layer.params["bias"][...] = _float32(block.bias, f"the bias of {block.name}")
    return layer


def _batch_norm(norm: Norm) -> BatchNorm:
    layer = BatchNorm(len(norm.arrays["gamma"]))
    for name, array in norm.arrays.items():
        (layer.params if name in layer.params else layer.buffers)[name][...] = _float32(array, norm.name)
    if (layer.buffers["running_var"] < 0).any():
        raise WeightsError(f"{norm.name} has a negative variance")
    return layer


def _float32(array: np.ndarray, name: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32)
    if not np.isfinite(narrow).all():
        raise WeightsError(f"{name} holds numbers too large for float32")
    return narrow


def _rows_in_our_order(first: Block, geometry: Geometry) -> Block:
    """The matrix after the convolutions, for pictures laid out (H, W, C) instead of PyTorch's (C, H, W)."""
    side, channels = geometry.side, geometry.channels
    if geometry.averaged:
        return first
    weight = first.weight.reshape(channels, side, side, -1).transpose(1, 2, 0, 3)  # (H, W, C, out)
    return Block(first.name, weight.reshape(first.weight.shape), first.bias)
