"""All measurements with one command: prints the table, writes docs/performance.json, .md and .png.

    pip install '.[bench]' && apt install wrk valgrind
    python -m benchmarks

Takes some ten minutes on a machine that does nothing else. Without wrk or valgrind their parts are left out,
and that is said.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.kernels import let_libraries_choose

DOCS = Path(__file__).resolve().parent.parent / "docs"


def main() -> None:
    """Measure everything, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contender")
    parser.add_argument("--seconds", type=int, default=4, help="seconds of each turn of a server")
    parser.add_argument("--to", type=Path, default=DOCS, help="where performance.json, .md and .png go")
    parser.add_argument(
        "--keep-environment",
        action="store_true",
        help="leave variables such as OPENBLAS_CORETYPE, which force the kernels of one library alone",
    )
    arguments = parser.parse_args()
    if not arguments.keep_environment:
        let_libraries_choose()
    # Only now: the libraries look at the environment when they are imported.
    from benchmarks import curves, instructions, load, report, serving, training
    from benchmarks.timing import circumstances, table

    facts = circumstances()
    print(", ".join(f"{name} {value}" for name, value in facts.items()), file=sys.stderr)
    rows = training.measure(arguments.rounds)
    missing = []
    if load.available():
        rows += serving.measure(min(arguments.rounds, 3), arguments.seconds)
    else:
        missing.append("wrk")
        rows += serving.start_and_memory(min(arguments.rounds, 3))
    print(table(rows))
    drawn = curves.measure()
    counts = instructions.measure() if instructions.available() else {}
    if counts:
        print(instructions.table(counts))
    else:
        missing.append("valgrind")
    for name in missing:
        print(f"{name} is not installed: its part was not measured", file=sys.stderr)
    report.write(arguments.to, facts, rows, drawn, counts)


if __name__ == "__main__":
    main()
