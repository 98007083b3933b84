"""The body of a request as bytes, once its length, its size and its encoding have been judged."""

from __future__ import annotations

import io
from typing import IO, Any

import flask
from flask import current_app, request

from mnistweb.web.errors import ProblemError


class Request(flask.Request):
    """Flask's request, but uploads stay in memory: bodies are small, and a full /tmp must stop nothing."""

    def _get_file_stream(self, *args: Any, **kwargs: Any) -> IO[bytes]:
        return io.BytesIO()


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
    wanted = request.content_length or 0
    try:  # past Werkzeug, whose streams would count again what `check_framing` has judged
        body: bytes = request.environ["wsgi.input"].read(wanted)
    except OSError as error:  # the client has gone
        raise ProblemError("incomplete_body", "The connection broke before the body had ended.") from error
    if len(body) < wanted:
        raise ProblemError("incomplete_body", f"The body ended after {len(body):,} of {wanted:,} bytes.")
    return body
