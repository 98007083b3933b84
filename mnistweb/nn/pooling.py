"""Pooling makes a picture smaller: each small window of it becomes one number, its maximum or its mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from mnistweb.nn.activations import ReLU
from mnistweb.nn.errors import ConfigurationError, ShapeError
from mnistweb.nn.layers import Array, Layer, Shape, Step
from mnistweb.nn.memory import scratch
from mnistweb.nn.windows import few_at_once, parts, window_counts


class _WindowPool(Layer):
    """What the maximum and the mean over windows have in common: the windows."""

    def __init__(self, pool_size: int, stride: int | None = None) -> None:
        """Windows of pool_size x pool_size, side by side unless ``stride`` says otherwise; no padding."""
        super().__init__()
        self.pool_size, self.stride = pool_size, pool_size if stride is None else stride
        if self.pool_size < 1 or self.stride < 1:
            raise ConfigurationError(
                f"{type(self).__name__} wants pool_size and stride >= 1, got {pool_size} and {stride}"
            )

    def output_shape(self, input_shape: Shape) -> Shape:
        _check_picture(self, input_shape)
        counts = window_counts(type(self).__name__, input_shape, self.pool_size, self.stride)
        return (*counts, input_shape[2])

    def config(self) -> dict[str, Any]:
        return {"pool_size": self.pool_size, "stride": self.stride}

    def _corners(self, pictures: Array) -> Iterator[Array]:
        """For each place in a window, the view (N, out_h, out_w, C) of what all windows hold there."""
        out_h, out_w, _ = self.output_shape(pictures.shape[1:])
        reach_h, reach_w = (out_h - 1) * self.stride + 1, (out_w - 1) * self.stride + 1
        for i in range(self.pool_size):
            for j in range(self.pool_size):
                yield pictures[:, i : i + reach_h : self.stride, j : j + reach_w : self.stride]


class MaxPool2D(_WindowPool):
    """The largest value of each window and channel; its gradient goes to the first place that held it.

    (N, H, W, C) -> (N, out_h, out_w, C), out_h = (H - pool_size) // stride + 1; pixels left over are ignored.
    """

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        shape = (len(inputs), *self.output_shape(inputs.shape[1:]))
        if not training:
            outputs = np.empty(shape, inputs.dtype)
            self._largest(inputs, outputs)
            return outputs
        outputs = self.reuse("outputs", shape, inputs.dtype)
        winners = self.reuse("winners", (self.pool_size**2, *shape), bool)
        for part in few_pictures(inputs):
            self._largest(inputs[part], outputs[part])
            self._find_winners(inputs[part], outputs[part], winners[:, part])
        self.cache.update(input_shape=inputs.shape, winners=winners)
        return outputs

    def prepare(self, inputs: Array, place: Callable[[Shape], Array]) -> tuple[list[Step], Array]:
        n, _, width, channels = inputs.shape
        out_h, out_w, _ = self.output_shape(inputs.shape[1:])
        # First down the columns, which are whole lines of numbers to compare, then along what is left.
        lines, outputs = place((n, out_h, width, channels)), place((n, out_h, out_w, channels))
        steps: list[Step] = []
        for source, axis, largest in ((inputs, 1, lines), (lines, 2, outputs)):
            first, *others = _places_in_windows(
                source, axis, self.pool_size, self.stride, largest.shape[axis]
            )
            if not others:
                steps.append(partial(np.copyto, largest, first))
            for other in others:
                steps.append(partial(np.maximum, first, other, out=largest))
                first = largest
        return steps, outputs

    def backward(self, grad_output: Array) -> Array:
        input_shape, winners = self.remembered("input_shape"), self.remembered("winners")
        grad_inputs = self.reuse("grad", input_shape, grad_output.dtype)
        overlapping = self.stride < self.pool_size
        if overlapping or not self._covers(input_shape):
            # The array is used again, and the layer before may have written into all of it.
            grad_inputs[...] = 0
        for part in few_pictures(grad_inputs):
            if overlapping:
                self.add_to_winners(grad_inputs, grad_output, part)
                continue
            for wins, grads in zip(winners[:, part], self._corners(grad_inputs[part]), strict=True):
                np.multiply(grad_output[part], wins, out=grads)  # each pixel lies in one window at most
        return grad_inputs

    def add_to_winners(self, grad_inputs: Array, grad_output: Array, part: slice) -> None:
        """Add the gradient of each window, in this part of the pictures, to that of the pixel that won."""
        winners, grad = self.remembered("winners"), grad_output[part]
        share = scratch("share", grad.shape, grad.dtype)
        for wins, grads in zip(winners[:, part], self._corners(grad_inputs[part]), strict=True):
            grads += np.multiply(grad, wins, out=share)

    def _covers(self, shape: Shape) -> bool:
        """Whether every pixel of (N, H, W, C) lies in a window."""
        return self.stride <= self.pool_size and all(
            (side - self.pool_size) % self.stride == 0 for side in shape[1:3]
        )

    def _largest(self, pictures: Array, outputs: Array) -> None:
        """Fill ``outputs`` with the maximum of each window."""
        corners = list(self._corners(pictures))
        np.maximum(corners[0], corners[-1], out=outputs)
        for corner in corners[1:-1]:
            np.maximum(outputs, corner, out=outputs)

    def _find_winners(self, inputs: Array, outputs: Array, winners: Array) -> None:
        """For each place in a window, which windows meet their maximum there first; (k * k, N, h, w, C)."""
        undecided = scratch("undecided", outputs.shape, bool)
        undecided[...] = True
        *earlier, last = winners
        for values, wins in zip(self._corners(inputs), earlier, strict=False):
            np.equal(values, outputs, out=wins)
            wins &= undecided
            undecided ^= wins
        last[...] = undecided  # somewhere it must be


class AveragePool2D(_WindowPool):
    """The mean of each window and channel; its gradient is shared out evenly.

    (N, H, W, C) -> (N, out_h, out_w, C), out_h = (H - pool_size) // stride + 1; pixels left over are ignored.
    """

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        if training:
            self.cache["input_shape"] = inputs.shape
        first, *others = self._corners(inputs)
        outputs = first.copy()
        for other in others:
            outputs += other
        outputs *= 1 / self.pool_size**2
        return outputs

    def backward(self, grad_output: Array) -> Array | None:
        grad_inputs = np.zeros(self.remembered("input_shape"), grad_output.dtype)
        share = grad_output * (1 / self.pool_size**2)
        for grads in self._corners(grad_inputs):
            grads += share
        return grad_inputs


class GlobalAveragePool2D(Layer):
    """The mean of each channel over the whole picture: (N, H, W, C) -> (N, C)."""

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        if training:
            self.cache["input_shape"] = inputs.shape
        return inputs.mean(axis=(1, 2))

    def backward(self, grad_output: Array) -> Array | None:
        n, height, width, channels = shape = self.remembered("input_shape")
        share = grad_output * (1 / (height * width))
        return np.broadcast_to(share.reshape(n, 1, 1, channels), shape).copy()

    def output_shape(self, input_shape: Shape) -> Shape:
        _check_picture(self, input_shape)
        return (input_shape[2],)


def pooled_first(layers: Sequence[Layer]) -> list[Layer]:
    """The order to compute layers in: each MaxPool2D before the ReLU that it follows.

    ReLU keeps the order of numbers, so the largest of a window is the same before and after it, bit for bit,
    and so are all gradients; but after pooling there are fewer numbers left for ReLU to look at.
    """
    ordered = list(layers)
    for index, (before, layer) in enumerate(pairwise(layers)):
        if type(before) is ReLU and type(layer) is MaxPool2D:
            ordered[index : index + 2] = layer, before
    return ordered


def few_pictures(pictures: Array) -> Iterator[slice]:
    """Slices of so many pictures that they are still in the processor core's own cache at the second look."""
    return parts(len(pictures), few_at_once(len(pictures), pictures[:1].nbytes))


def _places_in_windows(pictures: Array, axis: int, size: int, stride: int, count: int) -> list[Array]:
    """For each place in windows along one axis, the view of what all ``count`` windows hold there."""
    before = (slice(None),) * axis
    reach = (count - 1) * stride + 1
    return [pictures[*before, start : start + reach : stride] for start in range(size)]


def _check_picture(layer: Layer, input_shape: Shape) -> None:
    if len(input_shape) != 3:
        raise ShapeError(
            f"{type(layer).__name__} expected pictures of shape (N, height, width, channels), got "
            f"(N, {', '.join(map(str, input_shape))}); put it before Flatten"
        )
