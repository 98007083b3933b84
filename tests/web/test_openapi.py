"""The OpenAPI document says what the code does. Guards: mnistweb/web/openapi.py.

That every answer is as it says is tested by a client that others wrote: test_schemathesis.py.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import mnistweb
from mnistweb.web.errors import TITLES
from tests.web.conftest import post_json

# Routes for people, which are no part of the API: pages and what they load.
PAGES = {"/", "/paint-screen", "/upload", "/learn", "/learn/<page>"}
PAGES |= {"/runs", "/runs/<name>"}
PAGES |= {"/models/compare", "/models/<name>", "/models/<name>/mistakes"}
PAGES |= {"/models/<name>/pictures/<picture>.png", "/docs", "/docs/<name>", "/static/<path:filename>"}


@pytest.fixture(scope="module")
def document(app: Flask) -> dict[str, Any]:
    found: dict[str, Any] = app.test_client().get("/openapi.json").json
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def references(value: Any) -> set[str]:
    """Every $ref in the document."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(each) for each in value.values()))
    return set().union(*(references(each) for each in value)) if isinstance(value, list) else set()


def test_every_route_that_is_not_a_page_is_described(app: Flask, document: dict[str, Any]) -> None:
    wanted = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}  # type: ignore[operator]
        if rule.rule not in PAGES
    }
    assert {(path, method) for method, path, _ in operations(document)} == wanted


def test_the_document_is_of_this_version(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "mnistweb"
    assert document["info"]["version"] == mnistweb.__version__


def test_every_reference_leads_to_a_type_and_every_type_is_used(document: dict[str, Any]) -> None:
    types = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) == types


def test_operations_have_names_of_their_own_and_words(document: dict[str, Any]) -> None:
    names = [each["operationId"] for _, _, each in operations(document)]
    assert len(set(names)) == len(names)
    assert all(each["summary"] and each["description"] for _, _, each in operations(document))


@pytest.mark.parametrize("path", ["/predict", "/debug-image"])
def test_all_four_kinds_of_body_are_described(document: dict[str, Any], path: str) -> None:
    content = document["paths"][path]["post"]["requestBody"]["content"]
    assert set(content) == {"application/json", "multipart/form-data", "image/png", "image/jpeg"}


def test_errors_are_problems_and_name_their_codes(document: dict[str, Any]) -> None:
    told = ""
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            if status != "200":
                assert response["content"]["application/problem+json"]["schema"]["$ref"].endswith("/Problem")
                told += response["description"]
    # These have nothing to do with a route of the API: a form of a page, and a method that is not described.
    codes = set(TITLES) - {"cross_site", "method_not_allowed"}
    assert {code for code in codes if f"`{code}`" not in told} == set()


def test_the_limits_of_the_types_are_those_of_the_checks(document: dict[str, Any]) -> None:
    body = document["components"]["schemas"]["PredictBody"]
    assert body["additionalProperties"] is False
    assert body["oneOf"] == [{"required": ["image"]}, {"required": ["pixels"]}]
    assert body["properties"]["explain"]["items"]["enum"] == ["activations", "contributions", "steps"]


def test_every_example_is_answered(client: FlaskClient, document: dict[str, Any]) -> None:
    bodies = [each for each in operations(document) if "requestBody" in each[2]]
    assert bodies
    for _, path, operation in bodies:
        address = path
        for parameter in operation["parameters"]:
            value = parameter.get("example") or parameter["schema"]["enum"][0]
            address = address.replace("{" + parameter["name"] + "}", value)
        example = operation["requestBody"]["content"]["application/json"]["example"]
        assert post_json(client, address, json.dumps(example)).status_code == 200, path


def test_the_document_says_where_the_server_is(client: FlaskClient) -> None:
    assert client.get("/openapi.json").json["servers"] == [{"url": "/"}]
    below = client.get("/openapi.json", environ_overrides={"SCRIPT_NAME": "/digits"})
    assert below.json["servers"] == [{"url": "/digits"}]
