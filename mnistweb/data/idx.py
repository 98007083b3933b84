"""IDX, the file format that MNIST is published in: a few header bytes, then the numbers one after another.

Byte 0 and 1 are zero, byte 2 names the type of number, byte 3 says how many dimensions follow, each as a
big-endian 32-bit count (Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database", section "File formats").
"""

from __future__ import annotations

import math
import os
import struct

import numpy as np

from mnistweb.data.compression import MAX_UNPACKED_BYTES, looks_like, open_unpacked
from mnistweb.data.errors import DataError

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike[str], *, max_bytes: int = MAX_UNPACKED_BYTES) -> np.ndarray:
    """Read one IDX file, gzip-compressed or not, into an array of the shape and type that its header names.

    MNIST's pictures come as uint8 (N, 28, 28), its labels as uint8 (N,). Numbers of several bytes are
    returned in this machine's byte order. Raises DataError when the file is not IDX, is damaged, or holds
    fewer or more bytes than its header says; the header is checked before anything large is read.
    """
    with open_unpacked(path) as file:
        head = file.read(4)
        if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _DTYPES:
            raise DataError(f"{path}: not an IDX file; it looks like {looks_like(head + file.read(60))}")
        dtype, dimensions = np.dtype(_DTYPES[head[2]]), head[3]
        if not 1 <= dimensions <= 4:
            raise DataError(f"{path}: the IDX header names {dimensions} dimensions, wanted 1 to 4")
        counts = file.read(4 * dimensions)
        if len(counts) < 4 * dimensions:
            raise DataError(f"{path}: cut off inside the IDX header, after {4 + len(counts)} bytes")
        shape = struct.unpack(f">{dimensions}I", counts)
        wanted = math.prod(shape) * dtype.itemsize
        claim = f"{path}: the IDX header claims {shape}, that is {wanted:,} bytes"
        if wanted > max_bytes:
            raise DataError(f"{claim}; at most {max_bytes:,} are read")
        # One byte more than wanted shows both faults, and lets gzip check its CRC at the end of the data.
        content = file.read(wanted + 1)
    if len(content) != wanted:
        raise DataError(f"{claim}; the file holds {'more' if len(content) > wanted else f'{len(content):,}'}")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=True)
