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
import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.http.wsgi import base_environ
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from mnistweb.web import streams
from mnistweb.web.lingering import Lingering
from mnistweb.web.load import turn_away
from mnistweb.web.one_send import OneSend, make_room
from mnistweb.web.quick import MOST_BYTES, quick_answer, quick_environ
from mnistweb.web.unreadable import answer_to_unreadable, is_unreadable

_THREADS_FOR_THE_REST = 2
# Who has connections already lets another worker go first. Else the one that wakes first takes all that knock
# at once, keeps them while they are kept alive, and the machine's other processors stand idle.
_COURTESY_SECONDS = 0.0005
# Settings that make gunicorn do more with a request than `mnistweb/web/quick.py` knows of.
_MORE_THAN_QUICK = (
    "accesslog", "statsd_host", "logconfig", "logconfig_dict", "logconfig_json", "syslog", "pre_request",
    "post_request", "certfile", "proxy_protocol",
)  # fmt: skip
_MOST_AT_ONCE = 32  # connections, between two looks at those that are there already


class PatientWorker(ThreadWorker):
    """A worker for `mnistweb serve`; the server sets its two limits before the workers start."""

    request_timeout_seconds = 10.0
    max_requests_in_flight = 64
    _has_quick = False  # whether requests may be answered past gunicorn's own way

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._since: dict[TConn, float] = {}  # connections with a thread, or waiting for one, and since when
        self._taken: set[TConn] = set()  # those of them whose request is not turned away

    def init_process(self) -> None:
        """The worker's process has begun."""
        # Those who are turned away, and health checks meanwhile, don't wait behind those who are not.
        self._for_the_rest = ThreadPoolExecutor(_THREADS_FOR_THE_REST)
        settings = self.cfg.settings
        self._has_quick = "SCRIPT_NAME" not in os.environ and all(
            settings[name].get() == settings[name].default for name in _MORE_THAN_QUICK
        )
        self._environ = base_environ(self.cfg)
        # gunicorn looks up its settings some twenty times a request, and here they change no more.
        self.cfg.__dict__.update((name, setting.get()) for name, setting in settings.items())
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
            if self._has_quick and isinstance(address, tuple):  # a socket that is a file gives no address
                connection.environ = _both_ends(connection)
            connection.timeout = time.monotonic() + self.cfg.keepalive
            self.pending_conns.append(connection)
            self.poller.register(client, EVENT_READ, partial(self.on_pending_socket_readable, connection))
            if self.nr_conns >= self.worker_connections or not knocking.poll(0):
                return

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Something arrived on a connection that has had answers."""
        if not self._answer_quickly(conn, self.keepalived_conns):
            super().on_client_socket_readable(conn, client)

    def on_pending_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """The first bytes arrived on a new connection."""
        if not self._answer_quickly(conn, self.pending_conns):
            super().on_pending_socket_readable(conn, client)

    def enqueue_req(self, conn: TConn) -> None:
        """A request has begun to come in."""
        threads = self._for_the_rest
        if len(self._taken) < self.max_requests_in_flight:
            self._taken.add(conn)
            threads = self.tpool
        self._work_on(conn, threads, self.handle, conn)

    def _work_on(self, conn: TConn, threads: ThreadPoolExecutor, work: Callable[..., Any], *how: Any) -> None:
        self._since[conn] = time.monotonic()
        future = threads.submit(work, *how)
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

    def _answer_quickly(self, conn: _Connection, waiting: deque[TConn]) -> bool:
        """Answer what has arrived at once, if that is quick; nothing has happened when it is not."""
        if conn.environ is None or len(self._taken) >= self.max_requests_in_flight:
            return False
        try:
            data = conn.sock.recv(MOST_BYTES + 1, socket.MSG_PEEK)
            asked = quick_environ(data)
            if asked is None:
                return False
            conn.sock.recv(len(data))  # what was looked at, and nothing of what may have come since
        except OSError:  # the client has gone
            return False
        waiting.remove(conn)
        stays_open = self._count_request() and len(self.keepalived_conns) < self.max_keepalived
        try:
            answer = quick_answer(self.wsgi, self._environ | conn.environ | asked, stays_open=stays_open)
            unsent = answer[_send_now(conn.sock, answer) :]
        except Exception as error:  # the client has gone, or the application failed as it never should
            if not isinstance(error, OSError):
                self.handle_error(None, conn.sock, conn.client, error)
            unsent, stays_open = b"", False
        if unsent or not stays_open:
            self.poller.unregister(conn.sock)
            # The rest waits until there is room for it, in a thread that may wait.
            self._work_on(conn, self.tpool, self._send_rest, conn, unsent, stays_open)
            return True
        conn.set_timeout()
        self.keepalived_conns.append(conn)
        self.poller.modify(conn.sock, EVENT_READ, partial(self.on_client_socket_readable, conn))
        return True

    def _count_request(self) -> bool:
        """As gunicorn counts them; false when the connection has to be closed after it."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive: bool = False
        return self.alive and bool(self.cfg.keepalive)

    def _send_rest(self, conn: TConn, unsent: bytes, stays_open: bool) -> bool:
        conn.init()  # for the requests that follow
        conn.sock.setblocking(True)
        conn.sock.sendall(unsent)
        return stays_open

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
    """A connection that lingers among others when it is closed.

    environ: both its ends, as WSGI has them; None when nothing on it may be answered quickly.
    """

    lingering: Lingering
    environ: dict[str, str] | None = None

    def close(self, graceful: bool = False) -> None:
        if graceful:
            self.lingering.add(self.sock)
        else:
            super().close()


def _both_ends(conn: TConn) -> dict[str, str]:
    return {
        "REMOTE_ADDR": conn.client[0],
        "REMOTE_PORT": str(conn.client[1]),
        "SERVER_NAME": conn.server[0],
        "SERVER_PORT": str(conn.server[1]),
    }


def _send_now(connection: socket.socket, data: bytes) -> int:
    """How much of it there was room for. Raises OSError when the client has gone."""
    try:
        return connection.send(data)
    except BlockingIOError:
        return 0
