"""Refusing a bomb costs little memory: measured in a process of its own, as the operating system counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.weights.hostile import bombs

MEASURE = """
import json, pickle, sys
from pathlib import Path
import numpy
from mnistweb.weights import WeightsError
from mnistweb.weights.importers import ImportOptions, import_model
from tests.fuzz.memory import forget_peak, peak_mb, resident_mb

good = Path(sys.argv[1]) / "good.pkl"  # everything is imported and warm before the first measurement
good.write_bytes(pickle.dumps({"W1": numpy.zeros((784, 10)), "b1": numpy.zeros(10)}))
import_model(good, "good", ImportOptions("relu"))
grown = {}
for path in sorted(Path(sys.argv[1]).glob("*.bomb")):
    before = resident_mb()
    forget_peak()
    try:
        import_model(path, "bomb", ImportOptions("relu"))
    except WeightsError:
        grown[path.stem] = peak_mb() - before
print(json.dumps(grown))
"""

LIMIT_MB = 50
CHECKOUT = Path(__file__).parents[2]


def test_refusing_any_bomb_takes_less_than_fifty_megabytes(tmp_path):
    """Guards: the looks at instructions, directories, headers and brackets, before anything is built."""
    for name, data in bombs().items():
        (tmp_path / f"{name}.bomb").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )
    assert done.returncode == 0, done.stderr  # a crash would show here
    grown = json.loads(done.stdout)
    assert grown.keys() == bombs().keys()  # all were refused
    assert {name: by for name, by in grown.items() if by > LIMIT_MB} == {}


def test_the_bombs_are_real(tmp_path):
    """The usual reader asks for gigabytes, which a limit of 1 GB turns into a MemoryError."""
    names = ("memo bomb, LONG_BINPUT", "claimed bytearray of 8 GB")
    for name in names:
        (tmp_path / name).write_bytes(bombs()[name])
    script = (
        "import pickle, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))\n"
        "for path in sys.argv[1:]:\n"
        "    try: pickle.load(open(path, 'rb'))\n"
        "    except MemoryError: print('MemoryError')"
    )
    command = [sys.executable, "-W", "ignore", "-c", script, *(tmp_path / name for name in names)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["MemoryError"] * 2, done.stderr
