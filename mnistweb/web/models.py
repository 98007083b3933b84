"""`/models` and `/model/info`: which networks are loaded, and the facts of each. Pages: `model_pages.py`."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request

from mnistweb.web.answers import json_response
from mnistweb.web.errors import prefers_page
from mnistweb.web.loaded import loaded_models, model_summaries
from mnistweb.web.measured import MEASURE_COMMAND, measurements
from mnistweb.web.openapi import describes
from mnistweb.web.schemas import ModelInfoAnswer, ModelsAnswer

blueprint = Blueprint("models", __name__)


@blueprint.get("/models")
@describes(ModelsAnswer)
def models() -> Response:
    """The loaded models, the default first; a browser that asks for HTML gets them as a page."""
    default = loaded_models().default
    if prefers_page():
        page = render_template(
            "models.html", measured=measurements(), default=default, measure_command=MEASURE_COMMAND
        )
        response = make_response(page)
    else:
        response = json_response(ModelsAnswer(default, model_summaries()))
    response.vary.add("Accept")
    return response


@blueprint.get("/model/info")
@describes(ModelInfoAnswer, query=("model",), problems=(404,))
def model_info() -> Response:
    """The facts of the default model, or of the one that `?model=` names."""
    classifier = loaded_models().get(request.args.get("model"))
    return json_response(ModelInfoAnswer(**classifier.describe()))
