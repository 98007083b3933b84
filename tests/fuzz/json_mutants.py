"""JSON bodies as strangers send them: good ones with odd values in them, and bodies grown from the grammar.

A value is what `json` knows, but an object is `Pairs`, which can have a key twice, and `Text` is written as
it is, so that NaN, 1e999 and broken escapes can stand in it.
"""

from __future__ import annotations

import base64
import json
from random import Random
from typing import Any

from tests.fuzz import images
from tests.fuzz.changes import change_bytes


class Pairs(list):  # type: ignore[type-arg]
    """An object: (key, value), in order."""


class Text(str):
    """Written as it is."""


ODD_TEXTS = [
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e308", "1e-999", "-0", "-0.0", "01", "+1", ".5",
    "1.", "0x1", "1e", "1E5", "true", "false", "null", "True", "nul", '"\\ud800"', '"\\udc00\\ud800"',
    '"\\u0000"', '"\\u12"', '"\\x"', '"unfinished', "{}", "[]", "[[]]", '{"a":1,"a":2}', '{"":0}', "//",
    "/**/", ",", ":", "'", "\x01", "\x7f",
]  # fmt: skip
ODD_TEXTS += [
    "9" * 400, "9" * 5000, "0." + "9" * 5000, "[" * 40 + "]" * 40, "[" * 2000 + "]" * 2000,
    '{"a":' * 50 + "1" + "}" * 50,
]  # fmt: skip
ODD_STRINGS = [
    "", "\0", "a\nb\r\nHTTP/1.1 200", "\u202e7", "ü", "\U0001f600", "x" * 10_000, "../../etc/passwd",
    "<script>", "${jndi:x}", "data:image/png;base64,", "data:image/gif;base64,R0lGODlh", "data:,x",
    "data:image/png,%89PNG", "iVBORw0K", "====", "tiny", "TINY", "steps", "activations", "contributions",
    "input", "FP32", "probabilities", "image", "pixels",
]  # fmt: skip
NUMBERS = [
    0, 1, -1, 2, 0.5, 1.0001, 255, 28, 784, 783, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, 1e-320, 5e-324,
    1.7e308,
]  # fmt: skip
KEYS = [
    "image", "images", "pixels", "model", "preprocess", "explain", "inputs", "outputs", "name", "shape",
    "datatype", "data", "parameters", "id", "x",
]  # fmt: skip


def mutant(seed: Any, rng: Random) -> bytes:
    """A body made of the good value `seed`, or one grown from nothing."""
    if rng.random() < 0.2:
        value = _grown(rng, depth=4)
    else:
        value = seed
        for _ in range(rng.choice((0, 1, 1, 1, 2, 4))):
            value = _changed(value, rng)
    text = written(value, rng, ascii_only=rng.random() < 0.5)
    data = text.encode(rng.choice(("utf-8",) * 30 + ("utf-16", "utf-8-sig", "utf-32")), "surrogatepass")
    return change_bytes(data, rng) if rng.random() < 0.15 else data


def as_pairs(value: Any) -> Any:
    """A plain value with its objects as Pairs."""
    if isinstance(value, dict):
        return Pairs((key, as_pairs(each)) for key, each in value.items())
    return [as_pairs(each) for each in value] if isinstance(value, list) else value


def written(value: Any, rng: Random, *, ascii_only: bool) -> str:
    """The value as text."""
    if isinstance(value, Text):
        return str(value)
    if isinstance(value, Pairs):
        members = (
            f"{json.dumps(key, ensure_ascii=ascii_only)}:{written(each, rng, ascii_only=ascii_only)}"
            for key, each in value
        )
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(each, rng, ascii_only=ascii_only) for each in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def _changed(value: Any, rng: Random) -> Any:
    """The value with one change somewhere in it."""
    if isinstance(value, Pairs) and value and rng.random() < 0.85:
        place = rng.randrange(len(value))
        key, inner = value[place]
        kind = rng.randrange(8)
        if kind == 0:
            return Pairs([*value[:place], *value[place + 1 :]])
        if kind == 1:
            return Pairs([*value, (key, rng.choice((inner, _odd(rng))))])
        if kind == 2:
            return Pairs([*value, (rng.choice(KEYS), _odd(rng))])
        if kind == 3:
            return Pairs([*value[:place], (rng.choice(KEYS), inner), *value[place + 1 :]])
        return Pairs([*value[:place], (key, _changed(inner, rng)), *value[place + 1 :]])
    if isinstance(value, list) and not isinstance(value, Pairs) and value and rng.random() < 0.85:
        place = rng.randrange(len(value))
        kind = rng.randrange(6)
        if kind == 0:
            return value[:place] + value[place + 1 :]
        if kind == 1:
            return value[:place] + [value[place]] * rng.choice((2, 3, 30)) + value[place + 1 :]
        return [*value[:place], _changed(value[place], rng), *value[place + 1 :]]
    if isinstance(value, str) and len(value) > 100 and rng.random() < 0.7:
        return _another_picture(value, rng)
    return _odd(rng)


def _another_picture(value: str, rng: Random) -> str:
    """Instead of a picture in base64 a mutant of one, or damaged base64."""
    if rng.random() < 0.3:
        return change_bytes(value.encode(), rng).decode("utf-8", "replace")
    head = rng.choice(("", "data:image/png;base64,", "data:image/jpeg;base64,"))
    return head + base64.b64encode(images.mutant(rng)).decode()


def _odd(rng: Random) -> Any:
    kind = rng.randrange(6)
    if kind == 0:
        return Text(rng.choice(ODD_TEXTS))
    if kind == 1:
        return rng.choice(ODD_STRINGS)
    if kind == 2:
        return rng.choice(NUMBERS)
    if kind == 3:
        return rng.choice(
            (None, True, False, [], Pairs(), [[]], [None], ["1"] * 784, [[0.5] * 28] * 28, [True] * 784)
        )
    if kind == 4:
        return [rng.choice(NUMBERS)] * rng.choice((1, 10, 27, 28, 29, 783, 784, 785))
    return _grown(rng, depth=3)


def _grown(rng: Random, depth: int) -> Any:
    """A value grown from JSON's grammar."""
    kind = rng.randrange(7 if depth else 5)
    if kind == 5:
        return [_grown(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind == 6:
        return Pairs((rng.choice(KEYS), _grown(rng, depth - 1)) for _ in range(rng.randrange(4)))
    return (rng.choice(NUMBERS), rng.choice(ODD_STRINGS), Text(rng.choice(ODD_TEXTS)), None, rng.random())[
        kind
    ]
