"""`/docs`: the API to read and to try out, shown by Swagger UI, whose files are served from here."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Response, render_template, send_from_directory
from werkzeug.exceptions import NotFound

blueprint = Blueprint("docs", __name__)

# The package that brings Swagger UI also has a page for it, whose inline script our Content-Security-Policy
# forbids. So the page is our own; of the package the files alone are used, and it is never imported.
_FOLDER = Path(str(files("flask_swagger_ui"))) / "dist"
_FILES = ("swagger-ui-bundle.js", "swagger-ui.css")
_DAY = 86_400


@blueprint.get("/docs")
def docs() -> str:
    """The page."""
    return render_template("docs.html")


@blueprint.get("/docs/<name>")
def asset(name: str) -> Response:
    """One of the viewer's files."""
    if name not in _FILES:
        raise NotFound
    return send_from_directory(_FOLDER, name, max_age=_DAY)
