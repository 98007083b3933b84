"""`python -m tests.fuzz` lists the long runs with what they try; `--run` does them one after another."""

from __future__ import annotations

import argparse
import subprocess
import sys

# What is run in full before a release, and written down in docs/operations.md.
LONG_RUNS = {
    "tests.fuzz.framings --count 5000": "broken HTTP over raw sockets to a real server",
    "tests.fuzz.bodies --count 20000": "JSON bodies to every JSON route of a real server",
    "tests.fuzz.images --mutants 200000": "PNG and JPEG files whose checksums are right",
    "tests.fuzz.guided_images -runs=500000": "the same, led by the branches of the code (needs atheris)",
    "tests.fuzz.weights --mutants 200000": "weights files",
    "tests.fuzz.guided_weights -runs=100000": "the same, led by the branches of the code (needs atheris)",
    "tests.fuzz.weights --small-file": "every truncation and every changed byte of a model file",
    "tests.fuzz.killed_writers --kills 1000": "writers killed while they write",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", action="store_true", help="do them all; takes about half an hour")
    run = parser.parse_args().run
    failed = []
    for command, sentence in LONG_RUNS.items():
        print(f"python -m {command}\n    {sentence}", flush=True)
        if run and subprocess.run([sys.executable, "-m", *command.split()], check=False).returncode:
            failed.append(command)
    if failed:
        raise SystemExit("failed: " + ", ".join(failed))


if __name__ == "__main__":
    main()
