"""Pickles as other programs write them, and as attackers do: small builders for the tests of this room."""

from __future__ import annotations

import pickle
import struct
from typing import Any

import numpy as np


class ForeignPickler(pickle._Pickler):  # type: ignore[name-defined]  # the pickler in Python can be taught other names
    """Pickles arrays under the module names of NumPy 1 or NumPy 2, whichever NumPy is installed."""

    def __init__(self, file: Any, protocol: int, core: str) -> None:
        super().__init__(file, protocol)
        self._core = core

    def save_global(self, obj: Any, name: str | None = None) -> None:
        modules = {
            "_reconstruct": f"{self._core}.multiarray",
            "scalar": f"{self._core}.multiarray",
            "_frombuffer": f"{self._core}.numeric",
        }
        name = name or obj.__name__
        if name not in modules:
            super().save_global(obj, name)
        elif self.proto >= 4:
            self.save(modules[name])
            self.save(name)
            self.write(pickle.STACK_GLOBAL)
            self.memoize(obj)
        else:
            self.write(b"c" + modules[name].encode() + b"\n" + name.encode() + b"\n")
            self.memoize(obj)

    dispatch = {**pickle._Pickler.dispatch, type(pickle.dumps): save_global, type(np.load): save_global}  # type: ignore[attr-defined]  # noqa: RUF012


def dumps_as(value: Any, *, protocol: int, core: str) -> bytes:
    """`value` as NumPy 1 (`core="numpy.core"`) or NumPy 2 (`core="numpy._core"`) pickles it."""
    import io

    stream = io.BytesIO()
    ForeignPickler(stream, protocol, core).dump(value)
    return stream.getvalue()


def short_text(text: str) -> bytes:
    """The instruction that pushes a text of less than 256 bytes."""
    return b"\x8c" + bytes([len(text)]) + text.encode()


def named(module: str, name: str) -> bytes:
    """The instructions that push module.name."""
    return short_text(module) + short_text(name) + b"\x93"


def byte_string(data: bytes) -> bytes:
    """The instruction that pushes bytes."""
    return b"B" + struct.pack("<I", len(data)) + data


DTYPE = (
    named("numpy", "dtype")
    + short_text("f4")
    + b"\x89\x88\x87R(K\x03"
    + short_text("<")
    + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
)


def array(shape: bytes = b"K\x02K\x02\x86", dtype: bytes = DTYPE, data: bytes | None = None) -> bytes:
    """The instructions of an array (2, 2) of float32, with any part replaced by other instructions."""
    data = byte_string(struct.pack("<4f", 1, 2, 3, 4)) if data is None else data
    empty = (
        named("numpy._core.multiarray", "_reconstruct") + named("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"
    )
    return empty + b"(K\x01" + shape + dtype + b"\x89" + data + b"tb"


def program(instructions: bytes) -> bytes:
    """A whole pickle of protocol 4."""
    return b"\x80\x04" + instructions + b"."
