"""A tiny network's weights, the application with them, and one real server for all tests that only ask it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mnistweb import create_app
from mnistweb.weights import write_model
from tests.inference.conftest import saved
from tests.inference.test_classifier import small_convnet
from tests.inference.test_pictures import drawn_seven, png
from tests.web.live import LiveServer


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the weights of two tiny networks; "tiny" is the default."""
    folder = tmp_path_factory.mktemp("weights")
    write_model(folder / "tiny.pkl", saved("tiny", training={"validation_accuracy": 0.9, "data": "made up"}))
    write_model(folder / "small-convnet.pkl", small_convnet())
    return folder


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance folder of the test's own."""
    folder = tmp_path / "instance"
    folder.mkdir()
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(folder))
    return folder


@pytest.fixture(scope="session")
def app(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application with its default settings, for tests that leave it as it was."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNISTWEB_INSTANCE", str(tmp_path_factory.mktemp("instance")))
        yield make_app(weights)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def server(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """`mnistweb serve`, for tests that leave it as it was."""
    with LiveServer(weights, tmp_path_factory.mktemp("server") / "instance") as live:
        yield live


@pytest.fixture(scope="session")
def seven() -> bytes:
    """A PNG file of a drawn seven, 280x280."""
    return png(drawn_seven())


@pytest.fixture(scope="session")
def pixels() -> list[float]:
    """784 numbers with some ink among them."""
    return [0.0] * 300 + [1.0] * 84 + [0.5] * 100 + [0.0] * 300


def make_app(weights: Path, **settings: Any) -> Flask:
    return create_app({"WEIGHTS_FOLDERS": [str(weights)], "LOG_FORMAT": "off", "TESTING": True} | settings)


def as_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def post_json(client: FlaskClient, path: str, body: Any) -> Any:
    """Post a value as JSON, or a string of JSON as it is."""
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    data = text.encode() if isinstance(text, str) else text
    # Flask's client leaves the length of an empty body out; real ones say 0.
    length = {"CONTENT_LENGTH": str(len(data))}
    return client.post(path, data=data, content_type="application/json", environ_overrides=length)


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is this problem, in the one form that problems have, and return it."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    found = response.json
    assert found["code"] == code, found
    assert found["status"] == status
    assert found["type"] == f"urn:mnistweb:problem:{code}"
    assert found["request_id"] == response.headers["X-Request-ID"]
    assert found["title"]
    assert found["detail"]
    assert set(found) - {"error"} == {"type", "title", "status", "detail", "code", "request_id"}
    return found
