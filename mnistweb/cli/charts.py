"""Curves as text: each number is a column of blocks, an eighth of a line exact."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def chart(values: Sequence[float], *, width: int, height: int = 5, column: int = 2) -> list[str]:
    """`height` lines of `width` characters; values in 0..1, each `column` wide, none of height zero.

    Values outside of 0..1 are cut off, and so are those that do not fit in.
    """
    eighths = [max(1, round(min(max(value, 0), 1) * height * 8)) for value in values]
    lines = []
    for above in range(height - 1, -1, -1):
        blocks = (_EIGHTHS[min(max(each - above * 8, 0), 8)] * column for each in eighths)
        lines.append("".join(blocks)[:width].ljust(width))
    return lines


def side_by_side(left: Sequence[str], right: Sequence[str], *, gap: str = "    ") -> list[str]:
    """The lines of both, those of `left` padded to one length."""
    width = max((len(line) for line in left), default=0)
    return [f"{a:<{width}}{gap}{b}".rstrip() for a, b in zip_longest(left, right, fillvalue="")]
