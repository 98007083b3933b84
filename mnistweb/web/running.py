"""The servers that run on an instance folder, and how to ask them to load their weights anew.

Each server writes `server-<process id>.json` into the folder and holds a lock on it while it lives, so a file
that a killed server left is told from a living one's, and no other program is ever sent a signal. In it the
server counts how often it has loaded its weights, and says what went wrong the last time. It also says
among which processes it has its number: each container counts its own, and several may share a folder.
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
_MOST_NAMES = 100  # containers that share a folder have few servers of one number
_PATIENCE_SECONDS = 60.0  # a server that is just replacing its workers listens again when they are gone
_ELSEWHERE = (
    "it runs in another container, where no signal from here reaches it; "
    "run `mnistweb weights activate` there, or stop that server before and start it after"
)


@dataclass(frozen=True)
class RunningServer:
    """A server: its process id, how often it has loaded its weights, and how that went the last time.

    default, sha256: the default model and the hash of its file; empty when the server has none, or starts
    anew at each change of a file. problem: why the last load failed, or empty. namespace: among which
    processes it has this number, in the kernel's words; empty where the kernel has none.
    """

    pid: int
    loads: int
    default: str = ""
    sha256: str = ""
    problem: str = ""
    namespace: str = ""


class Announcement:
    """A server's file in the instance folder; made by the process that is to get the signal."""

    def __init__(self, folder: Path) -> None:
        """Where the folder can't be written, the server runs all the same, and nobody finds it there."""
        self._file: BinaryIO | None = None
        self._loads = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._path, self._file = _own_file(folder)
        except OSError as error:
            log.info("the instance folder can't be written, so only --pid reloads this server: %s", error)

    def loaded(self, *, default: str, sha256: str, problem: str = "") -> None:
        """Write down that the weights were loaded, or what was wrong with them; as in `RunningServer`."""
        self._loads += 1
        if self._file is None:
            return
        with contextlib.suppress(OSError):  # a full disk; whoever waits for it will say that nothing came
            server = RunningServer(os.getpid(), self._loads, default, sha256, problem, _namespace())
            self._file.seek(0)
            self._file.truncate()
            self._file.write(json.dumps(asdict(server)).encode())

    def withdraw(self) -> None:
        """Remove the file, at the end."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                if _is_at(self._path, self._file):
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

    A server that ended meanwhile is left out. One that does not answer in time has that for its problem. So
    has one in another container, which is not asked: its number is another process's here, or nobody's.
    """
    here = _namespace()
    foreign = [each for each in servers if here and each.namespace not in ("", here)]
    asked = [each for each in servers if each not in foreign]
    for server in asked:
        with contextlib.suppress(ProcessLookupError):
            ask_to_reload(server.pid)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        now = {_identity(each): each for each in running_servers(folder)}
        waiting = [each for each in asked if each.loads == getattr(now.get(_identity(each)), "loads", None)]
        if not waiting or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    late = f"it did not load its weights within {_PATIENCE_SECONDS:g} s"
    problems = dict.fromkeys(waiting, late) | dict.fromkeys(foreign, _ELSEWHERE)
    return [
        replace(now[_identity(each)], problem=problems[each]) if each in problems else now[_identity(each)]
        for each in servers
        if _identity(each) in now
    ]


def ask_to_reload(pid: int) -> None:
    """Ask the server with this main process, and wait for nothing. Raises OSError."""
    os.kill(pid, signal.SIGHUP)


def _own_file(folder: Path) -> tuple[Path, BinaryIO]:
    """A file that is locked for this process, and where it lies. Raises OSError."""
    for number in range(1, _MOST_NAMES + 1):
        path = folder / f"{_PREFIX}{os.getpid()}{'' if number == 1 else f'-{number}'}.json"
        # It is not truncated before it is ours: a server of this number in another container may hold it.
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b", buffering=0)
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(path, file):  # no one has just removed it for a killed server's
                file.truncate()
                return path, file
        except BlockingIOError:
            pass
        except BaseException:
            file.close()
            raise
        file.close()
    raise FileExistsError(f"{_MOST_NAMES} servers of the number {os.getpid()} have their files there")


def _is_at(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _namespace() -> str:
    """Whose process numbers are ours: those of a container, or of the whole machine."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:  # no /proc, or not Linux
        return ""


def _identity(server: RunningServer) -> tuple[int, str]:
    return server.pid, server.namespace


def _read(file: BinaryIO) -> RunningServer:
    """What a server wrote, tried again when it is writing just now. Raises ValueError or TypeError."""
    for _ in range(50):
        file.seek(0)
        text = file.read()
        if text.endswith(b"}"):
            break
        time.sleep(0.01)
    return RunningServer(**json.loads(text))
