"""`mnistweb predict`, `samples` and `models`: asking the models that are there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
import numpy as np

from mnistweb.cli.choices import (
    check_fits,
    dataset_options,
    failing_cleanly,
    load_classifier,
    load_set,
    views_option,
)
from mnistweb.imaging.errors import ImageError
from mnistweb.inference import DigitClassifier, InferenceError, ModelRegistry, Prediction
from mnistweb.inference.prediction import with_article
from mnistweb.weights.document import DIGITS

_SHADES = " .:-=+*#%@"


@click.command()
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option("--model", help="Name or file of the model.  [default: the default model]")
@click.option(
    "--as-is", is_flag=True, help="The pictures are 28x28 with bright ink already; do not prepare them."
)
@views_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a picture, a line each.")
@failing_cleanly
def predict(images: tuple[str, ...], model: str | None, as_is: bool, views: bool, as_json: bool) -> None:
    """Read the digit in each IMAGE, a PNG or JPEG file; - reads one from standard input.

    A picture that cannot be read is reported, the others are read all the same, and the exit code is 1.
    """
    classifier = load_classifier(model, views=views)
    width = max(len(name) for name in images)
    failed = False
    for name in images:
        try:
            content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
            found = classifier.predict(content, preprocess=not as_is)
        except (ImageError, InferenceError, OSError) as problem:
            reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else problem
            click.echo(f"{name}: {reason}", err=True)
            failed = True
            continue
        if as_json:
            click.echo(json.dumps({"image": name, **_facts(found)}))
        else:
            click.echo(f"{name:<{width}}  {_in_words(found)}")
    if failed:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("model", required=False)
@dataset_options
@click.option("--count", type=click.IntRange(1, 100), default=5, show_default=True, help="How many.")
@click.option(
    "--seed", type=click.IntRange(0), help="Draw the same pictures again.  [default: others each time]"
)
@click.option("--wrong", is_flag=True, help="Only pictures that the model reads wrong.")
@failing_cleanly
def samples(
    model: str | None,
    set_name: str,
    dataset: str,
    data_dir: Path | None,
    count: int,
    seed: int | None,
    wrong: bool,
) -> None:
    """Show random pictures of a set, and the three likeliest readings of MODEL (or of the default model)."""
    classifier = load_classifier(model)
    pictures = load_set(set_name, dataset, data_dir)
    check_fits(classifier, pictures)
    order = np.random.default_rng(seed).permutation(len(pictures))
    shown = 0
    for number in order:
        found = classifier.predict_pixels(pictures.images[number : number + 1])[0]
        right = found.prediction == pictures.labels[number]
        if wrong and right:
            continue
        click.echo(ascii_art(pictures.images[number, :, :, 0]))
        truth = pictures.label_names[pictures.labels[number]]
        judged = "right" if right else "WRONG"
        click.echo(f"number {number}, {with_article(truth)}: {judged}   {_in_words(found)}\n")
        shown += 1
        if shown == count:
            return
    click.echo(f"there are {shown} of them" if wrong else f"the set has only {shown} pictures")


@click.command()
@click.option(
    "--json", "as_json", is_flag=True, help="All that is known, one JSON object a model, a line each."
)
@failing_cleanly
def models(as_json: bool) -> None:
    """List the models that are installed; the default comes first, with a star."""
    registry = ModelRegistry.load_installed()
    if not len(registry) and not as_json:
        click.echo("no model is installed; train one with: mnistweb train --install")
    elif not as_json:
        click.echo(
            f"  {'name':<16} {'validation':>10} {'test':>8} {'parameters':>11} {'size':>9}  architecture"
        )
    for classifier in registry:
        if as_json:
            click.echo(json.dumps({"default": classifier.name == registry.default, **classifier.describe()}))
        else:
            click.echo(_model_line(classifier, default=classifier.name == registry.default))


def ascii_art(pixels: np.ndarray) -> str:
    """A picture (28, 28) in [0, 1], ink bright, as lines of characters; each two pixels high and one wide.

    Characters are about twice as high as wide, so the proportions stay. Empty lines at either end go.
    """
    halved = pixels.reshape(14, 2, 28).mean(axis=1)  # (14, 28)
    levels = np.minimum((halved * len(_SHADES)).astype(int), len(_SHADES) - 1)
    lines = ["".join(_SHADES[level] for level in row).rstrip() for row in levels]
    return "\n".join(lines).strip("\n")


def _in_words(found: Prediction) -> str:
    likeliest, *others = [f"{found.labels[digit]} {share:.1%}" for digit, share in found.top(3)]
    verdict = found.verdict if found.labels == DIGITS else found.sentence  # a sneaker is no "digit"
    return f"{likeliest}  ({', '.join(others)})  {verdict}"


def _facts(found: Prediction) -> dict[str, object]:
    return {
        "prediction": found.prediction,
        "label": found.label,
        "confidence": found.confidence,
        "top": [
            {"prediction": each, "label": found.labels[each], "probability": share}
            for each, share in found.top(3)
        ],
        "verdict": found.verdict,
        "model": found.model,
    }


def _model_line(classifier: DigitClassifier, *, default: bool) -> str:
    saved = classifier.saved
    shares = [saved.training.get(key) for key in ("validation_accuracy", "test_accuracy")]
    validation, test = (f"{share:.2%}" if isinstance(share, float) else "-" for share in shares)
    subject = "" if classifier.reads_digits else f"  ({', '.join(saved.labels)})"
    return (
        f"{'*' if default else ' '} {saved.name:<16} {validation:>10} {test:>8} "
        f"{saved.model.num_parameters:>11,} {saved.size_bytes / 1000:>6,.0f} kB  {saved.model.architecture}"
        f"{subject}"
    )
