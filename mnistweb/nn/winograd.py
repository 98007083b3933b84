"""Winograd's convolution: kernels of three lines, with half of the multiplications.

Three numbers slid over a column give each of m outputs three products, 3 m in all. Seen as polynomials whose
coefficients are multiplied, m + 2 products are enough: evaluate both factors at m + 1 points (and "at
infinity", which is the leading coefficient), multiply the values, and interpolate. Evaluating and
interpolating are products with small fixed matrices:

    outputs (m) = A^T [(G kernel) * (B^T inputs)]        * element by element, m + 2 times; inputs: m + 2

(Winograd, "Arithmetic Complexity of Computations", 1980; Lavin, Gray, "Fast Algorithms for Convolutional
Neural Networks", 2016.) Here this is done down the lines of a picture, m = 2 or 4 output lines at once: an
"input" is a whole line, and each "product" an ordinary convolution along the line, written as a matrix
product of its windows (N * lines * W, 3 * C) with kernels (3 * C, O). The lines lie end to end in memory, so
that the windows need not be copied (see ``_windows``). Backwards all of it is transposed. Rounding errors are
about three times those of the plain convolution.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from mnistweb.nn.layers import Step
from mnistweb.nn.memory import scratch, scratch_views
from mnistweb.nn.windows import parts

Array = np.ndarray

# These points keep rounding errors small (Barabasz, Anderson, Soodhalter, Gregg, "Error Analysis and
# Improving the Accuracy of Winograd Convolution for Deep Neural Networks", 2020).
_POINTS = (0, 1, -1, 1 / 2, -2)

# OpenBLAS has kernels for products of up to a million multiplications that skip its copying of the factors;
# with fewer, all that is touched on the way back fits the second cache better.
_MULTIPLICATIONS = 700_000


@lru_cache
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
    few = _few(padded, outputs.shape[3], len(kernels) - 2)
    for part in parts(len(padded), few):
        for step in steps(padded[part], kernels, bias, outputs[part], few):
            step()


def steps(padded: Array, kernels: Array, bias: Array | None, outputs: Array, room: int = 1) -> list[Step]:
    """The calls that ``convolve`` makes for up to ``room`` pictures."""
    n, _, width, channels = padded.shape
    _, out_h, out_w, out_channels = outputs.shape
    m = len(kernels) - 2
    groups = out_h // m
    mix_inputs, _, unmix = matrices(m, padded.dtype)
    place = scratch_views(_lay_out, m, n, room, groups, width, channels, out_w, out_channels, padded.dtype)
    calls: list[Step] = [
        partial(place.beyond.fill, 0),  # nobody uses what is computed from these, but it shall be a number
        partial(np.matmul, mix_inputs, _overlapping(padded, m), place.mixed),
        partial(np.matmul, place.windows, kernels[:, np.newaxis], place.products),
    ]
    if bias is not None:  # 1 to any power is 1: goes into every output once
        calls.append(partial(np.add, place.first, bias, place.first))
    calls.append(
        partial(np.matmul, unmix, place.inside, outputs.reshape(-1, groups, m, out_w * out_channels))
    )
    return calls


class _Place(NamedTuple):
    """Where ``convolve`` works: two arrays, the mixed inputs and the products, seen in several ways.

    beyond: what lies behind the pixels. mixed: the inputs, (N, groups, size, W * C). windows: of these, see
    ``_windows``. products: of the windows, in their order. first: the products at the point 1. inside: the
    products that count, (N, groups, size, out_w * O).
    """

    beyond: Array
    mixed: Array
    windows: Array
    products: Array
    first: Array
    inside: Array


def _lay_out(
    m: int,
    count: int,
    few: int,
    groups: int,
    width: int,
    channels: int,
    out_w: int,
    out_channels: int,
    dtype: Any,
) -> _Place:
    """The place for ``count`` pictures where there is room for ``few``."""
    room, pixels = few * groups * width, count * groups * width
    mixed = scratch("mixed", _room(m + 2, room, channels), dtype)
    products = scratch("products", _room(m + 2, room, out_channels), dtype)
    return _Place(
        beyond=mixed[:, room:],
        mixed=_by_group(mixed[:, :pixels], groups, width),
        windows=_windows(mixed, pixels),
        products=_by_remainder(products, pixels),
        first=products[1, :pixels],
        inside=_by_group(products[:, :pixels], groups, width)[..., : out_w * out_channels],
    )


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
    # gradient after two zeros, with the kernel's line turned round. Each line of the gradient is two pixels
    # shorter than one of the inputs; the two zeros that make up for it stand before the next line.
    kernels = mixed_kernels(weight, m).reshape(size, 3, channels, out_channels)
    turned = kernels[:, ::-1].swapaxes(2, 3)  # (size, 3, O, C)
    turned = np.ascontiguousarray(turned).reshape(size, 1, 3 * out_channels, channels)
    few = _few(padded, out_channels, m)
    mixed = scratch("mixed", _room(size, few * groups * width, channels), padded.dtype)
    shared = scratch("shared", (few, groups, 2, width * channels), padded.dtype)
    found = scratch("found", (size, 3, channels, out_channels), padded.dtype)
    grad_turned = np.zeros_like(found)
    for start in range(0, n, few):
        part = slice(start, min(start + few, n))
        count = part.stop - part.start
        pixels = count * groups * width
        inside = _by_group(spread[:, 2 : 2 + pixels], groups, width)[..., : out_w * out_channels]
        np.matmul(unmix.T, grad_output[part].reshape(-1, groups, m, out_w * out_channels), out=inside)
        mixed_lines = _by_group(mixed[:, :pixels], groups, width)
        np.matmul(mix_inputs, _overlapping(padded[part], m), out=mixed_lines)
        # The turned line's weight j met each input with the gradient that stands j pixels further on.
        np.matmul(mixed[:, np.newaxis, :pixels].swapaxes(2, 3), _shifted(spread, pixels), out=found)
        grad_turned += found
        if grad_padded is not None:
            np.matmul(_windows(spread, pixels), turned, out=_by_remainder(mixed, pixels))
            lines = grad_padded[part].reshape(count, height, -1)
            _unmix_overlapping(mix_inputs, mixed_lines, shared[:count], lines)
    grad_weight[...] = np.tensordot(mix_kernel, grad_turned[:, ::-1], (0, 0))


def spread_shape(padded: Array, weight: Array, m: int) -> tuple[int, ...]:
    """Of what ``gradients`` needs to spread out a gradient with its zeros between the lines."""
    _, height, width, _ = padded.shape
    out_channels = weight.shape[3]
    return _room(m + 2, _few(padded, out_channels, m) * ((height - 2) // m) * width, out_channels)


def _few(padded: Array, out_channels: int, m: int) -> int:
    """How many pictures to take at once."""
    n, height, width, channels = padded.shape
    pixels = (height - 2) // m * width  # of one picture, in each of the m + 2 products
    return max(1, min(n, _MULTIPLICATIONS // (pixels * channels * out_channels)))


def _room(size: int, pixels: int, channels: int) -> tuple[int, int, int]:
    """Room for lines of pixels laid end to end, for each product: rounded up to threes, and two more, so
    that a window can begin at every pixel."""
    return size, -(-pixels // 3) * 3 + 2, channels


def _windows(lines: Array, pixels: int) -> Array:
    """All windows of three of the pixels (size, room, C), as a view: (size, 3, a third of them, 3 * C).

    The windows that begin at pixels 0, 3, 6, ... lie side by side and are the rows of a matrix just so; and
    so do those that begin at 1, 4, 7, ... and at 2, 5, 8, ... Where one line ends and the next begins are two
    windows that hold pixels of both; what is computed from those is left aside.
    """
    _, by_pixel, by_channel = lines.strides
    return np.ndarray(
        (len(lines), 3, -(-pixels // 3), 3 * lines.shape[2]),
        lines.dtype,
        lines,
        strides=(lines.strides[0], by_pixel, 3 * by_pixel, by_channel),
    )


def _by_remainder(lines: Array, pixels: int) -> Array:
    """The pixels (size, room, C) in the order of _windows: (size, 3, a third of them, C), a view."""
    thirds = -(-pixels // 3)
    return lines[:, : 3 * thirds].reshape(len(lines), thirds, 3, -1).swapaxes(1, 2)


def _shifted(lines: Array, pixels: int) -> Array:
    """So many pixels (size, room, C) from the first on, from the second and from the third: (size, 3, pixels,
    C), a view."""
    by_product, by_pixel, by_channel = lines.strides
    return np.ndarray(
        (len(lines), 3, pixels, lines.shape[2]),
        lines.dtype,
        lines,
        strides=(by_product, by_pixel, by_pixel, by_channel),
    )


def _by_group(lines: Array, groups: int, width: int) -> Array:
    """Lines laid end to end (size, N * groups * W, C) as (N, groups, size, W * C), a view."""
    return lines.reshape(len(lines), -1, groups, width * lines.shape[2]).transpose(1, 2, 0, 3)


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


def _unmix_overlapping(mix_inputs: Array, mixed: Array, shared: Array, lines: Array) -> None:
    """The reverse of mixing what overlaps: each of ``lines`` (N, H, W * C) becomes the sum of what all groups
    that it belongs to, ``mixed`` (N, groups, m + 2, W * C), make of it.

    ``shared`` (N, groups, 2, W * C) is room for the last two lines of a group, which are the next one's, too.
    """
    n, groups, size, length = mixed.shape
    m = size - 2
    own = lines[:, :-2].reshape(n, groups, m, length)
    np.matmul(mix_inputs.T[:m], mixed, out=own)
    np.matmul(mix_inputs.T[m:], mixed, out=shared)
    own[:, 1:, :2] += shared[:, :-1]
    lines[:, -2:] = shared[:, -1]
