"""A confusion matrix as a table for a page: counts, how dark each cell is, what its rows and columns are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mnistweb.recipes.evaluation import NEGATIVES
from mnistweb.weights.document import DIGITS

SHADES = 4  # classes of the stylesheet, heat-1 to heat-4


@dataclass(frozen=True)
class Cell:
    """truth, reading: indices of the classes. shade: 0 for nothing, up to SHADES for the most mistakes."""

    truth: int
    reading: int
    count: int
    shade: int
    is_right: bool


@dataclass(frozen=True)
class ConfusionTable:
    """rows: what the pictures show; columns: what they were read as; is_wide: names that need more room."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]

    @property
    def is_wide(self) -> bool:
        """Whether the names of the columns are too long to stand side by side."""
        return max(map(len, self.columns)) > 2

    def reading(self, label: int | None) -> str:
        """The name of what was read; None stands for a picture that was refused as blank."""
        return "blank" if label is None else self.columns[label]


def confusion_table(found: Mapping[str, Any], facts: Mapping[str, Any], set_name: str) -> ConfusionTable:
    """The table of what was measured on a set, which `facts` describe."""
    rows = tuple(facts["label_names"])
    none_is_right = set_name == NEGATIVES  # no digit on them: whatever they are read as is wrong
    counts = found["confusion"]
    wrong = [
        [0 if truth == reading and not none_is_right else count for reading, count in enumerate(row)]
        for truth, row in enumerate(counts)
    ]
    most = max((count for row in wrong for count in row), default=0)
    cells = tuple(
        tuple(
            Cell(
                truth,
                reading,
                count,
                # By the logarithm: one confusion should be seen beside a hundred.
                math.ceil(SHADES * math.log1p(wrong[truth][reading]) / math.log1p(most)) if most else 0,
                truth == reading and not none_is_right,
            )
            for reading, count in enumerate(row)
        )
        for truth, row in enumerate(counts)
    )
    return ConfusionTable(rows, DIGITS if none_is_right else rows, cells)
