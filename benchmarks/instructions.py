"""How many instructions the hot paths take, by valgrind: as many on a busy machine as on a quiet one.

    python -m benchmarks.instructions

Each path runs a few times and then some more in a second process; the difference of both counts, divided by
the difference in runs, is what one run costs, without Python's start. valgrind knows no AVX-512, so the
libraries take their AVX2 kernels here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

# What to run: statements that make `run`, and how many runs to compare.
_ANSWER = "model = network({!r}).folded(); picture = pictures(1); run = lambda: model.forward(picture)"
_PREPARE = "from mnistweb.inference import prepare; run = lambda: prepare(PNG)"
PATHS: dict[str, tuple[str, int]] = {
    "one picture through mlp-128-64": (_ANSWER.format("mlp-128-64"), 200),
    "one picture through convnet": (_ANSWER.format("convnet"), 20),
    "a training step of mlp-256-128, batch 128": ("run = training_step('mlp-256-128')", 5),
    "from a PNG of 280x280 to 28x28": (_PREPARE, 20),
    "POST /predict with 784 pixels, without the server": ("run = request(PIXELS, 'application/json')", 50),
}

_PROGRAM = """
import sys
from benchmarks.hot_paths import *
{setup}
run(); run()
for _ in range({times}):
    run()
"""


def available() -> bool:
    """Whether valgrind is installed (Debian has it)."""
    return shutil.which("valgrind") is not None


def measure() -> dict[str, float]:
    """Instructions of one run of each path, in thousands; some minutes."""
    counts = {}
    for what, (setup, times) in PATHS.items():
        counts[what] = (_count(setup, 2 * times) - _count(setup, times)) / times / 1000
    return counts


def table(counts: dict[str, float]) -> str:
    """The counts as Markdown."""
    lines = ["| what | thousand instructions |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {what} | {count:,.0f} |" for what, count in counts.items())])


def _count(setup: str, times: int) -> int:
    """All instructions of a process that runs a path so many times. RuntimeError when it fails."""
    program = _PROGRAM.format(setup=setup, times=times)
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    environment = os.environ | {
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "MNISTWEB_LOG_FORMAT": "off",
    }
    done = subprocess.run(
        [*command, sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if done.returncode != 0 or found is None:
        raise RuntimeError(f"valgrind ended with {done.returncode}: {done.stderr[-500:]}")
    return int(found[1].replace(",", ""))


if __name__ == "__main__":
    print(table(measure()))
