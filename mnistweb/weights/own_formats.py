"""Our models as npz, safetensors and JSON: arrays as others expect them, and the rest of the document beside.

What is written here is read back bit for bit, by `own_model`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from mnistweb.nn.errors import NetworkError
from mnistweb.nn.model import Sequential
from mnistweb.weights.document import (
    FORMAT,
    INPUT_SHAPE,
    LISTS,
    SavedModel,
    from_document,
    is_document,
    to_document,
)
from mnistweb.weights.errors import WeightsError
from mnistweb.weights.npz import write_npz
from mnistweb.weights.pytorch_order import from_pytorch, to_pytorch
from mnistweb.weights.safetensors import write_safetensors
from mnistweb.weights.shapes import array_shapes, check_layers
from mnistweb.weights.strict_json import parse_json

# What the arrays of each kind are called in an npz file: W1, b1, W2, b2, ... as in most tutorials.
_NPZ_NAMES = {**{name: name for name in LISTS}, "weight": "W", "bias": "b"}


def npz_bytes(saved: SavedModel) -> bytes:
    """An npz file: W1, b1, W2, b2, ... (of `X @ W`), gamma1, ... and the rest as JSON text in `mnistweb`."""
    document = to_document(saved)
    arrays = {
        f"{_NPZ_NAMES[name]}{number}": array
        for name, plural in LISTS.items()
        for number, array in enumerate(document[plural], start=1)
        if array is not None
    }
    header = np.frombuffer(_header(document).encode("ascii"), dtype=np.uint8)
    return write_npz({**arrays, FORMAT: header})


def safetensors_bytes(saved: SavedModel) -> bytes:
    """A safetensors file: the state_dict of a torch.nn.Sequential of these layers, the rest as metadata."""
    return write_safetensors(to_pytorch(saved.model), {"format": "pt", FORMAT: _header(to_document(saved))})


def json_bytes(saved: SavedModel) -> bytes:
    """A JSON text: the document itself, arrays as lists of lists."""
    document = to_document(saved)
    for plural in LISTS.values():
        document[plural] = [None if array is None else array.tolist() for array in document[plural]]
    return json.dumps(document, allow_nan=False).encode("ascii")


def own_model(kind: str, value: Any) -> SavedModel | None:
    """The model in the contents of an npz, safetensors or JSON file that this program wrote; None for others.

    Raises WeightsError when the file says that it is ours but is not right.
    """
    if kind == "npz" and FORMAT in value:
        return from_document(_from_npz(value))
    if kind == "safetensors" and FORMAT in value[1]:
        return _from_safetensors(*value)
    if kind == "JSON" and is_document(value):
        return from_document(_from_json(value))
    return None


def _header(document: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in document.items() if key not in LISTS.values()}
    return json.dumps(rest, allow_nan=False)


def _from_npz(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    text = arrays[FORMAT]
    if text.dtype != np.uint8 or text.ndim != 1:
        raise WeightsError(f"the array {FORMAT!r} holds no text")
    document = _parsed(text.tobytes())
    for name, plural in LISTS.items():
        counted = "W" if name == "bias" else _NPZ_NAMES[name]  # a bias may be missing, its number is not
        count = sum(re.fullmatch(rf"{counted}\d+", key) is not None for key in arrays)
        document[plural] = [arrays.get(f"{_NPZ_NAMES[name]}{number}") for number in range(1, count + 1)]
    taken = sum(array is not None for plural in LISTS.values() for array in document[plural])
    if taken != len(arrays) - 1:
        raise WeightsError(f"{len(arrays) - 1} arrays, of which {taken} are numbered as they should be")
    return document


def _from_json(value: dict[str, Any]) -> dict[str, Any]:
    document = dict(value)
    for plural in LISTS.values():
        if not isinstance(document.get(plural), list):
            raise WeightsError(f"{plural} is missing, or no list")
        try:
            document[plural] = [
                None if rows is None else np.array(rows, np.float32) for rows in document[plural]
            ]
        except (ValueError, TypeError, OverflowError) as error:
            raise WeightsError(f"{plural} holds something other than lists of numbers") from error
    return document


def _from_safetensors(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> SavedModel:
    document = _parsed(metadata[FORMAT].encode("utf-8"))
    layers: Any = document.get("layers")
    check_layers(layers)
    needed = sum(np.prod(shape, dtype=object) for layer in layers for shape in array_shapes(layer).values())
    if needed > sum(array.size for array in arrays.values()):
        raise WeightsError(f"the layers need {needed:,} numbers, more than the file has")
    try:
        model = Sequential.from_config(layers, input_shape=INPUT_SHAPE, rng=None)
        state = from_pytorch(model, arrays)
    except (NetworkError, ValueError) as error:
        raise WeightsError(f"the arrays do not fit the layers: {error}") from error
    for plural in LISTS.values():
        document[plural] = []
    for index, layer in enumerate(layers):
        names = array_shapes(layer)
        if "weight" in names and "bias" not in names:
            document["biases"].append(None)
        for name in names:
            document[LISTS[name]].append(state[f"{index}.{name}"])
    return from_document(document)


def _parsed(text: bytes) -> dict[str, Any]:
    document = parse_json(text)
    if not isinstance(document, dict):
        raise WeightsError(f"the text in {FORMAT!r} is no JSON object")
    return document
