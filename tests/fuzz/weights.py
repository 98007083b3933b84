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
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from mnistweb.nn.layers import Dense, Flatten
from mnistweb.nn.model import Sequential
from mnistweb.nn.pooling import AveragePool2D
from mnistweb.weights import SavedModel, WeightsError, read_pickle
from mnistweb.weights.importers import ImportOptions, import_bytes
from mnistweb.weights.own_formats import json_bytes, npz_bytes, safetensors_bytes
from mnistweb.weights.saved_model import model_bytes, parse_model
from tests.fuzz.memory import forget_peak, peak_mb, resident_mb
from tests.weights import pickles, written_by_numpy_1
from tests.weights.hostile import archive, plain_npy, safetensors

BATCH = 5_000
MEMORY_LIMIT_MB = 200
SECONDS_A_MUTANT = 10
OPTIONS = ImportOptions(activation="relu")

# What reading must not do: the names of Python's audit events.
FORBIDDEN_DEEDS = (
    "import", "exec", "compile", "open", "os.", "subprocess.", "socket.", "ctypes.", "shutil.", "code.",
    "pty.", "builtins.input", "webbrowser.", "urllib.", "tempfile.",
)  # fmt: skip


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

_watching = False
_deeds: list[str] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event.startswith(FORBIDDEN_DEEDS):
        _deeds.append(f"{event} {arguments!r:.200}")


def feed(data: bytes) -> str:
    """What the three ways in make of the bytes: "read" if any of them takes them, else "refused".

    Raises whatever else they raise, and AssertionError when they did something that reading must not do.
    """
    global _watching
    outcome = "refused"
    _watching = True
    try:
        for read in (read_pickle, parse_model, _import):
            try:
                read(data)
                outcome = "read"
            except WeightsError:
                continue
    finally:
        _watching = False
    if _deeds:
        deeds, _deeds[:] = list(_deeds), []
        raise AssertionError(f"reading did {deeds}")
    return outcome


def _import(data: bytes) -> SavedModel:
    return import_bytes(data, "mutant", OPTIONS, file_name="mutant")


def run_batch(seed: int, count: int) -> Counter[str]:
    """Feed `count` mutants; returns how many were read and refused. Raises when one does what it must not."""
    rng = random.Random(seed)
    outcomes: Counter[str] = Counter()
    for number in range(count):
        data = mutant(rng)
        try:
            outcomes[feed(data)] += 1
        except BaseException as error:
            raise AssertionError(f"seed {seed}, mutant {number}, {data.hex()[:4000]}: {error!r}") from error
    return outcomes


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


def watch_this_process() -> None:
    """From now on `feed` notices what this process does; can't be undone."""
    for data in seeds():  # whatever is imported late is imported now
        feed(data)
    sys.addaudithook(_watch)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a hang ends the process, which is then reported


def _batch_main(seed: int, count: int) -> None:
    watch_this_process()
    before = resident_mb()
    forget_peak()
    signal.alarm(SECONDS_A_MUTANT + count // 50)
    outcomes = run_batch(seed, count)
    print(json.dumps({"outcomes": outcomes, "grown_mb": peak_mb() - before}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=0, help="how many, in batches of 5,000")
    parser.add_argument("--small-file", action="store_true", help="all truncations and all changed bytes")
    parser.add_argument("--seed", type=int, default=1, help="of the first batch; each batch has its own")
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)  # this process is one batch
    arguments = parser.parse_args()
    if arguments.batch:
        _batch_main(arguments.seed, arguments.batch)
        return
    failed = False
    if arguments.small_file:
        data = seeds()[0]
        outcomes = run_small_file(data)
        failed |= any("READ" in outcome for outcome in outcomes)
        print(f"a model file of {len(data):,} bytes: {dict(outcomes)}", flush=True)
    total: Counter[str] = Counter()
    most_mb = 0.0
    for number, start in enumerate(range(0, arguments.mutants, BATCH)):
        count = min(BATCH, arguments.mutants - start)
        command = [
            sys.executable,
            "-m",
            "tests.fuzz.weights",
            "--seed",
            arguments.seed + number,
            "--batch",
            count,
        ]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            failed = True
            total["failed batches"] += 1
            print(f"seed {command[4]} ended with {done.returncode}: {done.stderr[-3000:]}", flush=True)
            continue
        found = json.loads(done.stdout)
        total.update(found["outcomes"])
        most_mb = max(most_mb, found["grown_mb"])
    if arguments.mutants:
        print(
            f"{arguments.mutants:,} mutants: {dict(total)}; memory grew by at most {most_mb:.0f} MB",
            flush=True,
        )
    raise SystemExit(1 if failed or most_mb > MEMORY_LIMIT_MB else 0)


if __name__ == "__main__":
    main()
