"""Reads pickles without running anything that is in them.

A pickle is a program for a small stack machine, and the usual reader lets that program import and call what
it likes. Here it is looked over first (`look_over`), then run in a machine that can only build
plain data (`run`), and what comes out is checked to be plain.
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

from mnistweb.files import write_atomically
from mnistweb.weights.errors import WeightsError
from mnistweb.weights.pickle_look import look_over
from mnistweb.weights.pickle_machine import StandInArray, run
from mnistweb.weights.signatures import looks_like

MAX_FILE_BYTES = 64 * 2**20
MAX_DEPTH = 50
MAX_VALUES = (
    1_000_000  # counted as often as they appear: lists that share lists grow exponentially when walked
)
_CONTAINER_COST = 10  # a list, tuple or dict counts as ten values, which is about what it takes of memory


def read_pickle(source: str | os.PathLike[str] | bytes, *, max_bytes: int = MAX_FILE_BYTES) -> Any:
    """The plain data of a pickle: dicts, lists, tuples, text, bytes, numbers, None and numeric arrays.

    `source` is a path or the bytes themselves: protocols 0 to 5, written by Python 2 or 3, NumPy 1 or 2.
    Raises WeightsError, which names the file and the reason, for anything else, and OSError when the file
    can't be read. A hostile file gets no import, no call, and memory of a small multiple of its size.
    """
    name = "pickle" if isinstance(source, bytes) else os.fspath(source)
    try:
        data = source if isinstance(source, bytes) else read_bytes(source, max_bytes=max_bytes)
        if len(data) > max_bytes:
            raise WeightsError(f"{len(data):,} bytes; at most {max_bytes:,} are read")
        return _read(data)
    except WeightsError as error:
        raise error.naming(name) from error.__cause__


def write_pickle(path: str | os.PathLike[str], value: Any) -> None:
    """Write plain data (see `read_pickle`) as a pickle of protocol 4, atomically.

    Raises WeightsError when `read_pickle` would not read it back; the earlier file is then untouched.
    """
    data = pickle.dumps(value, protocol=4)
    try:
        read_pickle(data)
    except WeightsError as error:
        raise WeightsError(f"not written: {error.reason}", source=os.fspath(path)) from error
    write_atomically(path, data)


def read_bytes(path: str | os.PathLike[str], *, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """The bytes of a regular file; WeightsError if there are too many, OSError when it can't be read."""
    path = Path(path)
    if path.exists() and not path.is_file():
        raise WeightsError("this is no regular file", source=str(path))
    with path.open("rb") as file:
        data = file.read(max_bytes + 1)  # not stat: the file may grow between the look and the read
    if len(data) > max_bytes:
        raise WeightsError(f"larger than {max_bytes:,} bytes, the most that is read", source=str(path))
    return data


def _read(data: bytes) -> Any:
    try:
        look_over(data)
        return _plain(run(data), depth=0, counter=[0])
    except WeightsError as error:
        if (appearance := looks_like(data)) is not None:
            raise WeightsError(f"this is no pickle, it looks like {appearance}") from error
        raise


def _plain(value: Any, *, depth: int, counter: list[int]) -> Any:
    """The value with arrays in the place of stand-ins; refuses whatever is not plain data."""
    kind = type(value)
    counter[0] += _CONTAINER_COST if kind in (list, tuple, dict) else 1
    if counter[0] > MAX_VALUES or depth > MAX_DEPTH:
        raise WeightsError(f"more than {MAX_VALUES:,} values, or nested deeper than {MAX_DEPTH}")
    if value is None or kind in (bool, int, float, str, bytes):
        return value
    if kind is StandInArray:
        return value.built()
    if kind in (list, tuple):
        return kind(_plain(item, depth=depth + 1, counter=counter) for item in value)
    if kind is dict:
        for key in value:
            if type(key) not in (str, int):
                raise WeightsError("a dict with a key that is neither text nor a whole number")
        return {key: _plain(item, depth=depth + 1, counter=counter) for key, item in value.items()}
    raise WeightsError(f"a value that is no plain data ({kind.__name__})")
