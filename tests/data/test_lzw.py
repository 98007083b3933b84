"""Unix compress (.Z): unpacked like gzip does it, and damage refused."""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from mnistweb.data.errors import DataError
from mnistweb.data.lzw import unpack_compress


def compressed(content: bytes, max_width: int = 16, clear_every: int = 0) -> bytes:
    """Unix compress, plainly: codes of growing width in groups of eight, with an optional clear code."""
    table = {bytes([value]): value for value in range(256)}
    free, width, bits, group = 257, 9, [], 0

    def emit(code: int) -> None:
        bits.extend(code >> place & 1 for place in range(width))

    def fill_group() -> None:
        nonlocal group
        while (len(bits) - group) % (8 * width):
            bits.append(0)
        group = len(bits)

    string = b""
    for number, value in enumerate(content):
        longer = string + bytes([value])
        if longer in table:
            string = longer
            continue
        emit(table[string])
        if free < 1 << max_width:
            table[longer] = free
            free += 1
        # The reader knows each string one code later than the writer.
        if free - 1 >= 1 << width and width < max_width:
            fill_group()
            width += 1
        string = bytes([value])
        if clear_every and number % clear_every == 0:
            emit(table[string])
            string = b""
            emit(256)
            fill_group()
            table = {bytes([value]): value for value in range(256)}
            free, width = 257, 9
    if string:
        emit(table[string])
    bits.extend([0] * (-len(bits) % 8))
    packed = int("".join(map(str, reversed(bits))) or "0", 2).to_bytes(len(bits) // 8, "little")
    return bytes([0x1F, 0x9D, 0x80 | max_width]) + packed


def text_like(length: int) -> bytes:
    chance = random.Random(1)
    return b"".join(b" %d  %d\n" % (chance.randrange(300), chance.randrange(300)) for _ in range(length))


CASES = [
    (b"", 16, 0),
    (b"a", 16, 0),
    (b"aaaaaaaaaaaaaaaaaaaa", 16, 0),
    (text_like(200), 16, 0),
    (text_like(9000), 16, 0),
    (text_like(9000), 12, 0),
    (text_like(3000), 16, 5000),
]


@pytest.mark.parametrize(("content", "max_width", "clear_every"), CASES)
def test_unpacking_gives_back_what_was_packed(content: bytes, max_width: int, clear_every: int) -> None:
    packed = compressed(content, max_width, clear_every)
    assert unpack_compress(packed, max_bytes=10**6) == content


@pytest.mark.skipif(shutil.which("gzip") is None, reason="needs the gzip program to compare with")
@pytest.mark.parametrize(("content", "max_width", "clear_every"), CASES[1:])
def test_gzip_reads_the_same_files_the_same_way(
    tmp_path: Path, content: bytes, max_width: int, clear_every: int
) -> None:
    path = tmp_path / "file.Z"
    path.write_bytes(compressed(content, max_width, clear_every))
    unpacked = subprocess.run(["gzip", "-dc", path], capture_output=True, check=True).stdout
    assert unpacked == content


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a compress"),
        (b"\x1f\x9d", "not a compress"),
        (b"\x1f\x8b\x08rest", "not a compress"),
        (b"\x1f\x9d\xf0rest", "is not understood"),
        (b"\x1f\x9d\x88rest", "is not understood"),
        (b"\x1f\x9d\x90\xff\xff\xff\xff", "damaged"),
    ],
)
def test_damage_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        unpack_compress(data, max_bytes=10**6)


def test_unpacking_stops_at_the_limit() -> None:
    with pytest.raises(DataError, match="more than 1,000 bytes"):
        unpack_compress(compressed(bytes(100_000)), max_bytes=1000)


def test_every_single_bit_flip_is_answered_by_bytes_or_a_data_error() -> None:
    packed = compressed(text_like(60))
    for bit in range(16, 8 * len(packed)):
        flipped = bytearray(packed)
        flipped[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(DataError):
            assert isinstance(unpack_compress(bytes(flipped), max_bytes=10**6), bytes)
