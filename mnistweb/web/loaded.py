"""The models that an application has loaded: read before the port opens, and anew when asked to reload."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from flask import Flask, current_app

from mnistweb.inference import InferenceError, ModelRegistry
from mnistweb.resources import shipped_weights_folder
from mnistweb.web.schemas import ModelSummary
from mnistweb.weights import SavedModel, WeightsError

log = logging.getLogger("mnistweb.web")

_KEY = "mnistweb.models"


def load_models(app: Flask) -> None:
    """Load the weights. Raises WeightsError for a broken file, UnknownModelError for DEFAULT_MODEL."""
    app.extensions[_KEY] = _read_models(app)


def weights_folders(settings: Mapping[str, Any], instance: Path) -> list[str | Path]:
    """The folders whose models are loaded, later ones over earlier ones."""
    return settings["WEIGHTS_FOLDERS"] or [shipped_weights_folder(), instance]


def reload_models(app: Flask) -> str:
    """Load the weights again; returns "", or what is wrong with them: then the earlier ones stay in use."""
    words = "the weights were not reloaded, the earlier ones stay in use: %s"
    try:
        models = _read_models(app)
        if not len(models) and len(app.extensions[_KEY]):
            folders = ", ".join(map(str, weights_folders(app.config, Path(app.instance_path))))
            raise WeightsError(f"there is no weights file (*.pkl) any more in {folders}")
    except (WeightsError, InferenceError, OSError) as error:
        log.error(words, error)
        return str(error)
    except Exception as error:  # whatever it is, it must not end the main process, and the service with it
        log.exception(words, type(error).__name__)
        return f"{type(error).__name__}: {error}"
    app.extensions[_KEY] = models
    log.info("the weights were reloaded: %s", ", ".join(models.names) or "there are none")
    return ""


def _read_models(app: Flask) -> ModelRegistry:
    instance = Path(app.instance_path)
    return ModelRegistry.load_folders(
        weights_folders(app.config, instance),
        default=app.config["DEFAULT_MODEL"],
        instance=instance,
        may_be_absent=not app.config["WEIGHTS_FOLDERS"],
    )


def loaded_models() -> ModelRegistry:
    """The models of the application that answers this request."""
    return cast(ModelRegistry, current_app.extensions[_KEY])


def default_model(app: Flask) -> SavedModel | None:
    """The model that answers when a request names none, if there is one."""
    registry = cast(ModelRegistry, app.extensions[_KEY])
    return registry.get().saved if len(registry) else None


def model_summaries() -> list[ModelSummary]:
    """The loaded models in a few words each, the default first."""
    models = loaded_models()
    return [
        ModelSummary(
            name=each.name,
            architecture=each.architecture,
            parameters=each.saved.model.num_parameters,
            is_default=each.name == models.default,
            subject=each.subject,
            reads=each.reads,
            labels=list(each.saved.labels),
        )
        for each in models
    ]
