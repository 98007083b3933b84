"""The server under load, signals and slow clients: real processes on real ports.

Guards: mnistweb/web/worker.py (slow clients, arrival times, who waits for whom), mnistweb/web/load.py
(back-pressure), mnistweb/web/loaded.py (reloading).
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections import deque
from pathlib import Path

import pytest
from gunicorn.config import Config

from mnistweb.web import lingering
from mnistweb.web.lingering import Lingering
from mnistweb.web.load import is_health_check
from mnistweb.web.worker import PatientWorker
from mnistweb.weights import write_model
from tests.inference.conftest import saved
from tests.web.conftest import as_base64
from tests.web.live import Answer, LiveServer, free_port, read_answer, sockets_of, until
from tests.web.test_quick import served


class Load:
    """Threads that ask without pause, each on a connection that it keeps while the server keeps it."""

    def __init__(self, server: LiveServer, body: bytes, threads: int = 4) -> None:
        self.server, self.body = server, body
        self.answers: list[Answer] = []
        self.failures: list[Exception] = []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join(60)

    def _ask(self) -> None:
        head = (
            f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(self.body)}\r\n\r\n"
        ).encode()
        with contextlib.ExitStack() as open_now:
            connection: socket.socket | None = None
            while not self.stopped.is_set():
                try:
                    connection = connection or open_now.enter_context(self.server.connect())
                    connection.sendall(head + self.body)
                    answer = read_answer(connection)
                except Exception as error:
                    self.failures.append(error)
                    return
                self.answers.append(answer)
                if answer.headers.get("connection") == "close":
                    open_now.close()
                    connection = None


@pytest.fixture
def body(pixels: list[float]) -> bytes:
    return json.dumps({"pixels": pixels}).encode()


@pytest.fixture
def own_weights(tmp_path: Path) -> Path:
    write_model(tmp_path / "weights" / "net.pkl", saved("net", training={"version": 1}))
    return tmp_path / "weights"


def version(server: LiveServer) -> int:
    found: int = server.request("GET", "/model/info").json["training"]["version"]
    return found


def test_sighup_loads_new_weights_without_a_failed_request(
    tmp_path: Path, own_weights: Path, body: bytes
) -> None:
    with LiveServer(own_weights, tmp_path / "instance", {"WORKERS": 2}) as server, Load(server, body) as load:
        assert version(server) == 1
        write_model(own_weights / "net.pkl", saved("net", seed=9, training={"version": 2}))
        before = set(server.workers())
        server.signal(signal.SIGHUP)
        assert until(lambda: not before & set(server.workers()) and version(server) == 2)
        asked = len(load.answers)
        assert until(lambda: len(load.answers) > asked + 50)
    assert load.failures == []
    assert {answer.status for answer in load.answers} == {200}


def test_sighup_with_broken_weights_keeps_the_earlier_ones(tmp_path: Path, own_weights: Path) -> None:
    with LiveServer(own_weights, tmp_path / "instance") as server:
        data = bytearray((own_weights / "net.pkl").read_bytes())
        data[len(data) // 2] ^= 1
        (own_weights / "net.pkl").write_bytes(data)
        server.signal(signal.SIGHUP)
        assert until(lambda: "the weights were not reloaded" in server.log)
        assert "net.pkl" in server.log
        assert until(lambda: version(server) == 1)
        assert server.request("GET", "/health").status == 200


def test_a_start_removes_what_killed_writers_left(tmp_path: Path, weights: Path) -> None:
    left = tmp_path / "instance" / "debug-images" / ".mnistweb-a.png-x.partial"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    with LiveServer(weights, tmp_path / "instance"):
        assert not left.exists()


def test_sigterm_ends_the_requests_under_way_and_then_the_server(
    tmp_path: Path, weights: Path, body: bytes
) -> None:
    with LiveServer(weights, tmp_path / "instance", {"WORKERS": 2}) as server:
        with Load(server, body) as load:
            assert until(lambda: len(load.answers) > 100)
            server.signal(signal.SIGTERM)
            assert server.process.wait(60) == 0
        # Once the port is closed connections are refused, or closed before they asked; no answer is cut off.
        assert {answer.status for answer in load.answers} == {200}
        assert not any("cut off" in str(failure) for failure in load.failures)


def test_workers_that_are_replaced_after_many_requests_drop_none(
    tmp_path: Path, weights: Path, body: bytes
) -> None:
    settings = {"WORKERS": 2, "MAX_REQUESTS_PER_WORKER": 200}
    with LiveServer(weights, tmp_path / "instance", settings) as server:
        first = set(server.workers())
        with Load(server, body) as load:
            assert until(lambda: not first & set(server.workers()))
    assert load.failures == []
    assert {answer.status for answer in load.answers} == {200}


def test_a_killed_worker_is_replaced_at_once(tmp_path: Path, weights: Path) -> None:
    with LiveServer(weights, tmp_path / "instance") as server:
        (worker,) = server.workers()
        os.kill(worker, signal.SIGKILL)
        killed = time.monotonic()
        assert until(lambda: bool(server.workers()) and worker not in server.workers())
        assert server.request("GET", "/health-check").status == 200
        assert time.monotonic() - killed < 30  # 0.2 s where nothing else runs


def test_silent_connections_do_not_keep_a_stopping_server(tmp_path: Path, weights: Path) -> None:
    with LiveServer(weights, tmp_path / "instance", {"KEEPALIVE_SECONDS": 300}) as server:
        silent = [server.connect() for _ in range(5)]
        server.signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
        for connection in silent:
            connection.close()


def test_connections_that_come_at_once_are_shared_out_among_workers(tmp_path: Path, weights: Path) -> None:
    """The guard is the courtesy of `PatientWorker.accept`; without it the one that wakes first takes all."""
    with LiveServer(weights, tmp_path / "instance", {"WORKERS": 2}) as server:
        assert until(lambda: len(server.workers()) == 2)
        # A busy machine may let the second oversleep, so it gets more than one chance.
        assert any(shares_of_32(server)[1] >= 8 for _ in range(6))


def shares_of_32(server: LiveServer) -> list[int]:
    """How many of 32 connections each of two workers takes, when the second wakes some milliseconds later."""
    workers = server.workers()
    with contextlib.ExitStack() as stack:
        time.sleep(0.5)  # until those of an earlier time are gone
        before = [sockets_of(worker) for worker in workers]
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        for _ in range(32):  # the system takes them and lets them wait
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
            time.sleep(0.004)
        time.sleep(0.2)
        return [sockets_of(worker) - earlier for worker, earlier in zip(workers, before, strict=True)]


def test_a_worker_takes_all_that_knock_before_it_looks_at_those_it_has() -> None:
    """One in each round would let the last of many wait for as many rounds, with all others in each."""
    worker = PatientWorker.__new__(PatientWorker)
    worker.cfg, worker.nr_conns, worker.worker_connections = Config(), 0, 10
    worker.pending_conns, worker.poller = deque(), selectors.DefaultSelector()
    worker._lingering, worker._answers = Lingering(worker.poller), []
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as open_now:
        listener.setblocking(False)
        for _ in range(12):
            open_now.enter_context(socket.create_connection(listener.getsockname()))
        worker.accept(listener)
        assert len(worker.pending_conns) == worker.nr_conns == 10, "no more than a worker may have"
        for each in worker.pending_conns:
            each.close()


def test_what_no_longer_lingers_may_still_be_spoken_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round of the poller may find something on a connection that ends in it; that was the worker's end."""
    monkeypatch.setattr(lingering, "_MOST_CONNECTIONS", 1)
    with contextlib.ExitStack() as open_now:
        poller = open_now.enter_context(selectors.DefaultSelector())
        ours, theirs = map(open_now.enter_context, socket.socketpair())
        others, _ = map(open_now.enter_context, socket.socketpair())
        all_of_them = Lingering(poller)
        all_of_them.add(ours)
        theirs.sendall(b"more")
        found = poller.select(5)
        all_of_them.add(others)
        for key, _events in found:
            key.data(key.fileobj)
        assert ours.fileno() == -1


