"""Back-pressure: a request that waited too long for a free thread is turned away at once, with Retry-After.

When more comes than can be answered, a queue only makes everyone wait; turning some away keeps the waiting of
the others bounded. The server (`mnistweb/web/worker.py`) notes when a request came in; under a server that
does not, nothing is turned away here.
"""

from __future__ import annotations

import threading
import time

from flask import current_app, request

from mnistweb.web.errors import ProblemError

_arrival = threading.local()
_ALWAYS_ANSWERED = ("health.health_check", "health.health")


def note_arrival(moment: float) -> None:
    """Tell the application, in the thread that will answer, when (time.monotonic) the request came in."""
    _arrival.moment = moment


def check_load() -> None:
    """Refuse a request that waited longer than MAX_QUEUE_SECONDS. Runs before every request."""
    moment = getattr(_arrival, "moment", None)
    if moment is None or request.endpoint in _ALWAYS_ANSWERED:
        return
    limit = current_app.config["MAX_QUEUE_SECONDS"]
    if time.monotonic() - moment > limit:
        raise ProblemError(
            "overloaded",
            f"More requests came than can be answered within {limit:g} s; try again soon.",
            {"Retry-After": str(current_app.config["RETRY_AFTER_SECONDS"])},
        )
