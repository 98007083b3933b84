"""JSON that is broken (400), or of another form than is wanted (422).

The guards are in mnistweb/web/json_body.py: the slow reading says what is wrong, and the count of the keys
sends a body that names one twice there.
"""

from __future__ import annotations

import contextlib
import json
from functools import partial
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnistweb.web.errors import ProblemError
from mnistweb.web.json_body import JsonReader
from mnistweb.web.schemas import PredictBody
from tests.fuzz.served import good_bodies
from tests.web.conftest import as_base64, post_json, problem

BROKEN = {
    "empty": "",
    "blank": "  \n",
    "cut off": '{"pixels": [1, 2',
    "cut off in a string": '{"image": "abc',
    "text after the end": '{"pixels": []} x',
    "a second object": '{"pixels": []}{}',
    "invalid UTF-8": b'{"image": "\xff\xfe"}',
    "invalid UTF-8 in a key": b'{"\xff": 1}',
    "UTF-16": '{"image": "a"}'.encode("utf-16"),
    "a byte-order mark": b'\xef\xbb\xbf{"image": "a"}',
    "NaN": '{"pixels": [NaN]}',
    "Infinity": '{"pixels": [Infinity]}',
    "-Infinity": '{"pixels": [-Infinity]}',
    "1e999": '{"pixels": [1e999]}',
    "-1e999": '{"pixels": [-1e999]}',
    "NaN in an unknown field": '{"x": NaN}',
    "a 5,000-digit integer": '{"pixels": [' + "1" * 5000 + "]}",
    "nesting 1,000 deep": '{"pixels": ' + "[" * 1000 + "]" * 1000 + "}",
    "nesting 100 deep": '{"x": ' + "[" * 100 + "]" * 100 + "}",
    "nesting 100,000 deep": "[" * 100_000,
    "objects 1,000 deep": '{"a":' * 1000 + "1" + "}" * 1000,
    "single quotes": "{'image': 'a'}",
    "a trailing comma": '{"image": "a",}',
    "a comment": '{"image": "a"} // b',
    "a bare control character": '{"image": "a\x00b"}',
    "a number with a leading zero": '{"pixels": [01]}',
    "a number with a plus": '{"pixels": [+1]}',
    "a hexadecimal number": '{"pixels": [0x1]}',
}

DUPLICATES = {
    "twice pixels": '{"pixels": [1], "pixels": [0]}',
    "twice model": '{"pixels": PIXELS, "model": "tiny", "model": "tiny"}',
    "one of them spelt with an escape": '{"pixels": PIXELS, "mod\\u0065l": "tiny", "model": "tiny"}',
    "both spelt with an escape": '{"pixels": PIXELS, "mod\\u0065l": "tiny", "\\u006dodel": "tiny"}',
    "twice an unknown one": '{"x": 1, "x": 1}',
    "deeper down": '{"pixels": [{"a": 1, "a": 2}]}',
}

OTHER_FORMS = {
    "null": ("null", "object"),
    "a string": ('"image"', "object"),
    "a number": ("7", "object"),
    "an array": ("[1, 2]", "object"),
    "true": ("true", "object"),
    "an unknown field": ('{"pixels": PIXELS, "pixel": 1}', "pixel"),
    "both": ('{"pixels": PIXELS, "image": "abcd"}', "image and pixels"),
    "neither": ("{}", "image and pixels"),
    "neither, but a model": ('{"model": "tiny"}', "image and pixels"),
    "image null": ('{"image": null}', "image"),
    "image a number": ('{"image": 7}', "image"),
    "image a list": ('{"image": ["a"]}', "image"),
    "pixels a dict": ('{"pixels": {"0": 1}}', "pixels"),
    "pixels a string": ('{"pixels": "0 0 0"}', "pixels"),
    "strings among the numbers": ('{"pixels": ["1", 0]}', "pixels[0]"),
    "true among the numbers": ('{"pixels": [0, true]}', "pixels[1]"),
    "null among the numbers": ('{"pixels": [0, 0, null]}', "pixels[2]"),
    "an object among the numbers": ('{"pixels": [{}]}', "pixels[0]"),
    "a string in a row": ('{"pixels": [[0, "1"]]}', "pixels[0][1]"),
    "three levels": ('{"pixels": [[[0]]]}', "pixels[0][0]"),
    "10**400 among the numbers": ('{"pixels": [0, 1' + "0" * 400 + "]}", "pixels[1]"),
    "a model of another form": ('{"pixels": PIXELS, "model": "../x"}', "model"),
    "a model that is no string": ('{"pixels": PIXELS, "model": 1}', "model"),
    "an unknown part to explain": (
        '{"pixels": PIXELS, "explain": ["all"]}',
        "'steps' - at `$.explain[0]`",
    ),
    "explain a string": ('{"pixels": PIXELS, "explain": "steps"}', "explain"),
    "preprocess a number": ('{"pixels": PIXELS, "preprocess": 1}', "preprocess"),
    "half a surrogate pair": ('{"image": "\\ud800"}', "surrogate"),
    "half a surrogate pair in a key": ('{"\\udfff": 1}', "surrogate"),
    "a NUL": ('{"pixels": PIXELS, "model": "a\\u0000b"}', "NUL"),
}

