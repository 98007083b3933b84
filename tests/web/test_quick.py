"""What is quick is answered by the thread that waits for all connections; nothing else may hold that one up.

Guards: mnistweb/web/quick.py, and _answer_quickly in mnistweb/web/worker.py.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser
from gunicorn.http.wsgi import create
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from mnistweb.web.quick import quick_environ, server_environ
from tests.fuzz import http_pieces
from tests.web.live import Answer, LiveServer, free_port, read_answer, sockets_of, until

NUMBERS = json.dumps({"pixels": [0, 1] * 392}).encode()


def request(
    body: bytes = NUMBERS, start: str = "POST /predict HTTP/1.1", *headers: str, kind: str = ""
) -> bytes:
    kind = kind or ("image/png" if body.startswith(b"\x89PNG") else "application/json")
    lines = [start, "Host: localhost", f"Content-Type: {kind}", *headers, f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def png(side: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (side, side), 255).save(file, "PNG")
    return file.getvalue()


def form(picture: bytes) -> bytes:
    """A form in which a picture looks like numbers, as a JPEG with such a comment does."""
    return (
        b'--B\r\nContent-Disposition: form-data; name="pixels"\r\n\r\n\r\n'
        b"--B\r\nContent-Disposition: form-data; name=image; filename=a\r\n\r\n" + picture + b"\r\n--B--\r\n"
    )


@pytest.mark.parametrize(
    "data",
    [
        request(),
        request(NUMBERS, "POST /predict?model=tiny HTTP/1.1"),
        request(png(280)),
        request().replace(b"Content-Length", b"content-length"),
        request(NUMBERS, "POST /predict HTTP/1.1", "X-Forwarded-Proto: https", "Accept: */*", "X-Empty:"),
        request(NUMBERS, "POST /predict HTTP/1.1", "Connection: Keep-Alive"),
        request(b" \n" + NUMBERS),
        request(kind="Application/JSON ; charset=utf-8"),
        request(png(280), kind="image/jpeg"),  # a decoder goes by the content
    ],
)
def test_numbers_and_small_drawings_are_quick(data: bytes) -> None:
    assert quick_environ(data) is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        request()[:-1],
        request() + b"P",
        request() + request(),
        request(NUMBERS, "POST /predict/batch HTTP/1.1"),
        request(NUMBERS, "GET /predict HTTP/1.1"),
        request(b'{"image": "iVBORw0"}'),
        request(b'{"pixels": [0], "image": "iVBORw0"}'),
        request(b'{"pixels": [0], "\\u0069mage": "iVBORw0"}'),
        request(b'{"pixels": [0], "explain": ["steps"]}'),
        request(png(1000)),  # a few kilobytes, and a hundred times the work
        request(b"\xff\xd8\xff JPEG"),  # its scans may pass over the picture as often as they like
        request(b'\xff\xd8\xff\xfe\0\x0a"pixels"', kind="image/jpeg"),
        request(form(png(1000)), kind="multipart/form-data; boundary=B"),
        request(form(png(8)), kind="multipart/form-data; boundary=B"),
        request(png(280) + form(png(1000)), kind="multipart/form-data; boundary=B"),
        request(png(280), kind="application/json"),
        request(kind="image/png"),
        request(kind="text/plain; a=application/json"),
        request(b'["pixels"]'),
        request().replace(b"Content-Type: application/json\r\n", b""),
        request(b"", "POST /predict HTTP/1.1", "Transfer-Encoding: chunked"),
        b"\r\n" + request(),
        request().replace(b"\r\n", b"\n"),
        request().replace(b"Content-Length: ", b"Content-Length: +"),
        request().replace(b"Content-Length:", b"Content-Length :"),
        request().replace(b"Host: localhost\r\n", b""),
        request(NUMBERS, "POST /predict HTTP/1.0"),
        request(NUMBERS, "POST /predict?model=%74iny HTTP/1.1"),
        request(NUMBERS, "POST /predict HTTP/1.1", "Connection: close"),
        request(NUMBERS, "POST /predict HTTP/1.1", "Expect: 100-continue"),
        request(NUMBERS, "POST /predict HTTP/1.1", "Host: elsewhere"),
        request(NUMBERS, "POST /predict HTTP/1.1", "X-A: 1", "x-a: 2"),
        request(NUMBERS, "POST /predict HTTP/1.1", "X_A: 1"),
        request(NUMBERS, "POST /predict HTTP/1.1", "X-A: \0"),
        request(NUMBERS, "POST /predict HTTP/1.1", "X-A: 1\r\n 2"),
        request(NUMBERS, "POST /predict HTTP/1.1", *(f"X-{number}: 1" for number in range(60))),
    ],
)
def test_all_else_takes_a_thread(data: bytes) -> None:
    assert quick_environ(data) is None


def as_gunicorn_reads(data: bytes) -> dict[str, Any]:
    """The WSGI environment that gunicorn's own parser makes of a request; an exception if it refuses it."""
    configuration = Config()
    parser = get_parser(configuration, iter([data]), ("203.0.113.1", 1234))
    read = next(parser)
    _, environ = create(read, None, ("203.0.113.1", 1234), ("127.0.0.1", 8000), configuration)
    return environ