def test_idle_connections_take_no_thread(tmp_path: Path, weights: Path) -> None:
    # Stock gunicorn gives each of them a thread for five seconds, two at a time: 150 seconds.
    with LiveServer(weights, tmp_path / "instance", {"THREADS": 2}) as server:
        idle = [server.connect() for _ in range(60)]
        assert server.request("GET", "/health-check").status == 200
        for connection in idle:
            connection.close()


def test_two_hundred_half_requests_hold_the_service_up_no_longer_than_the_time_limit(
    tmp_path: Path, weights: Path
) -> None:
    # Stock gunicorn waits until they give up.
    settings = {"THREADS": 2, "REQUEST_TIMEOUT_SECONDS": 0.5}
    with LiveServer(weights, tmp_path / "instance", settings) as server:
        slow = [server.connect() for _ in range(200)]
        for connection in slow:
            connection.sendall(b"GET /model")
        assert server.request("GET", "/health-check").status == 200
        assert until(lambda: server.request("GET", "/models").status == 200, seconds=15)
        for connection in slow:
            connection.close()


def test_a_client_that_drips_is_cut_off(tmp_path: Path, weights: Path) -> None:
    with LiveServer(weights, tmp_path / "instance", {"REQUEST_TIMEOUT_SECONDS": 0.5}) as server:
        began = time.monotonic()
        with server.connect() as connection:
            connection.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
            with contextlib.suppress(OSError):  # a broken pipe or a reset, as the moment has it
                while time.monotonic() - began < 60:
                    connection.sendall(b"x")
                    time.sleep(0.1)
        assert time.monotonic() - began < 60
        assert server.request("GET", "/health-check").status == 200


