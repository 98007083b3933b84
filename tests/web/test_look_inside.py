"""Health, models and the debug image: the routes that show what is inside."""

from __future__ import annotations

import io
import os
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from mnistweb.inference import prepare
from mnistweb.web import debug_image
from tests.inference.conftest import tiny_model
from tests.web.conftest import as_base64, make_app, post_json, problem


@pytest.fixture
def empty_client(tmp_path: Path, instance: Path) -> FlaskClient:
    """An application without any model."""
    (tmp_path / "no-weights-here").mkdir()
    return make_app(tmp_path / "no-weights-here").test_client()


def test_health_check_is_ok_while_the_process_lives(client: FlaskClient, empty_client: FlaskClient) -> None:
    for each in (client, empty_client):
        response = each.get("/health-check")
        assert (response.status_code, response.json) == (200, {"status": "ok"})


def test_health_names_the_architecture_of_the_default(client: FlaskClient) -> None:
    response = client.get("/health")
    assert response.status_code == 200
    assert response.json == {
        "status": "healthy",
        "model_loaded": True,
        "model_architecture": "784 -> 12 -> 10",
    }


def test_without_a_model_the_service_is_unhealthy_and_says_try_later(empty_client: FlaskClient) -> None:
    response = empty_client.get("/health")
    assert response.status_code == 503
    assert response.json == {"status": "unhealthy", "model_loaded": False, "model_architecture": ""}
    assert response.headers["Retry-After"] == "1"
    refused = post_json(empty_client, "/predict", {"pixels": [0, 1] * 392})
    problem(refused, 503, "no_model")
    assert refused.headers["Retry-After"] == "1"
    assert empty_client.get("/models").json == {"default": "", "models": []}
    for page in ("/paint-screen", "/upload", "/debug-image"):
        assert empty_client.get(page).status_code == 200


def test_models_are_listed_the_default_first(client: FlaskClient) -> None:
    found = client.get("/models").json
    assert found["default"] == "tiny"
    assert [each["name"] for each in found["models"]] == ["tiny", "small-convnet"]
    assert [each["is_default"] for each in found["models"]] == [True, False]
    assert found["models"][0]["parameters"] == tiny_model().num_parameters
    assert found["models"][0]["labels"] == list("0123456789")


def test_the_default_model_can_be_set(weights: Path, instance: Path) -> None:
    client = make_app(weights, DEFAULT_MODEL="small-convnet").test_client()
    assert client.get("/models").json["default"] == "small-convnet"
    assert post_json(client, "/predict", {"pixels": [0, 1] * 392}).json["model"] == "small-convnet"


def test_model_info_tells_the_facts_of_the_file(client: FlaskClient) -> None:
    found = client.get("/model/info").json
    assert found["architecture"] == "784 -> 12 -> 10"
    assert found["input_size"] == 784
    assert found["hidden_sizes"] == [12]
    assert found["output_size"] == 10
    assert found["total_parameters"] == 784 * 12 + 12 + 120 + 10
    assert found["num_layers"] == 2
    assert found["weights_shapes"] == [[784, 12], [12, 10]]
    assert found["biases_shapes"] == [[12], [10]]
    assert found["training"] == {"validation_accuracy": 0.9, "data": "made up"}
    assert re.fullmatch("[0-9a-f]{64}", found["sha256"])
    other = client.get("/model/info?model=small-convnet").json
    assert other["name"] == "small-convnet"
    assert other["architecture"].startswith("28x28x1 -> ")
    problem(client.get("/model/info?model=gpt"), 404, "unknown_model")
    problem(client.get("/model/info?model=" + "x" * 3000), 404, "unknown_model")


def check_debug(answer: Any, picture: np.ndarray) -> None:
    assert answer["shape"] == [28, 28]
    assert answer["min_value"] == picture.min()
    assert answer["max_value"] == picture.max()
    assert answer["mean_value"] == pytest.approx(picture.mean(), rel=1e-5)
    assert answer["non_zero_pixels"] == np.count_nonzero(picture)
    np.testing.assert_allclose(answer["pixels"], picture.ravel(), atol=1e-6)


def test_debug_image_says_in_numbers_what_the_network_sees(client: FlaskClient, seven: bytes) -> None:
    answer = client.post("/debug-image", data=seven, content_type="image/png").json
    prepared = prepare(seven, keep_steps=True)
    check_debug(answer, prepared.pixels)
    assert [step["name"] for step in answer["steps"]] == [step.name for step in prepared.steps]
    assert answer["polarity"] == "dark_on_light"
    assert answer["centre_of_mass"] == [float(each) for each in prepared.centre_of_mass]


