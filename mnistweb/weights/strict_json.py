"""Parses JSON strictly: no NaN, no infinity, no key twice, no absurdly long numbers or deep nesting."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from mnistweb.weights.errors import WeightsError

MAX_CONTAINERS = 100_000  # an empty list takes 64 bytes of memory for two or three in the file
MAX_VALUES = 1_000_000


def parse_json(data: bytes) -> Any:
    """The value of a JSON text in UTF-8; WeightsError says what is wrong with it."""
    containers, values = data.count(b"[") + data.count(b"{"), data.count(b",")
    if containers > MAX_CONTAINERS or values > MAX_VALUES:
        raise WeightsError(f"JSON of more than {MAX_CONTAINERS:,} lists and dicts or {MAX_VALUES:,} values")
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
    except RecursionError as error:
        raise WeightsError("JSON nested too deep") from error
    except ValueError as error:
        raise WeightsError(f"no JSON: {error}") from error


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
