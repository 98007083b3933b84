"""The shipped nginx before two replicas: no request is lost when one dies, and slow clients hurt nobody."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.live import LiveServer, free_port

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def nginx_program() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("needs nginx")
        pytest.skip("needs nginx: apt-get install nginx-light")
    return found


@pytest.fixture
def replicas(weights: Path, tmp_path: Path) -> Iterator[list[LiveServer]]:
    folders = [tmp_path / f"replica-{number}" for number in (1, 2)]
    for folder in folders:
        folder.mkdir()
    with (
        LiveServer(weights, folders[0] / "instance") as first,
        LiveServer(weights, folders[1] / "instance") as second,
    ):
        yield [first, second]


@pytest.fixture
def front(nginx_program: str, replicas: list[LiveServer], tmp_path: Path) -> Iterator[int]:
    """The port of the shipped nginx. Only addresses and the limit for one client's address are changed."""
    port = free_port()
    text = (CHECKOUT / "deploy" / "nginx.conf").read_text()
    # max_fails=0, since addresses that come from a name server, as in production, are asked anew each time.
    servers = " ".join(f"server 127.0.0.1:{replica.port} max_fails=0;" for replica in replicas)
    for old, new in (
        ("worker_processes auto;", "worker_processes 1; daemon off;"),
        ("/tmp/", f"{tmp_path}/"),
        ("listen 8080", f"listen 127.0.0.1:{port}"),
        ("set $application http://app:8000;", "set $application http://replicas;"),
        ("    server {", f"    upstream replicas {{ {servers} }}\n    server {{"),
        ("rate=50r/s", "rate=100000r/s"),
        ("limit_conn connections 64;", "limit_conn connections 1000;"),
    ):
        assert old in text, f"deploy/nginx.conf no longer has {old!r}"
        text = text.replace(old, new, 1 if old == "    server {" else -1)
    path = tmp_path / "nginx.conf"
    path.write_text(text)
    with (tmp_path / "nginx.log").open("wb") as log:
        process = subprocess.Popen([nginx_program, "-e", "stderr", "-c", str(path)], stdout=log, stderr=log)
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            get(port, "/health-check")
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("nginx did not come up")


def get(port: int, path: str, body: bytes | None = None) -> int:
    headers = {"Content-Type": "image/png"} if body is not None else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()
        return int(answer.status)


class Load:
    """Four clients that ask one after another until they are told to stop."""

    def __init__(self, port: int, picture: bytes) -> None:
        self.port, self.picture = port, picture
        self.answered = 0
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(4)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                get(self.port, "/predict", self.picture)
                self.answered += 1
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(str(error))

    def wait_for(self, more: int) -> None:
        wanted, deadline = self.answered + more, time.monotonic() + 60
        while self.answered < wanted and time.monotonic() < deadline:
            time.sleep(0.01)


def test_killed_workers_lose_no_request_that_was_not_half_answered(
    front: int, replicas: list[LiveServer], seven: bytes
) -> None:
    """The guard is proxy_next_upstream with non_idempotent; without it every kill is a series of 502.

    An answer whose headers had left the worker when it was killed cannot be asked for again by nginx.
    """
    kills = (replicas[0], replicas[1], replicas[0])
    with Load(front, seven) as load:
        for replica in kills:
            load.wait_for(more=40)
            os.kill(replica.workers()[0], signal.SIGKILL)
        load.wait_for(more=40)
    half_answered = [each for each in load.failures if each.startswith("IncompleteRead(0 bytes read")]
    assert load.failures == half_answered
    assert len(half_answered) <= len(kills)
    assert load.answered >= 160


def test_replicas_that_reload_lose_no_request(front: int, replicas: list[LiveServer], seven: bytes) -> None:
    with Load(front, seven) as load:
        for replica in replicas:
            load.wait_for(more=30)
            replica.signal(signal.SIGHUP)
        load.wait_for(more=60)
    assert load.failures == []


def test_two_hundred_half_requests_leave_the_health_check_quick(front: int) -> None:
    """The guard is nginx itself: a request reaches a worker when it is whole."""
    slow = [socket.create_connection(("127.0.0.1", front)) for _ in range(200)]
    try:
        for connection in slow:
            connection.sendall(b"POST /predict HT")
        seconds = []
        for _ in range(50):
            started = time.monotonic()
            assert get(front, "/health-check") == 200
            seconds.append(time.monotonic() - started)
        assert sorted(seconds)[-2] < 1
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
