"""Feeds mutants of PNG and JPEG files to decode_image and preprocess, and watches what they do.

python -m tests.fuzz.images --mutants 200000

Every mutant must come out as 28x28 pixels or be refused with an ImageError, without a warning, an import or
any other deed of the interpreter, and with less than 200 MB of memory. Checksums and lengths are made right
again after the changes (`png_mutants.py`, `jpeg_mutants.py`), so that what lies behind them is tried.
"""

from __future__ import annotations

import argparse
import importlib
import warnings
from random import Random

import numpy as np

from mnistweb.imaging.decode import decode_image
from mnistweb.imaging.errors import ImageError
from mnistweb.imaging.preprocess import preprocess
from tests.fuzz import batches, deeds, jpeg_mutants, png_mutants
from tests.fuzz.changes import change_bytes


def seeds() -> tuple[bytes, ...]:
    """All sound files that the mutants are made of."""
    return png_mutants.seeds() + jpeg_mutants.seeds()


def mutant(rng: Random) -> bytes:
    """A PNG or a JPEG; now and then halves of two, or changes that leave the checksums wrong."""
    kind = rng.random()
    if kind < 0.5:
        return png_mutants.mutant(rng)
    if kind < 0.9:
        return jpeg_mutants.mutant(rng)
    one, other = rng.choice(seeds()), rng.choice(seeds())
    if kind < 0.95:
        return change_bytes(one, rng)
    return one[: rng.randint(0, len(one))] + other[rng.randint(0, len(other)) :]


def feed(data: bytes) -> str:
    """What becomes of the bytes: "read", or the code of the ImageError that refuses them.

    Raises whatever else comes up, warnings too, and AssertionError for pixels that no network should see.
    """
    with deeds.watched():
        try:
            image = decode_image(data)
            assert image.mode in ("L", "LA", "RGB", "RGBA")
            pixels = preprocess(image, keep_steps=True).pixels
        except ImageError as error:
            return error.code
    assert pixels.shape == (28, 28)
    assert pixels.dtype == np.float32
    assert 0 <= pixels.min() <= pixels.max() <= 1
    return "read"


def warm_up() -> None:
    """Whatever is imported late is imported now; from here on a warning is an error."""
    importlib.import_module("numpy.ma")  # by NumPy's quantiles, which few pictures need
    for data in seeds():
        feed(data)
    warnings.simplefilter("error")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    batches.add_options(parser)
    arguments = parser.parse_args()
    if arguments.batch:
        warm_up()
        batches.run_one(mutant, feed, arguments.seed, arguments.batch, seconds=0.1)
        return
    raise SystemExit(0 if batches.run_all("tests.fuzz.images", arguments.mutants, arguments.seed) else 1)


if __name__ == "__main__":
    main()
