"""A single picture through a network that will not change any more, with everything prepared.

Much of what layers do is the same for every picture: they ask for shapes, find their kernels, lay out arrays.
For one picture alone that takes a fifth of the time. So it is done once: each layer says which calls of NumPy
it needs, on which arrays (``Layer.prepare``), and answering a picture is to put it where the first call looks
for it and to make all the calls in a row.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from mnistweb.nn.layers import Array, Layer, Shape, Step
from mnistweb.nn.memory import aligned_zeros


class OnePicture(threading.local):
    """What is prepared. As a ``threading.local`` it is made anew in each thread that uses it, so that no two
    work on the same arrays."""

    def __init__(self, layers: Sequence[Layer], input_shape: Shape, dtype: Any) -> None:
        self._picture = aligned_zeros((1, *input_shape), dtype)
        self._steps: list[Step] = []
        places = Places(_most_numbers(layers, input_shape), dtype)
        outputs = self._picture
        for layer in layers:
            steps, outputs = layer.prepare(outputs, places)
            self._steps += steps
        self._outputs = outputs

    def forward(self, picture: Array) -> Array:
        """The same as ``layer.forward`` of all layers in a row, up to rounding, for one picture (1, ...)."""
        np.copyto(self._picture, picture)
        for step in self._steps:
            step()
        return self._outputs.copy()


class Places:
    """Two arrays that are given out in turn: a layer reads from one and writes to the other. So few stay in
    the processor's cache."""

    def __init__(self, size: int, dtype: Any) -> None:
        self._next, self._last = aligned_zeros((size,), dtype), aligned_zeros((size,), dtype)

    def __call__(self, shape: Shape) -> Array:
        """Room for an array; what was given out before the last one is overwritten."""
        self._next, self._last = self._last, self._next
        return self._last[: math.prod(shape)].reshape(shape)


def _most_numbers(layers: Sequence[Layer], shape: Shape) -> int:
    """How many numbers the largest of the layers' inputs and outputs holds."""
    most = math.prod(shape)
    for layer in layers:
        shape = layer.output_shape(shape)
        most = max(most, math.prod(shape))
    return most
