"""Writing files so that a reader finds the old one or the new one, never half of either."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO

_TEMPORARY_PREFIX = ".mnistweb-"
_TEMPORARY_SUFFIX = ".partial"


def write_atomically(path: str | os.PathLike[str], data: bytes, *, durable: bool = True) -> None:
    """Replace the file at `path` by `data`: write beside it, flush to the disk, rename.

    Without `durable` nothing is flushed: for what is written often and may be lost with the power.

    Raises OSError, which names `path`, when the disk refuses; the earlier file is then untouched and nothing
    is left beside it.
    """
    path = Path(path)
    try:
        _replace(path, data, durable)
    except OSError as error:
        if error.errno is None:
            raise
        # That of a full disk names no file, others the temporary one.
        raise OSError(error.errno, error.strerror, str(path)) from error


def remove_leftovers(folder: str | os.PathLike[str]) -> int:
    """Remove the temporary files that killed writers left in `folder` and below; returns how many there were.

    Those of writers that are at work stay.
    """
    removed = 0
    for leftover in list(Path(folder).rglob(f"{_TEMPORARY_PREFIX}*{_TEMPORARY_SUFFIX}")):
        with contextlib.suppress(OSError), leftover.open("rb") as file:
            _lock(file)  # fails while the writer lives
            leftover.unlink()  # fails in a folder that is read-only, where they harm nobody
            removed += 1
    return removed


def _replace(path: Path, data: bytes, durable: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(
        prefix=_TEMPORARY_PREFIX + path.name + "-", suffix=_TEMPORARY_SUFFIX, dir=path.parent
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            _lock(file)  # until it has its name: so remove_leftovers sees that its writer lives
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)  # mkstemp's 0600 would hide it from a server running as another user
            os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if durable:
        _flush_folder(path.parent)


def _lock(file: IO[bytes]) -> None:
    """Mark the file as in use. Raises BlockingIOError when it is marked already."""
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a file system without locks
        return


def _flush_folder(folder: Path) -> None:
    # The rename itself is on the disk only once the folder is. Some file systems can't flush a folder; even
    # there the new file is in its place.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
