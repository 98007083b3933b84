"""Errors become answers here and nowhere else: problem+json (RFC 9457), or a page for a browser."""

from __future__ import annotations

import logging

import msgspec
from flask import Flask, Response, current_app, g, make_response, render_template, request
from msgspec import UNSET
from werkzeug.exceptions import (
    BadHost,
    HTTPException,
    MethodNotAllowed,
    RequestedRangeNotSatisfiable,
    SecurityError,
)

from mnistweb.imaging.errors import (
    BlankImageError,
    BrokenImageError,
    ImageError,
    ImageTooLargeError,
    ImageTooSmallError,
    UnsupportedImageError,
)
from mnistweb.inference import NoModelError, PixelsError, UnknownModelError
from mnistweb.web.schemas import Problem

log = logging.getLogger("mnistweb.web")

# code -> (status, title); the first sentence a person reads. Codes are stable, sentences may improve.
TITLES: dict[str, tuple[int, str]] = {
    "broken_request": (400, "The request is broken"),
    "broken_json": (400, "The body is not proper JSON"),
    "duplicate_key": (400, "The body names a key twice"),
    "broken_base64": (400, "The image is not proper base64"),
    "broken_form": (400, "The form is broken"),
    "no_image": (400, "No picture was sent"),
    "incomplete_body": (400, "The body was cut off"),
    "broken_image": (400, "The picture is damaged"),
    "untrusted_host": (400, "This host name is not served here"),
    "cross_site": (403, "Posted from another site"),
    "not_found": (404, "There is no such page"),
    "unknown_model": (404, "There is no such model"),
    "method_not_allowed": (405, "That method is not taken here"),
    "length_required": (411, "The length of the body is missing"),
    "too_large": (413, "That is too much"),
    "image_too_large": (413, "The picture is too large"),
    "address_too_long": (414, "The address is too long"),
    "unsupported_media_type": (415, "That kind of body is not taken"),
    "unsupported_encoding": (415, "Compressed bodies are not taken"),
    "unsupported_image": (415, "Only PNG and JPEG pictures are taken"),
    "range_not_satisfiable": (416, "There is no such part of the file"),
    "invalid_body": (422, "The body has not the form that is wanted"),
    "invalid_pixels": (422, "The pixels are no picture"),
    "image_too_small": (422, "The picture is too small"),
    "image_error": (422, "The picture cannot be read"),
    "blank_image": (422, "There is nothing drawn on it"),
    "headers_too_large": (431, "The headers are too large"),
    "internal_error": (500, "Something went wrong here"),
    "plots_unavailable": (501, "This server draws no plots"),
    "overloaded": (503, "Too busy just now"),
    "no_model": (503, "No model is loaded"),
}

_IMAGE_CODES: tuple[type[Exception], ...] = (
    BrokenImageError,
    UnsupportedImageError,
    ImageTooLargeError,
    ImageTooSmallError,
    BlankImageError,
    ImageError,
)
_DOMAIN_ERRORS = (*_IMAGE_CODES, PixelsError, UnknownModelError, NoModelError)

# What Werkzeug's and Flask's own exceptions are called.
_HTTP_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    411: "length_required",
    413: "too_large",
    415: "unsupported_media_type",
}


