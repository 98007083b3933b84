"""Speaks broken HTTP to a real server over raw sockets, and looks whether it goes on.

python -m tests.fuzz.framings --count 5000

Request lines, headers, lengths, chunks and line ends are changed (`http_pieces.py`); the bytes come whole, in
pieces, behind one another, or break off. Each is answered with statuses that the API lists, or not at all,
never with a 5xx, and the next good request gets its usual answer.
"""

from __future__ import annotations

import argparse
import re
import socket
import struct
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

import msgspec

from mnistweb.web.errors import TITLES
from tests.fuzz.http_pieces import request
from tests.fuzz.served import Served, served

GOOD_STATUSES = {200, 206, 302, 304, 308, 416}
BAD_STATUSES = {status for status, _ in TITLES.values() if status < 500}
PATIENCE_SECONDS = 60  # far beyond every time limit of the server

_HEAD = re.compile(rb"HTTP/1\.\d (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")


def exchange(watch: Served, rng: Random) -> list[str]:
    """Send one to four requests in some manner; returns the statuses of the answers.

    AssertionError for answers that no client could read, that the API does not list, or that never end.
    """
    data = b"".join(request(rng) for _ in range(rng.choice((1, 1, 1, 2, 4))))
    manner = rng.random()
    with watch.server.connect(PATIENCE_SECONDS) as connection:
        try:
            if manner < 0.1:  # break off somewhere, and reset the connection
                connection.sendall(data[: rng.randint(0, len(data))])
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return ["reset"]
            _send(connection, data, rng, in_pieces=manner < 0.4)
            if manner < 0.998:  # else the server has to end it, by its time limit
                connection.shutdown(socket.SHUT_WR)
        except OSError:  # it was refused before all of it had come
            pass
        received, whole = _read(connection)
    found = statuses(received, whole=whole, without_bodies=b"HEAD" in data)
    return found or ["no answer"]


def _send(connection: socket.socket, data: bytes, rng: Random, *, in_pieces: bool) -> None:
    cuts = sorted(rng.randint(0, len(data)) for _ in range(rng.choice((1, 3, 20)))) if in_pieces else []
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        connection.sendall(data[start:end])
        if end < len(data):
            time.sleep(rng.choice((0, 0, 0.001)))


def _read(connection: socket.socket) -> tuple[bytes, bool]:
    """All that comes, and whether it ended properly: a refused client may have its connection reset."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except TimeoutError:
        raise AssertionError(f"no end after {PATIENCE_SECONDS} s, but {received[:200]!r}") from None
    except OSError:
        return received, False
    return received, True


def statuses(received: bytes, *, whole: bool, without_bodies: bool) -> list[str]:
    """The statuses of a chain of answers, once their form is checked. AssertionError when it is wrong."""
    found: list[str] = []
    while received:
        match = _HEAD.match(received)
        if match is None:
            assert not whole or (found and without_bodies), f"behind {found} came {received[:300]!r}"
            break
        status, headers = int(match[1]), match[2].decode("latin-1").lower()
        received = received[match.end() :]
        if status == 100:
            continue
        length = re.search(r"^content-length: (\d+)", headers, re.MULTILINE)
        assert length is not None or status == 304, f"{status} without a length"
        body = received[: int(length[1])] if length and status != 304 else b""
        complete = length is None or (len(body) == int(length[1]) and not without_bodies)
        _check(status, headers, body, complete=complete)
        found.append(str(status))
        if without_bodies:
            break  # which answer has no body is not known here
        received = received[len(body) :]
    return found


def _check(status: int, headers: str, body: bytes, *, complete: bool) -> None:
    assert status in GOOD_STATUSES | BAD_STATUSES, f"{status}, {body[:300]!r}"
    assert "x-content-type-options: nosniff" in headers, headers
    assert "x-request-id: " in headers, headers
    if status >= 400 and status != 416 and complete and "application/problem+json" in headers:
        problem = msgspec.json.decode(body)
        assert TITLES[problem["code"]][0] == problem["status"] == status, problem
    elif status >= 400 and status != 416:
        assert not complete or "text/html" in headers, headers


def run(watch: Served, count: int, seed: int) -> Counter[str]:
    """Send `count` framings, each followed by a good request; returns how often each status came."""
    rng = Random(seed)
    outcomes: Counter[str] = Counter()
    for number in range(count):
        try:
            outcomes.update(exchange(watch, rng))
            watch.check()
        except Exception as error:
            raise AssertionError(f"seed {seed}, framing {number}: {error!r}") from error
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as watch:
        watch.begin()
        outcomes = run(watch, arguments.count, arguments.seed)
        grown = watch.close_accounts()
    answers = dict(sorted(outcomes.items()))
    print(f"{arguments.count:,} framings: {answers}; a worker grew by at most {grown:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
