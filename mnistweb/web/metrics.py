"""`GET /metrics`: what was asked and answered, counted for Prometheus.

Each request costs three additions. Labels are few and known (route patterns, not addresses), so that no
client can make the numbers grow without bound. Under our server the counts of all workers are added up
(`mnistweb/web/shared_counts.py`); elsewhere each process counts for itself, and `mnistweb_metrics_shared`
is 0.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from functools import partial
from typing import cast

import prometheus_client
from flask import Blueprint, Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from mnistweb.inference import Prediction
from mnistweb.web import shared_counts
from mnistweb.web.openapi import describes

log = logging.getLogger("mnistweb.web")

blueprint = Blueprint("metrics", __name__)

_KEY = "mnistweb.metrics"
_METHODS = {"GET", "HEAD", "POST", "OPTIONS"}
# Seconds; a prediction takes about a millisecond, a large photo a second.
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "mnistweb_requests",
            "Requests answered, by route, method and status.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "mnistweb_request_seconds",
            "Seconds of work on a request, by route and method.",
            ("route", "method"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._predictions = Counter(
            "mnistweb_predictions",
            "Pictures read, by digit, verdict and model.",
            ("digit", "verdict", "model"),
            registry=self.registry,
        )
        # labels() builds and looks up a key each time; these are its answers, found in one step.
        self._found: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._found_predictions: dict[tuple[int, str, str], Counter] = {}

    def count_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request was answered."""
        try:
            counter, histogram = self._found[route, method, status]
        except KeyError:
            counter = self._requests.labels(route, method, status)
            histogram = self._seconds.labels(route, method)
            self._found[route, method, status] = counter, histogram
        counter.inc()
        histogram.observe(seconds)

    def count_predictions(self, predictions: Iterable[Prediction]) -> None:
        """So many pictures were read."""
        for each in predictions:
            key = each.prediction, each.verdict, each.model
            try:
                counter = self._found_predictions[key]
            except KeyError:
                counter = self._found_predictions[key] = self._predictions.labels(*key)
            counter.inc()


def register_metrics(app: Flask) -> None:
    """Count every request of the application."""
    prometheus_client.disable_created_metrics()  # the moment when a count began, for every count: no one asks
    app.extensions[_KEY] = counted = Metrics()
    app.after_request(partial(_count_request, counted))


def count_predictions(predictions: Iterable[Prediction]) -> None:
    """Note what was read, for `_count_request`, which counts once the answer is certain."""
    g.setdefault("predictions", []).extend(predictions)


@blueprint.get("/metrics")
@describes("text/plain")
def metrics() -> Response:
    """The counts since the server started, of all its workers, as Prometheus reads them."""
    counted = cast(Metrics, current_app.extensions[_KEY])
    shared = shared_counts.all_workers()
    gauge = "mnistweb_metrics_shared"
    words = "1: these numbers are of all workers; 0: of the one process that answered."
    # Said by hand: a Gauge would be kept in the folder of the shared counts, which may be what is missing.
    head = f"# HELP {gauge} {words}\n# TYPE {gauge} gauge\n{gauge} {1.0 if shared else 0.0}\n".encode()
    body = generate_latest(shared or counted.registry)
    return Response(head + body, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _count_request(counted: Metrics, response: Response) -> Response:
    asked = request._get_current_object()  # type: ignore[attr-defined]  # each look through a proxy costs
    noted = vars(g._get_current_object())  # type: ignore[attr-defined]
    rule, method = asked.url_rule, asked.method
    try:
        counted.count_predictions(noted.get("predictions", ()))
        counted.count_request(
            rule.rule if rule is not None else "none",
            method if method in _METHODS else "other",
            response.status_code,
            time.perf_counter() - noted["started"],
        )
    except OSError as error:  # the folder of the shared counts is gone or full: answers are worth more
        log.warning("a request was not counted: %s", error.strerror or "the disk refuses")
    return response