def test_more_than_it_can_carry_is_turned_away_and_the_rest_is_answered(
    tmp_path: Path, weights: Path, seven: bytes
) -> None:
    settings = {"THREADS": 1, "MAX_REQUESTS_IN_FLIGHT": 4, "RETRY_AFTER_SECONDS": 3}
    body = json.dumps({"image": as_base64(seven), "explain": ["steps"]}).encode()
    with (
        LiveServer(weights, tmp_path / "instance", settings) as server,
        Load(server, body, threads=30) as load,
    ):
        assert until(lambda: len(load.answers) > 300)
        health = server.request("GET", "/health-check")
    statuses = [answer.status for answer in load.answers]
    assert set(statuses) == {200, 503}
    refused = next(answer for answer in load.answers if answer.status == 503)
    assert refused.headers["retry-after"] == "3"
    assert refused.json["code"] == "overloaded"
    assert health.status == 200
    assert load.failures == []


def test_who_is_turned_away_does_not_wait_behind_those_who_are_not(tmp_path: Path, weights: Path) -> None:
    """The guard is the pool of threads of their own in PatientWorker; without it both wait for 30 seconds."""
    settings = {"THREADS": 1, "MAX_REQUESTS_IN_FLIGHT": 2, "REQUEST_TIMEOUT_SECONDS": 30.0}
    with LiveServer(weights, tmp_path / "instance", settings) as server:
        slow = [server.connect() for _ in range(2)]
        for connection in slow:
            connection.sendall(b"POST /predict HTT")
        began = time.monotonic()
        assert until(lambda: server.request("GET", "/models").status == 503, seconds=10)
        assert server.request("GET", "/health-check").status == 200
        assert time.monotonic() - began < 15
        for connection in slow:
            connection.close()


def test_who_is_turned_away_is_not_waited_for_to_send_the_rest(tmp_path: Path, weights: Path) -> None:
    """The guard is PatientWorker._keepalive_after; without it each keeps a thread for five seconds."""
    settings = {"THREADS": 1, "MAX_REQUESTS_IN_FLIGHT": 1, "REQUEST_TIMEOUT_SECONDS": 30.0}
    with LiveServer(weights, tmp_path / "instance", settings) as server, contextlib.ExitStack() as open_now:
        open_now.enter_context(server.connect()).sendall(b"POST /predict HTT")
        time.sleep(0.2)
        refused = [open_now.enter_context(server.connect(timeout=10)) for _ in range(12)]
        began = time.monotonic()
        for connection in refused:
            connection.sendall(UPLOAD + bytes(10))
        assert [read_answer(connection).status for connection in refused] == [503] * 12
        assert time.monotonic() - began < 10


UPLOAD = (
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 800000\r\n\r\n"
)
WHOLE = b"GET /models HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_the_time_that_an_upload_waits_for_a_thread_is_not_the_clients(
    tmp_path: Path, weights: Path, seven: bytes
) -> None:
    """The guard is `since` in PatientWorker.handle; without it the upload is cut off and gets 400."""
    body = seven + bytes(800_000 - len(seven))  # what follows the end of a PNG is not read
    settings = {"THREADS": 1, "REQUEST_TIMEOUT_SECONDS": 3.0}
    with (
        LiveServer(weights, tmp_path / "instance", settings) as server,
        server.connect() as first,
        server.connect() as second,
    ):
        first.sendall(WHOLE[:-2])  # and keeps the only thread
        time.sleep(0.2)
        second.sendall(UPLOAD + body[:30_000])
        time.sleep(2)
        first.sendall(WHOLE[-2:])
        assert read_answer(first).status == 200
        time.sleep(1.2)  # more than three seconds after it came, and less than two after a thread took it
        assert server.request("GET", "/health-check").status == 200  # the worker looks around
        second.sendall(body[30_000:])
        assert read_answer(second).status == 200


