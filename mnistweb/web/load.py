"""Back-pressure: a worker that has its hands full turns further requests away at once, with Retry-After.

When more comes than can be answered, a queue without an end only makes everyone wait. So a worker takes
MAX_REQUESTS_IN_FLIGHT requests at once, and those are answered in bounded time. The server
(`mnistweb/web/worker.py`) counts them; under a server that does not, nothing is turned away here.
"""

from __future__ import annotations

import threading

from flask import current_app, request

from mnistweb.web.errors import ProblemError

_this_thread = threading.local()
_ALWAYS_ANSWERED = ("health.health_check", "health.health", "metrics.metrics")


def turn_away(yes: bool) -> None:
    """Tell the application, in the thread that will answer the next request, whether to turn it away."""
    _this_thread.turns_away = yes


def check_load() -> None:
    """Refuse a request that is one too many. Runs before every request."""
    if getattr(_this_thread, "turns_away", False) and request.endpoint not in _ALWAYS_ANSWERED:
        raise ProblemError(
            "overloaded",
            "More requests came than can be answered just now; try again soon.",
            {"Retry-After": str(current_app.config["RETRY_AFTER_SECONDS"])},
        )
