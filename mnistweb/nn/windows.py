"""Windows are the small squares of pixels that convolution and pooling look at, one after another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mnistweb.nn.errors import ShapeError
from mnistweb.nn.layers import Array, Shape

# Pictures are worked on a few at a time, so that their columns stay in a processor core's own cache.
_CHUNK_BYTES = 1 << 19


def window_counts(
    layer: str, input_shape: Shape, size: int, stride: int, padding: int = 0
) -> tuple[int, int]:
    """How many windows of ``size`` fit down and across a picture (H, W, C); ShapeError when not one does."""
    height, width = input_shape[0] + 2 * padding, input_shape[1] + 2 * padding
    if min(height, width) < size:
        raise ShapeError(
            f"{layer} has windows of {size}x{size}, but its inputs are only "
            f"{input_shape[0]}x{input_shape[1]} with padding {padding}; use a smaller window"
        )
    return (height - size) // stride + 1, (width - size) // stride + 1


def line_windows(pictures: Array, lines: int, k: int, stride: int = 1) -> Array:
    """Windows of ``lines`` x ``k`` pixels of contiguous pictures (N, H, W, C), as a view.

    In NHWC the k pixels of a window's line, with all their channels, lie side by side in memory, so the view
    has shape (N, out_h, out_w, lines, k * C), and copying it copies long runs.
    """
    n, height, width, channels = pictures.shape
    # Counted here, not taken from pictures.strides: NumPy leaves the stride of an axis of length 1 arbitrary.
    by_channel = pictures.itemsize
    by_pixel = channels * by_channel
    by_line = width * by_pixel
    by_picture = height * by_line
    return np.ndarray(
        (n, (height - lines) // stride + 1, (width - k) // stride + 1, lines, k * channels),
        pictures.dtype,
        pictures,
        strides=(by_picture, by_line * stride, by_pixel * stride, by_line, by_channel),
    )


def few_at_once(n: int, bytes_each: int) -> int:
    """How many of n pictures to work on at once when each needs so many bytes; at least 1."""
    return max(1, min(n, _CHUNK_BYTES // bytes_each))


def parts(n: int, few: int) -> Iterator[slice]:
    """Slices of a ``few`` pictures each, the last perhaps shorter, that cover all n."""
    for start in range(0, n, few):
        yield slice(start, min(start + few, n))
