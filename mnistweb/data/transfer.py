"""Loads one address into a file over HTTP, going on where an earlier attempt broke off."""

from __future__ import annotations

import contextlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from mnistweb.data.errors import DownloadError

# Called with the bytes that are here and the bytes in all, which is None if the server does not say.
OnBytes = Callable[[int, int | None], None]

_MAX_BYTES = 128 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_ATTEMPTS = 4  # as long as each of them brings something


class _ConnectionLost(Exception):
    """The network's fault, as opposed to the disk's; Python raises OSError for both."""


def load(address: str, partial: Path, on_bytes: OnBytes, *, timeout_seconds: float) -> None:
    """Load `address` into the file `partial`, which may hold the beginning of it already.

    Raises DownloadError with the reason when that cannot be done; what came is then kept in `partial` if it
    can be gone on from, else there is no file. Raises OSError when the disk refuses.
    """
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(partial, "ab") as file:
            _load_persistently(address, file, on_bytes, timeout_seconds)
    except DownloadError:
        if partial.is_file() and not partial.stat().st_size:
            remove(partial)
        raise
    except OSError:
        remove(partial)  # on a full disk nobody wants to keep half a file
        raise


def remove(partial: Path) -> None:
    """Remove a partial file, and its folder if that was the last one in it."""
    partial.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        partial.parent.rmdir()


def _load_persistently(address: str, file: BinaryIO, on_bytes: OnBytes, timeout_seconds: float) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        before = file.tell()
        try:
            _load_rest(address, file, on_bytes, timeout_seconds)
            return
        except urllib.error.HTTPError as error:
            error.close()
            file.truncate(0)
            if error.code != 416 or not before:
                raise DownloadError(f"answered {error.code} {error.reason}".strip()) from error
            # 416: there is no such rest, so what is here is no part of what is there now. Start again.
        except _ConnectionLost as error:
            if file.tell() <= before or attempt == _ATTEMPTS:
                raise DownloadError(str(error)) from error
    raise DownloadError("refuses to send the rest of a partial download")


def _load_rest(address: str, file: BinaryIO, on_bytes: OnBytes, timeout_seconds: float) -> None:
    here = file.seek(0, 2)
    headers = {"User-Agent": "mnistweb", "Accept-Encoding": "identity"}
    if here:
        headers["Range"] = f"bytes={here}-"
    request = urllib.request.Request(address, headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=timeout_seconds)
    except urllib.error.HTTPError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise _ConnectionLost(_in_words(error)) from error
    with response:
        content_range = response.headers.get("Content-Range", "")
        if response.status != 206 or not content_range.startswith(f"bytes {here}-"):
            here = 0  # some servers send everything, whatever was asked
            file.truncate(0)
        length = response.headers.get("Content-Length", "")
        total = here + int(length) if length.isascii() and length.isdecimal() else None
        on_bytes(here, total)
        while chunk := _read(response):
            file.write(chunk)
            here += len(chunk)
            if here > _MAX_BYTES:
                file.truncate(0)
                raise DownloadError(f"sent more than {_MAX_BYTES:,} bytes")
            on_bytes(here, total)
    file.flush()
    if total is not None and here < total:
        raise _ConnectionLost(f"broke off after {here:,} of {total:,} bytes")


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(_CHUNK_BYTES)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _ConnectionLost(f"broke off ({_reason(error)})") from error


def _in_words(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return "did not answer in time"
    return f"could not be reached ({_reason(reason)})"


def _reason(error: object) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
