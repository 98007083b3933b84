"""A section of a recipe is a frozen dataclass; here a plain table becomes one, every value checked."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from mnistweb.recipes.errors import RecipeError

Section = TypeVar("Section")


def setting(
    default: Any,
    help: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] | None = None,
) -> Any:
    """A dataclass field with its default, one sentence of help, and the values that are allowed.

    The limits hold for the number itself, or for each number of a list.
    """
    limits = {"at_least": at_least, "at_most": at_most, "above": above, "below": below}
    metadata = {"help": help, "limits": limits, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)


def read_section(cls: type[Section], table: Mapping[str, Any], *, where: str = "") -> Section:
    """Make the dataclass `cls` from `table`; keys that are missing take their defaults.

    `where` is the path of the section, such as ``data.mix``, and appears in the messages.
    Raises RecipeError that names the key, what came, and what is allowed.
    """
    if not isinstance(table, Mapping):
        raise RecipeError(f"{where} expected a table of settings, got {table!r}")
    fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, cls))}
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for key, value in table.items():
        path = f"{where}.{key}" if where else key
        if key not in fields:
            raise RecipeError(unknown("key", path, [f"{where}.{name}" if where else name for name in fields]))
        if dataclasses.is_dataclass(hints[key]):
            values[key] = read_section(typing.cast(type, hints[key]), value, where=path)
        else:
            values[key] = _read_value(hints[key], value, path, fields[key].metadata)
    try:
        return cls(**values)
    except ValueError as problem:  # a section's own check of values that must fit each other
        # Some say themselves which section they are.
        known = not where or str(problem).startswith(f"{where}:")
        raise RecipeError(str(problem) if known else f"{where}: {problem}") from problem


def unknown(kind: str, name: str, allowed: Iterable[str]) -> str:
    """The message for a name that does not exist: close matches first, then everything that is allowed."""
    allowed = list(allowed)
    close = difflib.get_close_matches(name, allowed, n=2)
    hint = f"; did you mean {' or '.join(close)}?" if close else "."
    return f"unknown {kind} {name!r}{hint} Allowed: {', '.join(allowed)}"


def _read_value(hint: Any, value: Any, path: str, metadata: Mapping[str, Any]) -> Any:
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, (list, tuple)):
            raise RecipeError(f"{path} expected a list, got {value!r}")
        item_hint = typing.get_args(hint)[0]
        return tuple(_read_value(item_hint, item, f"{path}[{i}]", metadata) for i, item in enumerate(value))
    if isinstance(hint, types.UnionType):  # X | None: TOML has no null, so a missing key is None
        hint = next(one for one in typing.get_args(hint) if one is not type(None))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise RecipeError(f"{path} expected {_NOUNS[hint]}, got {value!r}")
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        # What Python makes of a file's name that is no UTF-8: TOML could not hold it.
        raise RecipeError(f"{path} expected a text in UTF-8, got {value!r}")
    if metadata.get("choices") is not None and value not in metadata["choices"]:
        raise RecipeError(unknown(f"value of {path}:", value, metadata["choices"]))
    _check_limits(path, value, metadata.get("limits", {}))
    return value


def _check_limits(path: str, value: Any, limits: Mapping[str, float | None]) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise RecipeError(f"{path} expected a finite number, got {value!r}")
    for word, limit in limits.items():
        if limit is not None and not _HOLDS[word](value, limit):
            raise RecipeError(f"{path} expected a number {word.replace('_', ' ')} {limit:g}, got {value!r}")


_NOUNS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text in quotes"}
_HOLDS = {
    "at_least": lambda value, limit: value >= limit,
    "at_most": lambda value, limit: value <= limit,
    "above": lambda value, limit: value > limit,
    "below": lambda value, limit: value < limit,
}
