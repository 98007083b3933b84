"""Writes a model in the formats of other programs: pickle, npz, safetensors, JSON and ONNX."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from mnistweb.files import write_atomically
from mnistweb.weights.document import SavedModel
from mnistweb.weights.errors import WeightsError
from mnistweb.weights.onnx_export import onnx_bytes
from mnistweb.weights.own_formats import json_bytes, npz_bytes, safetensors_bytes
from mnistweb.weights.saved_model import model_bytes

#: The bytes of a file by format; the format is also the file name's suffix, but for "pickle" (.pkl).
EXPORTERS: dict[str, Callable[[SavedModel], bytes]] = {
    "pickle": model_bytes,
    "npz": npz_bytes,
    "safetensors": safetensors_bytes,
    "json": json_bytes,
    "onnx": onnx_bytes,
}
_SUFFIXES = {".pkl": "pickle", **{f".{name}": name for name in EXPORTERS}}


def export_model(saved: SavedModel, path: str | os.PathLike[str], *, format: str | None = None) -> int:
    """Write `saved` to a file, atomically; returns its size in bytes.

    format: one of EXPORTERS; None takes it from the file name's suffix. Raises WeightsError for a format that
    is not known, and OSError when the disk refuses.
    """
    format = format or _SUFFIXES.get(Path(path).suffix.lower())
    if format not in EXPORTERS:
        raise WeightsError(
            f"no format goes with that name; wanted a suffix of {', '.join(_SUFFIXES)}, or --format",
            source=os.fspath(path),
        )
    data = EXPORTERS[format](saved)
    write_atomically(path, data)
    return len(data)