HEADERS = st.sampled_from([*(piece.decode("latin-1") for piece in http_pieces.HEADERS), "X-B: c", "x-b: d "])


@given(
    start=st.sampled_from(
        ["POST /predict HTTP/1.1", "POST /predict?a=1&b HTTP/1.1", "POST /predict? HTTP/1.1"]
    ),
    headers=st.lists(HEADERS, max_size=3),
    place=st.integers(0, 200),
    inserted=st.sampled_from(
        ["", "", "\0", " ", "\t", "\r", "\n", "\r\n", ":", "_", "%", "\x7f", "\xe9", "1"]
    ),
)
@settings(max_examples=1000, deadline=None)
def test_what_is_read_at_a_glance_is_what_gunicorn_reads(
    start: str, headers: list[str], place: int, inserted: str
) -> None:
    text = request(NUMBERS, start, *headers).decode("latin-1")
    data = (text[:place] + inserted + text[place:]).encode("latin-1")
    environ = quick_environ(data)
    if environ is None:
        return
    reference = as_gunicorn_reads(data)
    assert environ.pop("wsgi.input").read() == reference["wsgi.input"].read() == NUMBERS
    del environ["wsgi.multithread"]  # the worker's to say
    assert environ == {name: reference[name] for name in environ}
    assert not {name for name in reference if name.startswith("HTTP_")} - environ.keys()


def test_an_answer_is_the_same_whichever_way_the_request_was_read(server: LiveServer) -> None:
    """Apart from its moment and its id; `TE` makes a request one that gunicorn reads."""
    bodies = (NUMBERS, png(280), drawing(), b'{"pixels": [2]}', b'{"pixels": "x"}', b'{"pixels" [}')
    for body in bodies:
        quick, slow = (
            server.send(request(body, "POST /predict HTTP/1.1", *headers))
            for headers in ((), ("TE: trailers",))
        )
        assert quick.status == slow.status
        assert list(quick.headers) == list(slow.headers)
        for answer in (quick, slow):
            for name in ("date", "x-request-id"):
                del answer.headers[name]
        assert quick.headers == slow.headers
        assert without_id(quick) == without_id(slow)


def drawing() -> bytes:
    """A PNG of a stroke."""
    picture = Image.new("L", (280, 280), 255)
    ImageDraw.Draw(picture).line([(140, 60), (140, 220)], fill=0, width=20)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def without_id(answer: Answer) -> dict[str, Any]:
    return {name: value for name, value in answer.json.items() if name != "request_id"}


def test_requests_that_come_together_are_all_answered_in_their_order(server: LiveServer) -> None:
    """One at a glance, two behind one another, of which the second comes in pieces."""
    with server.connect() as connection:
        for _ in range(3):
            connection.sendall(request())
            assert read_answer(connection).status == 200
            connection.sendall(request() + request()[:50])
            time.sleep(0.05)
            connection.sendall(request()[50:])
            received = b""
            while received.count(b"HTTP/1.1 200 OK\r\n") < 2:
                received += connection.recv(100_000)
            assert received.endswith(b"}")


def test_a_worker_is_replaced_after_so_many_quick_requests(tmp_path: Path, weights: Path) -> None:
    with LiveServer(weights, tmp_path / "instance", {"MAX_REQUESTS_PER_WORKER": 5}) as server:
        with server.connect() as connection:
            closings: list[str] = []
            while "close" not in closings and len(closings) < 10:
                connection.sendall(request())
                closings.append(read_answer(connection).headers["connection"])
            assert closings[-1] == "close"
            assert len(closings) <= 5
            assert connection.recv(1) == b""
        assert server.send(request(), timeout=10).status == 200


def test_what_is_quick_waits_for_no_thread(tmp_path: Path, weights: Path) -> None:
    with LiveServer(weights, tmp_path / "instance", {"THREADS": 1}) as server, server.connect() as slow:
        slow.sendall(request()[:40])  # the only thread waits for the rest of it
        time.sleep(0.2)
        began = time.monotonic()
        assert server.send(request(), timeout=5).status == 200
        assert time.monotonic() - began < 5
        slow.sendall(request()[40:])
        assert read_answer(slow).status == 200


