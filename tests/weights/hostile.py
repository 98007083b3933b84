"""Small files that ask a careless reader for gigabytes. None may cost us much memory."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from functools import cache

import numpy as np

from tests.weights import pickles
from tests.weights.pickles import byte_string, program


def npy(header: str, data: bytes = b"") -> bytes:
    """A npy file with any header."""
    text = header.encode("latin-1").ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def plain_npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def archive(members: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()


def safetensors(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def npz_bomb(megabytes: int = 300) -> bytes:
    """Zeros by the megabyte, packed to a thousandth."""
    zeros = np.zeros(megabytes * 2**17)
    stream = io.BytesIO()
    np.savez_compressed(stream, W1=zeros)
    return stream.getvalue()


def lying_bomb() -> bytes:
    """The same, but its directory says that it unpacks to 100 bytes."""
    bomb = bytearray(npz_bomb(80))
    entry = bomb.rindex(b"PK\x01\x02")
    bomb[entry + 24 : entry + 28] = struct.pack("<I", 100)
    return bytes(bomb)


def crowd_of_entries(count: int = 30_000) -> bytes:
    """A directory of very many empty members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for number in range(count):
            file.writestr(f"{number}.npy", b"")
    return stream.getvalue()


def shared_lists(levels: int = 40) -> bytes:
    """[[x, x], [x, x]]: a list of 2 ** levels values in a few bytes."""
    steps = b"".join(b"]\x94h" + bytes([i]) + b"ah" + bytes([i]) + b"a" for i in range(levels))
    return program(b"(]\x94Na" + steps + b"l")


def repeated_bytes() -> bytes:
    """A megabyte in the memo, made into two hundred arrays."""
    once = byte_string(bytes(2**20)) + b"\x94"
    again = pickles.array(shape=b"J\x00\x00\x04\x00\x85", data=b"h\x00")
    return program(b"(" + once + again * 200 + b"l")


@cache
def bombs() -> dict[str, bytes]:
    """Every bomb by name. All must be refused."""
    claim = {"dtype": "F32", "shape": [16384, 16384], "data_offsets": [0, 2**30]}
    return {
        "memo bomb, LONG_BINPUT": b"Nr\xff\xff\xff\x0f.",
        "memo bomb, PUT": b"Np268435455\n.",
        "claimed bytes of 1 GB": b"\x80\x04B" + struct.pack("<I", 2**30) + b"abc.",
        "claimed text of 1 GB": b"\x80\x04X" + struct.pack("<I", 2**30) + b"abc.",
        "claimed bytearray of 8 GB": b"\x80\x05\x96" + struct.pack("<Q", 2**33) + b"abc.",
        "claimed frame": b"\x80\x04\x95" + struct.pack("<Q", 2**40) + b"N.",
        "claimed long": b"\x80\x02\x8b" + struct.pack("<I", 2**31 - 1) + b"abc.",
        "claimed array of 1 GB": program(pickles.array(shape=b"J\x00\x40\x00\x00J\x00\x40\x00\x00\x86")),
        "shared lists": shared_lists(),
        "repeated bytes": repeated_bytes(),
        "a million dicts": program(b"(" + b"}" * 1_000_000 + b"l"),
        "two million marks": program(b"(" * 2_000_000),
        "nested lists": program(b"]" * 90_000 + b"a" * 89_999),
        "nested tuples as a key": program(b"}N" + b"\x85" * 9_900 + b"Ns"),
        "huge integer": pickle.dumps(1 << 4_000_000),
        "npz bomb of 300 MB": npz_bomb(),
        "npz bomb that lies of its size": lying_bomb(),
        "npz with 30,000 entries": crowd_of_entries(),
        "npz with a lying shape": archive(
            {"W1.npy": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (30000, 30000), }", bytes(16))}
        ),
        "safetensors that claims 1 GB": safetensors({"W1": claim}, bytes(16)),
        "safetensors with a header of 8 EB": struct.pack("<Q", 2**63 - 1) + b"{}",
        "JSON of a million lists": b"[" + b"[]," * 1_000_000 + b"[]]",
        "JSON of two million numbers": b"[" + b"1.5," * 2_000_000 + b"1]",
        "JSON nested deep": b"[" * 50_000 + b"]" * 50_000,
        "JSON with a long integer": b"[" + b"9" * 100_000 + b"]",
    }
