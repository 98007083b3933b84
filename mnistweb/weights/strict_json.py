"""Parses JSON strictly: no NaN, no infinity, no key twice, no absurdly long numbers or deep nesting."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from mnistweb.weights.errors import WeightsError

MAX_CONTAINERS = 100_000  # an empty list takes 64 bytes of memory for two or three in the file
MAX_VALUES = 1_000_000
MAX_DEPTH = 100  # of lists and dicts in one another; ours has six

# `*+` never goes back over what it took, so that no text takes more than one look at each of its bytes.
_TEXT_OR_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{\]}]', re.DOTALL)


def parse_json(data: bytes) -> Any:
    """The value of a JSON text in UTF-8; WeightsError says what is wrong with it."""
    containers, values = data.count(b"[") + data.count(b"{"), data.count(b",")
    if containers > MAX_CONTAINERS or values > MAX_VALUES:
        raise WeightsError(f"JSON of more than {MAX_CONTAINERS:,} lists and dicts or {MAX_VALUES:,} values")
    # How deep Python itself can go is different in each version, and walking such a value ends sooner still.
    if _is_too_deep(data):
        raise WeightsError("JSON nested too deep")
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_integer,
        )
    except WeightsError:
        raise
    except ValueError as error:
        raise WeightsError(f"no JSON: {error}") from error


def _is_too_deep(data: bytes) -> bool:
    depth = 0
    for part in _TEXT_OR_BRACKET.finditer(data):
        if part[0] in b"[{":
            depth += 1
        elif part[0] in b"]}":
            depth -= 1
        if depth > MAX_DEPTH:
            return True
    return False


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise WeightsError("JSON with the same key twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise WeightsError(f"JSON with {constant}; wanted finite numbers")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise WeightsError(f"JSON with {text[:40]}; wanted finite numbers")
    return number


def _integer(text: str) -> int:
    if len(text) > 20:
        raise WeightsError(f"JSON with an integer of {len(text):,} digits")
    return int(text)
