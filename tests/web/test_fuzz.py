"""Short runs of the fuzzers that speak HTTP; `python -m tests.fuzz` lists the long ones."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from flask import Flask

from mnistweb.web.openapi import described_rules
from tests.fuzz import bodies, framings
from tests.fuzz.served import PIXELS, Served, good_bodies, served


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("fuzz")) as watch:
        watch.begin()
        yield watch


def test_broken_framings_are_answered_as_listed_and_the_server_goes_on(watch: Served) -> None:
    outcomes = framings.run(watch, count=120, seed=0)
    watch.close_accounts()
    assert outcomes["400"] > outcomes["200"] > 10


@pytest.mark.parametrize("route", good_bodies())
def test_odd_bodies_are_answered_as_listed_and_the_server_goes_on(watch: Served, route: str) -> None:
    outcomes = bodies.run(watch, route, good_bodies()[route], count=60, seed=0)
    watch.close_accounts()
    assert outcomes["200"] > 3
    assert outcomes["422 invalid_body"] > outcomes["200"]


def test_words_that_are_no_choice_are_refused_without_evaluating_anything(watch: Served) -> None:
    """Guard: JsonReader describes its type when it is made; the description evaluates annotations."""
    tensor = good_bodies()["/v2/models/tiny/infer"][0]["inputs"][0]
    for route, body in (
        ("/predict", {"pixels": PIXELS, "explain": ["why"]}),
        ("/v2/models/tiny/infer", {"inputs": [tensor | {"datatype": "why"}]}),
    ):
        answer = watch.server.request(
            "POST", route, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        assert answer.status == 422
        assert b"Expected '" in answer.body
    watch.close_accounts()


def test_every_json_route_is_fuzzed(app: Flask) -> None:
    with app.app_context():
        rules = {rule.rule for rule, method, each in described_rules(app) if method == "POST" and each.body}
    given = {route.replace("/tiny/", "/<name>/").replace("/1/", "/<version>/") for route in good_bodies()}
    assert given == rules


def test_what_a_worker_does_is_noticed(watch: Served) -> None:
    """The watch itself: the first formula of a lesson imports what makes MathML of it."""
    watch.server.request("GET", "/learn/dense")
    with pytest.raises(AssertionError, match="a worker did: "):
        watch.close_accounts()
