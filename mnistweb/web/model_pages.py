"""Pages about the loaded models: the anatomy and the mistakes of each, and all of them compared."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from flask import Blueprint, Response, abort, render_template, request

from mnistweb.data.errors import DataError
from mnistweb.inference import DigitClassifier
from mnistweb.recipes.comparison import compare, mistakes
from mnistweb.recipes.evaluation import NEGATIVES
from mnistweb.recipes.measuring import McNemar
from mnistweb.web import charts
from mnistweb.web.answers import data_url, png
from mnistweb.web.confusion import confusion_table
from mnistweb.web.errors import ProblemError
from mnistweb.web.facts import flat_facts
from mnistweb.web.lessons import lessons
from mnistweb.web.loaded import loaded_models
from mnistweb.web.measured import MEASURE_COMMAND, MeasuredModel, Measurements, measurements, panel

if TYPE_CHECKING:
    from mnistweb.inference.anatomy import Anatomy

blueprint = Blueprint("model_pages", __name__)

PICTURES_A_PAGE = 40
_YEAR = 31_536_000  # seconds

# Classifiers never change; a reload of the weights makes new ones, and what was found of the old is dropped.
_dissected: WeakKeyDictionary[DigitClassifier, Anatomy] = WeakKeyDictionary()
_one_at_a_time = threading.Lock()


@blueprint.get("/models/compare")
def comparison() -> str:
    """All models on all sets, and two of them picture by picture."""
    measured = measurements()
    set_name = measured.set_name(request.args.get("set"))
    first = measured.get(request.args.get("first"))
    second = measured.get(request.args["second"]) if "second" in request.args else _another(measured, first)
    return render_template(
        "compare.html",
        measured=measured,
        panels=[panel(name, measured) for name in measured.sets],
        set_name=set_name,
        first=first,
        second=second,
        pair=_pair(measured, set_name, first, second),
        measure_command=MEASURE_COMMAND,
    )


@blueprint.get("/models/<name>")
def anatomy(name: str) -> str:
    """The inside of one model; 404 for a name that none has."""
    measured = measurements()
    model = measured.get(name)
    set_name = measured.set_name(request.args.get("set"), model)
    found = model.on(set_name)
    return render_template(
        "model.html",
        model=model,
        saved=model.classifier.saved,
        anatomy=_dissect(model.classifier),
        stages=_stages(_dissect(model.classifier)),
        lessons={each.name.replace("-", ""): each.name for each in lessons()},  # "batchnorm": "batch-norm"
        charts=charts,
        measured=measured,
        set_name=set_name,
        found=found,
        confusion=confusion_table(found, measured.sets[set_name], set_name) if found else None,
        training=flat_facts(model.classifier.saved.training),
        measure_command=MEASURE_COMMAND,
    )


@blueprint.get("/models/<name>/pictures/<picture>.png")
def picture(name: str, picture: str) -> Response:
    """A picture of that page; `?v=` in its address changes with the weights, so it may be kept for good."""
    classifier = loaded_models().get(name)
    content = _dissect(classifier).pictures.get(picture)
    if content is None:
        abort(404)
    response = Response(content, mimetype="image/png")
    if request.args.get("v") == classifier.saved.sha256[:16]:
        response.cache_control.max_age = _YEAR
        response.cache_control.immutable = True
        response.cache_control.public = True
    return response


@blueprint.get("/models/<name>/mistakes")
def mistakes_page(name: str) -> str:
    """The pictures of a set that a model read wrong: all, or those of one cell of the confusion matrix."""
    measured = measurements()
    model = measured.get(name)
    set_name = measured.set_name(request.args.get("set"), model)
    found = model.on(set_name)
    if found is None:
        return render_template("mistakes.html", model=model, measure_command=MEASURE_COMMAND)
    table = confusion_table(found, measured.sets[set_name], set_name)
    truth, reading = _class("truth", len(table.rows)), _class("read", len(table.columns))
    wanted = [
        each for each in mistakes(found) if truth in (None, each.truth) and reading in (None, each.reading)
    ]
    last_page = max(1, math.ceil(len(wanted) / PICTURES_A_PAGE))
    page = _number("page", 1, last_page) or 1
    shown = wanted[(page - 1) * PICTURES_A_PAGE : page * PICTURES_A_PAGE]
    pictures, missing = _pictures(set_name, [each.index for each in shown])
    return render_template(
        "mistakes.html",
        model=model,
        table=table,
        measured=measured,
        set_name=set_name,
        truth=truth,
        reading=reading,
        wanted=wanted,
        shown=shown,
        pictures=pictures,
        missing=missing,
        page=page,
        last_page=last_page,
    )


def _dissect(classifier: DigitClassifier) -> Anatomy:
    from mnistweb.inference.anatomy import dissect  # many modules, for a page that few open

    with _one_at_a_time:  # so that many who ask at once cost as much as one
        if classifier not in _dissected:
            _dissected[classifier] = dissect(classifier)
        return _dissected[classifier]


def _another(measured: Measurements, first: MeasuredModel) -> MeasuredModel:
    """Another model to compare with: one that was measured if there is one; at worst the same."""
    others = [model for model in measured.models if model is not first]
    return next((model for model in others if model.entry), next(iter(others), first))


def _pair(
    measured: Measurements, set_name: str, first: MeasuredModel, second: MeasuredModel
) -> dict[str, Any] | None:
    """Two models on one set; None when one of them was not measured on it."""
    of_first, of_second = first.on(set_name), second.on(set_name)
    if of_first is None or of_second is None or first is second:
        return None
    facts = measured.sets[set_name]
    found = compare(of_first, of_second)
    shown = list(islice(found.disagreements, PICTURES_A_PAGE))
    pictures, missing = _pictures(set_name, [each.index for each in shown])
    return {
        "sentence": _in_words(found.test, first.name, second.name),
        "right": "doubted" if set_name == NEGATIVES else "right",
        "p_value": "< 0.0001" if found.test.p_value < 0.0001 else f"= {found.test.p_value:.4f}",
        "found": found,
        "shown": shown,
        "pictures": pictures,
        "missing": missing,
        "sides": [
            (model, entry, confusion_table(entry, facts, set_name))
            for model, entry in ((first, of_first), (second, of_second))
        ],
        "reliability": [charts.reliability(entry["calibration"]) for entry in (of_first, of_second)],
    }


def _in_words(test: McNemar, first: str, second: str) -> str:
    verdict = "is more" if test.is_significant else "is not more"
    return (
        f"{first} alone is right about {test.only_first:,} pictures, {second} alone about "
        f"{test.only_second:,}: the difference {verdict} than chance explains."
    )


def _pictures(set_name: str, indices: Iterable[int]) -> tuple[dict[int, str], str]:
    """The pictures of a set as URLs, and why there are none; one of the two is empty."""
    # It draws: with what it needs for that, a server would start later and be larger.
    from mnistweb.recipes.set_pictures import set_picture

    try:
        return {index: data_url(png(set_picture(set_name, index))) for index in indices}, ""
    except DataError:
        return {}, set_name


def _class(name: str, count: int) -> int | None:
    return _number(name, 0, count - 1)


def _number(name: str, low: int, high: int) -> int | None:
    """The whole number that the query gives under `name`; None when it gives none. 404 for any other."""
    text = request.args.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
        raise ProblemError("not_found", f"`{name}` must be a number from {low} to {high}.")
    return int(text)


def _stages(anatomy: Anatomy) -> list[dict[str, Any]]:
    """The layers for the diagram: each that computes something new begins a stage, the others go along."""
    stages: list[dict[str, Any]] = [{"name": "Picture", "also": [], "shape": (28, 28, 1)}]
    for layer in anatomy.layers:
        if layer.name in ("Flatten", "BatchNorm", "Dropout", "ReLU", "Tanh", "Sigmoid", "Softmax"):
            stages[-1]["also"].append(layer.name)
        else:
            stages.append({"name": layer.name, "also": [], "shape": layer.output_shape})
    for stage in stages:
        stage["block"] = charts.block(stage["shape"])
    return stages
