"""Clients that ask one request after another and write down what became of each."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Sequence

from tests.load.mixture import Ask

REQUESTS_PER_CONNECTION = 100


class Clients:
    """`count` threads that ask until the `with` block ends, each on a connection that it keeps for a while.

    rate: requests a second of all of them together; None: as fast as they are answered. Nothing is asked a
    second time: a connection that ends without an answer is a failure.
    """

    def __init__(
        self,
        port: int,
        asks: Sequence[Ask],
        *,
        count: int = 4,
        rate: float | None = None,
        timeout: float = 60,
    ) -> None:
        self.port, self.asks, self.rate, self.timeout = port, asks, rate, timeout
        self.statuses: Counter[int] = Counter()
        self.failures: list[str] = []
        self.seconds: list[tuple[int, float]] = []  # status and how long it took
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(place, count)) for place in range(count)]

    def __enter__(self) -> Clients:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.lasted = time.monotonic() - self._began  # seconds, from the first request to the last answer

    @property
    def answered(self) -> int:
        """How many requests got an answer so far."""
        return self.statuses.total()

    def wait_for(self, more: int, seconds: float = 120) -> None:
        """Wait until so many more were answered. Raises TimeoutError."""
        wanted, deadline = self.answered + more, time.monotonic() + seconds
        while self.answered < wanted:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{wanted - self.answered} of {more} answers still missing")
            time.sleep(0.01)

    def wait(self, seconds: float) -> None:
        """Let them ask for so long."""
        self._stop.wait(seconds)

    def percentiles(self, *, status: int | None = None) -> dict[str, float]:
        """Median, 95th and 99th percentile and maximum of the latency, in milliseconds."""
        with self._lock:
            taken = sorted(spent for got, spent in self.seconds if status in (None, got))
        if not taken:
            return {}
        shares = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))
        return {name: round(1000 * taken[int(share * (len(taken) - 1))], 1) for name, share in shares}

    def _run(self, place: int, count: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        pause = count / self.rate if self.rate else 0.0
        due = time.monotonic() + pause * place / count
        index = place * len(self.asks) // count
        while not self._stop.is_set():
            if pause and self._stop.wait(max(0.0, due - time.monotonic())):
                break
            due = max(due + pause, time.monotonic() - 1)  # what was missed is not made up for in one rush
            self._ask(connection, self.asks[index % len(self.asks)])
            index += 1
            if index % REQUESTS_PER_CONNECTION == 0:
                connection.close()  # the next request opens it again, perhaps to another worker
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, ask: Ask) -> None:
        began = time.monotonic()
        try:
            connection.request(ask.method, ask.path, ask.body, ask.headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            with self._lock:
                self.failures.append(f"{ask.kind}: {type(error).__name__}: {error}")
            return
        with self._lock:
            self.statuses[answer.status] += 1
            self.seconds.append((answer.status, time.monotonic() - began))
            if answer.status != ask.status:
                self.failures.append(f"{ask.kind}: {answer.status} instead of {ask.status}")
