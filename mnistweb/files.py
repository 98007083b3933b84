"""Writing files so that a reader finds the old one or the new one, never half of either."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

_TEMPORARY_PREFIX = ".mnistweb-"
_TEMPORARY_SUFFIX = ".partial"


def write_atomically(path: str | os.PathLike[str], data: bytes, *, durable: bool = True) -> None:
    """Replace the file at `path` by `data`: write beside it, flush to the disk, rename.

    Without `durable` nothing is flushed: for what is written often and may be lost with the power.

    Raises OSError when the disk refuses; the earlier file is then untouched and nothing is left beside it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(
        prefix=_TEMPORARY_PREFIX + path.name + "-", suffix=_TEMPORARY_SUFFIX, dir=path.parent
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp's 0600 would hide the file from a server running as another user
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if durable:
        _flush_folder(path.parent)


def remove_leftovers(folder: str | os.PathLike[str]) -> int:
    """Remove the temporary files that killed writers left in `folder`; returns how many there were.

    Called by whoever owns the folder when it starts, while no other writer is at work there.
    """
    removed = 0
    for leftover in list(Path(folder).glob(f"{_TEMPORARY_PREFIX}*{_TEMPORARY_SUFFIX}")):
        with contextlib.suppress(OSError):  # in a folder that is read-only they harm nobody
            leftover.unlink()
            removed += 1
    return removed


def _flush_folder(folder: Path) -> None:
    # The rename itself is on the disk only once the folder is. Some file systems can't flush a folder; even
    # there the new file is in its place.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
