"""Looks over the instructions of a pickle before anything is built from them.

Source of the instruction set: Python's own description of it, the module pickletools.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Iterator
from typing import Any

from mnistweb.weights.errors import WeightsError

MAX_INSTRUCTIONS = 1_000_000  # a number in a plain list takes one; a million of them build some 40 MB
MAX_CONTAINERS = 100_000  # an empty dict costs 64 bytes of memory for its one byte in the file
MAX_TUPLES = 10_000  # C hashes nested tuples recursively, and without a limit of its own
LARGEST_INTEGER = 2**64

_CONTAINERS = frozenset({"EMPTY_LIST", "LIST", "EMPTY_DICT", "DICT"})
_TUPLES = frozenset({"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"})
_MEMO_WRITES = frozenset({"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"})
_MEMO_READS = frozenset({"GET", "BINGET", "LONG_BINGET"})
_NUMBERS = frozenset({"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"})
_TEXTS = frozenset({"UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"})
_BYTES = frozenset({"SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"})
_PYTHON_2_BYTES = frozenset({"STRING", "SHORT_BINSTRING", "BINSTRING"})
_FILLING = frozenset({"APPEND", "APPENDS", "SETITEM", "SETITEMS"})
_REST = frozenset({"PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "EMPTY_TUPLE"})
# These import and call; they may pass because the machine that runs the pickle knows nothing but stand-ins.
_CALLS = frozenset({"GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"})
_MAKING = _CONTAINERS | _TUPLES | _FILLING | _NUMBERS | _TEXTS | _BYTES | _PYTHON_2_BYTES
_ALLOWED = _MAKING | _MEMO_WRITES | _MEMO_READS | _REST | _CALLS
_BY_CODE = {opcode.code: opcode for opcode in pickletools.opcodes}

KNOWN_NAMES = frozenset(
    ["numpy ndarray", "numpy dtype", "_codecs encode"]
    + [
        f"{core}.{name}"  # NumPy 1 and NumPy 2
        for core in ("numpy.core", "numpy._core")
        for name in ("multiarray _reconstruct", "multiarray scalar", "numeric _frombuffer")
    ]
)


def look_over(data: bytes) -> None:
    """Raise WeightsError unless the pickle is complete, short, and made of harmless instructions alone."""
    containers = tuples = memo_writes = 0
    for count, (opcode, argument, position, end) in enumerate(_instructions(data), start=1):
        name = opcode.name
        if name not in _ALLOWED:
            raise WeightsError(f"instruction {name} at byte {position}, which plain data never needs")
        containers += name in _CONTAINERS
        tuples += name in _TUPLES
        if count > MAX_INSTRUCTIONS or containers > MAX_CONTAINERS or tuples > MAX_TUPLES:
            raise WeightsError(
                f"{count:,} instructions, {containers:,} lists and dicts, {tuples:,} tuples so far; at most "
                f"{MAX_INSTRUCTIONS:,}, {MAX_CONTAINERS:,} and {MAX_TUPLES:,} are read: "
                "save weights as NumPy arrays, not as lists of numbers"
            )
        if name in _MEMO_WRITES:
            _check_memo_index(argument, memo_writes, position)
            memo_writes += 1
        elif name == "FRAME" and argument > len(data) - end:
            left = len(data) - end
            raise WeightsError(
                f"damaged or cut off: a frame claims {argument:,} bytes at byte {position}, {left:,} are left"
            )
        elif name == "GLOBAL":
            check_name(*argument.split(" ", 1))
        elif name in _NUMBERS and isinstance(argument, int) and abs(argument) > LARGEST_INTEGER:
            raise WeightsError(f"an integer of {argument.bit_length():,} bits at byte {position}")
    if end != len(data):
        raise WeightsError(f"{len(data) - end:,} bytes after the end of the pickle")


def check_name(module: str, name: str) -> None:
    """Raise WeightsError unless NumPy writes this name into the pickle of an array."""
    if f"{module} {name}" not in KNOWN_NAMES:
        asked = f"{module}.{name}"[:80]
        raise WeightsError(f"asks for {asked!r}, which is no part of a NumPy array; nothing was imported")


def _check_memo_index(index: int | None, entries: int, position: int) -> None:
    # Picklers count the memo one by one (Python 2 from 1), and the C reader allocates up to the index given:
    # seven bytes could ask for gigabytes.
    if index is not None and not 0 <= index <= entries + 1:
        raise WeightsError(f"memo index {index:,} at byte {position} after {entries:,} entries: a memo bomb")


def _instructions(data: bytes) -> Iterator[tuple[pickletools.OpcodeInfo, Any, int, int]]:
    """Each instruction, its argument, start and end. (pickletools.genops fails on strings of Python 2.)"""
    stream = io.BytesIO(data)
    while True:
        position = stream.tell()
        code = stream.read(1)
        if not code:
            raise WeightsError("cut off: the pickle has no end")
        opcode = _BY_CODE.get(code.decode("latin-1"))
        if opcode is None:
            raise WeightsError(f"no instruction of a pickle at byte {position}: {code!r}")
        try:
            argument = _argument(opcode, stream)
        except Exception as error:  # ValueError, UnicodeError, struct.error ...: the readers promise nothing
            raise WeightsError(f"damaged or cut off at byte {position}, {opcode.name}: {error}") from error
        yield opcode, argument, position, stream.tell()
        if opcode.name == "STOP":
            return


def _argument(opcode: pickletools.OpcodeInfo, stream: io.BytesIO) -> Any:
    if opcode.arg is None:
        return None
    if opcode.name == "STRING":
        return pickletools.read_stringnl(stream, decode=False)
    return opcode.arg.reader(stream)
