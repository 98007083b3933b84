"""Plain facts: what may stand in a weights file beside its arrays, so that every format can hold it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mnistweb.weights.errors import WeightsError

MAX_DEPTH = 20


def plain_facts(value: Any, *, where: str) -> Any:
    """A copy made of dicts with text keys, lists, text, finite numbers, booleans and None.

    Equal texts become one object, so that equal facts are pickled to equal bytes. Raises WeightsError, naming
    the place, when there is anything else in `value`.
    """
    return _copy(value, where, 0, {})


def _copy(value: Any, where: str, depth: int, texts: dict[str, str]) -> Any:
    if depth > MAX_DEPTH:
        raise WeightsError(f"{where} is nested deeper than {MAX_DEPTH}")
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise WeightsError(f"{where} is {value}; wanted a finite number")
        return value
    if isinstance(value, str):
        return texts.setdefault(value, value)
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise WeightsError(f"{where} has a key that is no text")
        return {
            texts.setdefault(key, key): _copy(item, f"{where}.{key}"[:80], depth + 1, texts)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_copy(item, f"{where}[{index}]"[:80], depth + 1, texts) for index, item in enumerate(value)]
    raise WeightsError(f"{where} is a {type(value).__name__}; wanted plain text, numbers, lists and dicts")
