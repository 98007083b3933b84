"""Measures finished models on every evaluation set, and says it in the plain numbers of `evaluation.json`."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import mnistweb
from mnistweb.data.dataset import Dataset
from mnistweb.inference import VIEWS, DigitClassifier
from mnistweb.inference.prediction import DIGIT, verdict_of
from mnistweb.nn.metrics import confusion_matrix
from mnistweb.recipes.calibration import reliability
from mnistweb.recipes.evaluation_sets import EVALUATION_SETS, NEGATIVES
from mnistweb.recipes.measuring import measure, wilson_interval
from mnistweb.recipes.progress import Progress
from mnistweb.recipes.view_trials import CANDIDATES, try_views

_AT_ONCE = 250
_TIMINGS = 7
_WITH_VIEWS = ("mnist", "writers")  # the sets that several views are measured on: they take time


def evaluate_models(
    classifiers: Sequence[DigitClassifier],
    sets: Mapping[str, Dataset],
    *,
    data_dir: Path | None = None,
    progress: Progress | None = None,
    earlier: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything that `evaluation.json` holds. The first classifier is the default one, tried with views too.

    sets: by their names, as `load_evaluation_set` gives them.
    earlier: an evaluation whose figures with views are taken over if they are of the same weights, pictures
    and views, because they take more time than everything else together.

    Raises MissingDataError or DataError for the pictures that views are tried on.
    """
    progress = progress or Progress()
    views = _with_views(classifiers[0], sets, earlier or {}, data_dir, progress)
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "program_version": mnistweb.__version__,
        "machine": _machine(),
        "default": classifiers[0].name,
        "sets": {name: _about(name, pictures) for name, pictures in sets.items()},
        "models": {each.name: _evaluated(each, sets, progress) for each in classifiers},
        "views": views,
    }


def measure_on(
    classifier: DigitClassifier, set_name: str, pictures: Dataset, progress: Progress
) -> dict[str, Any]:
    """What one classifier makes of one set.

    Pictures of zeros were refused as blank before the classifier: a digit among them counts as wrong and as
    doubted, one of no digit as rightly doubted. They have no part in loss, calibration and confusion.
    """
    images, labels = pictures.images, pictures.labels
    seen = np.flatnonzero(images.any(axis=(1, 2, 3)))
    probabilities = _probabilities(classifier, images[seen], f"{classifier.name} on {set_name}", progress)
    readings, confidences = probabilities.argmax(axis=1), probabilities.max(axis=1)
    called_digit = np.zeros(len(labels), bool)
    thresholds = classifier.saved.verdict
    called_digit[seen] = [verdict_of(float(each), thresholds) == DIGIT for each in confidences]
    common = {
        "total": len(labels),
        "doubted": round(float(1 - called_digit.mean()), 6),
        "blank": len(labels) - len(seen),
    }
    if set_name == NEGATIVES:
        taken = called_digit[seen]
        return common | _of_negatives(pictures, called_digit, readings[taken], confidences[taken])
    found = measure(probabilities, labels[seen])
    right = found.right
    wrong = [
        [int(place), int(labels[place]), int(reading), round(float(confidence), 6)]
        for place, reading, confidence in zip(seen, readings, confidences, strict=True)
        if reading != labels[place]
    ]
    blank = [
        [int(place), int(labels[place]), None, 0.0] for place in np.setdiff1d(np.arange(len(labels)), seen)
    ]
    return common | {
        "right": right,
        "accuracy": round(right / len(labels), 6),
        "interval": [round(end, 6) for end in wilson_interval(right, len(labels))],
        "loss": round(found.loss, 6),
        "expected_calibration_error": round(found.calibration_error, 6),
        "calibration": reliability(probabilities, labels[seen]),
        "confusion": found.confusion.tolist(),
        "mistakes": sorted(wrong, key=lambda mistake: (-mistake[3], mistake[0])) + blank,
    }