def test_what_waited_too_long_for_a_thread_is_told_to_come_again(tmp_path: Path, weights: Path) -> None:
    """An upload hears of it while it is sent: the guards are PatientWorker.handle, and
    _MOST_BYTES_OF_THE_REFUSED. Without the first it is called incomplete, without the second it is reset.
    """
    settings = {"THREADS": 1, "REQUEST_TIMEOUT_SECONDS": 1.0}
    with (
        LiveServer(weights, tmp_path / "instance", settings) as server,
        server.connect() as first,
        server.connect() as upload,
        server.connect() as small,
        server.connect() as half,
    ):
        [worker] = server.workers()
        first.sendall(WHOLE[:-2])  # and keeps the only thread
        time.sleep(0.2)
        upload.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 100_000)  # the rest waits for the worker
        upload.sendall(UPLOAD.replace(b"800000", b"8000000") + bytes(30_000))
        small.sendall(WHOLE)
        half.sendall(WHOLE[:-2])
        time.sleep(0.2)
        os.kill(worker, signal.SIGSTOP)
        time.sleep(1.2)
        first.sendall(WHOLE[-2:])
        os.kill(worker, signal.SIGCONT)
        assert read_answer(first).status == 200, "it had a thread in time"
        time.sleep(0.2)
        upload.sendall(bytes(8_000_000 - 30_000))
        answers = [read_answer(upload), read_answer(small)]
        assert [answer.json["code"] for answer in answers] == ["overloaded"] * 2
        assert [answer.headers["retry-after"] for answer in answers] == ["1"] * 2
        assert half.recv(1) == b"", "who is as slow itself is cut off"
        small.sendall(WHOLE)
        assert read_answer(small).status == 200, "the next one is answered, on the same connection"


def test_what_was_read_to_its_end_leaves_the_connection_open_however_long_it_took(
    tmp_path: Path,
) -> None:
    """The guard is _Connection.has_sent_all; without it the connection is closed without a word."""
    slow = (
        "time.sleep(2.5 if environ['PATH_INFO'] == '/models' else 0);"
        " start_response('200 OK', [('Content-Length', '0')]); return []"
    )
    with (
        served(slow, tmp_path, REQUEST_TIMEOUT_SECONDS="1.0") as (_, port),
        socket.create_connection(("127.0.0.1", port), timeout=20) as connection,
    ):
        connection.sendall(WHOLE)
        assert read_answer(connection).status == 200
        time.sleep(0.5)  # time to close it
        connection.sendall(WHOLE.replace(b"/models", b"/"))
        assert read_answer(connection).status == 200


HEALTH_CHECKS = ("/health-check", "/health", "/metrics", "/v2/health/live", "/v2/health/ready?x=1")


