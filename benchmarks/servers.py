"""Servers to measure, ours and the peer's: on loopback, and ended by whoever started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.requests import MODEL

_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Running:
    """A server that has answered: its address, its processes, and how long it took to its first answer."""

    address: str
    process: subprocess.Popen[bytes]
    seconds_to_first_answer: float

    def workers(self) -> list[int]:
        """The processes below the one that was started, or that one itself if there are none."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        # uvicorn also starts a process that looks after semaphores; it is small and answers nothing.
        return [int(child) for child in children if _resident_bytes(int(child)) > 30e6] or [self.process.pid]

    def resident_megabytes(self) -> float:
        """Of one worker: the mean over all."""
        return sum(map(_resident_bytes, self.workers())) / len(self.workers()) / 1e6


def ours(port: int, *, workers: int = 2, before: str = "") -> list[str]:
    """The command of `mnistweb serve`; `before` are Python statements to run first, such as an import."""
    start = f"{before}; " if before else ""
    program = f"{start}from mnistweb.cli import main; main()"
    return [sys.executable, "-c", program, "serve", "--port", str(port), "--workers", str(workers)]


def fastapi(port: int, *, workers: int = 2) -> list[str]:
    """The command of the peer."""
    arguments = ("--host", "127.0.0.1", "--port", str(port), "--workers", str(workers))
    return [sys.executable, "-m", "uvicorn", "benchmarks.peer_app:app", *arguments]


@contextmanager
def running(command: Sequence[str], port: int, path: str, body: bytes, kind: str) -> Iterator[Running]:
    """Start a server and wait until it answers this request with 200. Its log goes to nobody.

    Raises RuntimeError when the server ends, or has not answered after a minute.
    """
    address = f"http://127.0.0.1:{port}"
    environment = os.environ | {"BENCHMARK_MODEL": MODEL, "OPENBLAS_NUM_THREADS": "1"}
    # What is installed is compiled; a checkout is after its first start, unless this variable forbids it.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    name, started = " ".join(command[:4]), time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _answers(address + path, body, kind):
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended with {process.returncode} before it answered")
            if time.perf_counter() - started > _PATIENCE_SECONDS:
                raise RuntimeError(f"{name} did not answer within {_PATIENCE_SECONDS:.0f} s")
            time.sleep(0.005)
        yield Running(address, process, time.perf_counter() - started)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str, body: bytes, kind: str) -> bool:
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