def _of_negatives(
    pictures: Dataset, called_digit: np.ndarray, readings: np.ndarray, confidences: np.ndarray
) -> dict[str, Any]:
    """Right is what was not called a digit; the mistakes are what was, with the digit it was taken for."""
    labels, kinds = pictures.labels, pictures.label_names
    places = np.flatnonzero(called_digit)
    right = len(labels) - len(places)
    square = confusion_matrix(readings, labels[places], max(10, len(kinds)))
    mistakes = [
        [int(place), int(labels[place]), int(reading), round(float(confidence), 6)]
        for place, reading, confidence in zip(places, readings, confidences, strict=True)
    ]
    return {
        "right": right,
        "accuracy": round(right / len(labels), 6),
        "interval": [round(end, 6) for end in wilson_interval(right, len(labels))],
        "loss": None,
        "expected_calibration_error": None,
        "calibration": [],
        "confusion": square[: len(kinds), :10].tolist(),
        "mistakes": sorted(mistakes, key=lambda mistake: (-mistake[3], mistake[0])),
        "kinds": {
            kind: [int((~called_digit[labels == number]).sum()), int((labels == number).sum())]
            for number, kind in enumerate(kinds)
        },
    }


def _with_views(
    classifier: DigitClassifier,
    sets: Mapping[str, Dataset],
    earlier: Mapping[str, Any],
    data_dir: Path | None,
    progress: Progress,
) -> dict[str, Any]:
    of = {
        "model": classifier.name,
        "sha256": classifier.saved.sha256,
        "pictures": {name: sets[name].sha256 for name in _WITH_VIEWS},
        "views": [list(view) for view in VIEWS],
        "tried": [list(names) for names in CANDIDATES],
    }
    found = dict(earlier.get("views", {}))
    if found.get("of") == of:
        progress.note(
            f"{classifier.name} with views: as measured before, its weights and all pictures are the same"
        )
        return found
    averaging = classifier.with_views()
    return {
        "of": of,
        "trials": try_views(classifier, data_dir=data_dir, progress=progress),
        "sets": {name: measure_on(averaging, name, sets[name], progress) for name in _WITH_VIEWS},
    }


def _about(name: str, pictures: Dataset) -> dict[str, Any]:
    about = EVALUATION_SETS[name]
    return {
        "title": about.title,
        "shows": about.shows,
        "pictures": len(pictures),
        "sha256": pictures.sha256,
        "source": about.source,
        "licence": about.licence,
        "label_names": list(pictures.label_names),
    }


def _evaluated(
    classifier: DigitClassifier, sets: Mapping[str, Dataset], progress: Progress
) -> dict[str, Any]:
    saved = classifier.saved
    facts = saved.training
    return {
        "sha256": saved.sha256,
        "architecture": saved.model.architecture,
        "parameters": saved.model.num_parameters,
        "bytes": saved.size_bytes,
        "epochs": facts.get("epochs"),
        "training_seconds": facts.get("seconds"),
        "microseconds_a_picture": _microseconds(classifier, sets["mnist"].images[:_AT_ONCE]),
        "sets": {name: measure_on(classifier, name, pictures, progress) for name, pictures in sets.items()},
    }


def _probabilities(
    classifier: DigitClassifier, images: np.ndarray, title: str, progress: Progress
) -> np.ndarray:
    starts = range(0, len(images), _AT_ONCE)
    parts = []
    progress.begin(title, len(starts))
    try:
        for start in starts:
            parts.append(classifier.probabilities(images[start : start + _AT_ONCE]))
            progress.advance()
    finally:
        progress.end()
    return np.concatenate(parts)


def _microseconds(classifier: DigitClassifier, images: np.ndarray) -> float:
    """The processor's time for one picture of a batch, the shortest of several: others' work only adds."""
    times = []
    for _ in range(_TIMINGS):
        began = time.process_time()
        classifier.probabilities(images)
        times.append(time.process_time() - began)
    return round(min(times) / len(images) * 1e6, 1)


def _machine() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pictures_at_once": _AT_ONCE,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
