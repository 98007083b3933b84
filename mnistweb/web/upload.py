"""`/upload`: a form for pictures, and a page with what was read in each; both work without JavaScript."""

from __future__ import annotations

import unicodedata
from typing import Any

import msgspec
import numpy as np
from flask import Blueprint, Response, current_app, g, make_response, render_template, request
from PIL import Image
from werkzeug.datastructures import FileStorage

from mnistweb.imaging.decode import decode_image
from mnistweb.imaging.errors import ImageError
from mnistweb.imaging.preprocess import preprocess
from mnistweb.inference import DigitClassifier, InferenceError
from mnistweb.web.answers import data_url, png, step_answer
from mnistweb.web.errors import ProblemError, problem_for_page
from mnistweb.web.incoming import PixelBudget, read_form
from mnistweb.web.loaded import loaded_models, model_summaries
from mnistweb.web.metrics import count_predictions
from mnistweb.web.other_sites import refuse_other_sites

blueprint = Blueprint("upload", __name__)

_SHOWN_SIDE = 320  # pixels; the result page shows pictures no larger than this
_SHOWN_NAME = 80  # characters of a file's name


@blueprint.get("/upload")
def form() -> str:
    """The form."""
    return _form_page(None)


@blueprint.post("/upload")
def upload() -> Response:
    """Read each picture; what is wrong with one is said beside it, and the others are answered."""
    refuse_other_sites()
    try:
        incoming = read_form()
        limit = current_app.config["MAX_UPLOAD_FILES"]
        if len(incoming.sources) > limit:
            raise ProblemError(
                "too_large", f"{len(incoming.sources):,} files were sent; at most {limit} are taken at once."
            )
        if not any(incoming.sources):
            raise ProblemError("no_image", "No file was chosen, or it is empty.")
        classifier = loaded_models().get(incoming.model)
    except (ProblemError, InferenceError) as error:
        problem = problem_for_page(error)
        return make_response(_form_page(problem), problem["status"])
    g.model = classifier.name
    budget = PixelBudget()
    names = [_shown_name(file) for file in request.files.getlist("image")]
    results = [
        _result(name, bytes(source), classifier, budget)  # type: ignore[arg-type]
        for name, source in zip(names, incoming.sources, strict=True)
    ]
    problems = [result["problem"] for result in results if result["problem"]]
    status = problems[0]["status"] if len(problems) == len(results) else 200
    return make_response(render_template("upload_result.html", results=results), status)


def _form_page(problem: dict[str, Any] | None) -> str:
    return render_template(
        "upload.html",
        max_files=current_app.config["MAX_UPLOAD_FILES"],
        max_megabytes=current_app.config["MAX_REQUEST_BYTES"] // 2**20,
        models=model_summaries(),
        default_model=loaded_models().default,
        problem=problem,
    )


def _result(name: str, data: bytes, classifier: DigitClassifier, budget: PixelBudget) -> dict[str, Any]:
    result: dict[str, Any] = {
        "filename": name,
        "picture": None,
        "steps": [],
        "prediction": None,
        "confidence": None,
        "probabilities": [],
        "verdict": None,
        "sentence": None,
        "problem": None,
        "model": classifier.name,
        "labels": None if classifier.reads_digits else classifier.saved.labels,
    }
    try:
        image = decode_image(data, max_pixels=budget.spend(data))
        result["picture"] = _shown_picture(image)
        prepared = preprocess(image, keep_steps=True, frame=classifier.frame)
        prediction = classifier.predict_pixels(prepared.pixels[np.newaxis])[0]
    except (ImageError, ProblemError) as error:
        result["problem"] = problem_for_page(error)
        return result
    g.verdict = prediction.verdict
    count_predictions([prediction])
    return result | {
        "steps": [msgspec.structs.asdict(step_answer(step)) for step in prepared.steps],
        "prediction": prediction.prediction,
        "confidence": prediction.confidence,
        "probabilities": [
            {"digit": digit, "probability": value, "percent": _percent(value)}
            for digit, value in enumerate(prediction.probabilities.tolist())
        ],
        "verdict": prediction.verdict,
        "sentence": prediction.sentence,
    }


@blueprint.app_template_filter("percent")
def _percent(value: float) -> str:
    """A probability as people read it; never "100 %", for a network can't be certain."""
    if 0 < value < 0.001:
        return "<0.1 %"
    return ">99.9 %" if value > 0.999 else f"{100 * value:.1f} %"


def _shown_picture(image: Image.Image) -> str:
    """A small new picture of the same pixels: the uploaded bytes themselves are never served again."""
    small = image.copy()
    small.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE))
    return data_url(png(small))


def _shown_name(file: FileStorage) -> str:
    """The file's name for the eyes alone: no folders, nothing invisible, no turned direction of writing."""
    name = (file.filename or "").replace("\\", "/").rpartition("/")[2]
    visible = "".join(each for each in name if not unicodedata.category(each).startswith("C"))
    return visible if len(visible) <= _SHOWN_NAME else visible[: _SHOWN_NAME - 12] + "..." + visible[-9:]
