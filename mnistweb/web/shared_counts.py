"""Counts of several worker processes in one folder, so that `/metrics` can add them up.

prometheus_client keeps the counts of each process in files of its own, named after the process. Ours are
named after the worker's place instead: the first worker, the second, ... A worker that replaces another goes
on in its files, so nothing is lost when workers are replaced, and the files stay as few as the workers.

The files are mapped into memory. On a disk that is full, writing to a mapped file kills the process, so their
space is taken before it is needed. Where none can be had, each process counts for itself.
"""

from __future__ import annotations

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

_folder: Path | None = None
_place = 0


def start_sharing(arbiter: Any) -> None:
    """Make the folder. gunicorn calls this as it starts, before it forks any worker."""
    global _folder
    found = _new_folder(2 * arbiter.cfg.workers)  # while workers are replaced, there are twice as many
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


def all_workers() -> CollectorRegistry | None:
    """The counts of all workers; None when each counts for itself."""
    if _folder is None or not _folder.is_dir():
        return None
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(_folder))
    return registry


def _new_folder(places: int) -> Path | None:
    """A folder with files for so many workers: in memory if there is room, else where temporary files go."""
    for parent in ("/dev/shm", None):
        try:
            folder = Path(tempfile.mkdtemp(prefix="mnistweb-counts-", dir=parent))
        except OSError:
            continue
        try:
            for place in range(1, places + 1):
                for kind, size in _FILE_BYTES.items():
                    with (folder / f"{kind}_{place}.db").open("wb") as file:
                        os.posix_fallocate(file.fileno(), 0, size)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        return folder
    return None
