"""`/models` and `/model/info`: which networks are loaded, and the facts of each."""

from __future__ import annotations

from flask import Blueprint, Response, request

from mnistweb.web.answers import json_response
from mnistweb.web.loaded import loaded_models, model_summaries
from mnistweb.web.openapi import describes
from mnistweb.web.schemas import ModelInfoAnswer, ModelsAnswer

blueprint = Blueprint("models", __name__)


@blueprint.get("/models")
@describes(ModelsAnswer)
def models() -> Response:
    """The loaded models, the default first."""
    return json_response(ModelsAnswer(loaded_models().default, model_summaries()))


@blueprint.get("/model/info")
@describes(ModelInfoAnswer, query=("model",), problems=(404,))
def model_info() -> Response:
    """The facts of the default model, or of the one that `?model=` names."""
    classifier = loaded_models().get(request.args.get("model"))
    return json_response(ModelInfoAnswer(**classifier.describe()))
