"""Fetches public data sets from their mirrors, or from a folder, and lets only the right bytes in.

A file is loaded beside its place, under ``.partial``, and moved there when its checksum has been found right.
A connection that breaks is taken up where it broke, by the next run too; then the next mirror has its turn.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import os
from collections.abc import Callable, Iterator
from functools import partial as bound
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

from mnistweb.data.catalogue import FETCHABLE, DataFile, KnownDataset
from mnistweb.data.compression import GZIP_MAGIC, from_zip, looks_like, unpacked
from mnistweb.data.errors import DataError, DownloadError
from mnistweb.data.finding import data_folders, find_file, instance_data_folder, is_right
from mnistweb.data.transfer import load, remove
from mnistweb.files import write_atomically

# Called with the file's name, the bytes that are here, and the bytes in all, None if the server does not say.
Progress = Callable[[str, int, int | None], None]


def fetch(
    name: str,
    folder: str | os.PathLike[str] | None = None,
    *,
    source: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    timeout_seconds: float = 30.0,
) -> list[Path]:
    """Make sure that the files of the data set `name` are on this disk; returns where they are.

    Without `folder`, a file that is right in the folder MNISTWEB_DATA_DIR names or in the instance's data
    folder stays where it is, and a missing one goes into the latter; with `folder`, all shall be there.
    source: a folder to copy from instead of the mirrors; the files may lie in subfolders of it.

    Raises DataError for an unknown name, MissingDataError when `source` has not got a file, DownloadError
    when no mirror gave the right bytes, OSError when the disk refuses. None leaves a wrong file in place.
    """
    if name not in FETCHABLE:
        raise DataError(f"no data set is called {name!r}; there are {', '.join(FETCHABLE)}")
    known = FETCHABLE[name]
    target = Path(folder) if folder is not None else instance_data_folder()
    folders = [target] if folder is not None else data_folders()
    paths = []
    for file in known.files:
        try:
            paths.append(find_file(folders, known, file))
        except DataError:  # missing or damaged: it is put in place now
            place = target / known.folder / file.name
            with _alone_in(target):
                if not (place.is_file() and _is_right(place.read_bytes(), file)):  # another process was first
                    content = _obtain(known, file, source, target, progress or _silent, timeout_seconds)
                    write_atomically(place, content)
            paths.append(place)
    return paths


def _obtain(
    known: KnownDataset,
    file: DataFile,
    source: str | os.PathLike[str] | None,
    target: Path,
    progress: Progress,
    timeout_seconds: float,
) -> bytes:
    """The right content of `file`, packed by gzip."""
    if source is not None:
        content = find_file([Path(source)], known, file).read_bytes()
    else:
        content = _download(file, target / ".partial", progress, timeout_seconds)
    if content.startswith(GZIP_MAGIC):
        return content
    # Without a time stamp the same content always makes the same file.
    return gzip.compress(unpacked(content, file.name), compresslevel=6, mtime=0)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one process at a time load into `folder`; the others wait."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # this unlocks it, as does the end of the process


def _is_right(content: bytes, file: DataFile) -> bool:
    try:
        return is_right(content, file)
    except DataError:
        return False


def _silent(name: str, here: int, total: int | None) -> None:
    pass


def _download(file: DataFile, partial_folder: Path, progress: Progress, timeout_seconds: float) -> bytes:
    """The file as some mirror has it, its checksum found right."""
    reasons = []
    for url in file.urls:
        # A partial file belongs to one address: other mirrors may have packed the same content differently.
        partial = partial_folder / f"{file.name}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
        try:
            content = _from_mirror(url, file, partial, progress, timeout_seconds)
        except DownloadError as error:
            reasons.append(f"{urlsplit(url).netloc} {error}")
            continue
        remove(partial)
        return content
    raise DownloadError(f"{file.name} could not be fetched: {'; '.join(reasons)}")


def _from_mirror(
    url: str, file: DataFile, partial: Path, progress: Progress, timeout_seconds: float
) -> bytes:
    address, member = urldefrag(url)
    while True:
        resumed = partial.is_file() and partial.stat().st_size > 0
        load(address, partial, bound(progress, file.name), timeout_seconds=timeout_seconds)
        content = partial.read_bytes()
        try:
            wanted = from_zip(content, member, file.name) if member else content
            if is_right(wanted, file):
                return wanted
            reason = f"sent the wrong content ({_in_short(content)})"
        except DataError as error:
            reason = f"sent a damaged file ({error})"
        remove(partial)
        if not resumed:
            raise DownloadError(reason)
        # What was left of an earlier run and what is there now do not belong together: once more in full.


def _in_short(content: bytes) -> str:
    appearance = looks_like(content)
    is_junk = appearance.startswith(("an empty file", "a web page", "a Git LFS pointer"))
    return appearance if is_junk else f"{len(content):,} bytes with another checksum"
