"""Unpacking stops at its limit, in memory too, and packed data are known by their first bytes."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from mnistweb.data import DataError, MissingDataError
from mnistweb.data.compression import looks_like, read_unpacked, unpacked
from tests.data.test_lzw import compressed


def test_packed_and_plain_bytes_unpack_to_the_same() -> None:
    content = b"1 2\n3 4\n" * 100
    for packed in (content, gzip.compress(content), compressed(content)):
        assert unpacked(packed, "name") == content


def test_a_bomb_takes_no_more_memory_than_the_limit_says() -> None:
    bomb = gzip.compress(bytes(64_000_000), 1)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="bomb: holds more than 1,000,000 bytes"):
            unpacked(bomb, "bomb", max_bytes=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_a_plain_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(1001))
    assert len(read_unpacked(tmp_path / "big", max_bytes=1001)) == 1001
    with pytest.raises(DataError, match="big: holds more than 1,000 bytes"):
        read_unpacked(tmp_path / "big", max_bytes=1000)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="nothing: there is no such file"):
        read_unpacked(tmp_path / "nothing")


def test_damage_inside_compress_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "strokes.Z").write_bytes(b"\x1f\x9d\x90\xff\xff\xff\xff")
    with pytest.raises(DataError, match=r"strokes\.Z: .*damaged"):
        read_unpacked(tmp_path / "strokes.Z")


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "an empty file"),
        (b"  <!DOCTYPE html>", "a web page"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x80\x04\x95", "a pickle"),
        (b"\xff\xd8\xff\xe0", "a picture"),
        (b"anything", "something that begins with b'anything'"),
    ],
)
def test_first_bytes_are_put_in_words(head: bytes, words: str) -> None:
    assert looks_like(head).startswith(words)
