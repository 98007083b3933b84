"""The Open Inference Protocol, asked by Triton's client and by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from tests.web.conftest import problem
from tests.web.live import LiveServer

triton = pytest.importorskip("tritonclient.http", reason="needs tritonclient[http], of the extra `test`")


@pytest.fixture(scope="module")
def triton_client(server: LiveServer) -> Iterator[Any]:
    client = triton.InferenceServerClient(
        f"127.0.0.1:{server.port}", connection_timeout=20, network_timeout=20
    )
    yield client
    client.close()


def tensor(pixels: np.ndarray, *, binary: bool) -> Any:
    given = triton.InferInput("input", list(pixels.shape), "FP32")
    given.set_data_from_numpy(pixels, binary_data=binary)
    return given


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(1).random((3, 784), dtype=np.float32)


def test_tritons_client_finds_the_server_live_and_ready(triton_client: Any) -> None:
    assert triton_client.is_server_live()
    assert triton_client.is_server_ready()
    assert triton_client.is_model_ready("tiny")
    assert triton_client.is_model_ready("tiny", "1")
    assert not triton_client.is_model_ready("nobody")


def test_tritons_client_reads_the_metadata(triton_client: Any) -> None:
    assert triton_client.get_server_metadata()["name"] == "mnistweb"
    metadata = triton_client.get_model_metadata("tiny")
    assert metadata["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 784]}]
    assert [each["name"] for each in metadata["outputs"]] == ["probabilities", "prediction"]


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("shape", [(3, 784), (3, 28, 28), (3, 28, 28, 1)])
def test_tritons_client_gets_the_answers_of_predict(
    triton_client: Any, client: FlaskClient, pictures: np.ndarray, shape: tuple[int, ...], binary: bool
) -> None:
    wanted = [
        triton.InferRequestedOutput(name, binary_data=binary) for name in ("probabilities", "prediction")
    ]
    result = triton_client.infer(
        "small-convnet", [tensor(pictures.reshape(shape), binary=binary)], outputs=wanted, request_id="mine"
    )
    body = {"pixels": pictures.astype(float).tolist(), "model": "small-convnet"}
    expected = client.post("/predict/batch", json=body).json["predictions"]
    assert result.get_response()["id"] == "mine"
    assert result.as_numpy("prediction").tolist() == [each["prediction"] for each in expected]
    probabilities = [list(each["probabilities"].values()) for each in expected]
    np.testing.assert_allclose(result.as_numpy("probabilities"), probabilities, atol=1e-6)


def test_only_the_outputs_that_were_asked_for_come(triton_client: Any, pictures: np.ndarray) -> None:
    wanted = [triton.InferRequestedOutput("prediction", binary_data=False)]
    result = triton_client.infer("tiny", [tensor(pictures, binary=True)], outputs=wanted)
    assert [each["name"] for each in result.get_response()["outputs"]] == ["prediction"]


@pytest.mark.parametrize(
    ("name", "pixels", "said"),
    [
        ("tiny", np.ones((1, 783), np.float32), "wanted is [N, 784]"),
        ("tiny", np.zeros((1, 784), np.float32), "picture 0 of input: the picture is blank"),
        ("tiny", np.full((2, 784), 255, np.float32), "picture 0 of input: pixel 0 is 255"),
        ("nobody", np.eye(1, 784, dtype=np.float32), "there is no model 'nobody'"),
    ],
)
def test_tritons_client_is_told_what_is_wrong(
    triton_client: Any, name: str, pixels: np.ndarray, said: str
) -> None:
    with pytest.raises(triton.InferenceServerException) as caught:
        triton_client.infer(name, [tensor(pixels, binary=True)])
    assert said in caught.value.message()


def request_body(**changes: Any) -> dict[str, Any]:
    one = {"name": "input", "shape": [1, 784], "datatype": "FP32", "data": [0.0] * 392 + [1.0] * 392}
    return {"inputs": [one | changes]}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (request_body(), 200),
        (request_body(data=[[[0.0] * 14 + [1.0] * 14] * 28]), 200),
        (request_body(name="pixels"), 422),
        (request_body(datatype="INT8"), 422),
        (request_body(shape=[2, 784]), 422),
        (request_body(shape=[-1, 784]), 422),
        (request_body(shape=[10**9, 784]), 413),
        (request_body(data=[["1"]]), 422),
        (request_body(data=[[0.0], [0.0, 1.0]]), 422),
        (request_body(parameters={"binary_data_size": 3136}), 422),
        ({"inputs": []}, 422),
        ({}, 422),
    ],
)
def test_a_request_by_hand_is_answered_or_refused(
    client: FlaskClient, body: dict[str, Any], status: int
) -> None:
    answer = client.post("/v2/models/tiny/infer", json=body)
    assert answer.status_code == status
    if status != 200:
        assert answer.json["error"] == answer.json["detail"]


@pytest.mark.parametrize(
    "length",
    ["-1", "1e3", "999999", "²", pytest.param("9" * 5000, id="5,000 digits")],  # more than int() reads
)
def test_a_wrong_length_of_the_json_part_is_400(client: FlaskClient, length: str) -> None:
    headers = {"Inference-Header-Content-Length": length.encode().decode("latin-1")}
    answer = client.post("/v2/models/tiny/infer", json=request_body(), headers=headers)
    found = problem(answer, 400, "broken_request")
    assert found["error"] == found["detail"]


def test_another_version_than_the_one_there_is_404(client: FlaskClient) -> None:
    assert client.get("/v2/models/tiny/versions/2").status_code == 404
    assert client.get("/v2/models/tiny/versions/1").json["name"] == "tiny"
