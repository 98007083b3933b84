"""Opening data files whether they are gzip-compressed or not, going by their first bytes, not their names."""

from __future__ import annotations

import contextlib
import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from mnistweb.data.errors import DataError, MissingDataError

# The largest honest file, the unpacked mnist.pkl.gz, has 220 MB. Anything beyond this is a mistake or a bomb.
MAX_UNPACKED_BYTES = 256 * 1024 * 1024

_GZIP_MAGIC = b"\x1f\x8b"


@contextlib.contextmanager
def open_unpacked(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for reading, unpacking gzip on the way.

    Inside the `with` block, gzip's own errors (cut off, wrong CRC) become a DataError that names the file.
    Raises MissingDataError when there is no such file.
    """
    path = Path(path)
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            if not packed:
                yield raw
                return
            with gzip.GzipFile(fileobj=raw, mode="rb") as unpacked:
                yield cast(BinaryIO, unpacked)
    except FileNotFoundError as error:
        if isinstance(error, DataError):
            raise
        raise MissingDataError(f"{path}: there is no such file") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: this is a folder, a file was wanted") from error
    except EOFError as error:
        raise DataError(f"{path}: the gzip data is cut off before its end") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: the gzip data is damaged ({error})") from error


def read_unpacked(path: str | os.PathLike[str], *, max_bytes: int = MAX_UNPACKED_BYTES) -> bytes:
    """All bytes of a file, unpacked.

    Raises DataError when it is damaged or unpacks to more than `max_bytes`: a gzip file of 500 kB can
    hold 500 MB of zeros, so unpacking stops at the limit.
    """
    with open_unpacked(path) as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise DataError(f"{path}: holds more than {max_bytes:,} bytes, which no data set read here does")
    return content


def looks_like(head: bytes) -> str:
    """Say in words what the first bytes of a file suggest it is, for error messages."""
    start = head.lstrip()[:64].lower()
    if not head:
        return "an empty file"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "a web page"
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file itself"
    if head.startswith(b"PK\x03\x04"):
        return "a ZIP archive; unpack it first"
    if head.startswith(b"\x1f\x9d"):
        return "a compress (.Z) archive; unpack it with `gzip -d` first"
    if head.startswith(_GZIP_MAGIC):
        return "gzip inside gzip"
    if head.startswith(b"\x80") and len(head) > 1 and head[1] <= 5:
        return "a pickle"
    if head.startswith((b"\x89PNG", b"\xff\xd8\xff")):
        return "a picture"
    return f"something that begins with {head[:8]!r}"
