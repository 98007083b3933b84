"""`mnistweb evaluate` and `confusion`: how good models are, and what they confuse."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from mnistweb.cli.choices import (
    check_fits,
    dataset_options,
    failing_cleanly,
    load_classifier,
    load_set,
    views_option,
)
from mnistweb.cli.progress import progress_for
from mnistweb.files import write_atomically
from mnistweb.inference import DigitClassifier, ModelRegistry
from mnistweb.nn.metrics import per_class_accuracy
from mnistweb.recipes.measuring import measure
from mnistweb.recipes.plotting import confusion_png
from mnistweb.recipes.report import write_report

_PICTURES_AT_ONCE = 250


@click.command()
@click.argument("model", required=False)
@click.option("--all", "every", is_flag=True, help="Each model that is installed.")
@dataset_options
@views_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a model, a line each.")
@click.option(
    "--report",
    is_flag=True,
    help="Measure each model on every evaluation set, and write the model card and its data.",
)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where --report writes the card and its pictures.  [default: docs of the checkout]",
)
@failing_cleanly
def evaluate(
    model: str | None,
    every: bool,
    set_name: str,
    dataset: str,
    data_dir: Path | None,
    views: bool,
    as_json: bool,
    report: bool,
    folder: Path | None,
) -> None:
    """Measure MODEL, a name or a file, on a set of labelled pictures.

    Accuracy comes with its 95 % Wilson interval, loss is the mean negative log-likelihood in nats, ECE the
    expected calibration error over 15 bins. Without MODEL the default model is measured.

    With --report, every model that is installed is measured on five sets: MNIST's test images, pen drawings,
    stand-ins for photographs and for coarse scans, and pictures of no digit. That takes some minutes.
    """
    if report:
        if model is not None or every or views or as_json or set_name != "test" or dataset != "mnist":
            raise click.UsageError("--report measures everything; it goes with --to and --data-dir alone")
        classifiers = [each for each in ModelRegistry.load_installed() if each.reads_digits]
        for path in write_report(classifiers, folder=folder, data_dir=data_dir, progress=progress_for()):
            click.echo(f"wrote {path}")
        return
    if folder is not None:
        raise click.UsageError("--to goes with --report")
    if every and model is not None:
        raise click.UsageError("give either MODEL or --all")
    classifiers = list(ModelRegistry.load_installed()) if every else [load_classifier(model)]
    if views:
        classifiers = [classifier.with_views() for classifier in classifiers]
    pictures = load_set(set_name, dataset, data_dir)
    others = [each.name for each in classifiers if each.saved.labels != pictures.label_names]
    if every:
        classifiers = [each for each in classifiers if each.name not in others]
    else:
        check_fits(classifiers[0], pictures)
    if not as_json:
        click.echo(f"{pictures.name}, {len(pictures):,} pictures\n")
        click.echo(f"{'model':<16} {'accuracy':>9}  {'95 % interval':<17}  {'loss':>7}  {'ECE':>6}")
    for classifier in classifiers:
        found = measure(_probabilities(classifier, pictures.images), pictures.labels)
        low, high = found.interval
        if as_json:
            facts = {
                "model": classifier.name,
                "set": pictures.name,
                "pictures": found.total,
                "right": found.right,
                "accuracy": found.accuracy,
                "interval": [low, high],
                "loss": found.loss,
                "expected_calibration_error": found.calibration_error,
            }
            click.echo(json.dumps(facts))
        else:
            interval = f"{low:.2%} - {high:.2%}"
            click.echo(
                f"{classifier.name:<16} {found.accuracy:>9.2%}  {interval:<17}  {found.loss:>7.4f}  "
                f"{found.calibration_error:>6.2%}"
            )
    if others:
        click.echo(f"left out, for they read other things: {', '.join(others)}", err=True)


@click.command()
@click.argument("model", required=False)
@dataset_options
@click.option(
    "--png", type=click.Path(path_type=Path, dir_okay=False), help="Also draw the table into this file."
)
@failing_cleanly
def confusion(
    model: str | None, set_name: str, dataset: str, data_dir: Path | None, png: Path | None
) -> None:
    """Show what MODEL takes for what, and the accuracy of each class.

    Rows are what a picture shows, columns what it was read as. Without MODEL the default model is used.
    """
    classifier = load_classifier(model)
    pictures = load_set(set_name, dataset, data_dir)
    check_fits(classifier, pictures)
    found = measure(_probabilities(classifier, pictures.images), pictures.labels)
    names = pictures.label_names
    click.echo(f"{classifier.name} on {pictures.name}: {found.right:,} of {found.total:,} right\n")
    wide = max(len(name) for name in names)
    cell = max(wide, len(str(found.confusion.max()))) + 1
    click.echo(" " * wide + "".join(f"{name:>{cell}}" for name in names) + f"  {'accuracy':>9}")
    for name, row, accuracy in zip(names, found.confusion, per_class_accuracy(found.confusion), strict=True):
        cells = "".join(f"{count or '.':>{cell}}" for count in row)
        click.echo(f"{name:>{wide}}{cells}  {'-' if np.isnan(accuracy) else f'{accuracy:.2%}':>9}")
    for line in _worst_confusions(found.confusion, names):
        click.echo(line)
    if png is not None:
        write_atomically(png, confusion_png(found.confusion, names, f"{classifier.name} on {pictures.name}"))
        click.echo(f"\nwrote {png}")


def _probabilities(classifier: DigitClassifier, images: np.ndarray) -> np.ndarray:
    """Calibrated probabilities (N, 10) for images (N, 28, 28, 1), with a bar on a terminal."""
    starts = range(0, len(images), _PICTURES_AT_ONCE)
    # disable=None: no bar when the output is not a terminal.
    shown = tqdm(starts, desc=classifier.name, unit="", leave=False, disable=None, delay=0.5)
    parts = [classifier.probabilities(images[start : start + _PICTURES_AT_ONCE]) for start in shown]
    return np.concatenate(parts)


def _worst_confusions(confusion: np.ndarray, names: Sequence[str], *, most: int = 3) -> Iterator[str]:
    mistakes = confusion - np.diag(confusion.diagonal())
    if mistakes.any():
        yield ""
    for place in np.argsort(-mistakes, axis=None, kind="stable")[:most]:
        truth, reading = np.unravel_index(place, mistakes.shape)
        if mistakes[truth, reading]:
            yield f"{names[truth]} read as {names[reading]}: {mistakes[truth, reading]} times"
