"""An answer leaves in one piece, unless it is too large for that; then it leaves as it comes.

The tests listen on a socket that keeps apart what was sent apart.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnistweb.web.one_send import MOST_BYTES, OneSend
from tests.web.live import LiveServer


@pytest.fixture
def ends() -> Iterator[tuple[OneSend, socket.socket]]:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with here, there:
        there.settimeout(0.05)
        yield OneSend(here), there


def test_head_and_body_leave_together_and_only_when_the_answer_is_whole(
    ends: tuple[OneSend, socket.socket],
) -> None:
    answer, client = ends
    answer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    answer.sendall(b"body")
    with pytest.raises(TimeoutError):
        client.recv(100)
    answer.flush()
    assert client.recv(100) == b"HTTP/1.1 200 OK\r\n\r\nbody"


def test_a_file_leaves_with_its_head(ends: tuple[OneSend, socket.socket], tmp_path: Path) -> None:
    answer, client = ends
    (tmp_path / "style.css").write_bytes(b"0123456789")
    answer.sendall(b"head ")
    with (tmp_path / "style.css").open("rb") as file:
        answer.sendfile(file, offset=2, count=5)
    answer.flush()
    assert client.recv(100) == b"head 23456"


def test_more_than_the_most_is_not_kept(tmp_path: Path) -> None:
    here, there = socket.socketpair()
    with here, there:
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MOST_BYTES)
        answer = OneSend(here)
        answer.sendall(b"head")
        answer.sendall(bytes(MOST_BYTES))
        answer.sendall(b"tail")
        with there.makefile("rb") as file:
            assert file.read(4 + MOST_BYTES) == b"head" + bytes(MOST_BYTES)
        assert answer.gettimeout() is None, "all else is the socket's"


def test_a_small_answer_of_the_server_comes_in_one_piece(server: LiveServer) -> None:
    """The guard is PatientWorker.handle_request; without it the head came alone, mostly."""
    for path in ("/health", "/static/favicon.svg"):
        with server.connect() as connection:
            connection.sendall(
                f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            )
            head, _, body = connection.recv(1_000_000).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert f"Content-Length: {len(body)}".encode() in head
