"""`/v2`: the Open Inference Protocol (KServe V2, HTTP/JSON), for clients that speak it already.

One tensor `input` of pictures in MNIST form goes in, `probabilities` and `prediction` come out. Tensors may
also travel as raw bytes behind the JSON (the extension `binary_tensor_data`), as Triton's client sends them
unasked. Specification: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
from flask import Blueprint, Response, current_app, g, request
from msgspec import UNSET
from numpy.typing import NDArray
from werkzeug.exceptions import NotFound

import mnistweb
from mnistweb.imaging.errors import BlankImageError
from mnistweb.inference import DigitClassifier, mnist_pixels
from mnistweb.inference.errors import PixelsError
from mnistweb.web.answers import json_response
from mnistweb.web.body import read_body
from mnistweb.web.errors import ProblemError
from mnistweb.web.incoming import unsupported_type
from mnistweb.web.json_body import JsonReader
from mnistweb.web.loaded import loaded_models
from mnistweb.web.metrics import count_predictions
from mnistweb.web.openapi import describes
from mnistweb.web.schemas import (
    InferAnswer,
    InferBody,
    InputTensor,
    LiveAnswer,
    ModelMetadataAnswer,
    ModelReadyAnswer,
    OutputName,
    OutputTensor,
    ReadyAnswer,
    ServerMetadataAnswer,
    TensorMetadata,
)

blueprint = Blueprint("inference_protocol", __name__, url_prefix="/v2")

VERSION = "1"  # a model's weights may be replaced, but two versions are never served side by side
_VERSION_ONLY = {"version": {"type": "string", "enum": [VERSION]}}
_PIXELS = 28 * 28
_HEADER_LENGTH = "Inference-Header-Content-Length"
_MOST_DIGITS = 20  # of that header; Python refuses to read a number of more than 4,300, which fit in one

_infer_json = JsonReader(InferBody)


@blueprint.get("")
@describes(ServerMetadataAnswer)
def server_metadata() -> Response:
    """What this server is."""
    return json_response(ServerMetadataAnswer("mnistweb", mnistweb.__version__, ["binary_tensor_data"]))


@blueprint.get("/health/live")
@describes(LiveAnswer)
def live() -> Response:
    """The process lives."""
    return json_response(LiveAnswer(True))


@blueprint.get("/health/ready")
@describes(ReadyAnswer)
def ready() -> Response:
    """A model is loaded; 503 while there is none."""
    loaded_models().get()
    return json_response(ReadyAnswer(True))


@blueprint.get("/models/<name>")
@blueprint.get("/models/<name>/versions/<version>")
@describes(ModelMetadataAnswer, path=_VERSION_ONLY, problems=(404,))
def model_metadata(name: str, version: str = VERSION) -> Response:
    """The tensors that a model takes and gives."""
    classifier = _model(name, version)
    classes = classifier.network.num_classes
    return json_response(
        ModelMetadataAnswer(
            classifier.name,
            [VERSION],
            "mnistweb_numpy",
            [TensorMetadata("input", "FP32", [-1, _PIXELS])],
            [
                TensorMetadata("probabilities", "FP32", [-1, classes]),
                TensorMetadata("prediction", "INT64", [-1]),
            ],
        )
    )


@blueprint.get("/models/<name>/ready")
@blueprint.get("/models/<name>/versions/<version>/ready")
@describes(ModelReadyAnswer, path=_VERSION_ONLY, problems=(404,))
def model_ready(name: str, version: str = VERSION) -> Response:
    """The model is loaded."""
    return json_response(ModelReadyAnswer(_model(name, version).name, True))


@blueprint.post("/models/<name>/infer")
@blueprint.post("/models/<name>/versions/<version>/infer")
@describes(InferAnswer, body=InferBody, binary=True, path=_VERSION_ONLY, problems=(404,))
def infer(name: str, version: str = VERSION) -> Response:
    """Read the digits of N pictures in one forward pass."""
    classifier = _model(name, version)
    body, raw = _read_request()
    pictures = _pictures(_tensor(body.inputs[0], raw))
    g.model = classifier.name
    predictions = classifier.predict_pixels(pictures)
    count_predictions(predictions)
    found: dict[OutputName, NDArray[Any]] = {
        "probabilities": np.array([each.probabilities for each in predictions], "<f4"),
        "prediction": np.array([each.prediction for each in predictions], "<i8"),
    }
    return _respond(classifier, body, found)


def _model(name: str, version: str) -> DigitClassifier:
    if version != VERSION:
        raise NotFound
    return loaded_models().get(name)


def _read_request() -> tuple[InferBody, bytes | None]:
    """The JSON of a request and the bytes behind it, None when there is nothing but JSON."""
    if request.mimetype not in ("", "application/json", "application/octet-stream"):
        raise unsupported_type("application/json", "application/octet-stream")
    body = read_body()
    said = request.headers.get(_HEADER_LENGTH)
    raw = None
    if said is not None:
        is_number = said.isascii() and said.isdigit() and len(said) <= _MOST_DIGITS
        if not (is_number and int(said) <= len(body)):
            raise ProblemError(
                "broken_request", f"{_HEADER_LENGTH} must be a number of at most {len(body):,}."
            )
        body, raw = body[: int(said)], body[int(said) :]
    most = current_app.config["MAX_BATCH_IMAGES"]
    return _infer_json.read(body, max_commas=2 * most * _PIXELS), raw


def _tensor(tensor: InputTensor, raw: bytes | None) -> NDArray[Any]:
    """The input as (N, 784). Raises ProblemError for a shape or a length that does not fit."""
    shape = tensor.shape
    most = current_app.config["MAX_BATCH_IMAGES"]
    if shape[1:] not in ([_PIXELS], [28, 28], [28, 28, 1]):
        raise ProblemError("invalid_body", f"input has the shape {shape}; wanted is [N, 784] or [N, 28, 28].")
    if shape[0] > most:
        raise ProblemError(
            "too_large", f"{shape[0]:,} pictures were sent; at most {most:,} are taken at once."
        )
    if shape[0] < 1:
        raise ProblemError("invalid_body", "input holds no picture.")
    size = tensor.parameters.get("binary_data_size")
    if size is None:
        if tensor.data is UNSET:
            raise ProblemError("invalid_body", "input has no data.")
        values = _flat(tensor.data)
    else:
        if raw is None or size != len(raw) or len(raw) % 4:
            raise ProblemError(
                "invalid_body",
                f"binary_data_size says {size} bytes, behind the JSON are {len(raw or b''):,}.",
            )
        values = np.frombuffer(raw, "<f4")
    if len(values) != math.prod(shape):
        raise ProblemError("invalid_body", f"input has {len(values):,} values for the shape {shape}.")
    return values.reshape(shape[0], _PIXELS)


def _flat(data: list[Any]) -> NDArray[np.float64]:
    """Numbers in any nesting, row by row."""
    try:
        return np.asarray(data, np.float64).reshape(-1)
    except (ValueError, OverflowError) as error:
        raise ProblemError(
            "invalid_body", "input's data are rows of unequal length, or too large numbers."
        ) from error


def _pictures(values: NDArray[Any]) -> NDArray[np.float32]:
    """(N, 784) numbers as (N, 28, 28) pixels, each picture checked."""
    pictures = np.empty((len(values), 28, 28), np.float32)
    for index, row in enumerate(values):
        try:
            pictures[index] = mnist_pixels(row)
        except (PixelsError, BlankImageError) as error:
            raise ProblemError(error.code, f"picture {index} of input: {error}") from error
    return pictures


def _respond(classifier: DigitClassifier, body: InferBody, found: dict[OutputName, NDArray[Any]]) -> Response:
    """The outputs that were asked for, all if none was named, as JSON or as bytes behind it."""
    asked = {output.name: output.parameters for output in body.outputs}
    none: dict[OutputName, dict[str, Any]] = {name: {} for name in found}
    wanted = asked or none
    all_binary = body.parameters.get("binary_data_output") is True
    outputs, blobs = [], []
    for name, parameters in wanted.items():
        values = found[name]
        output = OutputTensor(name, "FP32" if values.dtype.kind == "f" else "INT64", list(values.shape))
        if parameters.get("binary_data", all_binary) is True:
            blobs.append(values.tobytes())
            output.parameters = {"binary_data_size": len(blobs[-1])}
        else:
            output.data = values.reshape(-1).tolist()
        outputs.append(output)
    answer = InferAnswer(classifier.name, VERSION, outputs, body.id)
    if not blobs:
        return json_response(answer)
    encoded = msgspec.json.encode(answer)
    return Response(
        b"".join([encoded, *blobs]),
        mimetype="application/octet-stream",
        headers={_HEADER_LENGTH: str(len(encoded))},
    )