NO_PICTURE = {
    "783 values": ([0.0] * 783, "783"),
    "785 values": ([0.0] * 785, "785"),
    "no values": ([], "0 values"),
    "27 rows": ([[0.0] * 28] * 27, "27"),
    "29 rows": ([[0.0] * 28] * 29, "29"),
    "a short row": ([[0.0] * 28] * 10 + [[0.0] * 27] + [[0.0] * 28] * 17, "row 10 has 27"),
    "a number among rows": ([[0.0] * 28] * 3 + [0.0] + [[0.0] * 28] * 24, "row 3 is a number"),
    "a list among numbers": ([0.0] * 783 + [[0.0]], "lists among them"),
    "-1": ([0.5] * 5 + [-1] + [0.5] * 778, "pixel 5 is -1"),
    "1.0001": ([0.5] * 6 + [1.0001] + [0.5] * 777, "pixel 6 is 1.0001"),
    "1.0000001": ([1.0000001] + [0.5] * 783, "pixel 0 is 1.0000001"),
    "255": ([0.5] * 783 + [255], "pixel 783 is 255"),
    "1e308": ([1e308] + [0.5] * 783, "pixel 0 is 1e+308"),
    "a row with 2": ([[0.5] * 28] * 27 + [[0.5] * 27 + [2]], "pixel 783 is 2"),
}


def filled(text: str | bytes, pixels: list[float]) -> str | bytes:
    return text if isinstance(text, bytes) else text.replace("PIXELS", json.dumps(pixels))


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_not_json_is_400(client: FlaskClient, name: str, pixels: list[float]) -> None:
    found = problem(post_json(client, "/predict", BROKEN[name]), 400, "broken_json")
    if name in ("UTF-16", "a byte-order mark"):
        assert "wanted is UTF-8 without one" in found["detail"]
    assert post_json(client, "/predict", {"pixels": pixels}).status_code == 200


@pytest.mark.parametrize("route", good_bodies())
def test_every_json_route_reads_as_strictly(client: FlaskClient, route: str) -> None:
    """Guard: JsonReader, which every route has to read with."""
    for body in BROKEN.values():
        problem(post_json(client, route, body), 400, "broken_json")
    problem(post_json(client, route, '{"x": 1, "x": 1}'), 400, "duplicate_key")
    for body in ("null", "7", '"image"', "[]", '{"x": "\\ud800"}', '{"x": 1}'):
        problem(post_json(client, route, body), 422, "invalid_body")


@pytest.mark.parametrize("name", DUPLICATES)
def test_a_key_named_twice_is_400(client: FlaskClient, name: str, pixels: list[float]) -> None:
    problem(post_json(client, "/predict", filled(DUPLICATES[name], pixels)), 400, "duplicate_key")


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_json_of_another_form_is_422_and_says_where(
    client: FlaskClient, name: str, pixels: list[float]
) -> None:
    text, words = OTHER_FORMS[name]
    found = problem(post_json(client, "/predict", filled(text, pixels)), 422, "invalid_body")
    assert words in found["detail"], found["detail"]
    assert len(found["detail"]) < 250


