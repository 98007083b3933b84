"""Pages, stylesheet and scripts travel gzipped to browsers that take it: a third of the bytes."""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

# Less than this fits into one packet anyhow.
_SMALLEST_BYTES = 1000
_TEXTS = {
    "text/html",
    "text/css",
    "text/javascript",
    "application/javascript",
    "image/svg+xml",
    "application/json",
}


def register_compression(app: Flask) -> None:
    """Gzip what is asked for with GET and is text; in answers to POST speed counts, not size."""
    app.after_request(_compress)


def _compress(response: Response) -> Response:
    if request.method != "GET" or response.mimetype not in _TEXTS:
        return response
    response.vary.add("Accept-Encoding")
    too_small = (response.content_length or _SMALLEST_BYTES) < _SMALLEST_BYTES
    if response.status_code != 200 or too_small or not request.accept_encodings["gzip"]:
        return response
    response.direct_passthrough = False  # a file is read here, not handed to the server as it is
    # Without a time in it, equal pages give equal bytes.
    response.set_data(gzip.compress(response.get_data(), compresslevel=6, mtime=0))
    response.content_encoding = "gzip"
    response.headers.pop("Accept-Ranges", None)  # the ranges of the file are not those of what is sent
    tag, _ = response.get_etag()
    if tag:
        response.set_etag(tag, weak=True)  # the same content, not the same bytes
    return response
