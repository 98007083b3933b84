"""`POST /predict` and `POST /predict/batch`: pictures in, digits out."""

from __future__ import annotations

import numpy as np
from flask import Blueprint, Response, g
from numpy.typing import NDArray

from mnistweb.imaging.errors import ImageError
from mnistweb.inference import DigitClassifier, PixelsError
from mnistweb.web.answers import explanation_answer, json_response, prediction_answer
from mnistweb.web.errors import ProblemError, problem_body
from mnistweb.web.incoming import Incoming, PixelBudget, pixels_and_steps, read_one, read_several
from mnistweb.web.loaded import loaded_models
from mnistweb.web.metrics import count_predictions
from mnistweb.web.openapi import ONE_PICTURE, SEVERAL_PICTURES, describes
from mnistweb.web.schemas import BatchAnswer, BatchBody, PredictBody, PredictionAnswer

blueprint = Blueprint("predict", __name__)


@blueprint.post("/predict")
@describes(PredictionAnswer, body=PredictBody, files=ONE_PICTURE, query=("model",), problems=(404,))
def predict() -> Response:
    """Read the digit of one picture."""
    incoming = read_one()
    classifier = loaded_models().get(incoming.model)
    keep_steps = "steps" in incoming.explain
    pixels, steps = pixels_and_steps(
        incoming.sources[0], incoming, PixelBudget(), classifier, keep_steps=keep_steps
    )
    prediction = classifier.predict_pixels(pixels[np.newaxis])[0]
    g.model, g.verdict = prediction.model, prediction.verdict
    count_predictions([prediction])
    answer = prediction_answer(prediction)
    if incoming.explain:
        answer.explanation = explanation_answer(classifier, pixels, steps, prediction, incoming.explain)
    return json_response(answer)


@blueprint.post("/predict/batch")
@describes(BatchAnswer, body=BatchBody, files=SEVERAL_PICTURES, query=("model",), problems=(404,))
def predict_batch() -> Response:
    """Read several pictures in one forward pass; what is wrong with one is said in its place."""
    incoming = read_several()
    classifier = loaded_models().get(incoming.model)
    g.model = classifier.name
    prepared = _pixels_of_each(incoming, classifier)
    good = [each for each in prepared if isinstance(each, np.ndarray)]
    found = classifier.predict_pixels(np.stack(good)) if good else []
    count_predictions(found)
    predictions = iter(found)
    return json_response(
        BatchAnswer(
            [
                prediction_answer(next(predictions)) if isinstance(each, np.ndarray) else problem_body(each)
                for each in prepared
            ]
        )
    )


def _pixels_of_each(incoming: Incoming, classifier: DigitClassifier) -> list[NDArray[np.float32] | Exception]:
    budget = PixelBudget()
    prepared: list[NDArray[np.float32] | Exception] = []
    for source in incoming.sources:
        try:
            prepared.append(pixels_and_steps(source, incoming, budget, classifier)[0])
        except (ImageError, PixelsError, ProblemError) as error:
            prepared.append(error)
    return prepared
