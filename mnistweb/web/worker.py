"""gunicorn's threaded worker, made patient with the many and short with the few who hold everyone up.

Eight things are different. Connections are shared out among the workers. They take a thread only once they
have said something, and none at all for what is quick (`mnistweb/web/quick.py`). A client that has not sent
its request within the time limit, however slowly it drips, is cut off. The application is told when a request
is one too many, so that it can turn it away (`mnistweb/web/load.py`). What is no proper HTTP is answered as
every other error (`mnistweb/web/unreadable.py`). An answer leaves in one piece (`mnistweb/web/one_send.py`).
And nobody waits for a client to close its connection (`mnistweb/web/lingering.py`).
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from mnistweb.web import streams
from mnistweb.web.lingering import Lingering
from mnistweb.web.load import turn_away
from mnistweb.web.one_send import OneSend, all_taken, make_room
from mnistweb.web.quick import MOST_BYTES, is_quick
from mnistweb.web.unreadable import answer_to_unreadable, is_unreadable

_THREADS_FOR_THE_REST = 2
# Who has connections already lets another worker go first. Else the one that wakes first takes all that knock
# at once, keeps them while they are kept alive, and the machine's other processors stand idle.
_COURTESY_SECONDS = 0.0005
_MOST_AT_ONCE = 32  # connections, between two looks at those that are there already


class PatientWorker(ThreadWorker):
    """A worker for `mnistweb serve`; the server sets its two limits before the workers start."""

    request_timeout_seconds = 10.0
    max_requests_in_flight = 64

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._since: dict[TConn, float] = {}  # connections with a thread, or waiting for one, and since when
        self._taken: set[TConn] = set()  # those of them whose request is not turned away

    def init_process(self) -> None:
        """The worker's process has begun."""
        # Those who are turned away, and health checks meanwhile, don't wait behind those who are not.
        self._for_the_rest = ThreadPoolExecutor(_THREADS_FOR_THE_REST)
        # gunicorn looks up its settings some twenty times a request, and here they change no more.
        self.cfg.__dict__.update((name, setting.get()) for name, setting in self.cfg.settings.items())
        super().init_process()

    def run(self) -> None:
        """Serve until the end."""
        self._lingering = Lingering(self.poller)
        super().run()

    def accept(self, listener: socket.socket) -> None:
        """Take the new connections, and wait for the first bytes of each without a thread."""
        knocking = select.poll()
        knocking.register(listener, select.POLLIN)
        for _ in range(_MOST_AT_ONCE):
            if self.nr_conns:
                time.sleep(_COURTESY_SECONDS)
            try:
                client, address = listener.accept()
                make_room(client)
            except OSError:  # it went away again, or another worker was faster
                return
            self.nr_conns += 1
            connection = _Connection(self.cfg, client, address, listener.getsockname())
            connection.lingering = self._lingering
            connection.timeout = time.monotonic() + self.cfg.keepalive
            self.pending_conns.append(connection)
            self.poller.register(client, EVENT_READ, partial(self.on_pending_socket_readable, connection))
            if self.nr_conns >= self.worker_connections or not knocking.poll(0):
                return

    def enqueue_req(self, conn: TConn) -> None:
        """A request has begun to come in."""
        threads = self._for_the_rest
        if len(self._taken) < self.max_requests_in_flight:
            self._taken.add(conn)
            threads = self.tpool
            if _is_quick(conn):
                self.finish_request(conn, _Answered(self.handle(conn)))
                return
        self._since[conn] = time.monotonic()
        future = threads.submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def handle(self, conn: TConn) -> Any:
        """Read and answer one request, in whatever thread."""
        turn_away(conn not in self._taken)
        return super().handle(conn)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Answer a request that has been read; true when the connection stays open."""
        connection = conn.sock
        conn.sock = answer = OneSend(connection)
        try:
            stays_open = super().handle_request(req, conn)
        finally:
            conn.sock = connection
        answer.flush()
        return stays_open

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """A request could not be read, or answering it failed outside of the application."""
        if not is_unreadable(exc):
            super().handle_error(req, client, addr, exc)
            return
        with contextlib.suppress(OSError):  # the client has gone
            write_nonblock(client, answer_to_unreadable(exc, self.cfg))

    def finish_request(self, conn: TConn, fs: Any) -> None:
        """The request is answered, or given up."""
        self._since.pop(conn, None)
        self._taken.discard(conn)
        super().finish_request(conn, fs)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """gunicorn asks the worker to end: what would go on by itself ends first."""
        streams.ending.set()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """gunicorn asks the worker to end at once."""
        streams.ending.set()
        super().handle_quit(sig, frame)

    def murder_pending(self) -> None:
        """Close what has said nothing for too long; gunicorn calls this about once a second."""
        if not self.alive:  # a stopping worker waits no longer for the silent than for those it knows
            soon = time.monotonic() + STOP_KEEPALIVE_LINGER
            for conn in self.pending_conns:
                conn.timeout = min(conn.timeout, soon)
        super().murder_pending()
        self._cut_off_the_slow()
        self._lingering.end_old()

    def _cut_off_the_slow(self) -> None:
        # Shutting down the reading side wakes the thread that waits in recv: it sees the end of the request,
        # as if the client had gone. What has already arrived can still be read, so a whole request is
        # answered all the same. Later the writing side goes too, for clients that send a request and never
        # read the answer.
        now = time.monotonic()
        for conn, since in list(self._since.items()):
            waited = now - since
            if waited > self.request_timeout_seconds:
                how = socket.SHUT_RD if waited < 3 * self.request_timeout_seconds else socket.SHUT_RDWR
                try:
                    conn.sock.shutdown(how)
                except OSError:  # it is closed already
                    continue


class _Connection(TConn):
    """A connection that lingers among others when it is closed."""

    lingering: Lingering

    def close(self, graceful: bool = False) -> None:
        if graceful:
            self.lingering.add(self.sock)
        else:
            super().close()


class _Answered:
    """What a thread's future is to gunicorn, for a request that needed none."""

    def __init__(self, stays_open: Any) -> None:
        self._stays_open = stays_open

    def cancelled(self) -> bool:
        return False

    def result(self) -> Any:
        return self._stays_open


def _is_quick(conn: TConn) -> bool:
    """Whether a request can be answered at once, with no waiting for its client to send or take anything."""
    if conn.parser is not None and conn.parser.unreader.buf.getvalue():
        return False  # it has begun already
    try:
        return is_quick(conn.sock.recv(MOST_BYTES + 1, socket.MSG_PEEK)) and all_taken(conn.sock)
    except OSError:  # nothing is there, or the client has gone
        return False
