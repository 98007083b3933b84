"""Makes a model of ours from a weights file of any known kind: pickle, npz, JSON or safetensors.

No code from the file runs: pickles go through `read_pickle`, and the other kinds have no code.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mnistweb.weights.assembly import assemble
from mnistweb.weights.document import SavedModel, check_model_name, is_document
from mnistweb.weights.errors import WeightsError
from mnistweb.weights.input_folding import fold_input_scale, parse_input_scale, turn_pictures
from mnistweb.weights.layouts import recognise
from mnistweb.weights.npz import read_npz
from mnistweb.weights.own_formats import own_model
from mnistweb.weights.safe_pickle import read_bytes, read_pickle
from mnistweb.weights.safetensors import is_safetensors, read_safetensors
from mnistweb.weights.saved_model import parse_model
from mnistweb.weights.strict_json import parse_json


@dataclasses.dataclass(frozen=True)
class ImportOptions:
    """What a file can't say. None means: take what the file says, or refuse if that matters.

    activation: "relu", "sigmoid" or "tanh". input_scale: see `parse_input_scale`. orientation: "upright" or
    "transposed" (the network's pictures were stored column by column). padding ("valid", "same") and
    pool_after (numbers of the convolutions that a 2x2 pooling follows, from 1) choose among convolutional
    networks that fit the same shapes.
    """

    activation: str | None = None
    input_scale: str = "0..1"
    orientation: str = "upright"
    padding: str | None = None
    pool_after: Sequence[int] | None = None


def import_model(path: str | os.PathLike[str], name: str, options: ImportOptions | None = None) -> SavedModel:
    """The network in a weights file, to be served as `name`. Nothing is written.

    A network that ended with softmax or sigmoid is kept up to its logits; both leave the order of the digits
    as it is. Raises WeightsError, naming the file and the reason, and OSError when the file can't be read.
    """
    data = read_bytes(path)
    try:
        return import_bytes(data, name, options or ImportOptions(), file_name=Path(path).name)
    except WeightsError as error:
        raise WeightsError(error.reason, source=os.fspath(path)) from error


def import_bytes(data: bytes, name: str, options: ImportOptions, *, file_name: str) -> SavedModel:
    """What `import_model` does, with the bytes of a file that was called `file_name`."""
    check_model_name(name)
    kind, value = _contents(data)
    own = parse_model(data) if kind == "pickle" and is_document(value) else own_model(kind, value)
    if own is not None:
        if options != ImportOptions():
            raise WeightsError(
                "this is a file of mnistweb, which says all that the options would; leave them out"
            )
        return dataclasses.replace(own, name=name)
    scale = parse_input_scale(options.input_scale)
    found = recognise(value[0] if kind == "safetensors" else value)
    assembled = assemble(
        found, activation=options.activation, padding=options.padding, pool_after=options.pool_after
    )
    model = turn_pictures(fold_input_scale(assembled.model, scale), options.orientation)
    facts = {
        "imported_from": file_name,
        "file_sha256": hashlib.sha256(data).hexdigest(),
        "layout": f"{kind}: {found.layout} ({assembled.arrays})",
        "activation": assembled.activation,
        "input_scale": options.input_scale,
        "orientation": options.orientation,
    }
    return SavedModel(name, model, training=facts)


def _contents(data: bytes) -> tuple[str, Any]:
    """The kind of the file and the plain data in it."""
    if data[:4] == b"PK\x03\x04":
        return "npz", read_npz(data)
    if is_safetensors(data):
        return "safetensors", read_safetensors(data)
    if data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return "JSON", parse_json(data.removeprefix(b"\xef\xbb\xbf"))
    return "pickle", read_pickle(data)
