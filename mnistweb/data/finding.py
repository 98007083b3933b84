"""Where data files are on this disk, and whether a file is the one it is called."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mnistweb.data.catalogue import FETCHABLE, DataFile, KnownDataset
from mnistweb.data.compression import read_unpacked, unpacked
from mnistweb.data.errors import DataError, MissingDataError
from mnistweb.resources import instance_folder

_KNOWN_CHECKSUMS = {file.md5 for known in FETCHABLE.values() for file in known.files}


def instance_data_folder() -> Path:
    """Where fetched data is kept: ``data`` in the instance folder."""
    return instance_folder() / "data"


def default_data_folder() -> Path:
    """The folder ``MNISTWEB_DATA_DIR`` names, else the one fetched data is kept in."""
    return data_folders()[0]


def data_folders() -> list[Path]:
    """Where data is looked for: in ``MNISTWEB_DATA_DIR`` if it is set, then in the instance's data folder."""
    named = os.environ.get("MNISTWEB_DATA_DIR")
    return [Path(named).expanduser(), instance_data_folder()] if named else [instance_data_folder()]


def find_file(folders: Iterable[Path], known: KnownDataset, wanted: DataFile) -> Path:
    """The file of a known data set in one of `folders` or below it, told by its checksum.

    MNIST and Fashion-MNIST use the same file names, so a name alone does not say which one it is.
    Raises MissingDataError when there is none, DataError when there are only damaged or unknown files.
    """
    folders = list(folders)
    fault: DataError | None = None
    for path in _candidates(folders, known, wanted):
        try:
            found = checksum(read_unpacked(path), wanted.name)
            if found == wanted.md5:
                return path
            if found in _KNOWN_CHECKSUMS:
                continue  # whole, but of another set that uses the same names
            raise DataError(f"{path}: not the {wanted.name} of {known.title}, its checksum is another")
        except DataError as error:
            fault = fault or error
    if fault is not None:
        raise fault
    raise MissingDataError(
        f"{known.title}: no {wanted.name} in {' or '.join(map(str, folders))}; fetch it with "
        f"`mnistweb data fetch {known.name}`, or name the folder that has it with MNISTWEB_DATA_DIR"
    )


def is_right(content: bytes, wanted: DataFile) -> bool:
    """Whether `content`, packed or not, is that of `wanted`. Raises DataError when it cannot be unpacked."""
    return checksum(content, wanted.name) == wanted.md5


def checksum(content: bytes, name: str) -> str:
    """MD5 of `content` once it is unpacked, 32 hex digits. Raises DataError when it cannot be unpacked."""
    return hashlib.md5(unpacked(content, name), usedforsecurity=False).hexdigest()


def _candidates(folders: list[Path], known: KnownDataset, wanted: DataFile) -> Iterator[Path]:
    # The data set's own folder first, then the folder itself, then any other a level or two below.
    seen = set()
    for folder in folders:
        for below in (known.name, "", "*", "*/*"):
            for name in (wanted.name, *wanted.other_names):
                for path in sorted(folder.glob(f"{below}/{name}".lstrip("/"))):
                    if path not in seen and path.is_file():
                        seen.add(path)
                        yield path
