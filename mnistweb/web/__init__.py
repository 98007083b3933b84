"""The web application: pages for people and JSON for programs, one pipeline behind both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import flask
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import MapAdapter
from werkzeug.wsgi import get_host

from mnistweb.config import load_settings
from mnistweb.resources import instance_folder, resource_folder
from mnistweb.web import (
    debug_image,
    docs,
    health,
    inference_protocol,
    learn,
    metrics,
    model_pages,
    models,
    openapi,
    paint_screen,
    predict,
    runs,
    upload,
)
from mnistweb.web.body import Request, check_framing
from mnistweb.web.compression import register_compression
from mnistweb.web.errors import register_errors
from mnistweb.web.headers import register_headers
from mnistweb.web.load import check_load
from mnistweb.web.loaded import load_models
from mnistweb.web.logs import configure_logging, start_clock
from mnistweb.web.metrics import register_metrics
from mnistweb.web.streams import register_streams

__all__ = ["create_app"]

BLUEPRINTS = (
    paint_screen.blueprint,
    upload.blueprint,
    predict.blueprint,
    debug_image.blueprint,
    health.blueprint,
    models.blueprint,
    model_pages.blueprint,
    metrics.blueprint,
    openapi.blueprint,
    docs.blueprint,
    inference_protocol.blueprint,
    learn.blueprint,
    runs.blueprint,
)


class Application(Flask):
    """Flask, spared from asking at each request what is the same for all of ours."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: none of ours is a coroutine."""
        return func

    def create_url_adapter(self, request: flask.Request | None) -> MapAdapter | None:
        """What finds the view: by the path alone, for there are no subdomains here and no websockets.

        Raises SecurityError for a host that is not in TRUSTED_HOSTS, BadHost for what cannot be one.
        """
        if request is None:
            return None
        environ = request.environ
        request.host = get_host(environ, self.config["TRUSTED_HOSTS"])  # type: ignore[misc]
        return self.url_map.bind(
            request.host,
            script_name=_text(environ.get("SCRIPT_NAME", "")),
            subdomain="",
            url_scheme=environ["wsgi.url_scheme"],
            default_method=environ["REQUEST_METHOD"],
            path_info=_text(environ.get("PATH_INFO", "/")),
            query_args=_text(environ.get("QUERY_STRING", "")),
        )


def _text(wsgi: str) -> str:
    """Text as it was meant: WSGI hands over its bytes as if they were Latin-1 (PEP 3333)."""
    return wsgi if wsgi.isascii() else wsgi.encode("latin-1").decode(errors="replace")


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """The application, its weights loaded.

    config: settings of `mnistweb.config` that override the instance's config.py and the environment.

    Raises SettingError for a setting that makes no sense, WeightsError for a broken weights file.
    """
    app = Application(
        "mnistweb",
        template_folder=str(resource_folder("templates")),
        static_folder=str(resource_folder("static")),
        static_url_path="/static",
        instance_path=str(instance_folder()),
    )
    app.request_class = Request
    app.url_map.merge_slashes = False  # an address has one spelling; others are not found
    _configure(app, load_settings(instance_folder(), config))
    configure_logging(app)
    load_models(app)
    register_metrics(app)
    app.before_request(start_clock)
    register_headers(app)
    register_compression(app)
    app.before_request(check_load)
    app.before_request(check_framing)
    register_errors(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    if app.config["TRAINING_PAGE"]:
        from mnistweb.web import train  # and all that training needs, which no other server does

        register_streams(app)
        app.register_blueprint(train.blueprint)
    return app


def _configure(app: Flask, settings: Mapping[str, Any]) -> None:
    app.config.from_mapping(settings)
    # Flask's own names for what we call by unit.
    app.config["MAX_CONTENT_LENGTH"] = settings["MAX_REQUEST_BYTES"]
    app.config["MAX_FORM_MEMORY_SIZE"] = settings["MAX_FORM_FIELD_BYTES"]
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    proxies = settings["TRUSTED_PROXIES"]
    if proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies
        )
