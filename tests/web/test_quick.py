"""What is quick is answered by the thread that waits for all connections; nothing else may hold that one up.

Guards: mnistweb/web/quick.py, and _is_quick in mnistweb/web/worker.py.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import time
from pathlib import Path

import pytest
from PIL import Image

from mnistweb.web.quick import is_quick
from tests.web.live import LiveServer, read_answer

NUMBERS = json.dumps({"pixels": [0, 1] * 392}).encode()


def request(body: bytes = NUMBERS, start: str = "POST /predict HTTP/1.1", *headers: str) -> bytes:
    kind = "image/png" if body.startswith(b"\x89PNG") else "application/json"
    lines = [start, "Host: localhost", f"Content-Type: {kind}", *headers, f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def png(side: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (side, side), 255).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        request(),
        request(NUMBERS, "POST /predict?model=tiny HTTP/1.1"),
        request(png(280)),
        request().replace(b"Content-Length", b"content-length"),
    ],
)
def test_numbers_and_small_drawings_are_quick(data: bytes) -> None:
    assert is_quick(data)


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
        request(b"", "POST /predict HTTP/1.1", "Transfer-Encoding: chunked"),
        b"\r\n" + request(),
        request().replace(b"\r\n", b"\n"),
        request().replace(b"Content-Length: ", b"Content-Length: +"),
    ],
)
def test_all_else_takes_a_thread(data: bytes) -> None:
    assert not is_quick(data)


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
    """Guards: all_taken. Answers that find no room would stop the thread that all connections wait for."""
    with LiveServer(weights, tmp_path / "instance") as server, socket.socket() as greedy:
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.connect(("127.0.0.1", server.port))
        greedy.settimeout(0.5)
        with contextlib.suppress(OSError):  # in the end there is no room for further requests either
            for _ in range(400):  # one after the other: several at once would not be quick
                greedy.sendall(request())
                time.sleep(0.004)
        assert server.send(request(), timeout=5).status == 200