def test_health_checks_wait_for_nobody(tmp_path: Path, weights: Path) -> None:
    """Neither for those who are answered nor for those who are turned away; the guard is their own thread."""
    settings = {"THREADS": 1, "MAX_REQUESTS_IN_FLIGHT": 2, "REQUEST_TIMEOUT_SECONDS": 30.0}
    with LiveServer(weights, tmp_path / "instance", settings) as server, contextlib.ExitStack() as open_now:
        for _ in range(5):  # one with the thread, one behind it, two with the others, one behind those
            open_now.enter_context(server.connect()).sendall(b"GET /models HTT")
            time.sleep(0.05)
            began = time.monotonic()
            for path in HEALTH_CHECKS:
                assert server.request("GET", path).status == 200
            with server.connect() as connection:
                connection.sendall(b"HEAD /health-check HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert read_answer(connection, without_body=True).status == 200
            assert time.monotonic() - began < 10


def test_health_checks_do_not_wait_for_a_slow_scrape(tmp_path: Path, weights: Path) -> None:
    """A pipe among the files of the counts stands for a disk that hangs: its reader waits for a writer."""
    with LiveServer(weights, tmp_path / "instance") as server:
        maps = Path(f"/proc/{server.workers()[0]}/maps").read_text().splitlines()
        counts = next(Path(line.split()[-1]) for line in maps if line.endswith("/counter_1.db"))
        pipe = counts.with_name("counter_99.db")
        os.mkfifo(pipe)
        with server.connect() as scrape:
            scrape.sendall(CHECK.replace(b"/health-check", b"/metrics"))
            for path in HEALTH_CHECKS:
                if path != "/metrics":
                    ask = CHECK.replace(b"/health-check", path.encode())
                    assert server.send(ask, timeout=5).status == 200
            pipe.write_bytes(struct.pack("=ii", 8, 0))  # a file without counts, in prometheus_client's form
            assert read_answer(scrape).status == 200


CHECK = b"GET /health-check HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        CHECK[:-2],  # half of one would keep the thread of all others
        CHECK + CHECK,
        CHECK + b"POST /predict HTTP/1.1\r\n",
        CHECK.replace(b"GET", b"POST"),
        CHECK.replace(b"/health-check", b"/health-checks"),
        CHECK.replace(b"/health-check", b"/predict"),
        CHECK.replace(b"Host: x", b"Host: x\r\ncontent-length: 1000"),
        CHECK.replace(b"Host: x", b"Host: x\r\nTransfer-Encoding: chunked"),
        CHECK.replace(b"Host: x", b"Host: x\r\nExpect: 100-continue"),
    ],
)
def test_nothing_else_takes_the_place_of_a_health_check(data: bytes) -> None:
    assert is_health_check(CHECK)
    assert not is_health_check(data)


def test_a_prediction_behind_a_health_check_waits_as_any_other(
    tmp_path: Path, weights: Path, body: bytes
) -> None:
    settings = {"THREADS": 1, "REQUEST_TIMEOUT_SECONDS": 30.0}
    prediction = (
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTE: trailers\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    ) + body
    with (
        LiveServer(weights, tmp_path / "instance", settings) as server,
        server.connect() as first,
        server.connect(timeout=1) as sly,
    ):
        first.sendall(WHOLE[:-2])
        time.sleep(0.2)
        sly.sendall(CHECK)
        assert read_answer(sly).status == 200
        sly.sendall(CHECK + prediction)
        with pytest.raises(TimeoutError):
            sly.recv(1)
        first.sendall(WHOLE[-2:])
        sly.settimeout(20)
        received = b""
        while received.count(b"HTTP/1.1 200 OK\r\n") < 2:
            received += sly.recv(100_000)


def test_broken_weights_stop_the_start_before_the_port_opens(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "bad.pkl").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(RuntimeError, match=r"ended with 1") as failed:
        LiveServer(folder, tmp_path / "instance").__enter__()
    message = str(failed.value)
    assert "bad.pkl" in message
    assert "Git LFS" in message
    assert "Traceback" not in message


def test_gunicorn_wsgi_app_works_and_takes_our_settings(tmp_path: Path, weights: Path) -> None:
    port = free_port()
    environment = os.environ | {
        "MNISTWEB_WEIGHTS_FOLDERS": json.dumps([str(weights)]),
        "MNISTWEB_INSTANCE": str(tmp_path),
    }
    checkout = Path(__file__).resolve().parents[2]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{port}"],
            cwd=checkout,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        assert until(lambda: _answers(port)), (tmp_path / "log").read_text()
        process.send_signal(signal.SIGHUP)
        assert until(lambda: "the weights were reloaded" in (tmp_path / "log").read_text())
        assert _answers(port)
    finally:
        process.terminate()
        process.wait(60)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as response:
            return json.load(response)["model_loaded"] is True
    except OSError:
        return False


def test_workers_give_ids_of_their_own(tmp_path: Path, weights: Path) -> None:
    """They are forked from one process; the guard is os.register_at_fork in mnistweb/web/headers.py."""
    with LiveServer(weights, tmp_path / "instance", {"WORKERS": 2}) as server:
        ids = [id for _ in range(6) for id in ids_over_16_connections(server)]
    assert len(set(ids)) == len(ids)
    assert len({each[:8] for each in ids}) == 2, "both answered"


def ids_over_16_connections(server: LiveServer) -> list[str]:
    """Of a request each; they are open together, so that one worker leaves some of them to the other."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(16)]
        for connection in connections:
            connection.sendall(b"GET /health-check HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return [read_answer(connection).headers["x-request-id"] for connection in connections]
