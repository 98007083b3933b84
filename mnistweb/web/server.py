"""The server of `mnistweb serve`: gunicorn inside this process, with settings that suit what it serves."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from mnistweb.allocation import keep_freed_memory
from mnistweb.files import remove_leftovers
from mnistweb.resources import instance_folder, resource_folder
from mnistweb.web import shared_counts
from mnistweb.web.loaded import default_model, reload_models
from mnistweb.web.logs import formatter_for
from mnistweb.web.running import Announcement
from mnistweb.web.worker import PatientWorker


class ServerLog(Logger):
    """gunicorn's own messages in the form of ours; `form` is the LOG_FORMAT, set before the server starts."""

    form = "auto"

    def setup(self, cfg: Any) -> None:
        """gunicorn asks for its logging."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter_for(self.form))


class Server(BaseApplication):
    """gunicorn with `settings` of its own, serving what `make_app` makes.

    The application is made, and its weights are loaded, before the port opens; an exception of `make_app`
    comes out of `run`.
    """

    def __init__(self, make_app: Callable[[], Flask], settings: Mapping[str, Any]) -> None:
        self._make_app = make_app
        self._settings = dict(settings)
        super().__init__()

    def load_config(self) -> None:
        """gunicorn asks for its settings."""
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """gunicorn asks for the application."""
        return self._make_app()


def server_settings(
    settings: Mapping[str, Any], *, reload: bool = False, open_in_browser: str = ""
) -> dict[str, Any]:
    """gunicorn's settings from ours.

    reload: start anew when a file changes, for development. open_in_browser: an address to open, or empty.
    """
    PatientWorker.request_timeout_seconds = settings["REQUEST_TIMEOUT_SECONDS"]
    PatientWorker.max_requests_in_flight = settings["MAX_REQUESTS_IN_FLIGHT"]
    ServerLog.form = settings["LOG_FORMAT"]
    host, per_worker = settings["HOST"], settings["MAX_REQUESTS_PER_WORKER"]
    return {
        "bind": f"{f'[{host}]' if ':' in host else host}:{settings['PORT']}",
        "workers": settings["WORKERS"],
        "threads": settings["THREADS"],
        "worker_class": PatientWorker,
        "worker_connections": settings["MAX_CONNECTIONS"],
        "worker_tmp_dir": _heartbeat_folder(),
        "timeout": settings["WORKER_TIMEOUT_SECONDS"],
        "graceful_timeout": settings["GRACEFUL_TIMEOUT_SECONDS"],
        "keepalive": settings["KEEPALIVE_SECONDS"],
        "max_requests": per_worker,
        "max_requests_jitter": per_worker // 10,  # so that the workers are not replaced all at once
        "limit_request_line": 4094,
        "limit_request_fields": 100,
        "limit_request_field_size": 8190,
        "preload_app": not reload,
        "reload": reload,
        "reload_extra_files": _watched_files() if reload else [],
        "on_starting": _start,
        "pre_fork": shared_counts.take_place,
        "on_exit": _end,
        "on_reload": reload_weights,
        "when_ready": lambda arbiter: _ready(arbiter, open_in_browser),
        "control_socket_disable": True,
        "loglevel": "warning",
        "logger_class": ServerLog,
        "proc_name": "mnistweb",
    }


def reload_weights(arbiter: Any) -> None:
    """SIGHUP: the new workers get new weights; when those are broken, the earlier ones stay in use."""
    app = arbiter.app.callable
    _announce(arbiter, reload_models(app) if isinstance(app, Flask) else "")


def _start(arbiter: Any) -> None:
    keep_freed_memory()
    gc.freeze()  # what is here stays; looking through it for garbage would copy its pages into every worker
    remove_leftovers(instance_folder())  # of writers that were killed, the earlier server among them
    shared_counts.start_sharing(arbiter)


def _ready(arbiter: Any, open_in_browser: str) -> None:
    arbiter.announcement = Announcement(instance_folder())
    _announce(arbiter)
    if open_in_browser:
        open_browser(open_in_browser)


def _announce(arbiter: Any, problem: str = "") -> None:
    app = arbiter.app.callable
    default = default_model(app) if isinstance(app, Flask) else None
    name, sha256 = (default.name, default.sha256) if default else ("", "")
    arbiter.announcement.loaded(default=name, sha256=sha256, problem=problem)


def _end(arbiter: Any) -> None:
    arbiter.announcement.withdraw()
    shared_counts.stop_sharing(arbiter)


def open_browser(address: str) -> None:
    """Open an address in the browser, from a process of its own: a server that forks has no threads."""
    command = [sys.executable, "-m", "webbrowser", address]
    subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _heartbeat_folder() -> str | None:
    # Workers show that they live by touching a file; in memory that can't hang on a slow or full disk.
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _watched_files() -> list[str]:
    """What the reloader does not find by itself: templates and weights. Modules it knows."""
    folders = ((resource_folder("templates"), "*.html"), (resource_folder("instance"), "*.pkl"))
    files = [path for folder, pattern in folders for path in Path(folder).glob(pattern)]
    return [str(path) for path in (*files, *instance_folder().glob("*.pkl"))]
