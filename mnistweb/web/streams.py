"""Streams of events that a page listens to, bounded so that they never keep a server from answering.

Each stream holds a thread of its worker. So there are few of them, each is short, and the browser asks again
when it ends (`EventSource` does so by itself). Whoever comes when all are taken gets one event, and comes
back a little later: then the page is a little less lively, and that is all.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

from flask import Flask, Response, current_app, request

_KEY = "mnistweb.streams"
_LOOK_SECONDS = 0.5
# Well below the time after which a worker cuts off a request that is never done.
_STREAM_SECONDS = 5.0
_SOON_MILLISECONDS, _LATER_MILLISECONDS = 200, 2000

#: Set when the worker is to end: its streams end with it.
ending = threading.Event()


def register_streams(app: Flask) -> None:
    """Allow half of a worker's threads to hold streams."""
    most = min(app.config["THREADS"], app.config["MAX_REQUESTS_IN_FLIGHT"]) // 2
    app.extensions[_KEY] = threading.Semaphore(most)


def stream(look: Callable[[], dict[str, Any]]) -> Response:
    """An answer that tells what `look` finds, now and whenever that has changed, as JSON events.

    `look` is called outside of the request.
    """
    places = cast(threading.Semaphore, current_app.extensions[_KEY])
    # Our worker sends an answer in one piece; here it shall send what it has.
    send = getattr(request.environ.get("gunicorn.socket"), "flush", lambda: None)
    events = _events(look, places, send)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the second is for nginx
    return Response(events, mimetype="text/event-stream", headers=headers)


def _events(
    look: Callable[[], dict[str, Any]], places: threading.Semaphore, send: Callable[[], None]
) -> Iterator[str]:
    has_place = places.acquire(blocking=False)
    try:
        yield f"retry: {_SOON_MILLISECONDS if has_place else _LATER_MILLISECONDS}\n"
        until = time.monotonic() + _STREAM_SECONDS
        told = ""
        while True:
            found = json.dumps(look())
            if found != told:
                yield f"data: {found}\n\n"
                send()
                told = found
            if not has_place or time.monotonic() > until or ending.wait(_LOOK_SECONDS):
                return
    finally:
        if has_place:
            places.release()
