"""gunicorn's threaded worker, made patient with the many and short with the few who hold everyone up.

These things are different. Connections are shared out among the workers. They take a thread only once they
have said something, and none at all for what is quick (`mnistweb/web/quick.py`): that is read with one look
and answered here, and its answers leave together. A client that has not sent its request within the time
limit, however slowly it drips, is cut off; the time that it waits for us is not counted. The application is
told when a request is one too many, or has waited too long for a thread, so that it can turn it away
(`mnistweb/web/load.py`). Health checks have a thread of their own, and so have looks at the counts: no health
check waits for a scrape of Prometheus. What is no proper HTTP is answered as
every other error (`mnistweb/web/unreadable.py`). An answer leaves in one piece (`mnistweb/web/one_send.py`).
And nobody waits for a client to close its connection (`mnistweb/web/lingering.py`).
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from mnistweb.web import streams
from mnistweb.web.lingering import Lingering
from mnistweb.web.load import is_health_check, is_look_at_counts, turn_away
from mnistweb.web.one_send import OneSend, make_room
from mnistweb.web.quick import MOST_BYTES, Environ, both_ends, quick_answer, quick_environ, server_environ
from mnistweb.web.unreadable import answer_to_unreadable, is_unreadable

_THREADS_FOR_THE_REST = 2
# Who has connections already lets another worker go first. Else the one that wakes first takes all that knock
# at once, keeps them while they are kept alive, and the machine's other processors stand idle.
_COURTESY_SECONDS = 0.0005
_LONGEST_KEPT_SECONDS = 0.005  # an answer, for others to leave with it
_MOST_AT_ONCE = 32  # connections, between two looks at those that are there already
# The system takes so much of a request while it waits for a thread. Who has sent less has itself to blame.
_ROOM_WHILE_WAITING = 16 * 1024
_SECONDS_FOR_BODIES_OF_THE_REFUSED = 0.05
# As many as a body may have (MAX_REQUEST_BYTES). Who is turned away while it sends a picture and is not heard
# out, may not hear of it either.
_MOST_BYTES_OF_THE_REFUSED = 16 * 1024 * 1024


class PatientWorker(ThreadWorker):
    """A worker for `mnistweb serve`; the server sets its two limits before the workers start."""

    request_timeout_seconds = 10.0
    max_requests_in_flight = 64
    _environ: Environ | None = None  # of all quick requests; without it there are none

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._handed_over: set[_Connection] = set()  # those with a thread, or waiting for one
        self._taken: set[_Connection] = set()  # those of them whose request is not turned away
        self._answers: list[tuple[_Connection, bytes, bool]] = []  # quick ones that are to be sent
        self._kept_since = 0.0  # the first of them

    def init_process(self) -> None:
        """The worker's process has begun."""
        # Those who are turned away don't wait behind those who are not, and health checks behind neither.
        self._for_the_rest = ThreadPoolExecutor(_THREADS_FOR_THE_REST)
        self._for_health = ThreadPoolExecutor(1)
        self._for_counts = ThreadPoolExecutor(1)
        self._environ = server_environ(self.cfg)
        # gunicorn looks up its settings some twenty times a request, and here they change no more.
        self.cfg.__dict__.update((name, setting.get()) for name, setting in self.cfg.settings.items())
        super().init_process()

    def run(self) -> None:
        """Serve until the end."""
        self._lingering = Lingering(self.poller, _MOST_BYTES_OF_THE_REFUSED)
        super().run()

    def accept(self, listener: socket.socket) -> None:
        """Take the new connections, and wait for the first bytes of each without a thread."""
        self._send_answers()  # they shall not wait for courtesy
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
            if self._environ is not None and isinstance(address, tuple):  # else the socket is a file
                connection.environ = self._environ | both_ends(address, connection.server)
            connection.timeout = time.monotonic() + self.cfg.keepalive
            self.pending_conns.append(connection)
            self.poller.register(client, EVENT_READ, partial(self.on_pending_socket_readable, connection))
            if self.nr_conns >= self.worker_connections or not knocking.poll(0):
                return

    def on_client_socket_readable(self, conn: _Connection, client: socket.socket) -> None:
        """Something arrived on a connection that has had answers."""
        if not self._answer_quickly(conn, self.keepalived_conns):
            super().on_client_socket_readable(conn, client)

    def on_pending_socket_readable(self, conn: _Connection, client: socket.socket) -> None:
        """The first bytes arrived on a new connection."""
        if not self._answer_quickly(conn, self.pending_conns):
            super().on_pending_socket_readable(conn, client)

    def enqueue_req(self, conn: _Connection) -> None:
        """A request has begun to come in."""
        conn.came, conn.since, conn.request = time.monotonic(), None, None
        # One that is whole and alone, so no client can keep that thread: not by what it sends, nor with
        # anything behind it, nor by reading no answers.
        if is_health_check(arrived := conn.arrived()) and _has_room(conn.sock):
            threads = self._for_counts if is_look_at_counts(arrived) else self._for_health
        elif len(self._taken) < self.max_requests_in_flight:
            self._taken.add(conn)
            threads = self.tpool
        else:
            threads = self._for_the_rest
        conn.turned_away = threads is not self.tpool
        self._work_on(conn, threads, self.handle, conn)

    def _work_on(
        self, conn: _Connection, threads: ThreadPoolExecutor, work: Callable[..., Any], *how: Any
    ) -> None:
        self._handed_over.add(conn)
        future = threads.submit(work, *how)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def handle(self, conn: _Connection) -> Any:
        """Read and answer one request, in whatever thread."""
        now, arrived = time.monotonic(), conn.arrived()
        too_late = now - conn.came > self.request_timeout_seconds
        if too_late:
            # It has waited too long for this thread. Saying so must not take long: others wait behind it.
            if b"\r\n\r\n" not in arrived or not _has_room(conn.sock):
                return False
            conn.turned_away = True
        # From now on the client is waited for; since the beginning, if it could have sent more meanwhile.
        conn.since = now if too_late or len(arrived) >= _ROOM_WHILE_WAITING else conn.came
        turn_away(conn.turned_away)
        return super().handle(conn)

    def _keepalive_after(self, conn: _Connection, keepalive: bool) -> bool:
        if not conn.turned_away:
            return bool(super()._keepalive_after(conn, keepalive))
        # Nobody has read its body. What is there of it is dropped, and no thread waits for the rest.
        deadline = time.monotonic() + _SECONDS_FOR_BODIES_OF_THE_REFUSED
        return keepalive and bool(conn.parser.finish_body(deadline=deadline))

    def handle_request(self, req: Any, conn: _Connection) -> Any:
        """Answer a request whose head has been read; true when the connection stays open."""
        conn.request = req
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

    def finish_request(self, conn: _Connection, fs: Any) -> None:
        """The request is answered, or given up."""
        self._handed_over.discard(conn)
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
        if waiting is self.pending_conns:  # no longer
            self.poller.modify(conn.sock, EVENT_READ, partial(self.on_client_socket_readable, conn))
        stays_open = self._count_request() and len(self.keepalived_conns) < self.max_keepalived
        try:
            answer = quick_answer(self.wsgi, conn.environ | asked, stays_open=stays_open)
        except Exception as error:  # as the application never should
            self.handle_error(None, conn.sock, conn.client, error)
            answer, stays_open = b"", False
        if not self._answers:
            self._kept_since = time.monotonic()
        self._answers.append((conn, answer, stays_open))
        if time.monotonic() - self._kept_since > _LONGEST_KEPT_SECONDS:
            self._send_answers()
            self.notify()  # many of them in one round are no sign that the worker is stuck
        return True

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """One round: wait until something arrives, and do what there is to do.

        Quick answers leave together at its end. Each wakes its client, or the proxy, which on a busy machine
        takes the processor from the worker: that happens once in a round and not once an answer.
        """
        try:
            super().wait_for_and_dispatch_events(timeout)
        finally:
            self._send_answers()

    def _send_answers(self) -> None:
        answers, self._answers = self._answers, []
        for conn, answer, stays_open in answers:
            try:
                unsent = answer[_send_now(conn.sock, answer) :]
            except OSError:  # the client has gone
                unsent, stays_open = b"", False
            if unsent or not stays_open:
                self.poller.unregister(conn.sock)
                # The rest waits until there is room for it, in a thread that may wait. The client has only to
                # read, so its time begins at once.
                conn.since, conn.request = time.monotonic(), None
                self._work_on(conn, self.tpool, self._send_rest, conn, unsent, stays_open)
            else:
                conn.set_timeout()
                self.keepalived_conns.append(conn)

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
        for conn in self._handed_over:
            waited = 0.0 if conn.since is None else now - conn.since
            if waited > 3 * self.request_timeout_seconds:
                how = socket.SHUT_RDWR
            elif waited > self.request_timeout_seconds and not conn.has_sent_all():
                how = socket.SHUT_RD
            else:
                continue
            with contextlib.suppress(OSError):  # it is closed already
                conn.sock.shutdown(how)


