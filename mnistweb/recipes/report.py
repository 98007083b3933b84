"""Measures all models and writes it down: as data, as the model card, and as sheets of mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mnistweb.files import write_atomically
from mnistweb.inference import DigitClassifier
from mnistweb.recipes.errors import RunError
from mnistweb.recipes.evaluation import read_evaluation, write_evaluation
from mnistweb.recipes.evaluation_measuring import evaluate_models
from mnistweb.recipes.evaluation_sets import NEGATIVES, file_maker, load_evaluation_set
from mnistweb.recipes.model_card import (
    CALIBRATION_PICTURE,
    CARD,
    CONFUSION_PICTURE,
    NEGATIVES_PICTURE,
    ModelCard,
)
from mnistweb.recipes.plotting import new_figure
from mnistweb.recipes.progress import Progress
from mnistweb.recipes.report_pictures import calibration_png, confusions_png, mistakes_png
from mnistweb.resources import checkout_folder, instance_folder

SHEETS = "sheets"


def write_report(
    classifiers: Sequence[DigitClassifier],
    *,
    folder: Path | None = None,
    data_dir: Path | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Measure `classifiers`, the default one first, on every set; returns what was written.

    The card and its pictures go into `folder`, or into `docs` of a checkout; the data into the instance
    folder, and below it the sheets, which show pictures that may not be passed on.

    Raises RunError when there is no model, or no folder for the card; PlottingUnavailableError without
    matplotlib, MissingDataError or DataError for the sets, OSError when something cannot be written.
    """
    folder = folder or card_folder()
    if not classifiers:
        raise RunError("no model is installed; train one with: mnistweb train --install")
    progress = progress or Progress()
    new_figure(1, 1)  # raises now rather than after minutes of measuring
    evaluation = evaluate_models(classifiers, data_dir=data_dir, progress=progress)
    written = [write_evaluation(instance_folder(), evaluation)]
    evaluation = read_evaluation(instance_folder()) or evaluation  # as everybody else will read it

    def write(path: Path, content: bytes) -> None:
        write_atomically(path, content)
        written.append(path)

    write(folder / CARD, ModelCard(evaluation).text().encode())
    write(folder / CALIBRATION_PICTURE, calibration_png(evaluation))
    write(folder / CONFUSION_PICTURE, confusions_png(evaluation))
    progress.begin("sheets of mistakes", len(evaluation["sets"]) * len(classifiers))
    try:
        for name in evaluation["sets"]:
            pictures = load_evaluation_set(name, data_dir=data_dir, progress=progress)
            file_of = None if name == "mnist" else file_maker(name, data_dir=data_dir)
            for model, facts in evaluation["models"].items():
                sheet = mistakes_png(facts["sets"][name]["mistakes"], pictures, file_of)
                write(instance_folder() / SHEETS / f"{model}-{name}.png", sheet)
                if name == NEGATIVES and model == evaluation["default"]:
                    write(folder / NEGATIVES_PICTURE, sheet)
                progress.advance()
    finally:
        progress.end()
    return written


def card_folder() -> Path:
    """`docs` of the checkout that runs. Raises RunError when this is an installed package."""
    checkout = checkout_folder()
    if checkout is None:
        raise RunError(
            "this is no checkout, so there is no docs folder for the model card; name one with --to"
        )
    return checkout / "docs"
