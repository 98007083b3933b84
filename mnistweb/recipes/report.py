"""Measures all models and writes it down: as data, as the model card, and as sheets of mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mnistweb.data.dataset import DIGIT_NAMES
from mnistweb.files import write_atomically
from mnistweb.inference import DigitClassifier
from mnistweb.recipes.errors import RunError
from mnistweb.recipes.evaluation import NEGATIVES, read_evaluation, write_evaluation
from mnistweb.recipes.evaluation_measuring import evaluate_models
from mnistweb.recipes.evaluation_sets import EVALUATION_SETS, file_maker, load_evaluation_set
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
_BEGIN = "<!-- figures: mnistweb evaluate --report writes this table -->\n"
_END = "<!-- end of figures -->"


def write_report(
    classifiers: Sequence[DigitClassifier],
    *,
    folder: Path | None = None,
    data_dir: Path | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Measure those of `classifiers` that read digits, the default one first; returns what was written.

    The card and its pictures go into `folder`; without one into `docs` of the checkout, and a short table
    into its README. The data go into the instance folder, and below it the sheets, which show pictures that
    may not be passed on.

    Raises RunError when there is no model, or no folder for the card; PlottingUnavailableError without
    matplotlib, MissingDataError or DataError for the sets, OSError when something cannot be written.
    """
    checkout = checkout_folder() if folder is None else None
    folder = folder or _docs(checkout)
    classifiers = [each for each in classifiers if each.saved.labels == DIGIT_NAMES]
    if not classifiers:
        raise RunError("no model of digits is installed; train one with: mnistweb train --install")
    progress = progress or Progress()
    new_figure(1, 1)  # raises now rather than after minutes of measuring
    sets = {name: load_evaluation_set(name, data_dir=data_dir, progress=progress) for name in EVALUATION_SETS}
    evaluation = evaluate_models(
        classifiers, sets, data_dir=data_dir, progress=progress, earlier=read_evaluation(instance_folder())
    )
    written = [write_evaluation(instance_folder(), evaluation)]
    evaluation = read_evaluation(instance_folder()) or evaluation  # as everybody else will read it

    def write(path: Path, content: bytes) -> None:
        write_atomically(path, content)
        written.append(path)

    card = ModelCard(evaluation)
    write(folder / CARD, card.text().encode())
    if checkout is not None:
        readme = checkout / "README.md"
        write(readme, with_figures(readme.read_text("utf-8"), card.figures()).encode())
    write(folder / CALIBRATION_PICTURE, calibration_png(evaluation))
    write(folder / CONFUSION_PICTURE, confusions_png(evaluation))
    progress.begin("sheets of mistakes", len(sets) * len(classifiers))
    try:
        for name, pictures in sets.items():
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


def with_figures(readme: str, figures: str) -> str:
    """README with that table between its two marks, a comment each; unchanged when it has none."""
    before, begin, rest = readme.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    return f"{before}{begin}\n{figures}{end}{after}" if end else readme


def _docs(checkout: Path | None) -> Path:
    if checkout is None:
        raise RunError(
            "this is no checkout, so there is no docs folder for the model card; name one with --to"
        )
    return checkout / "docs"
