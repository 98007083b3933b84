"""IDX files: read as written, and every damage named in one line.

Guards: the header is judged before anything is read by it, and nothing beyond what it says is unpacked.
"""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from mnistweb.data import DataError, MissingDataError, read_idx

PIXELS = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def idx_bytes(array: np.ndarray, code: int = 0x08) -> bytes:
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def written(tmp_path: Path, content: bytes, name: str = "file") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_read_idx_returns_the_array_that_was_written(tmp_path: Path) -> None:
    read = read_idx(written(tmp_path, idx_bytes(PIXELS)))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, PIXELS)


def test_gzip_is_found_by_its_magic_and_not_by_the_name(tmp_path: Path) -> None:
    packed_without_suffix = written(tmp_path, gzip.compress(idx_bytes(PIXELS)), "packed")
    unpacked_with_suffix = written(tmp_path, idx_bytes(PIXELS), "unpacked.gz")
    np.testing.assert_array_equal(read_idx(packed_without_suffix), PIXELS)
    np.testing.assert_array_equal(read_idx(unpacked_with_suffix), PIXELS)


@pytest.mark.parametrize(
    ("code", "dtype"),
    [(0x09, np.int8), (0x0B, np.int16), (0x0C, np.int32), (0x0D, np.float32), (0x0E, np.float64)],
)
def test_every_number_type_comes_in_native_byte_order(tmp_path: Path, code: int, dtype: type) -> None:
    values = np.array([-3, 0, 100], dtype)
    read = read_idx(written(tmp_path, idx_bytes(values, code)))
    assert read.dtype == dtype
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, values)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kept", [4, 10, 16, 17, 39])
def test_a_file_cut_off_at_any_place_is_refused(tmp_path: Path, kept: int, packed: bool) -> None:
    content = idx_bytes(PIXELS)[:kept]
    path = written(tmp_path, gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=r"file: .*(cut off|claims)"):
        read_idx(path)


def test_bytes_after_the_data_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"claims \(2, 3, 4\), that is 24 bytes; the file holds more"):
        read_idx(written(tmp_path, idx_bytes(PIXELS) + b"!"))


def test_truncated_gzip_is_refused_at_every_length(tmp_path: Path) -> None:
    packed = gzip.compress(idx_bytes(PIXELS))
    for kept in range(2, len(packed)):
        with pytest.raises(DataError, match="cut off"):
            read_idx(written(tmp_path, packed[:kept]))


def test_a_gzip_whose_checksum_is_wrong_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(idx_bytes(PIXELS)))
    packed[-8] ^= 1  # the CRC is in the eight bytes at the end
    with pytest.raises(DataError, match="gzip data is damaged"):
        read_idx(written(tmp_path, bytes(packed)))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><title>Not found</title>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"PK\x03\x04rest of the archive", "ZIP archive"),
        (b"\x00\x00\x07\x03" + bytes(40), "begins with"),
        (b"\x01\x00\x08\x03" + bytes(40), "begins with"),
    ],
)
def test_what_is_not_idx_is_called_what_it_looks_like(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(DataError, match=f"not an IDX file; it looks like .*{words}"):
        read_idx(written(tmp_path, content))


def test_a_header_that_claims_gigabytes_is_refused_before_they_are_read(tmp_path: Path) -> None:
    header = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 28, 28)
    with pytest.raises(DataError, match=r"claims .*at most"):
        read_idx(written(tmp_path, header))


def test_a_bomb_is_read_no_further_than_its_header_says(tmp_path: Path) -> None:
    bomb = gzip.compress(idx_bytes(PIXELS) + bytes(50_000_000))
    with pytest.raises(DataError, match="holds more"):
        read_idx(written(tmp_path, bomb))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="nowhere: there is no such file"):
        read_idx(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "nowhere")


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="this is a folder"):
        read_idx(tmp_path)