def test_every_body_of_predict_is_a_body_of_debug_image(
    client: FlaskClient, seven: bytes, pixels: list[float]
) -> None:
    first = client.post("/debug-image", data=seven, content_type="image/png").json
    assert post_json(client, "/debug-image", {"image": as_base64(seven)}).json == first
    assert client.post("/debug-image", data={"image": (io.BytesIO(seven), "a.png")}).json == first
    as_it_is = post_json(client, "/debug-image", {"pixels": pixels}).json
    assert as_it_is["steps"] == []
    check_debug(as_it_is, np.array(pixels, np.float32))
    problem(post_json(client, "/debug-image", {"pixels": [0] * 784}), 422, "blank_image")


def test_what_a_model_sees_needs_that_model(
    client: FlaskClient, empty_client: FlaskClient, seven: bytes
) -> None:
    picture = {"data": seven, "content_type": "image/png"}
    problem(client.post("/debug-image?model=nobody", **picture), 404, "unknown_model")
    assert empty_client.post("/debug-image", **picture).status_code == 200  # MNIST's form is there without


def test_the_debug_image_is_saved_and_served_again(client: FlaskClient, pixels: list[float]) -> None:
    name = post_json(client, "/debug-image", {"pixels": pixels}).json["saved_debug_image"]
    assert re.fullmatch(r"[0-9a-f]{32}\.png", name)
    response = client.get(f"/debug-image/{name}", buffered=True)
    assert (response.status_code, response.content_type) == (200, "image/png")
    assert "immutable" in response.headers["Cache-Control"]
    stored = np.asarray(Image.open(io.BytesIO(response.data)))
    np.testing.assert_array_equal(stored, np.round(np.array(pixels) * 255).reshape(28, 28))


def test_the_same_picture_is_saved_once(instance: Path, weights: Path, pixels: list[float]) -> None:
    client = make_app(weights).test_client()
    names = {
        post_json(client, "/debug-image", {"pixels": pixels}).json["saved_debug_image"] for _ in range(3)
    }
    assert [path.name for path in (instance / "debug-images").iterdir()] == list(names)


def test_the_oldest_debug_images_go(instance: Path, weights: Path) -> None:
    client = make_app(weights, MAX_SAVED_DEBUG_IMAGES=3).test_client()
    names = []
    for number in range(5):
        picture = [0.0] * 784
        picture[number] = 1.0
        names.append(post_json(client, "/debug-image", {"pixels": picture}).json["saved_debug_image"])
        path = instance / "debug-images" / names[-1]
        os.utime(path, (1_000_000 + number, 1_000_000 + number))
    assert sorted(path.name for path in (instance / "debug-images").iterdir()) == sorted(names[2:])
    assert client.get(f"/debug-image/{names[0]}").status_code == 404


def test_a_picture_that_is_asked_again_counts_as_young(
    instance: Path, weights: Path, pixels: list[float]
) -> None:
    client = make_app(weights).test_client()
    name = post_json(client, "/debug-image", {"pixels": pixels}).json["saved_debug_image"]
    os.utime(instance / "debug-images" / name, (1_000_000, 1_000_000))
    post_json(client, "/debug-image", {"pixels": pixels})
    assert (instance / "debug-images" / name).stat().st_mtime > time.time() - 100


def test_nothing_is_saved_when_that_is_switched_off(
    instance: Path, weights: Path, pixels: list[float]
) -> None:
    answer = post_json(
        make_app(weights, MAX_SAVED_DEBUG_IMAGES=0).test_client(), "/debug-image", {"pixels": pixels}
    )
    assert answer.json["saved_debug_image"] is None
    assert "switched off" in answer.json["not_saved_because"]
    assert not (instance / "debug-images").exists()


def test_an_instance_folder_that_cannot_be_written_is_said_and_no_more(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seven: bytes
) -> None:
    in_the_way = tmp_path / "a file"
    in_the_way.write_text("no folder can be made in here")
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(in_the_way / "instance"))
    client = make_app(weights).test_client()
    answer = client.post("/debug-image", data=seven, content_type="image/png")
    assert answer.status_code == 200
    assert answer.json["saved_debug_image"] is None
    assert "cannot be written" in answer.json["not_saved_because"]
    assert str(tmp_path) not in answer.text
    assert client.post("/predict", data=seven, content_type="image/png").status_code == 200


def test_a_full_disk_is_said_and_leaves_nothing_behind(
    instance: Path, weights: Path, pixels: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    answer = post_json(make_app(weights).test_client(), "/debug-image", {"pixels": pixels}).json
    assert "No space left on device" in answer["not_saved_because"]
    assert list((instance / "debug-images").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["x.png", "../config.py", "0" * 31 + ".png", "0" * 32 + ".jpg", "G" * 32 + ".png"]
)
def test_only_names_that_we_gave_are_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/debug-image/{name}").status_code == 404


def test_a_picture_removed_by_another_worker_meanwhile_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(b"")
    monkeypatch.setattr(
        Path, "glob", lambda self, _: iter([*sorted(tmp_path.iterdir()), tmp_path / "gone.png"])
    )
    debug_image._remove_oldest(tmp_path, 1)
    assert len(os.listdir(tmp_path)) == 1
