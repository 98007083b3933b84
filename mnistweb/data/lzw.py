"""Unpacks ``.Z`` files, the output of Unix ``compress``, in which the UCI archive keeps its oldest data.

The method is T. A. Welch, "A technique for high-performance data compression", Computer 17 (1984): codes
stand for byte strings seen before, and both sides build the same table of strings as they go.
"""

from __future__ import annotations

from mnistweb.data.errors import DataError

MAGIC = b"\x1f\x9d"

_CLEAR = 256
_FIRST_WIDTH = 9


def unpack_compress(data: bytes, *, max_bytes: int) -> bytes:
    """The original bytes of a ``.Z`` file; of one that is cut off, their beginning: the format has no length.

    Raises DataError when it is damaged or unpacks to more than `max_bytes`.
    """
    if not data.startswith(MAGIC) or len(data) < 3:
        raise DataError("not a compress (.Z) file")
    max_width, has_clear = data[2] & 0x1F, bool(data[2] & 0x80)
    if data[2] & 0x60 or not _FIRST_WIDTH <= max_width <= 16:
        raise DataError(f"compress (.Z) data with flags {data[2]:#04x} is not understood")
    first_table = [bytes([value]) for value in range(256)] + ([b""] if has_clear else [])
    table, width, previous = list(first_table), _FIRST_WIDTH, b""
    place = group = 24  # in bits; codes come in groups of eight of the same width, counted from `group`
    output: list[bytes] = []
    size = 0
    while True:
        if len(table) >= 1 << width and width < max_width:
            place = group = _next_group(place, group, width)
            width += 1
        if place + width > 8 * len(data):
            return b"".join(output)
        chunk = int.from_bytes(data[place >> 3 : (place >> 3) + 3], "little")
        code = chunk >> (place & 7) & ((1 << width) - 1)
        place += width
        if has_clear and code == _CLEAR:
            place = group = _next_group(place, group, width)
            table, width, previous = list(first_table), _FIRST_WIDTH, b""
            continue
        if code < len(table):
            string = table[code]
        elif code == len(table) and previous:
            string = previous + previous[:1]  # the string that is being added just now
        else:
            raise DataError("the compress (.Z) data is damaged")
        if previous and len(table) < 1 << max_width:
            table.append(previous + string[:1])
        output.append(string)
        size += len(string)
        if size > max_bytes:
            raise DataError(f"the compress (.Z) data unpacks to more than {max_bytes:,} bytes")
        previous = string


def _next_group(place: int, group: int, width: int) -> int:
    """Where the next group of eight codes begins: `compress` fills up one before it changes the width."""
    return group + -(-(place - group) // (8 * width)) * (8 * width)
