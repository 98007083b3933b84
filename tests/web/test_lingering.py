"""Who has had the last answer and does not close the connection holds up nobody else."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnistweb.web import lingering
from mnistweb.web.lingering import Lingering
from tests.web.live import LiveServer


class Ends:
    """A poller, what lingers, and pairs of connected sockets."""

    def __init__(self, open_now: contextlib.ExitStack) -> None:
        self.poller = open_now.enter_context(selectors.DefaultSelector())
        self.lingering = Lingering(self.poller)
        self._open_now = open_now

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """Ours, which lingers from now on, and the client's."""
        here, there = map(self._open_now.enter_context, socket.socketpair())
        there.settimeout(5)
        self.lingering.add(here)
        return here, there

    def poll(self) -> None:
        for key, _ in self.poller.select(0):
            key.data(key.fileobj)


@pytest.fixture
def ends() -> Iterator[Ends]:
    with contextlib.ExitStack() as open_now:
        yield Ends(open_now)


def is_closed(connection: socket.socket) -> bool:
    return connection.fileno() == -1


def test_the_client_is_told_and_heard_out_until_it_closes(ends: Ends) -> None:
    here, there = ends.pair()
    assert there.recv(1) == b"", "nothing more will come"
    there.sendall(b"the rest of a body")
    ends.poll()
    assert not is_closed(here)
    there.close()
    ends.poll()
    assert is_closed(here)
    assert not ends.poller.get_map()


def test_a_client_that_sends_on_and_on_is_not_heard_out(ends: Ends) -> None:
    here, there = ends.pair()
    there.setblocking(False)
    for _ in range(100):
        with contextlib.suppress(OSError):
            there.send(bytes(4096))
        ends.poll()
    assert is_closed(here)


def test_nothing_lingers_for_long(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    here, _ = ends.pair()
    ends.lingering.end_old()
    assert not is_closed(here)
    monkeypatch.setattr(lingering, "_LONGEST_SECONDS", 0)
    ends.lingering.end_old()
    assert is_closed(here)


def test_many_do_not_linger_together(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "_MOST_CONNECTIONS", 3)
    ours = [ends.pair()[0] for _ in range(5)]
    assert [is_closed(each) for each in ours] == [True, True, False, False, False]


def test_a_connection_that_is_gone_does_not_linger(ends: Ends) -> None:
    here, there = socket.socketpair()
    here.close()
    there.close()
    ends.lingering.add(here)
    assert not ends.poller.get_map()


@pytest.mark.parametrize(
    "asked", [b"GET /health-check HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"?\r\n\r\n"]
)
def test_clients_that_do_not_close_hold_up_nobody(tmp_path: Path, weights: Path, asked: bytes) -> None:
    """Each of them would keep gunicorn's own worker from all others for two seconds."""
    with LiveServer(weights, tmp_path / "instance") as server, contextlib.ExitStack() as open_now:
        for _ in range(10):
            client = open_now.enter_context(server.connect())
            client.sendall(asked)
            assert client.recv(4) == b"HTTP"
        began = time.monotonic()
        assert server.request("GET", "/health-check").status == 200
        assert time.monotonic() - began < 5
