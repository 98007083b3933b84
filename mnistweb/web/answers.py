"""Predictions and explanations as the bodies of answers, with pictures as data URLs."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from flask import Response
from numpy.typing import NDArray
from PIL import Image

from mnistweb.imaging.preprocess import Step
from mnistweb.inference import DigitClassifier, Prediction, activations, contributions
from mnistweb.inference.explanations import LayerActivation
from mnistweb.web import schemas
from mnistweb.weights.document import DIGITS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_encoder = msgspec.json.Encoder()


class JsonAnswer(Response):
    """An answer that is finished as it is: Werkzeug need not look through its headers once more."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """As WSGI calls it."""
        if environ["REQUEST_METHOD"] == "HEAD":
            return super().__call__(environ, start_response)
        start_response(self.status, self.headers.to_wsgi_list())
        return self.response  # type: ignore[return-value]  # it was made of bytes


def json_response(body: msgspec.Struct, status: int = 200) -> Response:
    """An answer of a JSON route."""
    return JsonAnswer(_encoder.encode(body), status, content_type="application/json")


def prediction_answer(prediction: Prediction) -> schemas.PredictionAnswer:
    """The answer to one picture."""
    return schemas.PredictionAnswer(
        prediction=prediction.prediction,
        confidence=prediction.confidence,
        probabilities={str(digit): value for digit, value in enumerate(prediction.probabilities.tolist())},
        verdict=prediction.verdict,  # type: ignore[arg-type]
        model=prediction.model,
        sentence=prediction.sentence,
        **({} if prediction.labels == DIGITS else _names(prediction)),
    )


def _names(prediction: Prediction) -> dict[str, Any]:
    return {"label": prediction.label, "labels": list(prediction.labels)}


def explanation_answer(
    classifier: DigitClassifier,
    pixels: NDArray[np.float32],
    steps: tuple[Step, ...],
    prediction: Prediction,
    parts: frozenset[str],
) -> schemas.ExplanationAnswer:
    """What was asked for in `parts`: "steps", "activations", "contributions"."""
    answer = schemas.ExplanationAnswer(pixels=_floats(pixels))
    if "steps" in parts:
        answer.steps = [step_answer(step) for step in steps]
    if "activations" in parts:
        answer.activations = [_layer_answer(each) for each in activations(classifier, pixels)]
    if "contributions" in parts:
        digits = (prediction.prediction, prediction.runner_up)
        method, found = contributions(classifier, pixels, digits)
        answer.contributions = schemas.ContributionsAnswer(
            method,
            [schemas.ContributionAnswer(each.digit, each.logit, _floats(each.pixels)) for each in found],
        )
    return answer


def step_answer(step: Step) -> schemas.StepAnswer:
    """One step of preprocessing with its picture."""
    height, width = step.pixels.shape[:2]
    return schemas.StepAnswer(step.name, step.title, width, height, data_url(png(step.pixels)))


def png(pixels: NDArray[np.uint8] | Image.Image) -> bytes:
    """A PNG file of a picture, or of (H, W) grey or (H, W, 3) colour pixels; of nothing but those pixels."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)  # these pictures are small; time counts more than bytes
    return file.getvalue()


def data_url(png_bytes: bytes) -> str:
    """A PNG as a URL that carries it."""
    return "data:image/png;base64," + base64.b64encode(png_bytes).decode("ascii")


def _layer_answer(layer: LayerActivation) -> schemas.LayerAnswer:
    answer = schemas.LayerAnswer(layer.layer, layer.name, list(layer.values.shape))
    if layer.values.ndim == 3:
        answer.maps = _maps_answer(layer.values)
        return answer
    answer.values = _floats(layer.values)
    if layer.units:
        answer.units = [schemas.UnitAnswer(each.total, each.bias, list(each.top)) for each in layer.units]
    return answer


def _maps_answer(values: NDArray[np.float32]) -> schemas.MapsAnswer:
    """Maps (height, width, channels), each scaled to its own range, tiled with a black line between."""
    height, width, count = values.shape
    columns = math.ceil(math.sqrt(count * height / width))
    rows = math.ceil(count / columns)
    low, high = values.min(axis=(0, 1)), values.max(axis=(0, 1))
    scaled = (values - low) / np.where(high > low, high - low, 1)
    sheet = np.zeros((rows * (height + 1), columns * (width + 1)), np.uint8)
    for channel in range(count):
        top, left = channel // columns * (height + 1), channel % columns * (width + 1)
        sheet[top : top + height, left : left + width] = scaled[:, :, channel] * 255
    return schemas.MapsAnswer(columns, rows, width, height, count, data_url(png(sheet[:-1, :-1])))


def _floats(values: NDArray[np.float32]) -> list[float]:
    return np.round(values.reshape(-1).astype(np.float64), 6).tolist()
