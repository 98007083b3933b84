"""An activation bends: without one between them, two dense layers would be no more than one.

Each works element by element on any shape, except Softmax, which works along the last axis.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from mnistweb.nn.layers import Array, Layer, Shape, Step

# An array, for NumPy would have to make one of a plain 0 at every call, which shows on a single picture.
_ZERO = np.zeros((), np.float32)


class ReLU(Layer):
    """max(x, 0): lets the positive through and silences the rest (Nair, Hinton 2010)."""

    keeps_outputs = True

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        if not training:
            # Either gives the same. clip has the faster loop but takes longer to begin, which shows on a row.
            return inputs.clip(0, np.inf) if inputs.ndim > 2 else np.maximum(inputs, _ZERO)
        in_place = self.may_overwrite_inputs
        outputs = inputs if in_place else self.reuse("outputs", inputs.shape, inputs.dtype)
        inputs.clip(0, np.inf, out=outputs)
        self.cache["outputs"] = outputs
        return outputs

    def prepare(self, inputs: Array, place: Callable[[Shape], Array]) -> tuple[list[Step], Array]:
        return [partial(np.maximum, inputs, _ZERO, out=inputs)], inputs

    def backward(self, grad_output: Array) -> Array:
        outputs = self.remembered("outputs")
        is_on = np.greater(outputs, 0, out=self.reuse("is_on", outputs.shape, bool))
        grad_output *= is_on
        return grad_output


class Tanh(Layer):
    """tanh(x), between -1 and 1. Its slope is 1 - y ** 2, so the outputs suffice for the way back."""

    keeps_outputs = True

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        outputs = np.tanh(inputs)
        if training:
            self.cache["outputs"] = outputs
        return outputs

    def backward(self, grad_output: Array) -> Array:
        outputs = self.remembered("outputs")
        return grad_output * (1 - outputs * outputs)


class Sigmoid(Layer):
    """1 / (1 + exp(-x)), between 0 and 1. Its slope is y * (1 - y)."""

    keeps_outputs = True

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        # The same function as 1 / (1 + exp(-x)), but no exponential can overflow for large negative inputs.
        outputs = 0.5 * (1 + np.tanh(0.5 * inputs))
        if training:
            self.cache["outputs"] = outputs
        return outputs

    def backward(self, grad_output: Array) -> Array:
        outputs = self.remembered("outputs")
        return grad_output * outputs * (1 - outputs)


class Softmax(Layer):
    """Turns each row of logits into probabilities that sum to 1.

    Models of this project end with logits, and the loss takes those; this layer is for networks that use
    probabilities inside, or that were trained elsewhere with a softmax at their end.
    """

    keeps_outputs = True

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        outputs = softmax(inputs)
        if training:
            self.cache["outputs"] = outputs
        return outputs

    def backward(self, grad_output: Array) -> Array:
        # d y_i / d x_j = y_i * (1[i = j] - y_j), multiplied by the incoming gradient and summed over i
        outputs = self.remembered("outputs")
        grad_along_outputs = (grad_output * outputs).sum(axis=-1, keepdims=True)
        return outputs * (grad_output - grad_along_outputs)


def softmax(logits: Array) -> Array:
    """Probabilities of the shape and dtype of ``logits``, positive and summing to 1 along the last axis."""
    # Subtracting the row's maximum changes nothing in the ratio but keeps exp from overflowing.
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    exponentials /= exponentials.sum(axis=-1, keepdims=True)
    return exponentials
