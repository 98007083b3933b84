"""`mnistweb serve`: the web application on a port of this machine."""

from __future__ import annotations

import errno
import gc
import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click


@click.command()
@click.option("--host", help="The address to listen on. [default: 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="The port to listen on; 0 takes any free one. [default: 8000]",
)
@click.option("--workers", type=click.IntRange(1), help="Worker processes. [default: 2]")
@click.option("--threads", type=click.IntRange(1), help="Threads of each worker. [default: 4]")
@click.option("--open", "open_browser", is_flag=True, help="Open the paint screen in the browser.")
@click.option(
    "--training",
    is_flag=True,
    help="With the page /train, where networks are trained; for this machine alone.",
)
@click.option("--reload", is_flag=True, help="Start anew when a file changes, for development.")
def serve(
    host: str | None,
    port: int | None,
    workers: int | None,
    threads: int | None,
    open_browser: bool,
    training: bool,
    reload: bool,
) -> None:
    """Serve the paint screen and the API until Ctrl-C.

    The weights are loaded before the port opens; SIGHUP loads them anew without dropping a request.
    """
    with _nothing_is_garbage():
        from mnistweb.config import SettingError, load_settings
        from mnistweb.inference import InferenceError
        from mnistweb.nn.blas import blas_threads
        from mnistweb.resources import instance_folder
        from mnistweb.web import create_app
        from mnistweb.web.server import Server, server_settings
        from mnistweb.weights import WeightsError

        given = {"HOST": host, "PORT": port, "WORKERS": workers, "THREADS": threads}
        overrides: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if training:
            overrides["TRAINING_PAGE"] = True
        try:
            settings = load_settings(instance_folder(), overrides)
            if settings["TRAINING_PAGE"]:
                _check_loopback(settings["HOST"])
                # Else a name that another site points at this machine would be as good as ours. Werkzeug
                # can't compare addresses with colons.
                if settings["TRUSTED_HOSTS"] is None and ":" not in settings["HOST"]:
                    overrides["TRUSTED_HOSTS"] = list(
                        dict.fromkeys(["localhost", "127.0.0.1", settings["HOST"]])
                    )
            settings["PORT"] = _free_port(settings["HOST"], settings["PORT"])
            overrides["PORT"] = settings["PORT"]
            address = f"http://{_shown_host(settings['HOST'])}:{settings['PORT']}/paint-screen"
            for_gunicorn = server_settings(
                settings, reload=reload, open_in_browser=address if open_browser else ""
            )
            server = Server(lambda: create_app(overrides), for_gunicorn)
            if not reload:
                server.wsgi()  # loads the weights, or says what is wrong with them
        except (SettingError, WeightsError, InferenceError, OSError) as error:
            raise click.ClickException(str(error)) from error
    _say(f"The paint screen: {address}   (Ctrl-C ends)")
    with blas_threads(1):  # the workers are forked from here; each of their threads computes on its own
        server.run()


def _say(text: str) -> None:
    try:
        click.echo(text)
    except OSError:  # a full disk, or no one who listens; the service matters more
        # What could not be written would be tried again, in vain, as each process ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextmanager
def _nothing_is_garbage() -> Iterator[None]:
    """What a start makes is there to stay. Looking through it for garbage takes a tenth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _check_loopback(host: str) -> None:
    """Raise ClickException unless only this machine itself can reach `host`."""
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    if not is_loopback:
        raise click.ClickException(
            "the training page lets whoever reaches it use this machine, so with it the server listens on "
            f"loopback alone, not on {host or 'every address'}; leave out --host, or the training page"
        )


def _free_port(host: str, port: int) -> int:
    """The port to listen on, 0 replaced by a free one. Raises ClickException when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gunicorn will
        try:
            trial.bind((host, port))
            return int(trial.getsockname()[1])
        except OSError as error:
            raise click.ClickException(_why(error, host, port)) from error


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken by another program; choose one with --port, 0 takes any free one"
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights; choose one from 1024 on with --port"
    return f"cannot listen on {host} port {port}: {error.strerror or error}"


def _shown_host(host: str) -> str:
    """The host as a browser on this machine can open it."""
    if host in ("", "0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
