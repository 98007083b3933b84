"""Back-pressure: a worker that has its hands full turns further requests away at once, with Retry-After.

When more comes than can be answered, a queue without an end only makes everyone wait. So a worker takes
MAX_REQUESTS_IN_FLIGHT requests at once, and those are answered in bounded time: what has waited too long for
a thread is turned away as well. The server (`mnistweb/web/worker.py`) counts them; under a server that does
not, nothing is turned away here. Health checks and the counts are always answered, and wait for nothing else.
"""

from __future__ import annotations

import re
import threading

from flask import current_app, request

from mnistweb.web.errors import ProblemError

_this_thread = threading.local()
#: Where orchestrators, balancers and Prometheus ask.
PROBED = frozenset({"/health-check", "/health", "/metrics", "/v2/health/live", "/v2/health/ready"})
# A whole request to one of them that has no body.
_HEALTH_CHECK = re.compile(
    rb"(?:GET|HEAD) (?:%s)(?:\?[!-~]*)? HTTP/1\.[01]"
    rb"(?:\r\n(?!(?i:content-length|transfer-encoding|expect|upgrade):)[A-Za-z0-9-]+:[\t -~]*)*"
    rb"\r\n\r\n" % "|".join(PROBED).encode()
)


def is_health_check(data: bytes) -> bool:
    """Whether this is a health check, or a look at the counts: one whole request, no body, nothing behind it.

    It is answered in a moment, and neither reading nor answering it has to wait for the client.
    """
    return _HEALTH_CHECK.fullmatch(data) is not None


def is_look_at_counts(health_check: bytes) -> bool:
    """Which of the two it is: adding up the counts of many workers takes longer than any health check."""
    return health_check.split(b" ", 2)[1].startswith(b"/metrics")


def turn_away(yes: bool) -> None:
    """Tell the application, in the thread that will answer the next request, whether to turn it away."""
    _this_thread.turns_away = yes


def check_load() -> None:
    """Refuse a request that is one too many. Runs before every request."""
    if getattr(_this_thread, "turns_away", False) and request.path not in PROBED:
        raise ProblemError(
            "overloaded",
            "More requests came than can be answered just now; try again soon.",
            {"Retry-After": str(current_app.config["RETRY_AFTER_SECONDS"])},
        )
