"""npz, safetensors and JSON: read as their own libraries write them, refused when they lie."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mnistweb.weights import WeightsError
from mnistweb.weights.importers import ImportOptions, import_model
from mnistweb.weights.npz import read_npy, read_npz, write_npz
from mnistweb.weights.safetensors import read_safetensors, write_safetensors
from mnistweb.weights.strict_json import parse_json
from tests.weights.hostile import archive, npy, plain_npy, safetensors

NUMBERS = hnp.arrays(
    st.sampled_from(["<f4", "<f8", ">f8", "<f2", "|u1", "<i8", ">i4", "|b1"]),
    hnp.array_shapes(max_dims=4, max_side=4),
)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and one.tobytes() == other.astype(other.dtype.newbyteorder("=")).tobytes()


# ------------------------------------------------------------------ npz


@given(st.dictionaries(st.from_regex(r"[A-Za-z]\w{0,5}", fullmatch=True), NUMBERS, min_size=1, max_size=3))
def test_npz_files_of_numpy_are_read(arrays):
    for save in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        save(stream, **arrays)
        read = read_npz(stream.getvalue())
        assert read.keys() == arrays.keys()
        assert all(same(read[name], array) for name, array in arrays.items())


def test_fortran_order_scalars_and_empty_arrays_are_read():
    for array in (np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.array(5.0), np.zeros((0, 3))):
        assert same(read_npy(plain_npy(array)), np.ascontiguousarray(array).reshape(array.shape))


def test_equal_arrays_give_equal_archives():
    assert write_npz({"W1": np.ones(3)}) == write_npz({"W1": np.ones(3)})


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"


@pytest.mark.parametrize(
    ("header", "data", "because"),
    [
        (GOOD.replace("(2,)", "(3,)"), bytes(8), "needs 12 bytes, the file has 8"),
        (GOOD.replace("(2,)", "(30000, 30000)"), bytes(8), "needs 3,600,000,000 bytes"),
        (GOOD, bytes(9), "needs 8 bytes, the file has 9"),
        (GOOD.replace("<f4", "|O"), pickle.dumps([1, 2]), "dtype 'O'; only plain numbers"),
        (GOOD.replace("'<f4'", "[('a', '<f4')]"), bytes(8), "without a plain dtype"),
        (GOOD.replace("<f4", "<U2"), bytes(16), "dtype 'U2'"),
        (GOOD.replace("<f4", "f4"), bytes(8), "dtype '4'"),
        (GOOD.replace("(2,)", "(-2,)"), bytes(8), "without a plain dtype"),
        (GOOD.replace("(2,)", "(__import__('os').system('true'),)"), bytes(8), "without a plain dtype"),
        (GOOD.replace("(2,)", "(" + "1, " * 9 + ")"), bytes(4), "array of 9 dimensions; at most 8"),
        ("{}", b"", "without a plain dtype"),
        ("(" * 9000, b"", "without a plain dtype"),
        (" " * 20_000, b"", "a npy header of 20,001 bytes"),
    ],
)
def test_npy_headers_that_lie_are_refused(header, data, because):
    """Guards: the pattern of the header in npz, and build_array. Nothing in it is evaluated."""
    with pytest.raises(WeightsError, match=because):
        read_npy(npy(header, data))
    with pytest.raises(WeightsError, match=r"'W1\.npy': "):
        read_npz(archive({"W1.npy": npy(header, data)}))


def test_every_truncation_of_an_npz_is_refused_and_so_is_every_flip():
    """Guard: zipfile's CRC and directory, and our look at both."""
    array = np.arange(4, dtype=np.float32)
    data = archive({"W1.npy": plain_npy(array)})
    for length in range(len(data)):
        with pytest.raises(WeightsError):
            read_npz(data[:length])
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 0x10
        try:
            read = read_npz(bytes(flipped))
        except WeightsError:
            continue
        # What no checksum covers (dates, versions, the name) may change; the numbers may not.
        assert same(next(iter(read.values())), array), position


