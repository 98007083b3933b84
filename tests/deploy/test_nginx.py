"""The shipped nginx before two replicas: no request is lost when one dies, and slow clients hurt nobody."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.front import CHECKOUT, Front, nginx_program
from tests.load.clients import Clients
from tests.load.mixture import Ask, get
from tests.web.live import Answer, LiveServer, free_port, read_answer


@pytest.fixture(scope="module", autouse=True)
def nginx() -> None:
    if nginx_program() is None:
        if os.environ.get("CI"):
            pytest.fail("needs nginx")
        pytest.skip("needs nginx: apt-get install nginx-light")


@pytest.fixture(scope="module")
def replicas(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[LiveServer]]:
    """Two, which live through all that the tests do to them."""
    with (
        LiveServer(weights, tmp_path_factory.mktemp("first") / "instance") as first,
        LiveServer(weights, tmp_path_factory.mktemp("second") / "instance") as second,
    ):
        yield [first, second]


@pytest.fixture(scope="module")
def front(replicas: list[LiveServer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of the shipped nginx."""
    with Front([each.port for each in replicas], tmp_path_factory.mktemp("front")) as nginx:
        yield nginx.port


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[int]:
    """The port of the shipped nginx with its limits, before nobody: it answers 502 as fast as it can."""
    with Front([free_port()], tmp_path, limited=True) as nginx:
        yield nginx.port


@pytest.fixture
def ask(seven: bytes) -> Ask:
    return Ask("png", "POST", "/predict", {"Content-Type": "image/png"}, seven)


def test_killed_workers_lose_no_request(front: int, replicas: list[LiveServer], ask: Ask) -> None:
    """Guards: proxy_next_upstream with non_idempotent, without which every kill is a series of 502; and
    answers that leave in one piece (mnistweb/web/one_send.py), without which some are cut off.
    """
    with Clients(front, [ask]) as clients:
        for number in range(6):
            clients.wait_for(more=40)
            os.kill(replicas[number % 2].workers()[0], signal.SIGKILL)
        clients.wait_for(more=40)
    assert clients.failures == []


def test_replicas_that_reload_lose_no_request(front: int, replicas: list[LiveServer], ask: Ask) -> None:
    with Clients(front, [ask]) as clients:
        for replica in replicas:
            clients.wait_for(more=30)
            replica.signal(signal.SIGHUP)
        clients.wait_for(more=60)
    assert clients.failures == []


def test_two_hundred_half_requests_leave_the_health_check_quick(front: int) -> None:
    """The guard is nginx itself: a request reaches a worker when it is whole."""
    slow = [socket.create_connection(("127.0.0.1", front)) for _ in range(200)]
    try:
        for connection in slow:
            connection.sendall(b"POST /predict HT")
        with Clients(front, [get("/health-check")], count=1) as clients:
            clients.wait_for(more=100)
        assert clients.failures == []
        assert clients.percentiles()["p99"] < 1000
    finally:
        for connection in slow:
            connection.close()


def test_a_body_over_the_limit_is_refused_before_it_reaches_a_worker(front: int) -> None:
    with socket.create_connection(("127.0.0.1", front)) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_metrics_are_not_for_strangers(front: int) -> None:
    with socket.create_connection(("127.0.0.1", front)) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 404")


def test_the_shipped_file_is_well_formed(tmp_path: Path) -> None:
    """All but the port is as shipped: nginx looks at its folders too, which in a container are below /tmp."""
    program = nginx_program()
    assert program is not None
    text = (CHECKOUT / "deploy" / "nginx.conf").read_text().replace("/tmp/", f"{tmp_path}/")
    (tmp_path / "nginx.conf").write_text(text)
    command = [program, "-t", "-q", "-e", "stderr", "-c", str(tmp_path / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_one_address_may_ask_so_often_and_is_then_told_when_to_come_again(limited: int) -> None:
    """The guard is limit_req: 50 requests a second, 100 at once."""
    with Clients(limited, [get("/health", 502)], count=8) as clients:
        clients.wait_for(more=400)
    passed, refused = clients.statuses[502], clients.statuses[429]
    assert refused > 0
    assert 100 <= passed <= 101 + 51 * clients.lasted, (passed, clients.lasted)
    assert set(clients.statuses) == {502, 429}
    answer = until_refused(limited)
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["code"] == "too_many_requests"
    assert answer.json["request_id"]
    assert ask_once(limited, "/health-check").status == 502, "the orchestrator's question has no limit"


def test_one_address_may_hold_so_many_connections(limited: int) -> None:
    """The guard is limit_conn, which counts connections whose request's head has been read."""
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 100\r\n\r\n"
    with contextlib.ExitStack() as held:
        for _ in range(64):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", limited)))
            connection.sendall(head)
        until_refused(limited, pause=0.05)  # slowly enough for the other limit


def until_refused(port: int, *, pause: float = 0) -> Answer:
    """Ask until the answer is 429, for at most ten seconds."""
    deadline = time.monotonic() + 10
    while (answer := ask_once(port, "/health")).status != 429:
        assert time.monotonic() < deadline
        time.sleep(pause)
    return answer


def ask_once(port: int, path: str) -> Answer:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        return read_answer(connection)
