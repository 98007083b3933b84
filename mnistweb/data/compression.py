"""Opening data files however they are packed, going by their first bytes and not by their names."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from mnistweb.data.errors import DataError, MissingDataError
from mnistweb.data.lzw import MAGIC as COMPRESS_MAGIC
from mnistweb.data.lzw import unpack_compress

# The largest honest file, the unpacked mnist.pkl.gz, has 220 MB. Anything beyond this is a mistake or a bomb.
MAX_UNPACKED_BYTES = 256 * 1024 * 1024

GZIP_MAGIC = b"\x1f\x8b"

# What is not read here, and what to do about it.
_OTHER_KINDS = {
    b"BZh": "a bzip2 archive; unpack it with `bunzip2` first",
    b"\xfd7zXZ\0": "an xz archive; unpack it with `unxz` first",
    b"\x28\xb5\x2f\xfd": "a zstd archive; unpack it with `unzstd` first",
    b"\x93NUMPY": "an array in NumPy's own format",
    b"\xff\xfe": "text in UTF-16; save it as UTF-8",
    b"\xfe\xff": "text in UTF-16; save it as UTF-8",
}


@contextlib.contextmanager
def open_unpacked(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for reading, unpacking gzip on the way.

    Inside the `with` block, gzip's own errors (cut off, wrong CRC) become a DataError that names the file.
    Raises MissingDataError when there is no such file.
    """
    with _gzip_faults(str(path)), _opened(path) as raw:
        packed = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        if not packed:
            yield raw
            return
        with gzip.GzipFile(fileobj=raw, mode="rb") as unpacked_file:
            yield cast(BinaryIO, unpacked_file)


def read_unpacked(path: str | os.PathLike[str], *, max_bytes: int = MAX_UNPACKED_BYTES) -> bytes:
    """All bytes of a file, unpacked if it is gzip or compress (.Z).

    Raises DataError when it is damaged or holds more than `max_bytes`, MissingDataError when it is not there.
    """
    with _opened(path) as file:
        content = file.read(max_bytes + 1)
    return unpacked(content, str(path), max_bytes=max_bytes)


def unpacked(content: bytes, name: str, *, max_bytes: int = MAX_UNPACKED_BYTES) -> bytes:
    """The bytes inside `content`, which may be packed by gzip or compress (.Z), or not at all.

    name: what to call the data in errors. Raises DataError when it is damaged or unpacks to more than
    `max_bytes`: a gzip file of 500 kB can hold 500 MB of zeros, so unpacking stops at the limit.
    """
    if content.startswith(GZIP_MAGIC):
        with _gzip_faults(name), gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            content = file.read(max_bytes + 1)
    elif content.startswith(COMPRESS_MAGIC):
        try:
            content = unpack_compress(content, max_bytes=max_bytes)
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
    if len(content) > max_bytes:
        raise DataError(f"{name}: holds more than {max_bytes:,} bytes, which no data set read here does")
    return content


def from_zip(archive: bytes, member: str, name: str) -> bytes:
    """One file out of a ZIP archive. Raises DataError when it is not in it, too large, or damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            size = files.getinfo(member).file_size
            if size > MAX_UNPACKED_BYTES:
                raise DataError(f"{name}: {member} in the archive claims {size:,} bytes")
            return files.read(member)
    except KeyError as error:
        raise DataError(f"{name}: there is no {member} in the archive") from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise DataError(f"{name}: the ZIP archive is damaged ({error})") from error


def looks_like(head: bytes) -> str:
    """Say in words what the first bytes of a file suggest it is, for error messages."""
    start = head[:64].lstrip().lower()
    if not head:
        return "an empty file"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "a web page"
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file itself"
    if head.startswith(b"PK\x03\x04"):
        return "a ZIP archive, or an .npz, which is one; unpack it first"
    if head.startswith(COMPRESS_MAGIC):
        return "a compress (.Z) archive; unpack it with `gzip -d` first"
    if head.startswith(GZIP_MAGIC):
        return "gzip inside gzip"
    for magic, kind in _OTHER_KINDS.items():
        if head.startswith(magic):
            return kind
    if head.startswith(b"\x80") and len(head) > 1 and head[1] <= 5:
        return "a pickle"
    if head.startswith((b"\x89PNG", b"\xff\xd8\xff")):
        return "a picture"
    return f"something that begins with {head[:8]!r}"


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    if os.path.isdir(path):
        raise DataError(f"{path}: this is a folder, a file was wanted")
    if not os.path.exists(path):
        raise MissingDataError(f"{path}: there is no such file")
    with open(path, "rb") as file:
        yield file


@contextlib.contextmanager
def _gzip_faults(name: str) -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise DataError(f"{name}: the gzip data is cut off before its end") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{name}: the gzip data is damaged ({error})") from error