class _Connection(TConn):
    """A connection that lingers among others when it is closed.

    environ: what WSGI is told of both its ends; None when nothing on it may be answered quickly. came: when
    its request began to come in. since: when its client's time began; None while that waits for us. request:
    what is answered, once its head has been read. turned_away: whether it is told to come again, unless it is
    always answered. The thread that answers sets the last three.
    """

    lingering: Lingering
    environ: Environ | None = None
    came = 0.0
    since: float | None = None
    request: Any = None
    turned_away = False

    def arrived(self) -> bytes:
        """What has come of the next request, or its first bytes; it stays where it is."""
        read_ahead = b"" if self.parser is None else self.parser.unreader.buf.getvalue()
        try:
            waiting = self.sock.recv(_ROOM_WHILE_WAITING, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except (OSError, ValueError):  # nothing, or it is encrypted
            waiting = b""
        return bytes(read_ahead) + waiting

    def has_sent_all(self) -> bool:
        """Whether the request under way was read to its end."""
        return self.request is not None and getattr(self.request.body.reader, "length", None) == 0

    def close(self, graceful: bool = False) -> None:
        if graceful:
            self.lingering.add(self.sock)
        else:
            super().close()


def _has_room(connection: socket.socket) -> bool:
    """Whether a short answer can be sent without waiting for the client."""
    look = select.poll()
    look.register(connection, select.POLLOUT)
    return bool(look.poll(0))


def _send_now(connection: socket.socket, data: bytes) -> int:
    """How much of it there was room for. Raises OSError when the client has gone."""
    try:
        return connection.send(data)
    except BlockingIOError:
        return 0
