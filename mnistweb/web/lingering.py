"""Connections that have had their last answer, until their clients close them as well.

Whoever closes while there is something left to read makes the system reset the connection, and the client may
lose the end of its answer (RFC 9112, section 9.6). So a server says that it will write no more, and reads on
for a moment. gunicorn waits for that, one connection after the other, in the thread that waits for all of
them: a client that does not close holds everybody up. Here nobody waits; what lingers is looked after beside
the rest.
"""

from __future__ import annotations

import contextlib
import socket
import time
from functools import partial
from selectors import EVENT_READ, BaseSelector

_LONGEST_SECONDS = 2.0
_MOST_BYTES = 64 * 1024
_BYTES_AT_ONCE = 64 * 1024  # the others are looked at in between
_MOST_CONNECTIONS = 100  # then the first ones go at once


class Lingering:
    """The connections of a worker that are being closed; `poller` says when there is something to read.

    most_bytes: of a connection, that are read and dropped.
    """

    def __init__(self, poller: BaseSelector, most_bytes: int = _MOST_BYTES) -> None:
        self._poller = poller
        self._most_bytes = most_bytes
        self._since: dict[socket.socket, float] = {}  # the earliest first

    def add(self, connection: socket.socket) -> None:
        """Close it: write no more, and read what still comes."""
        try:
            connection.shutdown(socket.SHUT_WR)
            connection.setblocking(False)
            self._poller.register(connection, EVENT_READ, partial(self._drain, [self._most_bytes]))
        except (OSError, ValueError, KeyError):  # it is closed already
            connection.close()
            return
        self._since[connection] = time.monotonic()
        if len(self._since) > _MOST_CONNECTIONS:
            self._end(next(iter(self._since)))

    def end_old(self) -> None:
        """Close those that have lingered long enough."""
        now = time.monotonic()
        while self._since and now - next(iter(self._since.values())) > _LONGEST_SECONDS:
            self._end(next(iter(self._since)))

    def _drain(self, left: list[int], connection: socket.socket) -> None:
        try:
            data = connection.recv(_BYTES_AT_ONCE)
        except OSError:
            data = b""
        left[0] -= len(data)
        if not data or left[0] <= 0:
            self._end(connection)

    def _end(self, connection: socket.socket) -> None:
        if self._since.pop(connection, None) is None:  # it was one too many after the poller had spoken of it
            return
        with contextlib.suppress(KeyError, ValueError):
            self._poller.unregister(connection)
        connection.close()
