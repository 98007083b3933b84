"""What the safe reader takes, and that each kind of hostile or broken pickle meets its guard.

Every refusal names the guard that makes it; each was seen to fail with that guard removed.
"""

from __future__ import annotations

import gc
import os
import pickle
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mnistweb.weights.errors import WeightsError
from mnistweb.weights.pickle_machine import Machine
from mnistweb.weights.safe_pickle import read_pickle, write_pickle
from tests.weights import pickles, written_by_numpy_1
from tests.weights.pickles import byte_string, named, program, short_text

WEIGHTS = {
    "weights": [np.arange(12, dtype=np.float32).reshape(3, 4) / 7, np.asfortranarray(np.ones((4, 2)))],
    "biases": [np.zeros(4, np.float32), np.array([[1, 2]], dtype=">i8")],
    "accuracy": np.float64(0.98),
    "note": "größer",
}


def refused(data: bytes, *, because: str) -> str:
    with pytest.raises(WeightsError, match=because) as caught:
        read_pickle(data)
    return str(caught.value)


def assert_equal(got: object, wanted: object) -> None:
    if isinstance(wanted, dict):
        assert got.keys() == wanted.keys()
        for key in wanted:
            assert_equal(got[key], wanted[key])
    elif isinstance(wanted, list | tuple):
        assert type(got) is type(wanted)
        assert len(got) == len(wanted)
        for one, other in zip(got, wanted, strict=True):
            assert_equal(one, other)
    elif isinstance(wanted, np.ndarray):
        assert got.dtype == wanted.dtype.newbyteorder("=")
        assert got.shape == wanted.shape
        assert got.astype(wanted.dtype).tobytes() == wanted.tobytes()
    else:
        assert type(got) is type(wanted)
        assert got == wanted


# ------------------------------------------------------------------------------------------ what is read


@pytest.mark.parametrize("core", ["numpy.core", "numpy._core"])
@pytest.mark.parametrize("protocol", range(6))
def test_reads_arrays_of_numpy_1_and_2_in_every_protocol(protocol, core):
    data = pickles.dumps_as(WEIGHTS, protocol=protocol, core=core)
    assert core.encode() in data
    assert_equal(read_pickle(data), WEIGHTS)


@pytest.mark.parametrize("protocol", range(6))
def test_reads_files_that_numpy_1_wrote(protocol):
    assert_equal(read_pickle(written_by_numpy_1.BY_PROTOCOL[protocol]), written_by_numpy_1.VALUE)


