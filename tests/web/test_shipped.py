"""The application with the weights that ship, and with real digits: what people meet."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from mnistweb.data import load_dataset
from mnistweb.resources import shipped_weights_folder
from tests.web.conftest import as_base64, make_app, post_json


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNISTWEB_INSTANCE", str(tmp_path_factory.mktemp("instance")))
        yield make_app(shipped_weights_folder()).test_client()


@pytest.fixture(scope="module")
def digits(real_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray]:
    """The first 200 of MNIST's test pictures, (200, 28, 28) float32, and their labels."""
    test = load_dataset("mnist", "test", data_dir=real_data_dir, cache_dir=tmp_path_factory.mktemp("cache"))
    return test.images[:200, :, :, 0], test.labels[:200]


def test_a_drawn_seven_is_read_right_by_every_way_in(shipped: FlaskClient, seven: bytes) -> None:
    for answer in (
        shipped.post("/predict", data=seven, content_type="image/png"),
        shipped.post("/predict", data={"image": (io.BytesIO(seven), "seven.png")}),
        post_json(shipped, "/predict", {"image": as_base64(seven)}),
    ):
        assert (answer.json["prediction"], answer.json["verdict"]) == (7, "digit")
    page = shipped.post("/upload", data={"image": (io.BytesIO(seven), "seven.png")}).text
    assert re.search(r'data-prediction="7" data-verdict="digit"', page)
    assert "a 7" in html.unescape(page)


def test_real_digits_are_read_by_every_model(
    shipped: FlaskClient, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    pictures, labels = digits
    for model in shipped.get("/models").json["models"]:
        body = {"pixels": pictures.reshape(-1, 784).tolist(), "model": model["name"]}
        answers = post_json(shipped, "/predict/batch", body).json["predictions"]
        right = np.mean(
            [answer["prediction"] == label for answer, label in zip(answers, labels, strict=True)]
        )
        assert right >= 0.97, (model["name"], right)


def test_eight_threads_that_ask_different_models_get_the_answers_that_one_would(
    shipped: FlaskClient, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    models = [model["name"] for model in shipped.get("/models").json["models"]]
    bodies = [
        {"pixels": picture.ravel().tolist(), "model": model} for picture in digits[0][:30] for model in models
    ]

    def ask(body: dict[str, object]) -> bytes:
        return bytes(post_json(shipped.application.test_client(), "/predict", body).data)

    alone = [ask(body) for body in bodies]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, bodies)) == alone
