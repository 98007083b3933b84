"""Feeds the weights readers mutants of good and hostile files, and watches what they do.

python -m tests.fuzz.weights --mutants 200000
python -m tests.fuzz.weights --small-file

Every mutant must be read as a model or refused with WeightsError, in a few seconds, without an import or any
other deed of the interpreter, and without much memory. The mutants come in batches, each in a process of its
own, so a crash costs a batch and names the seed that repeats it. `--small-file` cuts a model file at every
length and puts every other value in the place of every byte; all of these must be refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pickle
import random
from collections import Counter
from collections.abc import Callable
from functools import cache

import numpy as np

from mnistweb.nn.layers import Dense, Flatten
from mnistweb.nn.model import Sequential
from mnistweb.nn.pooling import AveragePool2D
from mnistweb.weights import SavedModel, WeightsError, read_pickle
from mnistweb.weights.importers import ImportOptions, import_bytes
from mnistweb.weights.own_formats import json_bytes, npz_bytes, safetensors_bytes
from mnistweb.weights.saved_model import model_bytes, parse_model
from tests.fuzz import batches, deeds
from tests.weights import pickles, written_by_numpy_1
from tests.weights.hostile import archive, plain_npy, safetensors

OPTIONS = ImportOptions(activation="relu")


@cache
def seeds() -> tuple[bytes, ...]:
    """Small good files of every kind, and pieces that attackers use."""
    rng = np.random.default_rng(1)
    tiny = SavedModel("tiny", Sequential([AveragePool2D(14), Flatten(), Dense(4, 10, rng=rng)]))
    w, b = rng.normal(size=(784, 10)).astype("f2"), np.zeros(10)
    small = {
        "W": np.arange(6, dtype="f4").reshape(2, 3),
        "n": [1, 2.5, None, "x", b"y", True],
        "s": np.float64(2),
    }
    files = [model_bytes(tiny)] * 6 + [npz_bytes(tiny), safetensors_bytes(tiny), json_bytes(tiny)]
    for protocol in range(6):
        files += [
            pickles.dumps_as(small, protocol=protocol, core=core) for core in ("numpy.core", "numpy._core")
        ]
        files.append(written_by_numpy_1.BY_PROTOCOL[protocol])
    files += [
        pickle.dumps({"W1": w, "b1": b}),
        pickle.dumps([(w, b[None])], 2),
        pickle.dumps([{"weights": w, "biases": b}, None]),
        archive({"W1.npy": plain_npy(w), "b1.npy": plain_npy(b)}),
        safetensors({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, bytes(8)),
        json.dumps({"sizes": [2, 1], "weights": [[[1, 2]]], "biases": [[[0]]], "cost": "x"}).encode(),
        pickles.program(pickles.array()),
        pickles.program(pickles.named("numpy", "ndarray") + b")\x81"),
        b"cos\nsystem\n(S'true'\ntR.",
        b"Nr\xff\xff\xff\x0f.",
    ]
    return tuple(files)


PIECES = [
    *(bytes([code]) for code in range(256)),
    *(
        b"\x93",
        b"\x94",
        b"R",
        b"b",
        b"\x85",
        b"\x86",
        b"\x87",
        b"(",
        b"t",
        b"0",
        b"2",
        b"Q",
        b"\x82\x01",
        b"\x97",
    ),
    *(
        pickles.named(*name.split(" "))
        for name in ("numpy ndarray", "numpy dtype", "_codecs encode", "os system")
    ),
    *(pickles.DTYPE, pickles.array(), b"cnumpy\nndarray\n", b"cos\nsystem\n", b"PK\x01\x02", b"PK\x05\x06"),
    *(
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x80",
        b"\xff" * 8,
        b"-1",
        b"1e999",
        b"NaN",
        b"[" * 50,
        b'"shape":[',
        b"O8",
    ),
]


def mutant(rng: random.Random) -> bytes:
    """A good or hostile file with one to six changes; a model file gets a right hash, half of the time."""
    data = bytearray(rng.choice(seeds()))
    ours = data[2:60].find(b"mnistweb") >= 0 or b"sha256" in data
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        rng.choice(CHANGES)(data, rng)
    return repaired(bytes(data)) if ours and rng.random() < 0.5 else bytes(data)


def repaired(data: bytes) -> bytes:
    """The file with the hash that its bytes need, so that what lies behind the comparison is reached."""
    start = data.rfind(b"sha256") + 9  # the key, its memo instruction, and the head of the 64 digits
    if start < 9 or len(data) < start + 64:
        return data
    blank = data[:start] + b"0" * 64 + data[start + 64 :]
    return data[:start] + hashlib.sha256(blank).hexdigest().encode() + data[start + 64 :]


def _flip(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def _insert(data: bytearray, rng: random.Random) -> None:
    position = rng.randint(0, len(data))
    data[position:position] = rng.choice(PIECES)


def _replace(data: bytearray, rng: random.Random) -> None:
    piece = rng.choice(PIECES)
    position = rng.randint(0, len(data))
    data[position : position + len(piece)] = piece


def _delete(data: bytearray, rng: random.Random) -> None:
    start, end = _span(data, rng)
    del data[start:end]


def _repeat(data: bytearray, rng: random.Random) -> None:
    start, end = _span(data, rng)
    data[end:end] = data[start:end] * rng.choice((1, 2, 20))


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randint(0, len(data)) :]


def _splice(data: bytearray, rng: random.Random) -> None:
    start, end = _span(data, rng)
    other = bytearray(rng.choice(seeds()))
    other_start, other_end = _span(other, rng)
    data[start:end] = other[other_start:other_end]


def _span(data: bytearray, rng: random.Random) -> tuple[int, int]:
    start = rng.randint(0, len(data))
    return start, min(len(data), start + rng.choice((1, 2, 4, 8, 32, 200)))


CHANGES: list[Callable[[bytearray, random.Random], None]] = [
    _flip, _flip, _set, _set, _insert, _insert, _replace, _delete, _repeat, _cut, _splice, _splice,
]  # fmt: skip


def feed(data: bytes) -> str:
    """What the three ways in make of the bytes: "read" if any of them takes them, else "refused".

    Raises whatever else they raise, and AssertionError when they did something that reading must not do.
    """
    outcome = "refused"
    with deeds.watched():
        for read in (read_pickle, parse_model, _import):
            try:
                read(data)
                outcome = "read"
            except WeightsError:
                continue
    return outcome


def _import(data: bytes) -> SavedModel:
    return import_bytes(data, "mutant", OPTIONS, file_name="mutant")


def run_small_file(data: bytes, *, values: int = 255, step: int = 1) -> Counter[str]:
    """Cut a model file at every length, and give every byte `values` other values; all must be refused."""
    outcomes: Counter[str] = Counter()
    for length in range(0, len(data), step):
        outcomes["cut, " + _fate(data[:length])] += 1
    for position in range(0, len(data), step):
        for change in range(1, values + 1):
            changed = bytearray(data)
            changed[position] ^= change
            outcomes["changed, " + _fate(bytes(changed))] += 1
    return outcomes


def _fate(data: bytes) -> str:
    try:
        parse_model(data)
    except WeightsError:
        return "refused"
    return "READ"


def warm_up() -> None:
    """Whatever is imported late is imported now."""
    for data in seeds():
        feed(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    batches.add_options(parser)
    parser.add_argument("--small-file", action="store_true", help="all truncations and all changed bytes")
    arguments = parser.parse_args()
    if arguments.batch:
        warm_up()
        batches.run_one(mutant, feed, arguments.seed, arguments.batch, seconds=0.02)
        return
    well = True
    if arguments.small_file:
        data = seeds()[0]
        outcomes = run_small_file(data)
        well = not any("READ" in outcome for outcome in outcomes)
        print(f"a model file of {len(data):,} bytes: {dict(outcomes)}", flush=True)
    if arguments.mutants:
        well &= batches.run_all("tests.fuzz.weights", arguments.mutants, arguments.seed)
    raise SystemExit(0 if well else 1)


if __name__ == "__main__":
    main()