class ProblemError(Exception):
    """A request cannot be answered: `code` is one of TITLES, `detail` says what came and what was wanted."""

    def __init__(self, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status, self.title = TITLES[code]
        self.headers = headers or {}


def as_problem_error(error: Exception) -> ProblemError:
    """Any exception as the problem that the client is told. Details never hold what the client sent raw."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, _DOMAIN_ERRORS):
        code: str = error.code  # type: ignore[attr-defined]
        return ProblemError(code, str(error), _retry_after(code))
    if isinstance(error, HTTPException) and error.code is not None:
        return _from_http(error)
    return ProblemError("internal_error", "The request could not be answered; the operator's log says why.")


def problem_body(error: Exception) -> Problem:
    """The problem of one item of a batch, or of a whole request."""
    problem = as_problem_error(error)
    return Problem(
        f"urn:mnistweb:problem:{problem.code}",
        problem.title,
        problem.status,
        problem.detail,
        problem.code,
        g.get("request_id", ""),
        problem.detail if request.path.startswith("/v2") else UNSET,
    )


def problem_for_page(error: Exception) -> dict[str, str | int]:
    """The same for a template: title, detail, code, status."""
    problem = as_problem_error(error)
    return {"title": problem.title, "detail": problem.detail, "code": problem.code, "status": problem.status}


def register_errors(app: Flask) -> None:
    """Answer every exception of the application."""
    app.register_error_handler(Exception, _answer)


def _answer(error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.code is not None and error.code < 400:
        return make_response(error.get_response())  # a redirect, such as the one that drops a doubled slash
    if isinstance(error, RequestedRangeNotSatisfiable) and not _begins_beyond_the_end():
        return _whole()
    problem = as_problem_error(error)
    if problem.code == "internal_error":
        log.error("request %s failed", g.get("request_id", "-"), exc_info=error)
    g.problem = problem.code
    # Pages link to their host; a strange one gets none.
    if problem.code != "untrusted_host" and prefers_page():
        response = make_response(
            render_template(
                "error.html",
                status=problem.status,
                title=problem.title,
                detail=problem.detail,
                code=problem.code,
                request_id=g.get("request_id", ""),
            )
        )
    else:
        response = Response(msgspec.json.encode(problem_body(problem)), mimetype="application/problem+json")
    response.status_code = problem.status
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(problem.headers)
    return response


def _begins_beyond_the_end() -> bool:
    """Whether one part was asked for, in bytes, that begins where the file has ended.

    That is what a client asks that goes on with a download it had whole already: it takes 416 for "that was
    all", and the file itself for a server that cannot give parts (RFC 9110, section 15.5.17).
    """
    wanted = request.range
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        return False
    return wanted.ranges[0][0] >= 0  # else it is the last so many bytes, and of a shorter file those are all


def _whole() -> Response:
    """The file of which several parts were asked for, more than all of it, or a part that makes no sense.

    A server need not heed such a Range, and must not heed one in a unit that it does not know (RFC 9110,
    section 14.2). Werkzeug refuses them all.
    """
    request.environ.pop("HTTP_RANGE", None)
    try:
        return current_app.make_response(current_app.dispatch_request())
    except HTTPException as error:  # the file has gone meanwhile
        return _answer(error)


def prefers_page() -> bool:
    """Whether the client would rather have HTML than JSON, as browsers do."""
    accept = request.accept_mimetypes
    return accept["text/html"] > max(accept["application/json"], accept["application/problem+json"])


def _from_http(error: HTTPException) -> ProblemError:
    status = error.code or 500
    headers: dict[str, str] = {}
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        headers["Allow"] = allowed
        return ProblemError(
            "method_not_allowed", f"{request.method} was sent; taken here: {allowed}.", headers
        )
    if isinstance(error, BadHost | SecurityError):
        return ProblemError("untrusted_host", "The Host header names no host that is served here.")
    if isinstance(error, RequestedRangeNotSatisfiable):
        return ProblemError(
            "range_not_satisfiable",
            f"The file has {error.length or 0:,} bytes; the part that was asked for begins behind them.",
            {"Content-Range": f"bytes */{error.length or 0}"},
        )
    if status == 404:
        return ProblemError("not_found", "Nothing is served under this address.")
    if status == 413:
        limit = current_app.config["MAX_REQUEST_BYTES"]
        return ProblemError(
            "too_large",
            f"A body of at most {limit:,} bytes is taken, with at most "
            f"{current_app.config['MAX_FORM_PARTS']:,} form parts and "
            f"{current_app.config['MAX_FORM_FIELD_BYTES']:,} bytes in a text field.",
        )
    if status in _HTTP_CODES:
        return ProblemError(_HTTP_CODES[status], error.description or "")
    if 400 <= status < 500:
        return ProblemError("broken_request", error.description or "The request could not be understood.")
    return ProblemError("internal_error", "The request could not be answered; the operator's log says why.")


def _retry_after(code: str) -> dict[str, str]:
    return {"Retry-After": str(current_app.config["RETRY_AFTER_SECONDS"])} if TITLES[code][0] == 503 else {}
