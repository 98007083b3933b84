"""Reads and writes safetensors: a JSON header with dtypes, shapes and offsets, then the bytes of the arrays.

Source: https://huggingface.co/docs/safetensors, "Format".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from mnistweb.weights.arrays import build_array
from mnistweb.weights.errors import WeightsError
from mnistweb.weights.strict_json import parse_json

MAX_HEADER_BYTES = 2**20
_DTYPES = {
    "F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1",
    "U64": "u8", "U32": "u4", "U16": "u2", "U8": "u1", "BOOL": "b1",
}  # fmt: skip
_BFLOAT16 = "BF16"


def is_safetensors(data: bytes) -> bool:
    """Whether the bytes begin as a safetensors file does."""
    return len(data) > 8 and data[8:9] == b"{" and 2 <= int.from_bytes(data[:8], "little") <= MAX_HEADER_BYTES


def read_safetensors(data: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays by name, in the order of their bytes, and the metadata; WeightsError if the file lies."""
    length = int.from_bytes(data[:8], "little")
    if not is_safetensors(data) or length > len(data) - 8:
        raise WeightsError(f"a safetensors header of {length:,} bytes in a file of {len(data):,}")
    header = parse_json(data[8 : 8 + length])
    if not isinstance(header, dict):
        raise WeightsError("a safetensors header that is no dict")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise WeightsError("a safetensors metadata entry that is no text")
    content = memoryview(data)[8 + length :]
    arrays: dict[str, np.ndarray] = {}
    expected = 0
    for name, entry in sorted(header.items(), key=lambda item: _offsets(*item)):
        start, end = _offsets(name, entry)
        if start != expected or end > len(content):
            raise WeightsError(
                f"{name!r:.80} lies at bytes {start:,} to {end:,}; the array before it ends at {expected:,}, "
                f"the file at {len(content):,}"
            )
        expected = end
        try:
            arrays[name] = _array(entry, content[start:end])
        except WeightsError as error:
            raise WeightsError(f"{name!r:.80}: {error.reason}") from error
    if expected != len(content):
        raise WeightsError(f"{len(content) - expected:,} bytes that belong to no array")
    return arrays, metadata


def write_safetensors(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a safetensors file with these float32 and int64 arrays."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    parts = []
    offset = 0
    for name, array in arrays.items():
        part = array.astype(array.dtype.newbyteorder("<"), order="C").tobytes()
        dtype = {"f4": "F32", "i8": "I64"}[array.dtype.str[1:]]
        header[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(part)],
        }
        offset += len(part)
        parts.append(part)
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 8)  # so that the arrays lie at multiples of eight bytes
    return len(text).to_bytes(8, "little") + text + b"".join(parts)


def _offsets(name: str, entry: Any) -> tuple[int, int]:
    if isinstance(entry, dict) and entry.keys() == {"dtype", "shape", "data_offsets"}:
        offsets = entry["data_offsets"]
        if isinstance(offsets, list) and len(offsets) == 2 and all(type(offset) is int for offset in offsets):
            start, end = offsets
            if 0 <= start <= end:
                return start, end
    raise WeightsError(f"{name!r:.80} lacks a dtype, a shape or offsets that make sense")


def _array(entry: dict[str, Any], content: memoryview) -> np.ndarray:
    dtype, shape = entry["dtype"], entry["shape"]
    if not isinstance(shape, list):
        raise WeightsError("a shape that is no list")
    if dtype == _BFLOAT16:
        # The upper half of a float32.
        halves = build_array(content, "u2", shape)
        return (halves.astype(np.uint32) << 16).view(np.float32)
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise WeightsError(f"dtype {dtype!r:.40}; wanted one of {', '.join(_DTYPES)}, {_BFLOAT16}")
    return build_array(content, _DTYPES[dtype], shape)
