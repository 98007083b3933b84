"""Strict JSON: one fast pass that accepts what is right, and a slow one that says what is wrong.

msgspec decodes and checks types in one pass, but of two equal keys the last wins, and it mixes up bodies that
are broken (400) with bodies of another form (422). So it only ever accepts; whatever it refuses, or might
have misread, is read again by the standard library, which can be asked about keys, constants and depth.
"""

from __future__ import annotations

import codecs
import json
import math
import re
import textwrap
from typing import Any, Generic, NoReturn, TypeVar

import msgspec

from mnistweb.web.errors import ProblemError

MAX_DEPTH = 32
_NO_TEXT = re.compile("[\0\ud800-\udfff]")

Body = TypeVar("Body", bound=msgspec.Struct)


class JsonReader(Generic[Body]):
    """Reads bodies of one type. To be made at the start: it evaluates the annotations of the type."""

    def __init__(self, form: type[Body]) -> None:
        self._form = form
        self._decoder = msgspec.json.Decoder(form)
        self._keys = [name.encode() for name in form.__struct_encode_fields__]
        self._description = msgspec.inspect.type_info(form)

    def read(self, body: bytes, *, max_commas: int) -> Body:
        """The body in its type. Raises ProblemError: not proper JSON 400, another form 422.

        max_commas: the most it may have, which bounds the memory of its numbers; beyond that 413.
        """
        if len(body) > max_commas and body.count(b",") > max_commas:
            raise ProblemError("too_large", f"The JSON has more than {max_commas:,} values.")
        try:
            value = self._decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._read_slowly(body)
        # Without a backslash each key is spelt as its name, and no quote hides in a string: the strings are
        # every second piece between quotes, and a name that is there once was said once.
        if b"\\" not in body:
            strings = body.split(b'"')[1::2]
            if all(strings.count(key) <= 1 for key in self._keys):
                return value
        return self._read_slowly(body)

    def _read_slowly(self, body: bytes) -> Body:
        value = _parse(body)
        _walk(value)
        try:
            return msgspec.convert(value, self._form)
        except msgspec.ValidationError as error:
            # It may name a key of the client's, which is as long as the client likes.
            words = textwrap.shorten(_in_words(error, self._description), 200, placeholder="...")
            raise ProblemError("invalid_body", words) from error


def _in_words(error: msgspec.ValidationError, description: msgspec.inspect.Type) -> str:
    """What msgspec says; of words for a choice it would repeat the wrong one and leave out the right ones."""
    if not str(error).startswith("Invalid enum value"):
        return str(error)
    place = str(error).rpartition(" - at ")[2]
    found: Any = description
    for key in re.findall(r"\.(\w+)|\[", place):  # such as `$.explain[0]`
        if key:
            found = next(each.type for each in found.fields if each.encode_name == key)
        else:
            found = found.item_type
        found = found.type if isinstance(found, msgspec.inspect.Metadata) else found
    return f"Expected {' or '.join(map(repr, found.values))} - at {place}"


def _parse(body: bytes) -> Any:
    if not body:
        raise ProblemError("broken_json", "The body is empty; wanted is a JSON object.")
    if body.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ProblemError(
            "broken_json", "The body begins with a byte order mark; wanted is UTF-8 without one."
        )
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except UnicodeDecodeError as error:
        raise ProblemError(
            "broken_json", f"Byte {error.start} is not UTF-8, in which JSON is wanted."
        ) from error
    except json.JSONDecodeError as error:
        raise ProblemError(
            "broken_json", f"{error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except RecursionError as error:
        raise ProblemError("broken_json", f"It is nested more than {MAX_DEPTH} deep.") from error
    except ValueError as error:  # Python reads no integer of more than 4,300 digits
        raise ProblemError("broken_json", "It holds an integer of thousands of digits.") from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ProblemError("duplicate_key", "An object names the same key twice.")
    return found


def _no_constant(constant: str) -> NoReturn:
    raise ProblemError("broken_json", f"{constant} is no JSON number.")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ProblemError("broken_json", "A number is too large to be kept.")
    return number


def _walk(value: Any) -> None:
    """Look at every value: none too deep, no string with a NUL or half a surrogate pair."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise ProblemError("broken_json", f"It is nested more than {MAX_DEPTH} deep.")
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                below += each.keys()
                below += each.values()
            elif isinstance(each, list):
                below += each
            elif isinstance(each, str) and _NO_TEXT.search(each):
                raise ProblemError(
                    "invalid_body", "A string holds a NUL or half a surrogate pair; wanted is text."
                )
        level = below
