"""Kills a writer again and again in the middle of its work, and looks at what it left.

python -m tests.fuzz.killed_writers --kills 1000
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from mnistweb.files import remove_leftovers

SIZE = 300_000
LONGEST_WAIT_SECONDS = 0.01  # some writes' worth
# Writes versions 1, 2, ... of a file, each one byte repeated, until it is killed. It prints after the first
# one, so that the killer knows that it has begun.
WRITER = """
import sys
from mnistweb.files import write_atomically
path, size = sys.argv[1], int(sys.argv[2])
version = 1
while True:
    write_atomically(path, bytes([version % 256]) * size)
    if version == 1:
        print("begun", flush=True)
    version += 1
"""


def kill_writers(folder: Path, kills: int, *, seed: int = 1) -> Counter[str]:
    """Kill a writer so many times, each at a random moment.

    Returns how many files were "whole" (one version, all of it) and how many "broken", how many "leftovers"
    lay beside them, and how many of those "stayed" after remove_leftovers.
    """
    rng = random.Random(seed)
    path = folder / "model.pkl"
    path.write_bytes(bytes(SIZE))
    found: Counter[str] = Counter(whole=0, broken=0, leftovers=0, stayed=0)
    for _ in range(kills):
        writer = subprocess.Popen(
            [sys.executable, "-S", "-c", WRITER, path, str(SIZE)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert writer.stdout is not None
        with writer.stdout:
            writer.stdout.readline()
            time.sleep(rng.uniform(0, LONGEST_WAIT_SECONDS))
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        content = path.read_bytes()
        whole = len(content) == SIZE and content == content[:1] * SIZE
        found["whole" if whole else "broken"] += 1
        found["leftovers"] += remove_leftovers(folder)
        found["stayed"] += len(os.listdir(folder)) - 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = kill_writers(Path(folder), arguments.kills, seed=arguments.seed)
    print(f"{arguments.kills:,} kills: {dict(found)}")
    raise SystemExit(1 if found["broken"] or found["stayed"] else 0)


if __name__ == "__main__":
    main()
