"""The drawing page at `/paint-screen`, where `/` leads."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mnistweb.web.loaded import loaded_models, model_summaries

blueprint = Blueprint("paint_screen", __name__)


@blueprint.get("/")
def start() -> Response:
    """Go to the drawing page."""
    return redirect(url_for("paint_screen.paint_screen"))


@blueprint.get("/paint-screen")
def paint_screen() -> str:
    """The drawing page, with the model `?model=` chosen if there is one of that name."""
    models, wanted = loaded_models(), request.args.get("model", "")
    chosen = wanted if wanted in models.names else models.default
    return render_template("paint_screen.html", models=model_summaries(), default_model=chosen)
