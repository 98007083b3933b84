"""Requests that are known to be answered within a few milliseconds, by what has arrived of them.

Handing a request to a thread and back takes part of the time that answering a drawing takes, and threads
that compute side by side wait for Python's lock. So the thread that waits for all connections answers such
requests by itself, one after the other (`mnistweb/web/worker.py`), as servers without threads do with all
they get. What might take longer, such as a large picture in a small file, never holds it up.

Such a request is also plain enough to be read with one look. Only what cannot be misread is taken: POST to
/predict in HTTP/1.1, whole and alone, with ordinary headers of which none comes twice and none changes how
the rest is read. Whatever else arrives, right or wrong, is left to gunicorn's parser, and so are all errors.
"""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from gunicorn.config import Config
from gunicorn.http.wsgi import base_environ

from mnistweb.imaging.containers import PNG_SIGNATURE
from mnistweb.web.incoming import IMAGE_TYPES, pixel_count

MOST_BYTES = 16 * 1024  # of a request: 784 numbers of 16 digits, or the PNG of a drawing
_MOST_BYTES_OF_HEAD = 4000  # less than any limit of gunicorn's
_MOST_PIXELS = 320 * 320  # of a picture; the canvas has 280 x 280

# No percent sign, which would have to be decoded; no underscore in a name, which would look like a hyphen to
# WSGI; at most 50 headers, gunicorn's limit being higher; no bytes beyond ASCII.
_HEAD = re.compile(
    r"POST /predict(?:\?([A-Za-z0-9=&._-]*))? HTTP/1\.1"
    r"((?:\r\n[A-Za-z0-9-]+:[ -~]*){1,50})"
    r"\r\n\r\n"
)
_LENGTH = re.compile(r"[0-9]{1,5}")
# How long the body is, whether the client waits for a word first, what becomes of the connection.
_CHANGE_THE_READING = {"HTTP_TRANSFER_ENCODING", "HTTP_EXPECT", "HTTP_UPGRADE", "HTTP_TRAILER", "HTTP_TE"}

#: What every request here has in common, as WSGI calls it (PEP 3333). No answer of /predict has an address in
#: it, so what a proxy tells of the scheme is not looked for.
_COMMON = {
    "REQUEST_METHOD": "POST",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/predict",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.url_scheme": "http",
    "wsgi.multithread": True,
}

# Settings that make gunicorn do more with a request than is done here.
_MORE_THAN_QUICK = (
    "accesslog", "statsd_host", "logconfig", "logconfig_dict", "logconfig_json", "syslog", "pre_request",
    "post_request", "certfile", "proxy_protocol",
)  # fmt: skip

Environ = dict[str, Any]


def server_environ(configuration: Config) -> Environ | None:
    """What WSGI is told of the server; None when gunicorn is told to do more than answering."""
    settings = configuration.settings
    more = [name for name in _MORE_THAN_QUICK if settings[name].get() != settings[name].default]
    if more or "SCRIPT_NAME" in os.environ:
        return None
    return dict(base_environ(configuration))


def both_ends(client: tuple[Any, ...], server: tuple[Any, ...]) -> Environ:
    """What WSGI is told of a connection, by the addresses of its ends."""
    return {
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
    }


def quick_environ(data: bytes) -> Environ | None:
    """What `data` asks, if it is one whole quick request and nothing more: numbers or a small PNG.

    Returns a WSGI environment without what the server knows of itself and of the client.
    """
    end = data.find(b"\r\n\r\n") + 4
    if end > _MOST_BYTES_OF_HEAD:
        return None
    head = _HEAD.fullmatch(data[:end].decode("latin-1"))
    if head is None:
        return None
    query, fields = head.groups()
    environ: Environ = _COMMON | {"QUERY_STRING": query or ""}
    for field in fields.split("\r\n")[1:]:
        name, _, value = field.partition(":")
        key = _key(name)
        if key in environ:
            return None
        environ[key] = value.strip(" ")
    length = environ.get("CONTENT_LENGTH", "")
    if not _LENGTH.fullmatch(length) or end + int(length) != len(data) or "HTTP_HOST" not in environ:
        return None
    if environ.get("HTTP_CONNECTION", "keep-alive").lower() != "keep-alive":
        return None
    if not _CHANGE_THE_READING.isdisjoint(environ):
        return None
    body = data[end:]
    if not _is_quick(environ.get("CONTENT_TYPE", ""), body):
        return None
    environ["wsgi.input"] = io.BytesIO(body)
    return environ


def quick_answer(application: Callable[..., Iterable[bytes]], environ: Environ, *, stays_open: bool) -> bytes:
    """The application's answer as it goes over the wire, head and body in one piece.

    Answers of /predict have a Content-Length, so nothing else says where they end.
    """
    started: list[Any] = []
    chunks = application(environ, lambda *how: started.extend(how))
    try:
        body = b"".join(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    status, headers = started[:2]
    return _head(status, headers, stays_open) + body


def _head(status: str, headers: Sequence[tuple[str, str]], stays_open: bool) -> bytes:
    date, how = _date(int(time.time())), "keep-alive" if stays_open else "close"
    first = f"HTTP/1.1 {status}\r\nServer: gunicorn\r\nDate: {date}\r\nConnection: {how}\r\n"
    rest = "".join([f"{name}: {value}\r\n" for name, value in headers])
    return f"{first}{rest}\r\n".encode("latin-1")


def _is_quick(content_type: str, body: bytes) -> bool:
    # The application reads a body as its Content-Type says. So what is looked for here is what is read there:
    # in a form, or in a picture that calls itself JSON, the same bytes could mean anything.
    kind = content_type.partition(";")[0].strip().lower()
    if kind in IMAGE_TYPES:  # a decoder goes by the content, and takes no PNG with a second header
        return body.startswith(PNG_SIGNATURE) and pixel_count(body) <= _MOST_PIXELS
    if kind != "application/json" or not body.lstrip(b" \t\r\n").startswith(b"{"):
        return False
    # Numbers, and nothing that takes a closer look. After a backslash a word may be spelt in another way.
    return b'"pixels"' in body and not any(word in body for word in (b'"image"', b'"explain"', b"\\"))


@lru_cache(256)
def _key(name: str) -> str:
    """What WSGI calls a header."""
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


@lru_cache(1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
