"""Pictures as rows of numbers: comma-separated text with 784 pixels and a label in each line."""

from __future__ import annotations

import os
from codecs import BOM_UTF8  # what spreadsheets begin their files with
from collections.abc import Sequence

import numpy as np

from mnistweb.data.compression import looks_like, read_unpacked
from mnistweb.data.dataset import Dataset, from_pixels
from mnistweb.data.errors import DataError

PIXELS = 28 * 28
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs"}
_ROWS_AT_ONCE = 2000  # bounds the memory of a table that is read as text


def read_csv(path: str | os.PathLike[str], *, label: str | None = None) -> Dataset:
    """Read a CSV file, gzip-compressed or not, with or without a header line.

    label: ``"first"`` or ``"last"`` says which column holds it. By default the header's ``label`` or
    ``class`` says so, else it is the one of the two columns that could be labels, or the more varied of two.
    Pixels may be 0..255 or 0..1. Raises DataError naming the line that is wrong.
    """
    if label not in (None, "first", "last"):
        raise DataError(f'{path}: label must be "first" or "last", got {label!r}')
    content = read_unpacked(path)
    if not content.strip() or b"\0" in content:
        raise DataError(f"{path}: not a CSV file; it looks like {looks_like(content[:64])}")
    lines = numbered_lines(content)
    header = [field.strip(' "').lower() for field in lines[0][1].split(",")]
    has_header = _is_header(header)
    rows = read_rows(lines[1:] if has_header else lines, PIXELS + 1, str(path))
    position = label or (_by_name(header) if has_header else None) or _by_values(rows, str(path))
    return from_rows(rows, 0 if position == "first" else PIXELS, os.path.basename(path))


def numbered_lines(content: bytes) -> list[tuple[int, str]]:
    """The lines that are not blank, each with its number in the file, counted from 1."""
    lines = enumerate(content.removeprefix(BOM_UTF8).decode("latin-1").splitlines(), start=1)
    return [(number, line) for number, line in lines if line.strip()]


def read_rows(lines: Sequence[tuple[int, str]], columns: int, name: str) -> np.ndarray:
    """Numbers (N, columns), uint8 if all are whole numbers 0..255, else float32.

    Raises DataError naming the first line that has another number of columns or something else than numbers.
    """
    if not lines:
        raise DataError(f"{name}: there are no rows in it")
    parts = []
    for start in range(0, len(lines), _ROWS_AT_ONCE):
        chunk = lines[start : start + _ROWS_AT_ONCE]
        try:
            part = _numbers([line for _, line in chunk])
            if part.shape[1] != columns:
                raise ValueError(f"{part.shape[1]} columns")
        except ValueError as error:
            raise _first_fault(chunk, columns, name) from error
        parts.append(part)
    return np.concatenate(parts)


def from_rows(rows: np.ndarray, label_column: int, name: str) -> Dataset:
    """Make a Dataset from numbers (N, 785), pixels 0..255 or 0..1, and the column that is the label."""
    return from_pixels(np.delete(rows, label_column, axis=1), rows[:, label_column], name)


def _numbers(lines: list[str]) -> np.ndarray:
    for dtype in (np.uint8, np.float32):  # reading bytes is four times as fast, and what most files hold
        try:
            return np.loadtxt(lines, dtype, delimiter=",", comments=None, quotechar='"', ndmin=2)
        except (ValueError, OverflowError) as error:
            fault = error
    raise ValueError(str(fault)) from fault


def _first_fault(chunk: Sequence[tuple[int, str]], columns: int, name: str) -> DataError:
    for number, line in chunk:
        fields = line.split(",")
        if len(fields) != columns:
            other = next(
                (word for mark, word in _OTHER_SEPARATORS.items() if line.count(mark) >= columns - 1), ""
            )
            hint = f"; they are separated by {other}, wanted are commas" if other else ""
            return DataError(f"{name}: line {number}: {len(fields)} columns, wanted {columns}{hint}")
        for column, field in enumerate(fields, start=1):
            if not _is_number(field.strip(' "')):
                return DataError(f"{name}: line {number}: column {column} is {field[:20]!r}, not a number")
    return DataError(f"{name}: lines {chunk[0][0]} to {chunk[-1][0]} are not rows of numbers")


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return "_" not in field  # Python reads 1_000, nobody else does


def _is_header(fields: Sequence[str]) -> bool:
    """Whether these are the names of columns. A row with a fault in it must not be taken for them and lost.

    Names may be numbers too ("label,0,1,2"), but differ from one another; pixels never all do.
    """
    numbers = sum(map(_is_number, fields))
    return numbers == 0 or (numbers < len(fields) == len(set(fields)))


def _by_name(header: list[str]) -> str | None:
    for position, field in (("first", header[0]), ("last", header[-1])):
        if field in ("label", "class", "digit", "target", "y"):
            return position
    return None


def _by_values(rows: np.ndarray, name: str) -> str:
    variety = {}
    for position, column in (("first", rows[:, 0]), ("last", rows[:, -1])):
        if (column == np.rint(column)).all() and column.min() >= 0 and column.max() <= 9:
            variety[position] = len(np.unique(column))
    if not variety:
        raise DataError(f"{name}: neither the first nor the last column holds labels 0..9")
    if len(set(variety.values())) < len(variety):
        raise DataError(
            f"{name}: the first or the last column may be the label; say so in a header line, "
            'or label="first" or "last"'
        )
    return max(variety, key=lambda position: variety[position])
