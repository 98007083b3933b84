"""Model files of our own: a pickle of one plain document that carries the SHA-256 of its own bytes.

The hash is that of the file with the 64 hex digits of the hash set to zero. So a model is one file, replaced
by one rename, and a single flipped bit anywhere in it is noticed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
from pathlib import Path

from mnistweb.files import write_atomically
from mnistweb.weights.document import SavedModel, from_document, to_document
from mnistweb.weights.errors import WeightsError
from mnistweb.weights.safe_pickle import MAX_FILE_BYTES, read_bytes, read_pickle

_PLACEHOLDER = "0" * 64


def read_model(path: str | os.PathLike[str], *, max_bytes: int = MAX_FILE_BYTES) -> SavedModel:
    """The model in a file. Raises WeightsError, naming file and reason, or OSError when it can't be read."""
    data = read_bytes(path, max_bytes=max_bytes)
    try:
        return dataclasses.replace(parse_model(data), path=Path(path))
    except WeightsError as error:
        raise WeightsError(error.reason, source=os.fspath(path)) from error


def write_model(path: str | os.PathLike[str], saved: SavedModel) -> SavedModel:
    """Write a model atomically; returns it with the hash, size and path of the new file.

    Raises WeightsError when the model could not be read back, and OSError when the disk refuses; an earlier
    file is then untouched.
    """
    data = model_bytes(saved)
    written = parse_model(data)
    write_atomically(path, data)
    return dataclasses.replace(saved, sha256=written.sha256, size_bytes=len(data), path=Path(path))


def model_bytes(saved: SavedModel) -> bytes:
    """The bytes of a model file; equal models give equal bytes."""
    # The hash is the last value of the document, so that its digits are the last ones in the file.
    blank = pickle.dumps({**to_document(saved), "sha256": _PLACEHOLDER}, protocol=4)
    before, after = _around(_PLACEHOLDER, blank)
    return b"".join((before, hashlib.sha256(blank).hexdigest().encode("ascii"), after))


def parse_model(data: bytes) -> SavedModel:
    """The model in the bytes of a model file; WeightsError for anything else."""
    document = read_pickle(data)
    if not isinstance(document, dict) or "format" not in document:
        from_document(document)  # raises, saying what it is
    digits = document.pop("sha256", None)
    if not isinstance(digits, str) or len(digits) != len(_PLACEHOLDER) or not digits.isascii():
        raise WeightsError("no SHA-256 in the file")
    before, after = _around(digits, data)
    computed = hashlib.sha256(before)
    computed.update(_PLACEHOLDER.encode("ascii"))
    computed.update(after)
    actual = computed.hexdigest()
    if actual != digits:
        raise WeightsError(f"damaged: its SHA-256 is {actual[:12]}..., the one stored in it {digits[:12]}...")
    return dataclasses.replace(from_document(document), sha256=digits, size_bytes=len(data))


def _around(digits: str, data: bytes) -> tuple[memoryview, memoryview]:
    """What comes before the last `digits` in a file's bytes, and what after them."""
    start = data.rfind(digits.encode("ascii"))
    if start < 0:
        raise WeightsError("its SHA-256 is not where it should be")
    return memoryview(data)[:start], memoryview(data)[start + len(digits) :]
