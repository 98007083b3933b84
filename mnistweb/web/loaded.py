"""The models that an application has loaded: read before the port opens, and anew when asked to reload."""

from __future__ import annotations

import logging
from typing import cast

from flask import Flask, current_app

from mnistweb.inference import InferenceError, ModelRegistry
from mnistweb.resources import shipped_weights_folder
from mnistweb.web.schemas import ModelSummary
from mnistweb.weights import WeightsError

log = logging.getLogger("mnistweb.web")

_KEY = "mnistweb.models"


def load_models(app: Flask) -> None:
    """Load the weights. Raises WeightsError for a broken file, UnknownModelError for DEFAULT_MODEL."""
    folders = app.config["WEIGHTS_FOLDERS"] or [shipped_weights_folder(), app.instance_path]
    app.extensions[_KEY] = ModelRegistry.load_folders(folders, default=app.config["DEFAULT_MODEL"])


def reload_models(app: Flask) -> bool:
    """Load the weights again; when one is broken keep the earlier ones, log why, and return False."""
    try:
        load_models(app)
    except (WeightsError, InferenceError, OSError) as error:
        log.error("the weights were not reloaded, the earlier ones stay in use: %s", error)
        return False
    log.info("the weights were reloaded: %s", ", ".join(app.extensions[_KEY].names))
    return True


def loaded_models() -> ModelRegistry:
    """The models of the application that answers this request."""
    return cast(ModelRegistry, current_app.extensions[_KEY])


def model_summaries() -> list[ModelSummary]:
    """The loaded models in a few words each, the default first."""
    models = loaded_models()
    return [
        ModelSummary(
            name=each.name,
            architecture=each.architecture,
            parameters=each.saved.model.num_parameters,
            is_default=each.name == models.default,
            labels=list(each.saved.labels),
        )
        for each in models
    ]
