"""A convolution slides a small window over a picture and asks every place the same learned questions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Self

import numpy as np

from mnistweb.nn import winograd
from mnistweb.nn.errors import ConfigurationError, ShapeError
from mnistweb.nn.initializers import initialize
from mnistweb.nn.layers import Array, Layer, Shape, Step
from mnistweb.nn.memory import aligned_zeros, scratch
from mnistweb.nn.windows import few_at_once, line_windows, parts, window_counts

# With fewer channels than this, a line of k pixels is too short to be copied or multiplied fast.
_MANY_CHANNELS = 8

# For up to so many output pixels of one picture, fetching the kernels from memory takes longer than the
# multiplications, and Winograd's kernels are twice as large.
_FEW_PIXELS = 64


class Conv2D(Layer):
    """Every output pixel is the dot product of one window of the picture with one learned kernel:

        outputs[n, y, x, o] = bias[o] + sum over i, j, c of
                              padded[n, y * stride + i, x * stride + j, c] * weight[i, j, c, o]

    (Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 9.1; strictly, a cross-correlation.)

    With the windows laid out as the rows of a matrix, ``columns(padded)`` (N * out_h * out_w, k * k * C), all
    sums become one matrix product (Chellapilla, Puri, Simard, "High Performance Convolutional Neural
    Networks for Document Processing", 2006), and so do both gradients:

        outputs     = columns(padded) @ weight + bias
        grad_weight = columns(padded).T @ grad_output
        grad_inputs = columns(grad_output, spread by stride and padded by k - 1) @ turned weight

    Takes (N, H, W, in_channels), gives (N, out_h, out_w, out_channels) with
    out_h = (H + 2 * padding - kernel_size) // stride + 1.
    """

    #: True when the weights will not change any more, so that what inference derives from them may be kept.
    is_constant: bool = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        *,
        bias: bool = True,
        rng: np.random.Generator | None,
    ) -> None:
        """``bias=False`` suits a convolution before BatchNorm, which would subtract a bias again.

        Raises ConfigurationError for a size below 1 or a negative padding.
        """
        super().__init__()
        smallest = {"in_channels": 1, "out_channels": 1, "kernel_size": 1, "stride": 1, "padding": 0}
        sizes = (in_channels, out_channels, kernel_size, stride, padding)
        for (name, least), size in zip(smallest.items(), sizes, strict=True):
            if size < least:
                raise ConfigurationError(f"Conv2D: {name} must be at least {least}, got {size}")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        shape = (kernel_size, kernel_size, in_channels, out_channels)
        area = kernel_size**2
        self.params["weight"] = initialize(
            "he_normal", shape, fan_in=area * in_channels, fan_out=area * out_channels, rng=rng
        )
        if bias:
            self.params["bias"] = np.zeros(out_channels, np.float32)
        self.grads = {name: np.zeros_like(param) for name, param in self.params.items()}

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        out_h, out_w, out_channels = self.output_shape(inputs.shape[1:])
        shape = (len(inputs), out_h, out_w, out_channels)
        # Only training writes into the layer's own arrays, so that threads can share it for inference.
        if training:
            padded = self.cache["padded"] = self._padded(inputs, self.reuse)
            outputs = self.reuse("outputs", shape, padded.dtype)
        else:
            padded = self._padded(inputs, _fresh_zeros)
            outputs = np.empty(shape, padded.dtype)
        bias = self.params.get("bias")
        if lines := self._lines_at_once(out_h):
            winograd.convolve(padded, self._mixed_kernels(lines, training), bias, outputs)
        else:
            kernels, bias, with_ones = self._kernels_and_bias()
            for part, columns in self._columns(padded, with_ones=with_ones):
                rows = outputs[part].reshape(-1, out_channels)
                np.matmul(columns, kernels, out=rows)
                if bias is not None:
                    rows += bias
        return outputs

    def prepare(self, inputs: Array, place: Callable[[Shape], Array]) -> tuple[list[Step], Array]:
        out_h, out_w, out_channels = self.output_shape(inputs.shape[1:])
        outputs = place((1, out_h, out_w, out_channels))
        steps: list[Step] = []
        if rim := self.padding:
            _, height, width, channels = inputs.shape
            padded = aligned_zeros((1, height + 2 * rim, width + 2 * rim, channels), inputs.dtype)
            steps.append(partial(np.copyto, padded[:, rim : rim + height, rim : rim + width], inputs))
        else:
            padded = inputs
        lines = self._lines_at_once(out_h)
        if lines and out_h * out_w > _FEW_PIXELS:
            kernels, bias = self._mixed_kernels(lines, False), self.params.get("bias")
            return steps + winograd.steps(padded, kernels, bias, outputs), outputs
        kernels, bias, with_ones = self._kernels_and_bias()
        windows = line_windows(padded, self.kernel_size, self.kernel_size, self.stride)
        room = partial(aligned_zeros, dtype=inputs.dtype)
        matrix, columns = self._room_for_columns(windows.shape, with_ones, room)
        steps.append(partial(np.copyto, columns, windows))
        if self.in_channels < _MANY_CHANNELS:
            steps.append(partial(np.matmul, matrix, kernels, _as_rows(outputs)))
        else:  # a product for each line: small ones make OpenBLAS copy no factor
            steps.append(partial(np.matmul, matrix.reshape(out_h, out_w, -1), kernels, outputs[0]))
        if bias is not None:
            steps.append(partial(np.add, outputs, bias, outputs))
        return steps, outputs

    def backward(self, grad_output: Array) -> Array | None:
        padded, weight, grad_weight = self.remembered("padded"), self.params["weight"], self.grads["weight"]
        grad_output = np.ascontiguousarray(grad_output)
        if "bias" in self.grads:
            np.sum(grad_output, axis=(0, 1, 2), out=self.grads["bias"])
        grad_padded = self.reuse("grad", padded.shape, padded.dtype) if self.needs_input_grad else None
        if lines := self._lines_at_once(grad_output.shape[1]):
            spread = self.reuse("spread", winograd.spread_shape(padded, weight, lines), padded.dtype)
            winograd.gradients(padded, weight, grad_output, grad_weight, grad_padded, lines, spread)
        else:
            grad_kernels = grad_weight.reshape(-1, self.out_channels)  # (k * k * C, O)
            grad_kernels[...] = 0
            for part, columns in self._columns(padded):
                grad_kernels += columns.T @ grad_output[part].reshape(-1, self.out_channels)
            if grad_padded is not None:
                self._input_gradient(grad_output, grad_padded)
        if grad_padded is None:
            return None
        rim, (_, height, width, _) = self.padding, padded.shape
        return np.ascontiguousarray(grad_padded[:, rim : height - rim, rim : width - rim])

    def _input_gradient(self, grad_output: Array, grad_padded: Array) -> None:
        k, stride = self.kernel_size, self.stride
        n, _, width, channels = grad_padded.shape
        _, out_h, out_w, out_channels = grad_output.shape
        turned = self.params["weight"][:, ::-1].swapaxes(2, 3)  # (k, k, O, C)
        turned = np.ascontiguousarray(turned).reshape(k, k * out_channels, channels)
        few = few_at_once(n, out_h * width * k * out_channels * grad_output.itemsize)
        # Along a line, an input pixel collects from the windows that held it: again a convolution, of the
        # gradient spread out by the stride and padded by k - 1, with the kernel's line turned round.
        spread = self.reuse("spread", (few, out_h, width + k - 1, out_channels), grad_output.dtype)
        windows = line_windows(spread, 1, k)  # (few, out_h, width, 1, k * O)
        columns = scratch("columns", windows.shape, windows.dtype)
        collected = scratch("collected", (few, out_h, width, channels), windows.dtype)
        for part in parts(n, few):
            size = part.stop - part.start
            spread[:size, :, k - 1 : k - 1 + out_w * stride : stride] = grad_output[part]
            np.copyto(columns[:size], windows[:size])
            grad_padded[part] = 0
            for i in range(k):  # line i of the kernel saw input line y * stride + i for output line y
                lines = collected[:size]
                np.matmul(columns[:size].reshape(-1, k * out_channels), turned[i], out=_as_rows(lines))
                grad_padded[part, i : i + out_h * stride : stride] += lines

    def _mixed_kernels(self, lines: int, training: bool) -> Array:
        if training or not self.is_constant:
            return winograd.mixed_kernels(self.params["weight"], lines)
        name = f"kernels for {lines} lines"
        if name not in self.cache:
            self.cache[name] = winograd.mixed_kernels(self.params["weight"], lines)
        kernels: Array = self.cache[name]
        return kernels

    def _lines_at_once(self, out_h: int) -> int:
        """For winograd.py, which halves the work of the kernels that most networks use; 0 for the others."""
        suitable = self.kernel_size == 3 and self.stride == 1 and self.in_channels >= _MANY_CHANNELS
        return winograd.lines_at_once(out_h) if suitable else 0

    def _padded(self, inputs: Array, zeros: Callable[..., Array]) -> Array:
        """The inputs, contiguous, within a rim of ``padding`` zeros."""
        rim = self.padding
        if rim == 0:
            return np.ascontiguousarray(inputs)
        n, height, width, channels = inputs.shape
        padded = zeros("padded", (n, height + 2 * rim, width + 2 * rim, channels), inputs.dtype)
        padded[:, rim : rim + height, rim : rim + width] = inputs
        return padded

    def _columns(self, padded: Array, *, with_ones: bool = False) -> Iterator[tuple[slice, Array]]:
        """All windows of a few pictures after another, as rows of a matrix (few * out_h * out_w, k * k * C).

        The matrix is used again: it holds until the next step. Where channels are few, it may be asked for
        ``with_ones`` in one more column.
        """
        k = self.kernel_size
        windows = line_windows(padded, k, k, self.stride)  # (N, out_h, out_w, k, k * C)
        few = few_at_once(len(padded), windows[:1].size * windows.itemsize)
        room = partial(scratch, "columns", dtype=windows.dtype)
        matrix, columns = self._room_for_columns((few, *windows.shape[1:]), with_ones, room)
        pixels = windows.shape[1] * windows.shape[2]
        for part in parts(len(padded), few):
            count = part.stop - part.start
            np.copyto(columns[:count], windows[part])
            yield part, matrix[: count * pixels]

    def _room_for_columns(
        self, shape: Shape, with_ones: bool, room: Callable[[Shape], Array]
    ) -> tuple[Array, Array]:
        """A matrix of one row per window, and its view in the windows' shape (n, out_h, out_w, k, k * C)."""
        rows, size = math.prod(shape[:3]), math.prod(shape[3:])
        if self.in_channels >= _MANY_CHANNELS:
            matrix = room((rows, size))
            return matrix, matrix.reshape(shape)
        # The lines of a window are short then: rather copy along the picture's.
        turned = room((size + with_ones, rows))
        turned[size:] = 1
        return turned.T, turned[:size].reshape(*shape[3:], *shape[:3]).transpose(2, 3, 4, 0, 1)

    def _kernels_and_bias(self) -> tuple[Array, Array | None, bool]:
        """The kernels as columns of a matrix (k * k * C, O), and the bias to add to products with it, if any.

        Or the bias is the matrix's last row, for windows that end with a one: then True comes third.
        """
        kernels, bias = self.params["weight"].reshape(-1, self.out_channels), self.params.get("bias")
        if bias is None or self.in_channels >= _MANY_CHANNELS:
            return kernels, bias, False
        # Where kernels are small, one number more in each takes less time than a pass over the outputs.
        return np.concatenate((kernels, bias[np.newaxis])), None, True

    def describe(self) -> str:
        return f"conv {self.kernel_size}x{self.kernel_size}x{self.out_channels}"

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 3 or input_shape[2] != self.in_channels:
            raise ShapeError(
                f"Conv2D expected inputs of shape (N, height, width, {self.in_channels}), got (N, "
                f"{', '.join(map(str, input_shape))}); set in_channels to the number of channels before it"
            )
        counts = window_counts("Conv2D", input_shape, self.kernel_size, self.stride, self.padding)
        return (*counts, self.out_channels)

    def config(self) -> dict[str, Any]:
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "padding": self.padding,
            "bias": "bias" in self.params,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], rng: np.random.Generator | None) -> Self:
        return cls(**config, rng=rng)


def _as_rows(pixels: Array) -> Array:
    """(..., C) as a matrix of one row per pixel, without copying."""
    return pixels.reshape(-1, pixels.shape[-1])


def _fresh_zeros(name: str, shape: Shape, dtype: Any) -> Array:
    return np.zeros(shape, dtype)
