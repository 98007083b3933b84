"""Pen strokes: digits as the path that a pen took, read from UNIPEN files.

UNIPEN (I. Guyon et al., "UNIPEN project of on-line data exchange and recognizer benchmarks", ICPR 1994) is
text: ``.SEGMENT DIGIT ... "8"`` opens a digit with its label, ``.PEN_DOWN`` and ``.PEN_UP`` bound a stroke,
and each line between them is one point, ``x y``, with y pointing up. This reads the part of it that the UCI
set "Pen-Based Recognition of Handwritten Digits" (E. Alpaydin, F. Alimoglu, 1998) uses.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

import numpy as np

from mnistweb.data.compression import looks_like, read_unpacked
from mnistweb.data.errors import DataError

_MAX_FILE_BYTES = 32 * 1024 * 1024  # the largest real file unpacks to 4 MB
_MAX_COORDINATE = 1e6  # tablet units; real ones stay below 1,000
_LABEL = re.compile(r'"([^"]*)"\s*$')


@dataclass(frozen=True, eq=False)
class StrokeDigit:
    """One digit that somebody drew.

    strokes: each float32 (P, 2), P >= 1, points (x, y) in the order of drawing, y pointing down as on a
    screen; (0, 0) is the upper left corner of the digit's box. Units are the tablet's.
    writer: the number the file gives to the person, -1 if it says nothing.
    """

    label: int
    writer: int
    strokes: tuple[np.ndarray, ...]


def read_unipen(path: str | os.PathLike[str]) -> list[StrokeDigit]:
    """Read all digits of a UNIPEN file, gzip-compressed or not.

    Raises DataError naming the file and the line when anything in it is not as described above.
    """
    content = read_unpacked(path, max_bytes=_MAX_FILE_BYTES)
    if b"\0" in content or not content.strip():
        raise DataError(f"{path}: not a UNIPEN file; it looks like {looks_like(content[:64])}")
    reader = _Reader(path)
    for number, line in enumerate(content.decode("latin-1").splitlines(), start=1):
        reader.read(number, line.strip())
    return reader.finish()


class _Reader:
    """Takes the file line by line; knows which digit and which stroke are open."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        self.line_number = 0
        self.digits: list[StrokeDigit] = []
        self.label: int | None = None  # None until the first segment
        self.segment_line = 0
        self.writer = -1
        self.strokes: list[np.ndarray] = []
        self.points: list[tuple[float, float]] | None = None  # None while the pen is up

    def read(self, number: int, line: str) -> None:
        self.line_number = number
        if not line:
            return
        if not line.startswith("."):
            self.read_point(line)
        elif line.startswith(".SEGMENT"):
            self.close_digit()
            self.open_digit(line)
        elif line.startswith(".COMMENT"):
            # "8 12 224": the digit, the writer, a running number. Comments elsewhere may say anything.
            words = line.split()
            if len(words) == 4 and words[2].isascii() and words[2].isdecimal():
                self.writer = int(words[2])
        elif line.startswith(".PEN_DOWN"):
            if self.label is None:
                raise self.error("a stroke begins before the first .SEGMENT")
            if self.points is not None:
                raise self.error("a stroke begins inside another one; .PEN_UP is missing before it")
            self.points = []
        elif line.startswith(".PEN_UP"):
            self.close_stroke()
        # Other keywords (.LEXICON, .HIERARCHY, .DT, ...) say nothing about the path.

    def read_point(self, line: str) -> None:
        if self.points is None:
            raise self.error(f"{line[:40]!r} stands outside a stroke, after .PEN_UP or before .PEN_DOWN")
        try:
            x, y = map(float, line.split())
        except ValueError as error:
            raise self.error(f"a point must be two numbers, got {line[:40]!r}") from error
        if not (abs(x) <= _MAX_COORDINATE and abs(y) <= _MAX_COORDINATE):  # fails for NaN as well
            raise self.error(f"a coordinate must lie within {_MAX_COORDINATE:,.0f}, got {line[:40]!r}")
        self.points.append((x, -y))

    def open_digit(self, line: str) -> None:
        label = _LABEL.search(line)
        if label is None or label[1] not in tuple("0123456789"):
            raise self.error(f'a segment must end in its label, "0" to "9"; got {line[:60]!r}')
        self.label, self.segment_line, self.writer, self.strokes = int(label[1]), self.line_number, -1, []

    def close_stroke(self) -> None:
        if self.points is None:
            raise self.error(".PEN_UP without a .PEN_DOWN before it")
        if not self.points:
            raise self.error("the stroke that ends here has no points")
        self.strokes.append(np.array(self.points, np.float32))
        self.points = None

    def close_digit(self) -> None:
        if self.points is not None:
            raise self.error("the digit ends inside a stroke; .PEN_UP is missing")
        if self.label is None:
            return
        if not self.strokes:
            raise self.error(f"the digit opened in line {self.segment_line} has no strokes")
        corner = np.concatenate(self.strokes).min(axis=0)
        strokes = tuple(stroke - corner for stroke in self.strokes)
        self.digits.append(StrokeDigit(self.label, self.writer, strokes))

    def finish(self) -> list[StrokeDigit]:
        self.close_digit()
        if not self.digits:
            raise self.error("the file ends without a single .SEGMENT")
        return self.digits

    def error(self, fault: str) -> DataError:
        return DataError(f"{self.path}: line {self.line_number}: {fault}")
