"""Nested facts, such as a weights file has of its training, as the rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MOST_ROWS, _MOST_CHARACTERS = 200, 200


def flat_facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, value) for each fact, "recipe.data.mix" style; long texts and very many facts are cut short."""
    rows: list[tuple[str, str]] = []
    _collect("", facts, rows)
    return rows


def _collect(prefix: str, value: Any, rows: list[tuple[str, str]]) -> None:
    if len(rows) >= _MOST_ROWS:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            _collect(f"{prefix}.{key}" if prefix else str(key), item, rows)
        return
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    rows.append((_short(prefix), _short(text)))


def _short(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."
