"""What is run again and again, made ready to be run: for counting instructions and for profilers."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np

from benchmarks.requests import pixels_body, png_body
from mnistweb.nn.losses import softmax_cross_entropy
from mnistweb.nn.model import Sequential
from mnistweb.nn.optimizers import Adam
from mnistweb.nn.step import TrainingStep
from mnistweb.recipes import load_recipe
from mnistweb.recipes.architecture import build_model

PIXELS, PNG = pixels_body(), png_body()


def network(recipe: str) -> Sequential:
    """A recipe's network, untrained."""
    return build_model(load_recipe(recipe).architecture, 10, np.random.default_rng(1))


def pictures(count: int) -> np.ndarray:
    """(count, 28, 28, 1) random numbers: how long it takes does not depend on what is in them."""
    return np.random.default_rng(2).random((count, 28, 28, 1), dtype=np.float32)


def training_step(recipe: str, *, batch_size: int = 128, threads: int = 1) -> Callable[[], object]:
    """Forward, loss, backward and Adam on one batch."""
    step = TrainingStep(network(recipe), softmax_cross_entropy, Adam(), threads=threads)
    step.__enter__()  # for as long as the process lives
    inputs, labels = pictures(batch_size), np.arange(batch_size) % 10
    return lambda: step(inputs, labels, 1e-3)


def request(body: bytes, kind: str) -> Callable[[], object]:
    """A request to /predict, from the WSGI server's call to the last byte of the answer."""
    from mnistweb import create_app

    application = create_app().wsgi_app
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/predict",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": kind,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }

    def ask() -> bytes:
        streams = {"wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO()}
        return b"".join(application(environ | streams, lambda *_: lambda data: None))

    return ask
