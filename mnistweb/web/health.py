"""`/health-check` says that the process lives, `/health` that it can answer."""

from __future__ import annotations

from flask import Blueprint, Response, current_app

from mnistweb.inference import NoModelError
from mnistweb.web.answers import json_response
from mnistweb.web.loaded import loaded_models
from mnistweb.web.openapi import describes
from mnistweb.web.schemas import HealthAnswer, HealthCheckAnswer

blueprint = Blueprint("health", __name__)


@blueprint.get("/health-check")
@describes(HealthCheckAnswer)
def health_check() -> Response:
    """The process lives."""
    return json_response(HealthCheckAnswer("ok"))


@blueprint.get("/health")
@describes(HealthAnswer, also={503: HealthAnswer})
def health() -> Response:
    """A model is loaded; 503 while there is none."""
    try:
        classifier = loaded_models().get()
    except NoModelError:
        response = json_response(HealthAnswer("unhealthy", False, ""), 503)
        response.headers["Retry-After"] = str(current_app.config["RETRY_AFTER_SECONDS"])
        return response
    return json_response(HealthAnswer("healthy", True, classifier.architecture))
