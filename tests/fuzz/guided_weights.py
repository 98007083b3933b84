"""Lets atheris, a fuzzer that follows the branches of the code, look for bytes that break weights readers.

pip install -e '.[fuzz]'
python -m tests.fuzz.guided_weights -runs=100000 [-seed=1]

The options are libFuzzer's. It starts from the good and hostile files of `tests.fuzz.weights`, and stops at
the first input that is neither read nor refused with WeightsError, or that makes reading do something else.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["mnistweb.weights"]):
    from tests.fuzz import deeds
    from tests.fuzz.weights import feed, repaired, seeds, warm_up


def test_one_input(data: bytes) -> None:
    """Feed the bytes as they are, and as a model file whose hash is right."""
    feed(data)
    if (with_hash := repaired(data)) != data:
        feed(with_hash)


def main() -> None:
    warm_up()
    deeds.install()
    with tempfile.TemporaryDirectory() as corpus:
        for number, data in enumerate(seeds()):
            (Path(corpus) / str(number)).write_bytes(data)
        options = [word for word in sys.argv[1:] if word.startswith("-")]
        defaults = ["-max_len=4096", "-rss_limit_mb=1024", "-timeout=10", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *defaults, *options, corpus], test_one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
