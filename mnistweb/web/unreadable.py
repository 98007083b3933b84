"""What is no proper HTTP never reaches the application; here it is answered as other errors are."""

from __future__ import annotations

import logging
import secrets
from typing import Any

import msgspec
from gunicorn.http import errors

from mnistweb.web.errors import TITLES
from mnistweb.web.headers import SECURITY_HEADERS
from mnistweb.web.schemas import Problem

requests_log = logging.getLogger("mnistweb.requests")

_REASONS = {400: "Bad Request", 414: "URI Too Long", 431: "Request Header Fields Too Large"}
# The first that fits counts. Nothing that the client sent is repeated.
_DETAILS: tuple[tuple[type[Exception], str, str], ...] = (
    (errors.LimitRequestLine, "address_too_long", "The request line has more than {line:,} bytes."),
    (
        errors.LimitRequestHeaders,
        "headers_too_large",
        "At most {fields} headers are taken, of at most {size:,} bytes each.",
    ),
    (
        errors.InvalidRequestLine,
        "broken_request",
        "The first line is not of the form METHOD /address HTTP/1.1.",
    ),
    (errors.InvalidRequestMethod, "broken_request", "The method is no name in capitals, such as GET."),
    (errors.InvalidHTTPVersion, "broken_request", "Spoken here are HTTP/1.0 and HTTP/1.1."),
    (errors.UnsupportedTransferCoding, "broken_request", "The Transfer-Encoding is not known here."),
    (errors.ExpectationFailed, "broken_request", "The only Expect that can be met is 100-continue."),
    (errors.ParseException, "broken_request", "A header, or a chunk of the body, is malformed."),
)


def is_unreadable(error: Exception) -> bool:
    """Whether the fault is the client's: the request, not our answer, is no proper HTTP."""
    ours = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)
    return isinstance(error, errors.ParseException) and not isinstance(error, ours)


def answer_to_unreadable(error: Exception, cfg: Any) -> bytes:
    """The whole answer, as bytes for the socket, to a request that gunicorn refused with `error`; logs it.

    cfg: gunicorn's settings, for the limits that it holds.
    """
    code, sentence = next((code, text) for kind, code, text in _DETAILS if isinstance(error, kind))
    status, title = TITLES[code]
    detail = sentence.format(
        line=cfg.limit_request_line, fields=cfg.limit_request_fields, size=cfg.limit_request_field_size
    )
    request_id = secrets.token_hex(8)
    requests_log.info("request", extra={"facts": {"id": request_id, "status": status, "problem": code}})
    body = msgspec.json.encode(
        Problem(f"urn:mnistweb:problem:{code}", title, status, detail, code, request_id)
    )
    headers = (
        ("Connection", "close"),
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Request-ID", request_id),
        *SECURITY_HEADERS,
    )
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