@pytest.mark.parametrize("dtype", ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"])
def test_reads_every_numeric_dtype_in_both_byte_orders(dtype):
    for byte_order in "<>":
        array = np.array([[0, 1], [1, 0], [1, 1]]).astype(byte_order + dtype)
        assert_equal(read_pickle(pickle.dumps(array)), array)


def test_reads_arrays_in_any_memory_order():
    array = np.arange(24.0).reshape(2, 3, 4)
    views = [array.T, array.transpose(1, 0, 2), array[:, ::2], array[::-1], array[1, 1, 1:], np.zeros((0, 3))]
    for protocol in (4, 5):
        for got, wanted in zip(read_pickle(pickle.dumps(views, protocol)), views, strict=True):
            assert_equal(got, wanted)
            assert got.flags.c_contiguous
            assert got.flags.writeable


def test_reads_byte_strings_of_python_2():
    # As Python 2.7 with NumPy 1 writes np.array([1, 2], dtype="<f4"), protocol 0 and protocol 2.
    text = (
        b"cnumpy.core.multiarray\n_reconstruct\np1\n(cnumpy\nndarray\np2\n(I0\ntS'b'\ntRp3\n(I1\n(I2\ntcnumpy\ndtype\np4\n"
        b"(S'f4'\nI0\nI1\ntRp5\n(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x00\\x00\\x80?\\x00\\x00\\x00@'\ntb."
    )
    binary = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03(K\x01K\x02\x85"
        b"cnumpy\ndtype\nq\x04U\x02f4K\x00K\x01\x87Rq\x05(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"U\x08\x00\x00\x80?\x00\x00\x00@tb."
    )
    for data in (text, binary):
        assert_equal(read_pickle(data), np.array([1, 2], np.float32))


def test_an_array_that_appears_twice_is_read_once():
    array = np.ones(3)
    first, second = read_pickle(pickle.dumps([array, array]))
    assert first is second


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(min_size=1)
    | hnp.arrays(
        st.sampled_from(["<f4", ">f8", "|u1", "<i8", "|b1", "<f2"]),
        hnp.array_shapes(max_dims=4, max_side=4),
        elements={"allow_nan": False},
    ),
    lambda inner: st.lists(inner, max_size=4)
    | st.tuples(inner, inner)
    | st.dictionaries(st.text() | st.integers(-100, 100), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(PLAIN, st.integers(0, 5))
def test_reads_whatever_plain_data_is_pickled(value, protocol):
    assert_equal(read_pickle(pickle.dumps(value, protocol)), value)


def test_writes_what_it_reads(tmp_path):
    write_pickle(tmp_path / "checkpoint.pkl", WEIGHTS)
    assert_equal(read_pickle(tmp_path / "checkpoint.pkl"), WEIGHTS)
    assert os.listdir(tmp_path) == ["checkpoint.pkl"]


def test_refuses_to_write_what_it_would_not_read_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "checkpoint.pkl"
    write_pickle(path, {"epoch": 1})
    with pytest.raises(WeightsError, match=r"checkpoint\.pkl: not written: asks for 'pathlib"):
        write_pickle(path, {"folder": Path("runs")})
    assert read_pickle(path) == {"epoch": 1}


# ----------------------------------------------------- code in the file; guards: look_over, find_class


class _CallsSystem:
    def __init__(self, marker: Path) -> None:
        self.command = f"touch {marker}"

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", range(6))
def test_os_system_is_refused_and_does_not_run(tmp_path, protocol):
    """Guard: `check_name`, from the look for GLOBAL and from `find_class` for STACK_GLOBAL."""
    marker = tmp_path / "ran"
    hostile = pickle.dumps(_CallsSystem(marker), protocol)
    refused(hostile, because="asks for '(posix|nt).system'")
    assert not marker.exists()
    pickle.loads(hostile)  # the attack is real: the usual reader runs it
    assert marker.exists()


@pytest.mark.parametrize(
    ("guard", "instructions"),
    [
        ("INST", b"(S'true'\nios\nsystem\n"),
        ("OBJ", b"(" + named("os", "system") + short_text("true") + b"o"),
        ("NEWOBJ", named("numpy", "ndarray") + b")\x81"),
        ("NEWOBJ_EX", named("numpy", "ndarray") + b")}\x92"),
        ("PERSID", b"Pnumpy\n"),
        ("BINPERSID", short_text("numpy") + b"Q"),
        ("EXT1", b"\x82\x01"),
        ("EXT2", b"\x83\x01\x00"),
        ("EXT4", b"\x84\x01\x00\x00\x00"),
        ("NEXT_BUFFER", b"\x97"),
        ("READONLY_BUFFER", b"\x97\x98"),
        ("EMPTY_SET", b"\x8f"),
        ("FROZENSET", b"(\x91"),
        ("DUP", b"N2"),
        ("POP", b"NN0"),
        ("POP_MARK", b"N(N1"),
    ],
)
def test_instructions_that_plain_data_never_needs_are_refused(guard, instructions):
    """Guard: the list of allowed instructions in pickle_look."""
    name = "NEXT_BUFFER" if guard == "READONLY_BUFFER" else guard
    refused(program(instructions), because=f"instruction {name} ")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("numpy", "load"),
        ("numpy", "ndarray.tofile"),
        ("numpy._core.multiarray", "_reconstruct.__globals__"),
        ("numpy.core.multiarray._reconstruct", "__class__"),
        ("_codecs", "lookup"),
        ("codecs", "encode"),
        ("builtins", "eval"),
        ("__builtin__", "eval"),
        ("collections", "OrderedDict"),
        ("numpy ndarray", ""),
        ("", "numpy ndarray"),
    ],
)
def test_names_that_numpy_does_not_write_are_refused(module, name):
    """Guard: `check_name` in Machine.find_class; exact names, so that no dotted path is followed."""
    refused(program(named(module, name)), because="which is no part of a NumPy array")
    if " " not in module + name:
        refused(b"c" + module.encode() + b"\n" + name.encode() + b"\n.", because="which is no part")


def test_nothing_is_imported(monkeypatch):
    """Guard: Machine.find_class never imports."""
    monkeypatch.delitem(sys.modules, "antigravity", raising=False)
    refused(program(named("antigravity", "webbrowser")), because="antigravity")
    assert "antigravity" not in sys.modules


