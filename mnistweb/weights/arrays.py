"""Builds arrays from a shape, a dtype string and bytes, trusting none of the three.

Every reader of this room (pickle, npz, safetensors) ends here, so a file can lie only once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mnistweb.weights.errors import WeightsError

MAX_DIMENSIONS = 8
# What NumPy writes for numbers of a fixed size, and their bytes; everything else is refused.
_DTYPES = {
    "b1": 1,
    "i1": 1,
    "i2": 2,
    "i4": 4,
    "i8": 8,
    "u1": 1,
    "u2": 2,
    "u4": 4,
    "u8": 8,
    "f2": 2,
    "f4": 4,
    "f8": 8,
}


def build_array(
    data: bytes | bytearray | memoryview,
    dtype: str,
    shape: Sequence[int],
    *,
    byte_order: str = "<",
    fortran: bool = False,
) -> np.ndarray:
    """An array of its own memory, in the machine's byte order, C-contiguous.

    `dtype` is "f4", "i8", "b1" and the like; `byte_order` is "<", ">", "|" or "=". Raises WeightsError unless
    the dtype is a plain number and the bytes are exactly as many as shape and dtype need.
    """
    item_bytes = check_dtype(dtype)
    if byte_order not in ("<", ">", "|", "="):
        raise WeightsError(f"byte order {byte_order!r} of an array; wanted one of < > | =")
    if len(shape) > MAX_DIMENSIONS:
        raise WeightsError(f"an array of {len(shape)} dimensions; at most {MAX_DIMENSIONS} are read")
    for size in shape:
        if type(size) is not int or size < 0:
            raise WeightsError(f"an array of shape {_short(shape)}; sizes are whole numbers from 0")
    wanted = math.prod(shape) * item_bytes  # Python's integers: this cannot overflow
    if wanted != len(data):
        raise WeightsError(
            f"an array of shape {_short(shape)} and dtype {dtype} needs {wanted:,} bytes, "
            f"the file has {len(data):,}"
        )
    flat = np.frombuffer(data, dtype=np.dtype(byte_order + dtype))
    if flat.dtype == np.bool_ and np.frombuffer(data, dtype=np.uint8).max(initial=0) > 1:
        raise WeightsError("an array of booleans holds bytes other than 0 and 1")
    array = flat.reshape(tuple(shape), order="F" if fortran else "C")
    return np.array(array, dtype=flat.dtype.newbyteorder("="), order="C")  # a copy: the file's bytes may go


def check_dtype(dtype: object) -> int:
    """The bytes of one item of a permitted dtype string; WeightsError for any other."""
    if isinstance(dtype, str) and dtype in _DTYPES:
        return _DTYPES[dtype]
    raise WeightsError(f"dtype {dtype!r:.40}; only plain numbers are read: {', '.join(_DTYPES)}")


def _short(shape: Sequence[object]) -> str:
    text = str(tuple(shape))
    return text if len(text) <= 60 else text[:57] + "..."