def test_a_wrong_crc_is_refused():
    """Guard: zipfile's CRC-32, which must not be switched off by reading in pieces."""
    data = archive({"W1.npy": plain_npy(np.arange(4.0))}, method=zipfile.ZIP_STORED)
    number = struct.pack("<d", 3.0)
    assert number in data
    with pytest.raises(WeightsError, match="Bad CRC-32"):
        read_npz(data.replace(number, struct.pack("<d", 4.0)))


def test_odd_archives_are_refused():
    """Guard: npz._look_over."""
    one = plain_npy(np.ones(2))
    for members, because in (
        ({}, "without arrays"),
        ({"archive/data.pkl": b"", "archive/version": b"3"}, "a PyTorch file .*safetensors.torch.save_file"),
        ({"readme.txt": b"hello"}, "'readme.txt' in the archive is no npy array"),
        ({"W1.npy": b"hello"}, r"'W1\.npy': no npy array"),
        ({f"{i}.npy": b"" for i in range(2001)}, "2,001 files"),
    ):
        with pytest.raises(WeightsError, match=because):
            read_npz(archive(members))
    with pytest.raises(WeightsError, match="packed by method 12"):
        read_npz(archive({"W1.npy": one}, method=zipfile.ZIP_BZIP2))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("W1.npy", one)
        file.writestr("W2.npy", one)
    twice = stream.getvalue().replace(b"W2.npy", b"W1.npy")
    with pytest.raises(WeightsError, match="two arrays of one name"):
        read_npz(twice)


# ------------------------------------------------------------------ safetensors


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5).filter(lambda name: name != "__metadata__"), NUMBERS, max_size=3
    )
)
def test_safetensors_of_its_own_library_are_read(arrays):
    library = pytest.importorskip("safetensors.numpy")
    arrays = {
        name: np.ascontiguousarray(array.astype(array.dtype.newbyteorder("=")))
        for name, array in arrays.items()
    }
    read, metadata = read_safetensors(library.save(arrays, {"made": "here"}))
    assert metadata == {"made": "here"}
    assert read.keys() == arrays.keys()
    assert all(same(read[name], array) for name, array in arrays.items())


def test_its_own_library_reads_what_we_write():
    library = pytest.importorskip("safetensors.numpy")
    arrays = {"b": np.ones((2, 3), np.float32), "a": np.array(7), "ä": np.zeros((1, 2, 0), np.float32)}
    read = library.load(write_safetensors(arrays, {"key": "value"}))
    assert read.keys() == arrays.keys()
    assert all(same(read[name], array) for name, array in arrays.items())


def test_bfloat16_becomes_float32():
    entry = {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}
    read, _ = read_safetensors(safetensors({"x": entry}, struct.pack("<HH", 0x3FC0, 0xC000)))
    assert read["x"].tolist() == [1.5, -2.0]


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("header", "data", "because"),
    [
        ({"x": ENTRY}, bytes(7), "'x' lies at bytes 0 to 8; .* the file at 7"),
        ({"x": ENTRY}, bytes(9), "1 bytes that belong to no array"),
        ({"x": ENTRY | {"shape": [3]}}, bytes(8), "'x': an array of shape .* needs 12 bytes, the file has 8"),
        ({"x": ENTRY | {"shape": [-2]}}, bytes(8), "whole numbers from 0"),
        ({"x": ENTRY | {"shape": [2.0]}}, bytes(8), "whole numbers from 0"),
        ({"x": ENTRY | {"shape": 2}}, bytes(8), "a shape that is no list"),
        ({"x": ENTRY | {"dtype": "O"}}, bytes(8), "dtype 'O'; wanted one of F64"),
        ({"x": ENTRY | {"dtype": ["F32"]}}, bytes(8), "dtype .* wanted one of F64"),
        ({"x": ENTRY, "y": ENTRY}, bytes(8), "'y' lies at bytes 0 to 8; the array before it ends at 8"),
        ({"x": ENTRY | {"data_offsets": [8, 16]}}, bytes(16), "'x' lies at bytes 8 to 16"),
        ({"x": ENTRY | {"data_offsets": [8, 0]}}, bytes(8), "offsets that make sense"),
        ({"x": ENTRY | {"data_offsets": [-8, 0]}}, bytes(8), "offsets that make sense"),
        ({"x": ENTRY | {"data_offsets": [0, True]}}, bytes(1), "offsets that make sense"),
        ({"x": {}}, b"", "lacks a dtype, a shape or offsets"),
        ({"x": 3}, b"", "lacks a dtype"),
        ({"__metadata__": {"a": 1}}, b"", "metadata entry that is no text"),
        (b'{"x": 1, "x": 2}', b"", "JSON with the same key twice"),
        (b'{"x": NaN}', b"", "JSON with NaN"),
        (b"{" + b"\xff" * 9, b"", "no JSON"),
    ],
)
def test_safetensors_that_lie_are_refused(header, data, because):
    """Guard: safetensors.read_safetensors."""
    with pytest.raises(WeightsError, match=because):
        read_safetensors(safetensors(header, data))


