"""A data set small enough for tests: ten classes of pictures that any network tells apart within seconds."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

from mnistweb.data.unipen import StrokeDigit

_FILES = {"train": 400, "t10k": 100}


def write_tiny_dataset(folder: Path) -> Path:
    """Write the four IDX files of a set with 400 training and 100 test pictures into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for prefix, count in _FILES.items():
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = rng.integers(0, 60, (count, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            # Each class is a bright block in a place of its own, a pixel or two about.
            top, left = 3 + 5 * (label // 3) + rng.integers(0, 2), 3 + 8 * (label % 3) + rng.integers(0, 2)
            image[top : top + 5, left : left + 5] = 230
        _write(
            folder / f"{prefix}-images-idx3-ubyte.gz",
            struct.pack(">4I", 2051, count, 28, 28) + images.tobytes(),
        )
        _write(folder / f"{prefix}-labels-idx1-ubyte.gz", struct.pack(">2I", 2049, count) + labels.tobytes())
    return folder


def stroke_digits(count: int, *, writers: int = 3) -> list[StrokeDigit]:
    """Digits that are all a straight line, by several writers."""
    line = np.array([[0, 0], [10, 40], [20, 80]], np.float32)
    return [StrokeDigit(number % 10, 1 + number % writers, (line,)) for number in range(count)]


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content, mtime=0))
