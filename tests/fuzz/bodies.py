"""Posts mutants of JSON bodies to every JSON route of a real server, and looks at each answer.

python -m tests.fuzz.bodies --count 20000 [--route /predict]

Each is answered 200 with JSON, or with a problem of a status that the API lists, never a 5xx; now and then a
good request must get its usual answer.
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from mnistweb.web.errors import TITLES
from tests.fuzz import json_mutants
from tests.fuzz.served import Served, good_bodies, served

BETWEEN_CHECKS = 50  # mutants


def post(connection: http.client.HTTPConnection, route: str, body: bytes, rng: Random) -> str:
    """Post a body; returns the status and the code of the problem. AssertionError for a wrong answer."""
    headers = {"Content-Type": "application/json"}
    if route.startswith("/v2") and rng.random() < 0.1:
        headers["Inference-Header-Content-Length"] = str(rng.choice((0, 2, len(body) - 1, len(body), 10**9)))
    try:
        connection.request("POST", route, body, headers)
        response = connection.getresponse()
    except (
        ConnectionError
    ):  # it was idle for too long and is opened anew; had a worker died, it would be seen
        connection.close()
        connection.request("POST", route, body, headers)
        response = connection.getresponse()
    answer = response.read()
    kind = response.headers["Content-Type"]
    if response.status == 200:
        assert kind in ("application/json", "application/octet-stream"), kind
        if kind == "application/json":
            json.loads(answer, parse_constant=_no_constant)
        return "200"
    assert kind == "application/problem+json", (response.status, kind, answer[:300])
    problem = json.loads(answer)
    assert TITLES[problem["code"]][0] == problem["status"] == response.status < 500, problem
    assert len(problem["detail"]) < 1000, problem["detail"]
    return f"{response.status} {problem['code']}"


def run(watch: Served, route: str, seeds: list[Any], count: int, seed: int) -> Counter[str]:
    """Post `count` mutants of `seeds` to a route; returns how often each answer came."""
    rng = Random(seed)
    values = [json_mutants.as_pairs(each) for each in seeds]
    outcomes: Counter[str] = Counter()
    connection = http.client.HTTPConnection("127.0.0.1", watch.server.port, timeout=60)
    for number in range(count):
        body = json_mutants.mutant(rng.choice(values), rng)
        try:
            outcomes[post(connection, route, body, rng)] += 1
            if number % BETWEEN_CHECKS == 0:
                watch.check()
        except Exception as error:
            raise AssertionError(
                f"{route}, seed {seed}, body {number}, {body[:2000]!r}: {error!r}"
            ) from error
    connection.close()
    watch.check()
    return outcomes


def _no_constant(name: str) -> float:
    raise AssertionError(f"the answer holds {name}, which is no JSON")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000, help="bodies a route")
    parser.add_argument("--route", choices=sorted(good_bodies()), help="this one alone")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as watch:
        for route, seeds in good_bodies().items():
            if arguments.route in (None, route):
                watch.begin()
                outcomes = dict(sorted(run(watch, route, seeds, arguments.count, arguments.seed).items()))
                grown = watch.close_accounts()
                print(f"{arguments.count:,} to {route}: {outcomes}; grown by {grown:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
