"""An answer that leaves in one piece: a worker that is killed has sent all of it or nothing.

gunicorn writes the head of an answer, and then its body. A worker that is killed in between leaves a head
without a body, and the proxy in front, which has begun to pass it on, can't ask another worker any more. What
is handed to the system in one piece, and fits its buffer, is delivered whatever happens to the process.
"""

from __future__ import annotations

import os
import socket
from typing import IO, Any

MOST_BYTES = 192 * 1024  # of an answer; what is larger, pictures of many files, is sent as it comes


def make_room(connection: socket.socket) -> None:
    """Let the system take so much of an answer at once; Linux doubles the number, for its own overhead."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_BYTES)


class OneSend:
    """A socket that keeps what is written until `flush`, up to MOST_BYTES; in all else it is the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._kept: list[bytes] = []
        self._size = 0

    def sendall(self, data: bytes) -> None:
        """Keep `data`. Raises OSError when it is too much to keep, and the client has gone."""
        self._kept.append(data)
        self._size += len(data)
        if self._size > MOST_BYTES:
            self.flush()

    def sendfile(self, file: IO[bytes], offset: int = 0, count: int | None = None) -> int:
        """Keep `count` bytes of a file from `offset` on, or send them if they are many. Raises OSError."""
        if count is not None and self._size + count <= MOST_BYTES:
            data = os.pread(file.fileno(), count, offset)
            self.sendall(data)
            return len(data)
        self.flush()
        return self._socket.sendfile(file, offset, count)

    def flush(self) -> None:
        """Send what was kept, in one piece. Raises OSError when the client has gone."""
        data = b"".join(self._kept)
        self._kept, self._size = [], 0
        if data:
            self._socket.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)
