"""The web application: pages for people and JSON for programs, one pipeline behind both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import flask
from flask import Flask, Response
from flask.sessions import NullSession, SessionInterface
from flask.typing import ResponseReturnValue
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import Map, MapAdapter
from werkzeug.sansio.utils import get_host

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
from mnistweb.web.load import PROBED, check_load
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


class _NoSessions(SessionInterface):
    """There are none here; whoever writes to one all the same gets Flask's error."""

    _none = NullSession()

    def open_session(self, app: Flask, request: flask.Request) -> NullSession:
        return self._none


class Application(Flask):
    """Flask, spared from asking at each request what is the same for all of ours."""

    session_interface = _NoSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: none of ours is a coroutine."""
        return func

    def preprocess_request(self) -> ResponseReturnValue | None:
        """What runs before every request; no blueprint of ours has anything to run for itself alone."""
        for function in self.before_request_funcs[None]:
            answer: ResponseReturnValue | None = function()  # type: ignore[assignment]
            if answer is not None:
                return answer
        return None

    def process_response(self, response: Response) -> Response:
        """What runs after every request, the last registered first; there is no session to be kept."""
        for function in reversed(self.after_request_funcs[None]):
            response = function(response)
        return response

    def do_teardown_request(self, exc: BaseException | None = None) -> None:
        """Nothing of ours waits for a request's end."""

    def create_url_adapter(self, request: flask.Request | None) -> MapAdapter | None:
        """What finds the view: by the path alone, for there are no subdomains here and no websockets.

        Raises SecurityError for a host that is not in TRUSTED_HOSTS, BadHost for what cannot be one.

        Probes ask by address, of which each replica has another: they are answered whatever host they name,
        for what they are told depends on none.
        """
        if request is None:
            return None
        environ, scheme = request.environ, request.scheme
        trusted = None if environ.get("PATH_INFO") in PROBED else self.config["TRUSTED_HOSTS"]
        host, server_name = _judged_host(
            scheme, environ.get("HTTP_HOST"), request.server, trusted and tuple(trusted)
        )
        request.host = host  # type: ignore[misc]
        return MapAdapter(
            self.url_map,
            server_name,
            script_name=_text(environ.get("SCRIPT_NAME", "")),
            subdomain="",
            url_scheme=scheme,
            path_info=_text(environ.get("PATH_INFO", "/")),
            default_method=environ["REQUEST_METHOD"],
            query_args=_text(environ.get("QUERY_STRING", "")),
        )


@lru_cache(64)  # few ask for many hosts
def _judged_host(
    scheme: str, header: str | None, server: tuple[str, int | None] | None, trusted: tuple[str, ...] | None
) -> tuple[str, str]:
    """What a request has for its host, once that has been judged, and the same in ASCII.

    Raises as `Application.create_url_adapter`.
    """
    host = get_host(scheme, header, server, trusted)
    return host, Map().bind(host).server_name


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
