"""ARFF, the format of Weka and OpenML: a list of attributes, then rows of numbers. MNIST is `mnist_784.arff`.

See I. H. Witten, E. Frank, "Data Mining", section "ARFF format". Read here: dense rows of 784 numeric
attributes and one that is the label.
"""

from __future__ import annotations

import os
import re
from codecs import BOM_UTF8

import numpy as np

from mnistweb.data.compression import looks_like, read_unpacked
from mnistweb.data.dataset import Dataset
from mnistweb.data.errors import DataError
from mnistweb.data.tables import PIXELS, from_rows, numbered_lines, read_rows

# A name, bare or quoted, then a type: "@attribute 'class' {0,1,2}".
_ATTRIBUTE = re.compile(r"@attribute\s+('[^']*'|\"[^\"]*\"|\S+)\s+(.+)", re.IGNORECASE)
_NUMERIC = {"numeric", "real", "integer"}


def read_arff(path: str | os.PathLike[str]) -> Dataset:
    """Read an ARFF file, gzip-compressed or not. Raises DataError naming the line that is wrong."""
    content = read_unpacked(path)
    if b"\0" in content or not content.removeprefix(BOM_UTF8).lstrip().startswith((b"%", b"@")):
        raise DataError(f"{path}: not an ARFF file; it looks like {looks_like(content[:64])}")
    lines = [(number, line) for number, line in numbered_lines(content) if not line.startswith("%")]
    # What follows the word may be a comment.
    starts = (place for place, (_, line) in enumerate(lines) if line.lower().split()[0] == "@data")
    start = next(starts, None)
    if start is None:
        raise DataError(f"{path}: there is no @data line in it")
    label_column = _label_column(lines[:start], path)
    # Labels may be quoted, as nominal values are; numbers never are.
    rows = [(number, line.replace("'", "")) for number, line in lines[start + 1 :]]
    for number, line in rows:
        if line.lstrip().startswith("{"):
            raise DataError(f"{path}: line {number}: a sparse row; only dense rows are read")
    return from_rows(read_rows(rows, PIXELS + 1, str(path)), label_column, os.path.basename(path))


def _label_column(header: list[tuple[int, str]], path: str | os.PathLike[str]) -> int:
    attributes = []
    for number, line in header:
        if not line.strip().lower().startswith("@attribute"):
            continue
        attribute = _ATTRIBUTE.match(line.strip())
        if attribute is None:
            raise DataError(f"{path}: line {number}: {line[:60]!r} is no attribute with a name and a type")
        # Some programs write "real [0, 255]".
        attributes.append((attribute[1].strip("'\"").lower(), attribute[2].lower().split()[0]))
    if len(attributes) != PIXELS + 1:
        raise DataError(f"{path}: {len(attributes)} attributes, wanted {PIXELS} pixels and a label")
    nominal = [place for place, (_, kind) in enumerate(attributes) if kind not in _NUMERIC]
    named = [place for place, (name, _) in enumerate(attributes) if name in ("class", "label")]
    candidates = np.unique(nominal or named)
    if len(candidates) != 1:
        found = len(candidates)
        raise DataError(f"{path}: one attribute must be the label, by its name or its values; found {found}")
    return int(candidates[0])