def test_every_truncation_of_safetensors_is_refused():
    data = safetensors({"x": ENTRY}, bytes(8))
    for length in range(len(data)):
        with pytest.raises(WeightsError):
            read_safetensors(data[:length])


# ------------------------------------------------------------------ JSON


@pytest.mark.parametrize(
    ("text", "because"),
    [
        (b"", "no JSON"),
        (b"[1, 2", "no JSON"),
        (b"[1] x", "no JSON: Extra data"),
        (b"\xff\xfe[", "no JSON"),
        (b"[NaN]", "JSON with NaN"),
        (b"[-Infinity]", "JSON with -Infinity"),
        (b"[1e999]", "JSON with 1e999"),
        (b"[" + b"9" * 5000 + b"]", "an integer of 5,000 digits"),
        (b'{"a": 1, "a": 2}', "the same key twice"),
        (b"[" * 2000 + b"]" * 2000, "nested too deep"),
        (b'{"a": ' * 101 + b"1" + b"}" * 101, "nested too deep"),
        (b'"' + b'\\"' * 1_000_000, "no JSON: Unterminated string"),  # without looking at it a million times
        (b"[" * 100_001, "more than 100,000 lists"),
        (b"," * 1_000_001, "1,000,000 values"),
    ],
)
def test_json_that_is_not_plain_is_refused(text, because):
    """Guard: strict_json."""
    with pytest.raises(WeightsError, match=because):
        parse_json(text)


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | FLOATS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_brackets_in_a_text_are_no_nesting():
    assert parse_json(b'["' + b"[" * 500 + b'\\"[[", []]') == ["[" * 500 + '"[[', []]


@given(PLAIN)
def test_plain_json_is_read(value):
    assert parse_json(json.dumps(value).encode()) == value


# ------------------------------------------------------------------ which reader a file gets


@pytest.mark.parametrize(
    ("data", "because"),
    [
        (b"", "looks like an empty file"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "a Git LFS pointer, not the file itself; run `git lfs pull`",
        ),
        (b"<!doctype html>", "an HTML or XML page"),
        (b"\x1f\x8b\x08", "a gzip file; unpack it first"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file .Keras.; save the arrays as npz"),
        (plain_npy(np.ones(3)), "a single npy array; save weights and biases together as npz"),
        (b"PK\x03\x04nonsense", "a damaged npz archive"),
        (b"[1, 2", "no JSON"),
        (b"cos\nsystem\n(S'true'\ntR.", "asks for 'os.system'"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path, data, because):
    (tmp_path / "weights.bin").write_bytes(data)
    with pytest.raises(WeightsError, match=because):
        import_model(tmp_path / "weights.bin", "x", ImportOptions("relu"))