def test_the_stand_ins_cannot_be_changed_for_the_next_file():
    """Guard: _Name.__setstate__; BUILD would hang attributes on what find_class gave out."""
    for name in (named("numpy", "dtype"), named("numpy", "ndarray"), named("_codecs", "encode")):
        refused(
            program(name + b"N}" + short_text("_call") + b"Ns\x86b"), because="sets the state of a function"
        )
    assert_equal(read_pickle(program(pickles.array())), np.array([[1, 2], [3, 4]], np.float32))


def test_reading_keeps_nothing_of_the_file_in_memory():
    """Guards: Machine.forget. What it knew knew it too, and stayed until the collector came by."""

    def machines() -> int:
        return sum(type(each) is Machine for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = machines()  # failures of earlier tests may hold some
        read_pickle(pickle.dumps({"weights": [np.ones((10, 10), np.float32)]}))
        assert machines() == before
    finally:
        gc.enable()


def test_codecs_encode_is_only_for_latin1():
    """Guard: Machine._encode; other codecs run code of their own (zlib bombs, rot13, hex)."""
    for codec in ("zlib_codec", "utf-8", "rot13"):
        call = named("_codecs", "encode") + short_text("abc") + short_text(codec) + b"\x86R"
        refused(program(call), because="_codecs.encode of something other")


# ------------------------------------------ arrays that lie; guards: the stand-ins and build_array


def test_an_array_of_objects_is_refused():
    """Guard: the list of dtypes in build_array, and the refusal of lists as an array's bytes."""
    refused(pickle.dumps(np.array([1, "a", None], dtype=object)), because="dtype 'O8'; only plain numbers")
    refused(program(pickles.array(data=b"]")), because="an array of Python objects")
    objects = pickles.DTYPE.replace(b"\x02f4", b"\x02O8")
    refused(
        program(pickles.array(dtype=objects)), because="dtype 'O8'"
    )  # with a buffer: SIGSEGV in NumPy itself


@pytest.mark.parametrize(
    "dtype", ["O8", "S4", "U4", "V8", "M8[s]", "c8", "f16", "i3", "f4,f4", "(2,)f4", "object", "p"]
)
def test_dtypes_that_are_no_plain_numbers_are_refused(dtype):
    """Guard: check_dtype."""
    crafted = pickles.DTYPE.replace(short_text("f4"), short_text(dtype))
    refused(program(pickles.array(dtype=crafted)), because="only plain numbers are read")


def test_structured_arrays_are_refused():
    """Guard: check_dtype on the name, StandInDtype.__setstate__ on fields hidden behind a plain name."""
    refused(pickle.dumps(np.zeros(2, dtype=[("a", "f4"), ("b", "O")])), because="only plain numbers")
    fields = pickles.DTYPE.replace(b"NNNJ", b"N" + short_text("a") + b"\x85}J")
    refused(program(pickles.array(dtype=fields)), because="a dtype with fields")


@pytest.mark.parametrize(
    ("shape", "because"),
    [
        (b"K\x02K\x03\x86", "needs 24 bytes, the file has 16"),
        (b"J\x00\x00\x00\x40J\x00\x00\x00\x40\x86", "needs 4,611,686,018,427,387,904 bytes"),
        (b"K\x04J\xff\xff\xff\xff\x86", "whole numbers from 0"),
        (b"G\x40\x00\x00\x00\x00\x00\x00\x00K\x02\x86", "whole numbers from 0"),
        (b"\x88K\x04\x86", "whole numbers from 0"),
        (b"(" + b"K\x01" * 70 + b"t", "70 dimensions"),
        (b"K\x04", "without a shape"),
        (b"]K\x04a", "without a shape"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_the_bytes_are_refused(shape, because):
    """Guard: build_array."""
    refused(program(pickles.array(shape=shape)), because=because)


def from_buffer(order: bytes) -> bytes:
    arguments = byte_string(b"abcd") + pickles.DTYPE + b"K\x01\x85" + order
    return named("numpy._core.numeric", "_frombuffer") + b"(" + arguments + b"tR"


@pytest.mark.parametrize(
    ("instructions", "because"),
    [
        (pickles.array(dtype=short_text("f4")), "without a shape or a dtype"),
        (pickles.array(data=b"K\x05"), "an array without bytes"),
        (pickles.array(data=byte_string(b"\x02" * 4), dtype=pickles.DTYPE.replace(b"f4", b"b1")), "booleans"),
        (pickles.array(dtype=pickles.DTYPE.replace(short_text("<"), short_text("x"))), "byte order 'x'"),
        (pickles.array() + b"(K\x01tb", "strange state"),
        (pickles.array()[:-1], "no plain data|damaged"),
        (named("numpy._core.multiarray", "_reconstruct") + b"N\x85R", "never got its shape"),
        (named("numpy", "ndarray") + b")R", "calls numpy.ndarray itself"),
        (pickles.DTYPE, r"no plain data \(StandInDtype\)"),
        (named("numpy", "ndarray"), r"no plain data \(_Name\)"),
        (from_buffer(short_text("X")), "order 'X'"),
        (from_buffer(short_text("K")), "order 'K'"),
        (from_buffer(short_text("K") + b"K\x05\x85"), "not a permutation"),
    ],
)  # fmt: skip
def test_arrays_put_together_wrongly_are_refused(instructions, because):
    """Guards: StandInArray.__setstate__, Machine._from_buffer, and `_plain` for what is left lying about."""
    refused(program(instructions), because=because)


# ------------------------------------------------------------------ bombs and claims; guard: look_over


def test_memo_bombs_are_refused():
    """Guard: _check_memo_index; the C reader would allocate 2 GB and more for these few bytes."""
    refused(b"Nr\xff\xff\xff\x0f.", because="a memo bomb")
    refused(b"Np268435455\n.", because="a memo bomb")
    refused(b"Nq\x02.", because="a memo bomb")


def test_claimed_sizes_are_refused():
    """Guard: the instruction readers of pickletools, and the look at FRAME."""
    for code in (b"B", b"T", b"X"):
        refused(code + struct.pack("<I", 2**30) + b"abc.", because="damaged or cut off at byte 0")
    for code in (b"\x8e", b"\x96", b"\x8d"):
        refused(
            b"\x80\x05" + code + struct.pack("<Q", 2**33) + b"abc.", because="damaged or cut off at byte 2"
        )
    refused(
        b"\x80\x04\x95" + struct.pack("<Q", 2**40) + b"N.",
        because="a frame claims 1,099,511,627,776 bytes at byte 2",
    )


def test_huge_integers_are_refused():
    """Guard: the look at numbers; printing or comparing them takes time that grows with the square."""
    refused(pickle.dumps(10**400), because="an integer of 1,329 bits")
    refused(b"L" + b"9" * 30 + b"L\n.", because="an integer of")


def test_more_instructions_than_a_model_needs_are_refused(monkeypatch):
    """Guard: MAX_INSTRUCTIONS, MAX_CONTAINERS and MAX_TUPLES (lowered here, to be quick)."""
    from mnistweb.weights import pickle_look

    for limit, instructions in (
        ("MAX_CONTAINERS", b"(" + b"}" * 101 + b"l"),
        ("MAX_TUPLES", b"N" + b"\x85" * 101),
        ("MAX_INSTRUCTIONS", b"(" + b"N" * 101 + b"l"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(pickle_look, limit, 100)
            refused(program(instructions), because="tuples so far; at most .*save weights as NumPy arrays")


def test_lists_that_share_lists_do_not_grow_exponentially():
    """Guard: MAX_VALUES in `_plain`; 40 levels of [x, x] are 2**40 values."""
    bomb = b"]\x94Na" + b"".join(b"]\x94h" + bytes([i]) + b"ah" + bytes([i]) + b"a" for i in range(40))
    refused(program(b"(" + bomb + b"l"), because="values, or nested deeper")


def test_lists_that_hold_themselves_are_refused():
    """Guard: MAX_DEPTH in `_plain`."""
    loop: list = []
    loop.append(loop)
    refused(pickle.dumps(loop), because="nested deeper")
    refused(program(b"]" * 5_000 + b"a" * 4_999), because="nested deeper")


def test_bytes_used_again_and_again_are_refused():
    """Guard: Machine._claim; 1 MB in the memo, made into 200 arrays."""
    once = byte_string(bytes(2**20)) + b"\x94"
    again = pickles.array(shape=b"J\x00\x00\x04\x00\x85", data=b"h\x00")
    refused(program(b"(" + once + again * 200 + b"l"), because="claim more bytes than the file has")
    text = short_text("x" * 200) + b"\x94"
    encode = named("_codecs", "encode") + b"h\x00" + short_text("latin1") + b"\x86R"
    refused(program(b"(" + text + encode * 40 + b"l"), because="claim more bytes")


def test_a_file_above_the_cap_is_refused(tmp_path):
    """Guard: read_bytes reads one byte more than the cap and no further."""
    path = tmp_path / "big.pkl"
    path.write_bytes(pickle.dumps(bytes(2000)))
    with pytest.raises(WeightsError, match=r"big\.pkl: larger than 1,000 bytes"):
        read_pickle(path, max_bytes=1000)
    with pytest.raises(WeightsError, match=r"2,0\d\d bytes; at most 1,000"):
        read_pickle(path.read_bytes(), max_bytes=1000)
    with pytest.raises(WeightsError, match="no regular file"):
        read_pickle(tmp_path)


# ------------------------------------------------------------------ damaged files


@pytest.mark.parametrize("protocol", range(6))
def test_every_truncation_and_every_appended_byte_is_refused(protocol):
    """Guard: the look, which wants STOP exactly at the end."""
    data = pickle.dumps(WEIGHTS, protocol)
    for length in range(len(data)):
        refused(data[:length], because=".")
    for byte in range(256):
        refused(data + bytes([byte]), because="1 bytes after the end")


def test_a_flipped_bit_never_crashes_and_never_yields_anything_but_plain_data():
    """Guard: all of them; a flip inside numbers can't be seen here, the hash of a model file sees it."""
    data = pickle.dumps(WEIGHTS, 2)
    for position in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            try:
                read_pickle(bytes(flipped))
            except WeightsError:
                continue


@pytest.mark.parametrize(
    ("data", "looks_like"),
    [
        (b"", "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a Git LFS pointer"),
        (b"<!DOCTYPE html><html></html>", "an HTML or XML page"),
        (b"\n  <html>", "an HTML or XML page"),
        (b"\x1f\x8b\x08\x00", "a gzip file"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x89HDF\r\n", "an HDF5 file"),
        (b'{"weights": []}', "JSON text"),
        (b"Not Found\n", "plain text"),
        (b"   \n", "white space only"),
    ],
)
def test_files_of_another_kind_are_named(data, looks_like):
    """Guard: looks_like."""
    assert f"it looks like {looks_like}" in refused(data, because="this is no pickle")


def test_text_in_a_pickle_of_text_is_not_taken_for_plain_text():
    """Guard: the appearance only explains a failure."""
    for text in ("hello world", "<html>", "{}"):
        assert read_pickle(pickle.dumps(text, 0)) == text


def test_the_state_of_a_scalar_cannot_be_set_twice():
    """Guard: numbers are stand-ins too until the pickle has run."""
    scalar = pickle.dumps(np.float32(3), 4)[:-1]
    refused(scalar + b"(K\x01tb.", because="strange state")


def test_keys_that_are_neither_text_nor_whole_numbers_are_refused():
    """Guard: `_plain`."""
    refused(pickle.dumps({(1, 2): 3}), because="a dict with a key")
    refused(pickle.dumps({None: 3}), because="a dict with a key")


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_random_bytes_are_read_as_plain_data_or_refused(data):
    try:
        value = read_pickle(data)
    except WeightsError:
        return
    pickle.dumps(value)


INSTRUCTIONS = [bytes([code]) for code in b"()]}Nt\x85\x86\x87Rbaesuld\x94\x93"] + [
    *(
        b"K\x01",
        b"h\x00",
        b"h\x01",
        short_text("numpy"),
        short_text("dtype"),
        short_text("f4"),
        short_text("latin1"),
    ),
    *(named("numpy", "dtype"), named("numpy", "ndarray"), named("_codecs", "encode"), byte_string(b"abcd")),
    *(named("numpy.core.multiarray", "_reconstruct"), named("numpy._core.multiarray", "scalar")),
    *(named("numpy._core.numeric", "_frombuffer"), pickles.DTYPE, pickles.array()),
]


@given(st.lists(st.sampled_from(INSTRUCTIONS), max_size=25))
@settings(max_examples=500)
def test_random_programs_end_as_plain_data_or_are_refused(instructions):
    try:
        value = read_pickle(program(b"".join(instructions)))
    except WeightsError:
        return
    pickle.dumps(value)
