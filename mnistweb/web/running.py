"""The servers that run on an instance folder, and how to ask them to load their weights anew.

Each server writes `server-<process id>.json` into the folder and holds a lock on it while it lives, so a file
that a killed server left is told from a living one's, and no other program is ever sent a signal. In it the
server counts how often it has loaded its weights, and says what went wrong the last time.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import signal
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

log = logging.getLogger("mnistweb.web")

_PREFIX = "server-"
_PATIENCE_SECONDS = 60.0  # a server that is just replacing its workers listens again when they are gone


@dataclass(frozen=True)
class RunningServer:
    """A server: its process id, how often it has loaded its weights, and how that went the last time.

    default, sha256: the default model and the hash of its file; empty when the server has none, or starts
    anew at each change of a file. problem: why the last load failed, or empty.
    """

    pid: int
    loads: int
    default: str = ""
    sha256: str = ""
    problem: str = ""


class Announcement:
    """A server's file in the instance folder; made by the process that is to get the signal."""

    def __init__(self, folder: Path) -> None:
        """Where the folder can't be written, the server runs all the same, and nobody finds it there."""
        self._path = folder / f"{_PREFIX}{os.getpid()}.json"
        self._file: BinaryIO | None = None
        self._loads = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb", buffering=0)
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            log.info("the instance folder can't be written, so only --pid reloads this server: %s", error)

    def loaded(self, *, default: str, sha256: str, problem: str = "") -> None:
        """Write down that the weights were loaded, or what was wrong with them; as in `RunningServer`."""
        self._loads += 1
        if self._file is None:
            return
        with contextlib.suppress(OSError):  # a full disk; whoever waits for it will say that nothing came
            server = RunningServer(os.getpid(), self._loads, default, sha256, problem)
            self._file.seek(0)
            self._file.truncate()
            self._file.write(json.dumps(asdict(server)).encode())

    def withdraw(self) -> None:
        """Remove the file, at the end."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._file.close()


def running_servers(folder: Path) -> list[RunningServer]:
    """The servers that live; what others left is removed. Not for the process of a server itself."""
    found = []
    for path in sorted(folder.glob(f"{_PREFIX}*.json")):
        with contextlib.suppress(
            OSError, ValueError, TypeError
        ):  # it ends at this moment; or it is someone else's file
            with path.open("rb") as file:
                try:
                    fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    found.append(_read(file))
                    continue
            path.unlink()
    return found


def reload_servers(servers: list[RunningServer], folder: Path) -> list[RunningServer]:
    """Ask each to load its weights anew, and wait until it has; returns them as they are then.

    A server that ended meanwhile is left out. One that does not answer in time has that for its problem.
    """
    for server in servers:
        with contextlib.suppress(ProcessLookupError):
            ask_to_reload(server.pid)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        now = {each.pid: each for each in running_servers(folder)}
        waiting = [each for each in servers if each.pid in now and now[each.pid].loads == each.loads]
        if not waiting or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    late = f"it did not load its weights within {_PATIENCE_SECONDS:g} s"
    return [
        replace(now[each.pid], problem=late) if each in waiting else now[each.pid]
        for each in servers
        if each.pid in now
    ]


def ask_to_reload(pid: int) -> None:
    """Ask the server with this main process, and wait for nothing. Raises OSError."""
    os.kill(pid, signal.SIGHUP)


def _read(file: BinaryIO) -> RunningServer:
    """What a server wrote, tried again when it is writing just now. Raises ValueError or TypeError."""
    for _ in range(50):
        file.seek(0)
        text = file.read()
        if text.endswith(b"}"):
            break
        time.sleep(0.01)
    return RunningServer(**json.loads(text))