@pytest.mark.parametrize("preprocess", [False, True])
@pytest.mark.parametrize("name", NO_PICTURE)
def test_numbers_that_are_no_picture_are_422_and_say_where(
    client: FlaskClient, name: str, preprocess: bool
) -> None:
    values, words = NO_PICTURE[name]
    found = problem(
        post_json(client, "/predict", {"pixels": values, "preprocess": preprocess}), 422, "invalid_pixels"
    )
    assert words in found["detail"], found["detail"]


def test_a_string_that_looks_like_a_key_is_no_duplicate(client: FlaskClient, pixels: list[float]) -> None:
    problem(post_json(client, "/predict", {"pixels": pixels, "model": "image"}), 404, "unknown_model")
    problem(post_json(client, "/predict", {"pixels": pixels, "model": "model"}), 404, "unknown_model")


def test_a_slash_may_be_escaped_and_keys_too(client: FlaskClient, seven: bytes) -> None:
    plain = post_json(client, "/predict", {"image": as_base64(seven)}).json
    text = json.dumps({"image": as_base64(seven)}).replace("/", "\\/").replace("image", "im\\u0061ge")
    assert post_json(client, "/predict", text).json == plain


def test_a_body_of_millions_of_numbers_is_refused_unread(client: FlaskClient) -> None:
    body = '{"pixels": [' + "0," * 3_000_000 + "0]}"
    problem(post_json(client, "/predict", body), 413, "too_large")
    problem(post_json(client, "/predict/batch", body), 413, "too_large")


def test_an_unknown_field_as_long_as_a_book_is_not_repeated(client: FlaskClient) -> None:
    found = problem(post_json(client, "/predict", {"x" * 100_000: 1}), 422, "invalid_body")
    assert len(found["detail"]) < 250


def test_the_batch_checks_its_types_too(client: FlaskClient, pixels: list[float]) -> None:
    for body, words in (
        ({"images": "abc"}, "images"),
        ({"images": [1]}, "images[0]"),
        ({"pixels": pixels}, "pixels[0]"),
        ({"pixels": [pixels, ["a"]]}, "pixels[1][0]"),
        ({"images": [], "pixels": []}, "images and pixels"),
        ({}, "images and pixels"),
        ({"image": "x"}, "image"),
    ):
        assert words in problem(post_json(client, "/predict/batch", body), 422, "invalid_body")["detail"]


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "text/json", "x"]
)
def test_another_content_type_is_415_and_says_which_are_taken(
    client: FlaskClient, content_type: str | None
) -> None:
    response = client.post("/predict", data=b'{"pixels": []}', content_type=content_type)
    found = problem(response, 415, "unsupported_media_type")
    came = "The body is of another type" if content_type else "No Content-Type was sent"
    assert found["detail"].startswith(f"{came}; wanted is application/json")
    assert "image/png" in response.headers["Accept-Post"]
    if content_type:  # the Open Inference Protocol takes a body without a type for JSON
        response = client.post("/v2/models/tiny/infer", data=b"{}", content_type=content_type)
        problem(response, 415, "unsupported_media_type")
        assert response.headers["Accept-Post"] == "application/json, application/octet-stream"


def test_a_charset_with_the_content_type_is_fine(client: FlaskClient, pixels: list[float]) -> None:
    body = json.dumps({"pixels": pixels})
    assert (
        client.post("/predict", data=body, content_type="application/json; charset=utf-8").status_code == 200
    )


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=8), below, max_size=4),
    max_leaves=12,
)
bodies = st.dictionaries(st.sampled_from([*PredictBody.__struct_fields__, "x"]), values, max_size=4)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=bodies | values, spaces=st.booleans())
def test_the_fast_reading_never_takes_what_the_slow_one_refuses(value: Any, spaces: bool) -> None:
    reader = JsonReader(PredictBody)
    body = json.dumps(value, indent=1 if spaces else None).encode()

    def outcome(read: Any) -> Any:
        try:
            return read(body)
        except ProblemError as error:
            return error.code

    assert outcome(partial(reader.read, max_commas=1000)) == outcome(reader._read_slowly)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_make_the_reader_stumble(body: bytes) -> None:
    with contextlib.suppress(ProblemError):  # and nothing else
        JsonReader(PredictBody).read(body, max_commas=1000)
