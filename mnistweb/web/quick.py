"""Requests that are known to be answered within a few milliseconds, by what has arrived of them.

Handing a request to a thread and back takes part of the time that answering a drawing takes, and threads
that compute side by side wait for Python's lock. So the thread that waits for all connections answers such
requests by itself, one after the other (`mnistweb/web/worker.py`), as servers without threads do with all
they get. What might take longer, such as a large picture in a small file, never holds it up.
"""

from __future__ import annotations

import re

from mnistweb.imaging.containers import PNG_SIGNATURE
from mnistweb.web.incoming import pixel_count

MOST_BYTES = 16 * 1024  # of a request: 784 numbers of 16 digits, or the PNG of a drawing
_MOST_PIXELS = 320 * 320  # of a picture; the canvas has 280 x 280
_STARTS = (b"POST /predict ", b"POST /predict?")
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,5})[ \t]*\r\n", re.IGNORECASE)


def is_quick(data: bytes) -> bool:
    """Whether `data` is one whole request to `/predict`, with numbers or a small PNG, and nothing more."""
    if not data.startswith(_STARTS):
        return False
    end_of_head = data.find(b"\r\n\r\n") + 4
    found = _CONTENT_LENGTH.search(data, 0, end_of_head)
    if not found or end_of_head + int(found[1]) != len(data):
        return False
    body = data[end_of_head:]
    if body.startswith(PNG_SIGNATURE):
        return pixel_count(body) <= _MOST_PIXELS
    # Numbers, and nothing that takes a closer look. After a backslash a word may be spelt in another way.
    return b'"pixels"' in body and not any(word in body for word in (b'"image"', b'"explain"', b"\\"))
