"""Headers on every answer: what a browser may do with our pages, and the request's id."""

from __future__ import annotations

import itertools
import os
import re
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)

SECURITY_HEADERS = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class _Ids:
    """Ids of 16 hexadecimal digits that no two requests share: half of each is this process's, half a count.

    Asking the system for random numbers at each request would take as long as finding its view.
    """

    def __init__(self) -> None:
        self.renew()
        os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        """Begin anew, for a process that was forked from one that has these ids as well."""
        self._process, self._count = secrets.token_hex(4), itertools.count(1)

    def next(self) -> str:
        return f"{self._process}{next(self._count) % 2**32:08x}"


_new_ids = _Ids()


def register_headers(app: Flask) -> None:
    """Give each request an id and each answer its headers."""
    app.before_request(_take_request_id)
    app.after_request(_add_headers)
    app.wsgi_app = _with_security_headers(app.wsgi_app)  # type: ignore[assignment, method-assign]


def _take_request_id() -> None:
    """The id that a proxy in front gave, so that its log and ours go together; else a new one."""
    given = request.environ.get("HTTP_X_REQUEST_ID")
    g.request_id = given if given and _REQUEST_ID.fullmatch(given) else _new_ids.next()


def _add_headers(response: Response) -> Response:
    headers = response.headers
    headers["X-Request-ID"] = g.request_id
    if not headers.getlist("Cache-Control"):
        headers["Cache-Control"] = "no-store" if request.method == "POST" else "no-cache"
    return response


def _with_security_headers(application: WSGIApplication) -> WSGIApplication:
    """The same headers for every answer, added where that costs least: as it leaves the application."""

    def with_headers(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *failure: Any) -> Any:
            return start_response(status, [*headers, *SECURITY_HEADERS], *failure)

        return application(environ, start)

    return with_headers
