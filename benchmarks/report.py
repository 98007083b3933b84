"""Writes down what was measured: all of it as JSON, the tables into the page, the curves as a picture."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import curves, instructions
from benchmarks.timing import Row, table

# The page is written by people but for what stands between such comments.
_PART = r"(<!-- measured: {name} -->\n).*?(<!-- end -->)"
_NEW_PAGE = """# Performance

<!-- measured: ratios -->
<!-- end -->

<!-- measured: instructions -->
<!-- end -->
"""


def write(
    folder: Path,
    facts: Mapping[str, str],
    rows: Sequence[Row],
    drawn: Sequence[curves.Curve],
    counts: Mapping[str, float],
) -> None:
    """performance.json, performance.md and performance.png in `folder`."""
    content = {
        "circumstances": dict(facts),
        "rows": [row.as_dict() for row in rows],
        "curves": [curve.as_dict() for curve in drawn],
        "thousand_instructions": dict(counts),
    }
    (folder / "performance.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    curves.plot(drawn, folder / "performance.png")
    page = folder / "performance.md"
    text = page.read_text(encoding="utf-8") if page.exists() else _NEW_PAGE
    said = "\n".join(f"* {name}: {value}" for name, value in facts.items())
    text = _filled(text, "ratios", f"{said}\n\n{table(list(rows))}")
    if counts:
        text = _filled(text, "instructions", instructions.table(dict(counts)))
    page.write_text(text, encoding="utf-8")


def _filled(text: str, name: str, content: str) -> str:
    """The text with the part of that name replaced. ValueError when it has none."""
    filled, count = re.subn(
        _PART.format(name=name), lambda found: f"{found[1]}{content}\n{found[2]}", text, flags=re.DOTALL
    )
    if count != 1:
        raise ValueError(f"performance.md must have one part <!-- measured: {name} -->, it has {count}")
    return filled
