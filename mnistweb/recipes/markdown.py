"""Pieces of Markdown: wrapped paragraphs, tables, and numbers as a reader wants them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

_WIDTH = 118


def paragraph(*sentences: str) -> str:
    """The sentences wrapped into lines, with an empty line after them."""
    return textwrap.fill(" ".join(sentences), _WIDTH, break_long_words=False, break_on_hyphens=False) + "\n\n"


def bullets(items: Iterable[str]) -> str:
    """A list, each item wrapped, with an empty line after it."""
    lines = [
        textwrap.fill(
            f"* {item}", _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
        for item in items
    ]
    return "\n".join(lines) + "\n\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], sides: str) -> str:
    """A table with an empty line after it. sides: for each column "l" or "r"."""
    rules = ["---:" if side == "r" else "---" for side in sides]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, rules, *rows)) + "\n"


def percent(share: float, places: int = 2) -> str:
    """A share, 0..1, as "99.70 %"."""
    return f"{100 * share:.{places}f} %"


def duration(seconds: float | None) -> str:
    """Whole minutes, or seconds when it is less than one."""
    if seconds is None:
        return "unknown"
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
