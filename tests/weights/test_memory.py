"""Refusing a bomb costs little memory: measured in a process of its own, as the operating system counts."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.weights.hostile import bombs

MEASURE = """
import json, resource, sys
from pathlib import Path
from mnistweb.weights import WeightsError
from mnistweb.weights.importers import ImportOptions, import_model

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

import pickle, numpy
good = Path(sys.argv[1]) / "good.pkl"  # everything is imported and warm before the first measurement
good.write_bytes(pickle.dumps({"W1": numpy.zeros((784, 10)), "b1": numpy.zeros(10)}))
import_model(good, "good", ImportOptions("relu"))
grown = {}
for path in sorted(Path(sys.argv[1]).glob("*.bomb")):
    before = peak_mb()
    try:
        import_model(path, "bomb", ImportOptions("relu"))
    except WeightsError:
        grown[path.name] = peak_mb() - before
    else:
        grown[path.name] = "was taken"
print(json.dumps(grown))
"""

LIMIT_MB = 50


def test_refusing_any_bomb_takes_less_than_fifty_megabytes(tmp_path):
    """Guards: the looks at instructions, directories, headers and brackets, before anything is built."""
    for name, data in bombs().items():
        (tmp_path / f"{name}.bomb").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr  # a crash would show here
    grown = json.loads(done.stdout)
    assert len(grown) == len(bombs())
    assert {name: by for name, by in grown.items() if by == "was taken" or by > LIMIT_MB} == {}
    # The peak only ever rises, so a later bomb could hide behind an earlier one: the sum is bounded as well.
    assert sum(grown.values()) < LIMIT_MB


@pytest.mark.parametrize("name", ["memo bomb, LONG_BINPUT", "claimed bytearray of 8 GB"])
def test_the_bombs_are_real(tmp_path, name):
    """The usual reader asks for gigabytes, which a limit of 1 GB turns into a MemoryError."""
    (tmp_path / "bomb").write_bytes(bombs()[name])
    script = (
        "import pickle, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))\n"
        "try: pickle.load(open(sys.argv[1], 'rb'))\n"
        "except MemoryError: print('MemoryError')"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, tmp_path / "bomb"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "MemoryError", done.stderr
