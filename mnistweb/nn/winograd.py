"""Winograd's convolution: kernels of three lines, with half of the multiplications.

Three numbers slid over a column give each of m outputs three products, 3 m in all. Seen as polynomials whose
coefficients are multiplied, m + 2 products are enough: evaluate both factors at m + 1 points (and "at
infinity", which is the leading coefficient), multiply the values, and interpolate. Evaluating and
interpolating are products with small fixed matrices:

    outputs (m) = A^T [(G kernel) * (B^T inputs)]        * element by element, m + 2 times; inputs: m + 2

(Winograd, "Arithmetic Complexity of Computations", 1980; Lavin, Gray, "Fast Algorithms for Convolutional
Neural Networks", 2016.) Here this is done down the lines of a picture, m = 2 or 4 output lines at once: an
"input" is a whole line, and each "product" an ordinary convolution along the line, written, as in
``Conv2D``, as a matrix product of columns (N * lines * out_w, 3 * C) with kernels (3 * C, O). Backwards all
of it is transposed. Rounding errors are about three times those of the plain convolution.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from mnistweb.nn.memory import scratch

Array = np.ndarray

# These points keep rounding errors small (Barabasz, Anderson, Soodhalter, Gregg, "Error Analysis and
# Improving the Accuracy of Winograd Convolution for Deep Neural Networks", 2020).
_POINTS = (0, 1, -1, 1 / 2, -2)

# OpenBLAS has kernels for products of up to a million multiplications that skip its copying of the factors.
_MULTIPLICATIONS = 1_000_000


def lines_at_once(out_h: int) -> int:
    """How many output lines to compute together: 4, 2, or 0 if ``out_h`` has to be done in the plain way."""
    return next((m for m in (4, 2) if out_h % m == 0), 0)


@lru_cache
def matrices(m: int, dtype: Any) -> tuple[Array, Array, Array]:
    """B^T (m + 2, m + 2), G (m + 2, 3) and A^T (m, m + 2) for m outputs of a kernel of 3 numbers."""
    points = np.array(_POINTS[: m + 1])
    size = m + 2
    inputs, kernel, outputs = np.zeros((size, size)), np.zeros((size, 3)), np.zeros((m, size))
    for row, point in enumerate(points):
        others = np.delete(points, row)
        inputs[row, :-1] = np.poly(others)[::-1]  # the polynomial that is zero at all other points
        kernel[row] = point ** np.arange(3) / np.prod(point - others)
        outputs[:, row] = point ** np.arange(m)
    inputs[-1] = np.poly(points)[::-1]
    kernel[-1, -1] = outputs[-1, -1] = 1  # infinity: the leading coefficients
    return inputs.astype(dtype), kernel.astype(dtype), outputs.astype(dtype)


def mixed_kernels(weight: Array, m: int) -> Array:
    """G kernel for each column of ``weight`` (3, 3, C, O): (m + 2, 3 * C, O)."""
    _, mix_kernel, _ = matrices(m, weight.dtype)
    return (mix_kernel @ weight.reshape(3, -1)).reshape(m + 2, -1, weight.shape[3])


def convolve(padded: Array, kernels: Array, bias: Array | None, outputs: Array) -> None:
    """Fill ``outputs`` (N, out_h, out_w, O) from contiguous ``padded`` (N, out_h + 2, out_w + 2, C).

    ``kernels`` are mixed_kernels(weight, lines_at_once(out_h)), ``bias`` is (O,) or None.
    """
    n, _, width, channels = padded.shape
    _, out_h, out_w, out_channels = outputs.shape
    size = len(kernels)
    m = size - 2
    groups = out_h // m
    mix_inputs, _, unmix = matrices(m, padded.dtype)
    few = _few(padded, out_channels, m)
    mixed = scratch("mixed", (size, few, groups, width * channels), padded.dtype)
    windows = _windows(mixed, out_w, channels)
    columns = scratch("columns", windows.shape, padded.dtype)
    products = scratch("products", (size, few, groups, out_w * out_channels), padded.dtype)
    for part, now in _parts(n, few):
        np.matmul(mix_inputs, _overlapping(padded[part], m), out=_by_group(mixed[now]))
        np.copyto(columns[now], windows[now])
        np.matmul(_rows(columns[now], 3 * channels), kernels, out=_rows(products[now], out_channels))
        if bias is not None:
            at_one = _rows(products[now], out_channels)[1]  # 1 to any power is 1: goes into every output once
            at_one += bias
        lines = outputs[part].reshape(-1, groups, m, out_w * out_channels)
        np.matmul(unmix, _by_group(products[now]), out=lines)


def gradients(
    padded: Array,
    weight: Array,
    grad_output: Array,
    grad_weight: Array,
    grad_padded: Array | None,
    m: int,
    spread: Array,
) -> None:
    """Fill ``grad_weight`` and, unless it is None, ``grad_padded`` from ``grad_output`` (N, out_h, out_w, O).

    Both have the shapes of what they are gradients of; the rest as in ``convolve``. ``spread`` are zeros of
    shape spread_shape(padded, weight, m), which may be used again with the same shapes.
    """
    n, height, width, channels = padded.shape
    _, out_h, out_w, out_channels = grad_output.shape
    mix_inputs, mix_kernel, unmix = matrices(m, padded.dtype)
    size, groups = m + 2, out_h // m
    # Along a line, each input pixel collects from the three windows that held it: again a convolution, of the
    # gradient within a rim of two zeros on either side, with the kernel's line turned round.
    kernels = mixed_kernels(weight, m).reshape(size, 3, channels, out_channels)
    turned = kernels[:, ::-1].swapaxes(2, 3)  # (size, 3, O, C)
    turned = np.ascontiguousarray(turned).reshape(size, 3 * out_channels, channels)
    few = spread.shape[1]
    windows = _windows(spread, width, out_channels)
    columns = scratch("columns", windows.shape, padded.dtype)
    mixed = scratch("mixed", (size, few, groups, width * channels), padded.dtype)
    lines = scratch("lines", (few, groups, size, width * channels), padded.dtype)
    grad_turned = np.zeros((size, channels, 3 * out_channels), padded.dtype)
    for part, now in _parts(n, few):
        grad_lines = grad_output[part].reshape(-1, groups, m, out_w * out_channels)
        inside = spread[now][..., 2 * out_channels : -2 * out_channels]
        np.matmul(unmix.T, grad_lines, out=_by_group(inside))
        np.copyto(columns[now], windows[now])
        grad_columns = _rows(columns[now], 3 * out_channels)
        np.matmul(mix_inputs, _overlapping(padded[part], m), out=_by_group(mixed[now]))
        grad_turned += _rows(mixed[now], channels).swapaxes(1, 2) @ grad_columns
        if grad_padded is not None:
            np.matmul(grad_columns, turned, out=_rows(mixed[now], channels))
            collected = lines[now[1]]
            np.matmul(mix_inputs.T, _by_group(mixed[now]), out=collected)
            _add_overlapping(collected, grad_padded[part].reshape(-1, height, width * channels))
    grad_mixed = grad_turned.reshape(size, channels, 3, out_channels)[:, :, ::-1].swapaxes(1, 2)
    grad_weight[...] = np.tensordot(mix_kernel, grad_mixed, (0, 0))


def spread_shape(padded: Array, weight: Array, m: int) -> tuple[int, ...]:
    """Of what ``gradients`` needs to spread out a gradient with its rims of zeros."""
    _, height, width, _ = padded.shape
    return m + 2, _few(padded, weight.shape[3], m), (height - 2) // m, (width + 2) * weight.shape[3]


def _few(padded: Array, out_channels: int, m: int) -> int:
    """How many pictures to take at once."""
    n, height, width, channels = padded.shape
    rows = (height - 2) // m * width  # that one picture makes for each matrix product
    return max(1, min(n, _MULTIPLICATIONS // (rows * 3 * channels * out_channels)))


def _parts(n: int, few: int) -> Iterator[tuple[slice, tuple[slice, slice]]]:
    """Which pictures come next, and which part of the arrays (size, few, ...) they need."""
    for start in range(0, n, few):
        stop = min(start + few, n)
        yield slice(start, stop), (slice(None), slice(0, stop - start))


def _overlapping(padded: Array, m: int) -> Array:
    """Groups of m + 2 lines, of which neighbours share two: (N, groups, m + 2, W * C), a view."""
    n, height, width, channels = padded.shape
    line = width * channels * padded.itemsize
    return np.ndarray(
        (n, (height - 2) // m, m + 2, width * channels),
        padded.dtype,
        padded,
        strides=(height * line, m * line, line, padded.itemsize),
    )


def _add_overlapping(groups: Array, lines: Array) -> None:
    """The reverse: each of ``lines`` (N, H, W * C) becomes the sum of what stands for it in the groups."""
    n, count, size, length = groups.shape
    m = size - 2
    own = lines[:, :-2].reshape(n, count, m, length)
    own[...] = groups[:, :, :m]
    own[:, 1:, :2] += groups[:, :-1, m:]
    lines[:, -2:] = groups[:, -1, m:]


def _windows(lines: Array, out_w: int, channels: int) -> Array:
    """Windows of three pixels along (size, few, groups, W * C): (size, few, groups, out_w, 3 * C), a view."""
    by_pixel = channels * lines.itemsize
    return np.ndarray(
        (*lines.shape[:3], out_w, 3 * channels),
        lines.dtype,
        lines,
        strides=(*lines.strides[:3], by_pixel, lines.itemsize),
    )


def _by_group(mixed: Array) -> Array:
    return mixed.transpose(1, 2, 0, 3)  # (size, few, groups, length) -> (few, groups, size, length)


def _rows(mixed: Array, length: int) -> Array:
    return mixed.reshape(len(mixed), -1, length)  # (size, few, groups, ...) -> (size, rows, length), a view
