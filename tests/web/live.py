"""A real server on a real port, and a client that sends bytes exactly as they are given."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Answer:
    """One HTTP answer: its status, headers (lower-case names) and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class LiveServer:
    """`mnistweb serve` in a process of its own, on a free port of 127.0.0.1."""

    weights: Path
    instance: Path
    settings: dict[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    port: int = 0

    def __enter__(self) -> LiveServer:
        self.port = self.port or free_port()
        self.instance.mkdir(exist_ok=True)
        self.log_path = self.instance.parent / f"server-{self.port}.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MNISTWEB_")}
        settings = {
            "WEIGHTS_FOLDERS": [str(self.weights)],
            "WORKERS": 1,
            "LOG_FORMAT": "json",
        } | self.settings
        environment |= {
            f"MNISTWEB_{name}": value if isinstance(value, str) else json.dumps(value)
            for name, value in settings.items()
        }
        environment |= {"MNISTWEB_INSTANCE": str(self.instance), "PYTHONUNBUFFERED": "1"}
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mnistweb", "serve", "--port", str(self.port), *self.flags],
                env=environment,
                cwd=self.instance,
                stdout=log,
                stderr=log,
            )
        try:
            self.wait_until_up()
        except RuntimeError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            _ending.append(self.process)

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def wait_until_up(self, seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health-check", timeout=30):
                    return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"the server did not come up:\n{self.log}")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def connect(self, timeout: float = 60) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def send(self, raw: bytes, *, then_close: bool = False, timeout: float = 60) -> Answer:
        """Send these bytes on a new connection, with `then_close` the end of them, and read one answer."""
        with self.connect(timeout) as connection:
            with contextlib.suppress(OSError):  # it may answer and close before it has heard everything
                connection.sendall(raw)
                if then_close:
                    connection.shutdown(socket.SHUT_WR)
            return read_answer(connection)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """A proper request."""
        lines = {"Host": f"127.0.0.1:{self.port}", "Connection": "close"} | (headers or {})
        if body is not None:
            lines.setdefault("Content-Length", str(len(body)))
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in lines.items()
        )
        return self.send(head.encode("latin-1") + b"\r\n" + (body or b""))

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(each) for each in children.split()]


# gunicorn sleeps through most of the third of a second in which it ends; other tests go on meanwhile. What is
# to be seen of a server's end waits for its process.
_ending: list[subprocess.Popen[bytes]] = []


@atexit.register
def _wait_for_those_that_end() -> None:
    for process in _ending:
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def read_answer(connection: socket.socket, *, without_body: bool = False) -> Answer:
    """The next final answer on a connection. Raises ConnectionError when it ends before one is whole.

    without_body: for an answer to HEAD, whose Content-Length is not its own.
    """
    with connection.makefile("rb") as file:
        status = 100
        while status == 100:
            start = file.readline().decode("latin-1")
            if not start.startswith("HTTP/1.1 "):
                raise ConnectionError(f"no answer came, but {start!r}")
            status = int(start.split()[1])
            headers = {}
            while line := file.readline().decode("latin-1").strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
        if without_body:
            return Answer(status, headers, file.read())
        length = headers.get("content-length")
        body = file.read(int(length)) if length is not None else file.read()
        if length is not None and len(body) < int(length):
            raise ConnectionError("the answer was cut off")
        return Answer(status, headers, body)


def until(condition: Callable[[], bool], seconds: float = 60) -> bool:
    """Wait until it is so; false when it is not in time. Limits are wide, for machines that are busy."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def sockets_of(process: int) -> int:
    """How many sockets a process has open."""
    count = 0
    for each in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            count += each.readlink().name.startswith("socket:")
    return count


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])
