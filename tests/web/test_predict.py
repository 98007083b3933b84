"""`POST /predict` and `/predict/batch`: every way in, every answer, every explanation."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from mnistweb.inference import DigitClassifier
from mnistweb.web.schemas import PredictionAnswer
from tests.web.conftest import as_base64, make_app, post_json, problem
from tests.web.live import LiveServer

ANSWER = {"prediction", "confidence", "probabilities", "verdict", "model", "sentence"}


def check_answer(answer: dict[str, Any], model: str = "tiny") -> None:
    assert set(answer) >= ANSWER
    assert answer["model"] == model
    assert list(answer["probabilities"]) == [str(digit) for digit in range(10)]
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-12)
    assert answer["confidence"] == answer["probabilities"][str(answer["prediction"])]
    assert answer["confidence"] == max(answer["probabilities"].values())
    assert answer["verdict"] in ("digit", "uncertain", "not_a_digit")
    assert answer["sentence"]


def test_every_way_of_sending_a_picture_gives_the_same_answer(client: FlaskClient, seven: bytes) -> None:
    answers = [
        client.post("/predict", data=seven, content_type="image/png"),
        post_json(client, "/predict", {"image": as_base64(seven)}),
        post_json(client, "/predict", {"image": "data:image/png;base64," + as_base64(seven)}),
        post_json(client, "/predict", {"image": "DATA:image/PNG;Base64," + as_base64(seven)}),
        client.post("/predict", data={"image": (io.BytesIO(seven), "seven.png")}),
    ]
    for answer in answers:
        assert answer.status_code == 200
        check_answer(answer.json)
        assert answer.json == answers[0].json


def test_a_jpeg_is_read_too(client: FlaskClient, seven: bytes) -> None:
    file = io.BytesIO()
    Image.open(io.BytesIO(seven)).save(file, "JPEG", quality=95)
    answer = client.post("/predict", data=file.getvalue(), content_type="image/jpeg")
    check_answer(answer.json)
    as_url = post_json(client, "/predict", {"image": "data:image/jpeg;base64," + as_base64(file.getvalue())})
    assert as_url.json == answer.json


def test_pixels_are_taken_as_they_are(client: FlaskClient, pixels: list[float], weights: Path) -> None:
    answer = post_json(client, "/predict", {"pixels": pixels})
    check_answer(answer.json)
    direct = DigitClassifier.load(weights / "tiny.pkl").predict(np.array(pixels), preprocess=False)
    assert list(answer.json["probabilities"].values()) == direct.probabilities.tolist()
    assert answer.json["sentence"] == direct.sentence


def test_28_rows_of_28_are_the_same_as_784_numbers(client: FlaskClient, pixels: list[float]) -> None:
    rows = [pixels[start : start + 28] for start in range(0, 784, 28)]
    assert (
        post_json(client, "/predict", {"pixels": rows}).json
        == post_json(client, "/predict", {"pixels": pixels}).json
    )


def test_whole_numbers_are_numbers(client: FlaskClient) -> None:
    as_floats = post_json(client, "/predict", {"pixels": [0.0] * 400 + [1.0] * 384})
    assert post_json(client, "/predict", {"pixels": [0] * 400 + [1] * 384}).json == as_floats.json


def test_pixels_are_preprocessed_when_asked_for(client: FlaskClient, pixels: list[float]) -> None:
    explained = {"pixels": pixels, "explain": ["steps"]}
    plain = post_json(client, "/predict", explained).json["explanation"]
    prepared = post_json(client, "/predict", explained | {"preprocess": True}).json["explanation"]
    assert plain["steps"] == []
    assert plain["pixels"] == pixels
    assert len(prepared["steps"]) > 3
    assert prepared["pixels"] != pixels


def test_another_model_answers_when_it_is_named(client: FlaskClient, seven: bytes) -> None:
    answer = post_json(client, "/predict", {"image": as_base64(seven), "model": "small-convnet"})
    check_answer(answer.json, "small-convnet")
    form = client.post("/predict", data={"image": (io.BytesIO(seven), "a.png"), "model": "small-convnet"})
    query = client.post("/predict?model=small-convnet", data=seven, content_type="image/png")
    assert form.json == query.json == answer.json


def test_an_unknown_model_is_404_and_names_the_known(client: FlaskClient, seven: bytes) -> None:
    found = problem(
        post_json(client, "/predict", {"image": as_base64(seven), "model": "gpt"}), 404, "unknown_model"
    )
    assert "tiny" in found["detail"]
    problem(client.post("/predict?model=gpt", data=seven, content_type="image/png"), 404, "unknown_model")


def test_the_address_names_the_model_of_every_kind_of_body(
    client: FlaskClient, seven: bytes, pixels: list[float]
) -> None:
    """Guard: `_model` in mnistweb/web/incoming.py."""
    for path, body in (
        ("/predict", {"image": as_base64(seven)}),
        ("/predict", {"pixels": pixels}),
        ("/predict/batch", {"images": [as_base64(seven)]}),
    ):
        found = post_json(client, f"{path}?model=small-convnet", body).json
        assert found == post_json(client, path, body | {"model": "small-convnet"}).json
        assert (
            found == post_json(client, f"{path}?model=small-convnet", body | {"model": "small-convnet"}).json
        )
        problem(post_json(client, f"{path}?model=gpt", body), 404, "unknown_model")


def test_two_models_for_one_request_are_422(client: FlaskClient, seven: bytes) -> None:
    image, asked = as_base64(seven), "?model=small-convnet"
    for answer in (
        post_json(client, f"/predict{asked}", {"image": image, "model": "tiny"}),
        post_json(client, f"/predict/batch{asked}", {"images": [image], "model": "tiny"}),
        client.post(f"/predict{asked}", data={"image": (io.BytesIO(seven), "a.png"), "model": "tiny"}),
    ):
        found = problem(answer, 422, "invalid_body")
        assert "?model=" in found["detail"]


def test_the_address_names_the_model_of_a_quick_request_too(server: LiveServer, pixels: list[float]) -> None:
    """Numbers on a connection that stays open are answered past gunicorn (mnistweb/web/quick.py)."""
    headers = {"Content-Type": "application/json", "Connection": "keep-alive"}
    body = json.dumps({"pixels": pixels}).encode()
    named = server.request("POST", "/predict?model=small-convnet", body, headers)
    assert (named.status, named.json["model"]) == (200, "small-convnet")
    assert server.request("POST", "/predict?model=gpt", body, headers).status == 404


def test_a_blank_picture_has_no_prediction(client: FlaskClient) -> None:
    file = io.BytesIO()
    Image.new("L", (280, 280), 255).save(file, "PNG")
    problem(client.post("/predict", data=file.getvalue(), content_type="image/png"), 422, "blank_image")
    problem(post_json(client, "/predict", {"pixels": [0] * 784}), 422, "blank_image")


def test_the_answer_has_the_documented_form_and_nothing_else(
    client: FlaskClient, pixels: list[float]
) -> None:
    assert set(post_json(client, "/predict", {"pixels": pixels}).json) == ANSWER
    assert set(PredictionAnswer.__struct_fields__) == ANSWER | {"explanation", "label", "labels"}


def test_only_what_was_asked_for_is_explained(client: FlaskClient, seven: bytes) -> None:
    for part in ("steps", "activations", "contributions"):
        answer = post_json(client, "/predict", {"image": as_base64(seven), "explain": [part]}).json
        assert set(answer["explanation"]) == {"pixels", part}
        assert len(answer["explanation"]["pixels"]) == 784
    assert "explanation" not in post_json(client, "/predict", {"image": as_base64(seven), "explain": []}).json


def test_steps_are_pictures_with_names(client: FlaskClient, seven: bytes) -> None:
    answer = post_json(client, "/predict", {"image": as_base64(seven), "explain": ["steps"]}).json
    for step in answer["explanation"]["steps"]:
        assert set(step) == {"name", "title", "width", "height", "image"}
        assert open_data_url(step["image"]).size == (step["width"], step["height"])
    last = answer["explanation"]["steps"][-1]
    assert (last["width"], last["height"]) == (28, 28)


def test_activations_of_a_perceptron_carry_the_sums_of_its_units(
    client: FlaskClient, pixels: list[float]
) -> None:
    answer = post_json(client, "/predict", {"pixels": pixels, "explain": ["activations"]}).json
    flatten, hidden, relu, output = answer["explanation"]["activations"]
    assert (flatten["name"], flatten["shape"]) == ("Flatten", [784])
    assert hidden["shape"] == [12]
    assert len(hidden["units"]) == 12
    for unit, value, after in zip(hidden["units"], hidden["values"], relu["values"], strict=True):
        assert unit["sum"] == pytest.approx(value, rel=1e-3, abs=1e-4)
        assert after == max(0, value)
        assert len(unit["top"]) == 5
        index, brightness, weight, product = unit["top"][0]
        assert brightness == pixels[index]
        assert product == pytest.approx(brightness * weight, rel=1e-6)
    assert output["values"].index(max(output["values"])) == answer["prediction"]


def test_activations_of_a_convolution_are_tiled_maps(client: FlaskClient, pixels: list[float]) -> None:
    body = {"pixels": pixels, "model": "small-convnet", "explain": ["activations"]}
    first = post_json(client, "/predict", body).json["explanation"]["activations"][0]
    maps = first["maps"]
    assert (first["name"], first["shape"]) == ("Conv2D", [26, 26, 4])
    assert (maps["width"], maps["height"], maps["count"]) == (26, 26, 4)
    assert maps["columns"] * maps["rows"] >= 4
    sheet = open_data_url(maps["image"])
    assert sheet.size == (maps["columns"] * 27 - 1, maps["rows"] * 27 - 1)
    assert sheet.mode == "L"


def test_contributions_are_for_the_answer_and_the_runner_up(client: FlaskClient, pixels: list[float]) -> None:
    answer = post_json(client, "/predict", {"pixels": pixels, "explain": ["contributions"]}).json
    found = answer["explanation"]["contributions"]
    order = sorted(range(10), key=lambda digit: -answer["probabilities"][str(digit)])
    assert [each["digit"] for each in found["classes"]] == order[:2]
    assert "Gradient times input" in found["method"]
    for each in found["classes"]:
        assert len(each["pixels"]) == 784
        assert all(
            value == 0 for value, brightness in zip(each["pixels"], pixels, strict=True) if brightness == 0
        )


def test_a_batch_answers_in_order_with_the_problem_of_each_in_its_place(
    client: FlaskClient, seven: bytes
) -> None:
    images = [as_base64(seven), "not base64", as_base64(seven[:100]), as_base64(b"GIF89a"), as_base64(seven)]
    response = post_json(client, "/predict/batch", {"images": images})
    assert response.status_code == 200
    answers = response.json["predictions"]
    check_answer(answers[0])
    assert answers[4] == answers[0]
    assert [each["code"] for each in answers[1:4]] == ["broken_base64", "broken_image", "unsupported_image"]
    assert [each["status"] for each in answers[1:4]] == [400, 400, 415]
    assert all(each["request_id"] == response.headers["X-Request-ID"] for each in answers[1:4])


def test_a_batch_of_pixels_is_one_forward_pass(
    client: FlaskClient, pixels: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    original = DigitClassifier.logits
    monkeypatch.setattr(DigitClassifier, "logits", lambda self, x: sizes.append(len(x)) or original(self, x))
    batch = [pixels, pixels[::-1], [0] * 784, [0] * 783, pixels]
    answers = post_json(client, "/predict/batch", {"pixels": batch}).json["predictions"]
    assert sizes == [3]
    assert [each.get("code") for each in answers] == [None, None, "blank_image", "invalid_pixels", None]
    assert answers[0] == answers[4]
    alone = post_json(client, "/predict", {"pixels": pixels[::-1]}).json
    assert answers[1]["prediction"] == alone["prediction"]


def test_a_batch_may_come_as_a_form(client: FlaskClient, seven: bytes) -> None:
    files = [(io.BytesIO(seven), "a.png"), (io.BytesIO(b""), "b.png"), (io.BytesIO(seven), "c.png")]
    answers = client.post("/predict/batch", data={"image": files}).json["predictions"]
    check_answer(answers[0])
    assert answers[1]["status"] in (400, 415)
    assert answers[2] == answers[0]


def test_a_batch_with_nothing_good_in_it_is_answered(client: FlaskClient) -> None:
    answers = post_json(client, "/predict/batch", {"images": ["?", "!"]}).json["predictions"]
    assert [each["code"] for each in answers] == ["broken_base64"] * 2


def test_an_empty_or_too_long_batch_is_refused(weights: Path, instance: Path, pixels: list[float]) -> None:
    client = make_app(weights, MAX_BATCH_IMAGES=3).test_client()
    problem(post_json(client, "/predict/batch", {"images": []}), 422, "invalid_body")
    assert post_json(client, "/predict/batch", {"pixels": [pixels] * 3}).status_code == 200
    problem(post_json(client, "/predict/batch", {"pixels": [pixels] * 4}), 413, "too_large")
    problem(post_json(client, "/predict/batch", {"images": ["x"] * 4}), 413, "too_large")


def test_all_pictures_of_a_request_share_one_budget_of_pixels(
    weights: Path, instance: Path, seven: bytes
) -> None:
    client = make_app(weights, MAX_REQUEST_PIXELS=2 * 280 * 280).test_client()
    answers = post_json(client, "/predict/batch", {"images": [as_base64(seven)] * 3}).json["predictions"]
    assert [each.get("code") for each in answers] == [None, None, "image_too_large"]


def open_data_url(url: str) -> Image.Image:
    head, _, data = url.partition(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))
