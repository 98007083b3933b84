"""What several commands ask for in the same words: a model, a set of pictures, and a clean way to fail."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from mnistweb.cli.progress import progress_for
from mnistweb.data import DataError, Dataset
from mnistweb.imaging.errors import ImageError
from mnistweb.inference import VIEWS, DigitClassifier, InferenceError
from mnistweb.nn.errors import NetworkError
from mnistweb.recipes.errors import RecipeError, RunError
from mnistweb.recipes.plotting import PlottingUnavailableError
from mnistweb.recipes.sources import load_drawings, load_drawn, load_test, load_validation
from mnistweb.weights import WeightsError

# What a person can do something about; anything else is a bug and shows its traceback.
EXPECTED_ERRORS = (
    DataError,
    ImageError,
    InferenceError,
    NetworkError,
    OSError,
    PlottingUnavailableError,
    RecipeError,
    RunError,
    WeightsError,
)

# Each set of pictures by its name on the command line.
SETS = {
    "test": "the test images of the dataset, which no model has learned from or was chosen by",
    "validation": "the training images kept aside to choose by",
    "drawings": "pen strokes of the writers kept aside, drawn on the canvas",
    "photos": "stand-ins for photographs and scans of digits kept aside",
}


def failing_cleanly(command: Callable[..., None]) -> Callable[..., None]:
    """Turn an expected error into one line on standard error and exit code 1."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except BrokenPipeError:
            raise  # whoever reads our output has enough, as `head` does; click ends quietly then
        except EXPECTED_ERRORS as problem:
            raise click.ClickException(str(problem)) from problem

    return run


def dataset_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options --on, --dataset and --data-dir, for `load_set`."""
    sets = "; ".join(f"{name}: {meaning}" for name, meaning in SETS.items())
    for decorate in (
        click.option(
            "--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder with the data files."
        ),
        click.option(
            "--dataset", default="mnist", show_default=True, help="mnist, fashion-mnist, or a file or folder."
        ),
        click.option(
            "--on", "set_name", type=click.Choice(list(SETS)), default="test", show_default=True, help=sets
        ),
    ):
        command = decorate(command)
    return command


def load_set(set_name: str, dataset: str, data_dir: Path | None) -> Dataset:
    """The pictures that --on names. Raises MissingDataError or DataError."""
    if set_name == "drawings":
        return load_drawings(data_dir=data_dir)
    if set_name == "photos":
        return load_drawn(data_dir=data_dir, progress=progress_for()).photos_to_choose_by()
    return (load_test if set_name == "test" else load_validation)(dataset, data_dir=data_dir)


def check_fits(classifier: DigitClassifier, pictures: Dataset) -> None:
    """Raise DataError when the model knows other classes than the set shows: any figure would be nonsense."""
    if classifier.saved.labels != pictures.label_names:
        raise DataError(
            f"{classifier.name} reads {classifier.reads}, {pictures.name} shows "
            f"{', '.join(pictures.label_names)}; name a set of the model's own classes with --dataset"
        )


def views_option(command: Callable[..., None]) -> Callable[..., None]:
    """The option --views, for `load_classifier`."""
    text = f"Average {len(VIEWS)} shifted and turned views of each picture: more often right, slower."
    return click.option("--views", is_flag=True, help=text)(command)


def load_classifier(name_or_path: str | None, *, views: bool = False) -> DigitClassifier:
    """The model of that name, in that file, or the default one. Raises WeightsError or InferenceError."""
    classifier = DigitClassifier.load(name_or_path)
    return classifier.with_views() if views else classifier