def test_a_client_that_takes_no_answers_holds_nobody_else_up(tmp_path: Path, weights: Path) -> None:
    """Answers that find no room would stop the thread that all connections wait for."""
    with LiveServer(weights, tmp_path / "instance") as server, socket.socket() as greedy:
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.connect(("127.0.0.1", server.port))
        greedy.settimeout(0.5)
        with contextlib.suppress(OSError):  # in the end there is no room for further requests either
            for _ in range(400):  # one after the other: several at once would not be quick
                greedy.sendall(request())
                time.sleep(0.004)
        assert server.send(request(), timeout=5).status == 200


def test_clients_that_are_gone_before_their_answer_leave_nothing_behind(server: LiveServer) -> None:
    [worker] = server.workers()
    before = sockets_of(worker)
    for _ in range(50):
        with server.connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(request())
    assert server.send(request()).status == 200
    assert until(lambda: sockets_of(worker) <= before, seconds=20)


@pytest.mark.parametrize("setting", [{"accesslog": "-"}, {"pre_request": lambda worker, request: None}])
def test_a_server_that_is_told_to_do_more_has_nothing_quick(setting: dict[str, Any]) -> None:
    told = Config()
    assert server_environ(told) is not None
    for name, value in setting.items():
        told.set(name, value)
    assert server_environ(told) is None


SERVER = """
import sys
import time
from pathlib import Path

from mnistweb.config import load_settings
from mnistweb.web.server import Server, server_settings

def application(environ, start_response):
    {application}

settings = load_settings(Path(sys.argv[1]), {{"PORT": int(sys.argv[2]), "WORKERS": 1}})
Server(lambda: application, server_settings(settings)).run()
"""


@contextlib.contextmanager
def served(application: str, folder: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The server of this application, and its port. What it logs is to be read in the end."""
    port = free_port()
    command = [sys.executable, "-c", SERVER.format(application=application), str(folder), str(port)]
    environment = os.environ | {"MNISTWEB_INSTANCE": str(folder)}
    environment |= {f"MNISTWEB_{name}": value for name, value in settings.items()}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert until(lambda: can_connect(port), seconds=20)
            yield server, port
        finally:
            server.terminate()


def test_an_application_that_fails_is_answered_with_500_and_the_worker_goes_on(tmp_path: Path) -> None:
    with served("raise ValueError('as no application should')", tmp_path) as (server, port):
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(request())
                assert connection.recv(100).startswith(b"HTTP/1.1 500 ")
        server.terminate()
        _, log = server.communicate(timeout=30)
    assert log.count("ValueError: as no application should") == 3  # some Pythons show the line as well


@contextlib.contextmanager
def asked_at_once(folder: Path, count: int, **settings: str) -> Iterator[list[socket.socket]]:
    """So many connections to a server that takes 0.1 s an answer; a request came on each at one moment."""
    slow = "time.sleep(0.1); start_response('200 OK', [('Content-Length', '0')]); return []"
    with served(slow, folder, **settings) as (server, port), contextlib.ExitStack() as open_now:
        connections = [
            open_now.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            for _ in range(count)
        ]
        for connection in connections[:2]:  # they are taken one after the other, the rest meanwhile
            connection.sendall(request())
            read_answer(connection)
        worker = int(Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text())
        os.kill(worker, signal.SIGSTOP)
        for connection in connections:
            connection.sendall(request())
        os.kill(worker, signal.SIGCONT)
        yield connections


def test_answers_that_take_long_do_not_wait_for_one_another(tmp_path: Path) -> None:
    """They leave together at the end of a round, but none is kept for longer than a few milliseconds."""
    came = []
    with asked_at_once(tmp_path, 6) as connections:
        while connections:
            readable, _, _ = select.select(connections, [], [], 10)
            assert readable
            for connection in readable:
                read_answer(connection)
                came.append(time.monotonic())
                connections.remove(connection)
    assert came[-1] - came[0] > 0.3


def test_many_quick_answers_in_one_round_are_no_sign_of_a_stuck_worker(tmp_path: Path) -> None:
    """The guard is notify() in _answer_quickly; without it the worker is killed within three seconds."""
    with asked_at_once(tmp_path, 36, WORKER_TIMEOUT_SECONDS="2") as connections:
        assert {read_answer(connection).status for connection in connections} == {200}


def can_connect(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
