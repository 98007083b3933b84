"""Lets atheris, a fuzzer that follows the branches of the code, look for bytes that break reading pictures.

pip install -e '.[fuzz]'
python -m tests.fuzz.guided_images -runs=100000 [-seed=1]

The options are libFuzzer's. It starts from the sound files of `tests.fuzz.images`, and stops at the first
input that is neither read nor refused with ImageError, or that makes reading do something else.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["mnistweb.imaging"]):
    from tests.fuzz import deeds
    from tests.fuzz.images import feed, seeds, warm_up
    from tests.imaging.pictures import chunk_places, with_repaired_checksums


def test_one_input(data: bytes) -> None:
    """Feed the bytes as they are, and a PNG also with checksums that are right."""
    feed(data)
    if data.startswith(b"\x89PNG") and chunk_places(data)[-1:] and chunk_places(data)[-1][1] == len(data):
        feed(with_repaired_checksums(data))


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
