"""The body of a request as bytes, once its length, its size and its encoding have been judged."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import IO, Any
from urllib.parse import parse_qsl

import flask
from flask import current_app, request
from werkzeug.datastructures import ImmutableMultiDict, MultiDict
from werkzeug.utils import cached_property

from mnistweb.web.errors import ProblemError


class Request(flask.Request):
    """Flask's request, but uploads stay in memory: bodies are small, and a full /tmp must stop nothing."""

    def _get_file_stream(self, *args: Any, **kwargs: Any) -> IO[bytes]:
        return io.BytesIO()

    @cached_property
    def args(self) -> MultiDict[str, str]:
        """What stands after the question mark."""
        return _query(self.query_string)

    def close(self) -> None:
        """Flask closes the files of uploads at a request's end; ours are none."""


@lru_cache(64)  # most clients ask the same each time
def _query(text: bytes) -> ImmutableMultiDict[str, str]:
    """As Werkzeug reads it."""
    return ImmutableMultiDict(parse_qsl(text.decode(), keep_blank_values=True, errors="werkzeug.url_quote"))


def check_framing() -> None:
    """Refuse a body of unknown or too great a length, a compressed one, and a request for no host.

    Runs before every request. Without a Content-Length a server would read up to its limit and stop in
    silence, and half looks whole.
    """
    environ = request.environ
    if "HTTP_HOST" not in environ and environ.get("SERVER_PROTOCOL") == "HTTP/1.1":  # RFC 9112, section 3.2
        raise ProblemError("broken_request", "The Host header is missing; HTTP/1.1 wants one.")
    if request.routing_exception is not None:
        return  # no such route, or a wrong method: that is the better answer
    length = environ.get("CONTENT_LENGTH")
    if not length:
        if request.method in ("POST", "PUT", "PATCH"):
            raise ProblemError(
                "length_required",
                "No Content-Length was sent (a chunked body has none); wanted is a body with its length.",
            )
        return
    limit = current_app.config["MAX_REQUEST_BYTES"]
    if int(length) > limit:
        raise ProblemError("too_large", f"The body is too long; at most {limit:,} bytes are taken.")
    if environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise ProblemError(
            "unsupported_encoding", "The body has a Content-Encoding; wanted is the body as it is."
        )


def read_body() -> bytes:
    """The whole body, which can be read once. Raises ProblemError when it ended before its Content-Length."""
    environ = request.environ  # past Werkzeug, which would count again what `check_framing` has judged
    wanted = max(0, int(environ.get("CONTENT_LENGTH") or 0))
    try:
        body: bytes = environ["wsgi.input"].read(wanted)
    except OSError as error:  # the client has gone
        raise ProblemError("incomplete_body", "The connection broke before the body had ended.") from error
    if len(body) < wanted:
        raise ProblemError("incomplete_body", f"The body ended after {len(body):,} of {wanted:,} bytes.")
    return body
