"""Counts of several worker processes in one folder, so that `/metrics` can add them up.

prometheus_client keeps the counts of each process in files of its own, named after the process. Ours are
named after the worker's place instead: the first worker, the second, ... A worker that replaces another goes
on in its files, so nothing is lost when workers are replaced, and the files stay as few as the workers.

The folder is locked while any process of its server lives. A server that was killed leaves its folder behind;
the next one that starts finds it without a lock and removes it.

The files are mapped into memory. On a disk that is full, writing to a mapped file kills the process, so their
space is taken before it is needed. Where none can be had, each process counts for itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector

log = logging.getLogger("mnistweb.web")

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # where prometheus_client looks for the folder's name

# Room for a thousand combinations of labels in each; a file that outgrows it grows by itself.
_FILE_BYTES = {"counter": 256 * 1024, "histogram": 1024 * 1024}

_PREFIX = "mnistweb-counts-"

_folder: Path | None = None
_lock = -1  # the open folder; the workers inherit it, and with it their share in the lock
_place = 0


def start_sharing(arbiter: Any) -> None:
    """Make the folder. gunicorn calls this as it starts, before it forks any worker."""
    global _folder, _lock
    remove_forsaken()  # first, for they take the room
    found, _lock = _new_folder(2 * arbiter.cfg.workers)  # while workers are replaced, there are twice as many
    if found is None:
        log.warning("no folder for shared counts can be written: /metrics counts each worker for itself")
        return
    _folder = found
    os.environ[FOLDER_VARIABLE] = str(found)
    values.ValueClass = values.MultiProcessValue(lambda: _place)


def take_place(arbiter: Any, worker: Any) -> None:
    """Give a worker the first place that is free. gunicorn calls this before it forks the worker."""
    global _place
    taken = {getattr(each, "place_of_counts", None) for each in arbiter.WORKERS.values()}
    _place = worker.place_of_counts = next(n for n in range(1, len(taken) + 2) if n not in taken)


def stop_sharing(arbiter: Any) -> None:
    """Remove the folder. gunicorn calls this as it ends."""
    if _folder is not None:
        shutil.rmtree(_folder, ignore_errors=True)
        os.close(_lock)


def remove_forsaken() -> int:
    """Remove the folders that killed servers left, not those of living ones; returns how many there were."""
    removed = 0
    for parent in _parents():
        for folder in Path(parent).glob(f"{_PREFIX}*"):
            with contextlib.suppress(OSError):  # it is locked; or another user's, or gone at this moment
                lock = _locked(folder)
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)
                removed += not folder.exists()
    return removed


def all_workers() -> CollectorRegistry | None:
    """The counts of all workers; None when each counts for itself."""
    if _folder is None or not _folder.is_dir():
        return None
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(_folder))
    return registry


def _parents() -> list[str]:
    """Where the folder may lie: in memory if there is room, else where temporary files go."""
    with contextlib.suppress(OSError):  # nowhere can a temporary file be written
        return ["/dev/shm", tempfile.gettempdir()]
    return ["/dev/shm"]


def _new_folder(places: int) -> tuple[Path | None, int]:
    """A folder with files for so many workers, and what holds its lock. Neither where there is no room."""
    for parent in [each for each in _parents() for _ in range(2)]:
        try:
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        except OSError:
            continue
        try:
            lock = _locked(folder)
        except OSError:  # another server that starts has just taken it for a forsaken one: once more
            shutil.rmtree(folder, ignore_errors=True)
            continue
        try:
            for place in range(1, places + 1):
                for kind, size in _FILE_BYTES.items():
                    with (folder / f"{kind}_{place}.db").open("wb") as file:
                        os.posix_fallocate(file.fileno(), 0, size)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
            continue
        return folder, lock
    return None, -1


def _locked(folder: Path) -> int:
    """The folder, opened and locked until that is closed. Raises OSError."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(lock)
        raise
    return lock
