"""`mnistweb train`: from a recipe to a model, with a folder that keeps how it came about."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from mnistweb.cli.data import FetchProgress
from mnistweb.cli.progress import progress_for
from mnistweb.data.download import fetch
from mnistweb.data.errors import DataError
from mnistweb.nn.errors import DivergedError, NetworkError
from mnistweb.recipes.architecture import check_architecture
from mnistweb.recipes.errors import RecipeError, RunError
from mnistweb.recipes.files import load_recipe, recipe_names, write_recipe
from mnistweb.recipes.live import LiveProgress
from mnistweb.recipes.recipe import ACTIVATIONS, OPTIMIZERS, SCHEDULES, Recipe
from mnistweb.recipes.runs import CHECKPOINT, MODEL, SETTINGS, latest_run, new_run_folder, read_settings
from mnistweb.recipes.sources import datasets_needed
from mnistweb.recipes.training import train_recipe
from mnistweb.recipes.training_queue import leave_queue
from mnistweb.resources import instance_folder
from mnistweb.weights import WeightsError, write_model

_DEFAULT_RECIPE = "mlp-128-64"
_INTERRUPTED = 130  # what shells report for a program ended by Ctrl-C

# Each flag, the recipe's key that it sets, its type and its help. All other keys are set with --set.
_FLAGS: tuple[tuple[str, str, Any, str], ...] = (
    ("--dataset", "data.dataset", str, "Learn from mnist, fashion-mnist, or a file or folder, alone."),
    ("--validation", "data.validation", int, "Images kept aside to choose by."),
    ("--augment/--no-augment", "augmentation.enabled", bool, "Vary the images at random, or do not."),
    ("--hidden", "architecture.hidden", str, "Units of the hidden layers, such as 128,64."),
    ("--activation", "architecture.activation", click.Choice(ACTIVATIONS), "After each hidden layer."),
    ("--batch-norm/--no-batch-norm", "architecture.batch_norm", bool, "Normalise before the activations."),
    ("--dropout-rate", "architecture.dropout_rate", float, "Probability of zeroing a hidden unit."),
    ("--optimizer", "optimizer.name", click.Choice(OPTIMIZERS), "How the gradient moves the weights."),
    ("--weight-decay", "optimizer.weight_decay", float, "Pull of the weights towards zero."),
    ("--schedule", "schedule.name", click.Choice(SCHEDULES), "The learning rate over time."),
    ("--learning-rate", "schedule.learning_rate", float, "The highest learning rate."),
    ("--start-from", "training.start_from", str, "Begin with the weights of this model, by name or file."),
    ("--epochs", "training.epochs", int, "Times through the dataset."),
    ("--batch-size", "training.batch_size", int, "Images a step."),
    ("--label-smoothing", "training.label_smoothing", float, "Share of each target spread over all classes."),
    ("--ema-decay", "training.ema_decay", float, "Decay of the moving average of the weights; 0: none."),
    ("--patience", "training.patience", int, "Stop after so many epochs without improvement; 0: never."),
    ("--seed", "training.seed", int, "Of everything random."),
    ("--threads", "training.threads", int, "Threads that share each batch; two pay with convolutions."),
)


def _recipe_flags(command: Callable[..., None]) -> Callable[..., None]:
    for flag, key, kind, help in reversed(_FLAGS):
        shape = {} if kind is bool else {"type": kind}
        command = click.option(flag, key.replace(".", "__"), default=None, help=help, **shape)(command)
    return command


# What a finished training says, by the keys of the facts in the weights file.
_SUMMARY = (
    ("validation_accuracy", "images kept aside: {} right"),
    ("drawings_validation_accuracy", "pen drawings of the writers kept aside: {} right"),
    ("photos_validation_accuracy", "stand-ins for photographs: {} right"),
    ("negatives_doubted", "pictures of no digit: {} recognised as doubtful"),
    ("test_accuracy", "test images: {} right"),
)


@click.command()
@click.option(
    "--recipe",
    "recipe_name",
    metavar="NAME|FILE.toml",
    help=f"What to train: {', '.join(recipe_names())}, or a file of your own. [default: {_DEFAULT_RECIPE}]",
)
@_recipe_flags
@click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="Any setting of the recipe, such as augmentation.blur=0.5 or data.mix.strokes=0.4.",
)
@click.option("--name", help="Name of the model.  [default: the recipe's; with other data, theirs behind it]")
@click.option(
    "--run-folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where settings, curves, checkpoint and model go.  [default: a new folder in instance/runs]",
)
@click.option("--resume", is_flag=True, help="Go on with the run in --run-folder, or the recipe's latest.")
@click.option(
    "--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder with the data files."
)
@click.option("--install", is_flag=True, help="Put the finished model where the server finds it.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Also write the model here."
)
@click.option(
    "--live",
    is_flag=True,
    help="Tell of every step in the run folder, as the page /train wants it, and pause when it asks.",
)
@click.option("--show", is_flag=True, help="Print the complete recipe as TOML, and train nothing.")
def train(
    recipe_name: str | None,
    settings: tuple[str, ...],
    name: str | None,
    run_folder: Path | None,
    resume: bool,
    data_dir: Path | None,
    install: bool,
    output: Path | None,
    live: bool,
    show: bool,
    **flags: Any,
) -> None:
    """Train a network from a recipe.

    Missing data are fetched first. Each epoch leaves a checkpoint: a training that was stopped, in whatever
    way, goes on with --resume and ends with the same weights, bit for bit.
    """
    overrides = _overrides(flags, settings, name)
    if not resume and name is None:
        overrides |= _name_of_its_own(recipe_name, overrides)
    if resume:
        if overrides:
            raise click.UsageError(
                f"--resume takes all settings from the run; leave out {', '.join(overrides)}"
            )
        recipe, run_folder = _run_to_resume(recipe_name, run_folder)
    else:
        try:
            recipe = load_recipe(recipe_name or _DEFAULT_RECIPE, overrides)
            check_architecture(recipe.architecture)  # before anything is fetched for it
        except RecipeError as problem:
            raise click.UsageError(str(problem)) from problem
        run_folder = run_folder or new_run_folder(recipe.name)
    if show:
        click.echo(write_recipe(recipe), nl=False)
        return
    click.echo(f"run folder: {run_folder}")
    progress = progress_for()
    try:
        if live:
            progress = LiveProgress(run_folder, recipe.training.epochs, progress)
        if data_dir is None:
            for dataset in datasets_needed(recipe.data):
                with closing(FetchProgress()) as shown:
                    fetch(dataset, progress=shown)
        saved = train_recipe(
            recipe, run_folder=run_folder, data_dir=data_dir, resume=resume, progress=progress
        )
        for line in _summary(saved.training):
            click.echo(line)
        click.echo(f"wrote {run_folder / MODEL}")
        for path in [
            *([output] if output else []),
            *([instance_folder() / f"{saved.name}.pkl"] if install else []),
        ]:
            write_model(path, saved)
            click.echo(f"wrote {path}")
        if live and install:
            _tell_servers()
        progress.finished(saved.training)
    except KeyboardInterrupt:
        _say_how_to_resume(run_folder)
        sys.exit(_INTERRUPTED)
    except (DataError, RecipeError, RunError, NetworkError, WeightsError, OSError) as problem:
        progress.failed(problem)
        click.echo(f"Error: {problem}", err=True)
        if isinstance(problem, DivergedError):
            _say_how_to_resume(run_folder)
        sys.exit(1)
    finally:
        if live:
            leave_queue(instance_folder())


def _overrides(flags: dict[str, Any], settings: tuple[str, ...], name: str | None) -> dict[str, Any]:
    """The recipe's keys that the command line sets, and their values."""
    overrides = {key.replace("__", "."): value for key, value in flags.items() if value is not None}
    if "architecture.hidden" in overrides:
        overrides["architecture.hidden"] = _units(overrides["architecture.hidden"])
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise click.UsageError(f"--set expected KEY=VALUE, got {setting!r}")
        overrides[key.strip()] = _toml_value(value.strip())
    if "data.dataset" in overrides and not any(key.startswith("data.mix") for key in overrides):
        overrides["data.mix"] = {}  # the pen strokes of the recipe show digits, the other dataset may not
    if name is not None:
        overrides["name"] = name
    return overrides


def _name_of_its_own(recipe_name: str | None, overrides: dict[str, Any]) -> dict[str, Any]:
    """A name for a model of other data than its recipe's: --install must not put it in that one's place."""
    try:
        usual = load_recipe(recipe_name or _DEFAULT_RECIPE)
    except RecipeError:
        return {}  # said when the recipe is read with all overrides
    dataset = str(overrides.get("data.dataset", usual.data.dataset))
    if dataset == usual.data.dataset or "name" in overrides:
        return {}
    ending = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(dataset).name).strip("-.") or "own"
    return {"name": f"{usual.name}-{ending}"[:64]}


def _units(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError as problem:
        raise click.UsageError(
            f"--hidden expected numbers with commas, such as 128,64; got {text!r}"
        ) from problem


def _toml_value(text: str) -> Any:
    """The value as TOML has it; words without quotes are taken as text, for the shell removes quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _summary(facts: dict[str, Any]) -> Iterator[str]:
    """What came of it, a line a set of pictures."""
    for key, text in _SUMMARY:
        if key in facts:
            yield text.format(f"{facts[key]:.2%}")


def _run_to_resume(recipe_name: str | None, run_folder: Path | None) -> tuple[Recipe, Path]:
    try:
        if run_folder is None:
            name = recipe_name or _DEFAULT_RECIPE
            run_folder = latest_run(load_recipe(name).name)
        elif recipe_name is not None:
            raise click.UsageError("--resume takes the recipe from the --run-folder; leave out --recipe")
        return read_settings(run_folder), run_folder
    except (RecipeError, RunError) as problem:
        raise click.UsageError(str(problem)) from problem


def _tell_servers() -> None:
    """Let the servers of this installation load the new model; what goes wrong there is no fault of ours."""
    from mnistweb.web.running import reload_servers, running_servers

    for server in reload_servers(running_servers(instance_folder()), instance_folder()):
        click.echo(f"the server {server.pid}: {server.problem or 'has loaded it'}")


def _say_how_to_resume(run_folder: Path) -> None:
    command = f"mnistweb train --resume --run-folder {shlex.quote(str(run_folder))}"
    if (run_folder / CHECKPOINT).exists():
        click.echo(f"stopped; the last whole epoch is kept. Go on with: {command}", err=True)
    elif (run_folder / SETTINGS).exists():
        click.echo(f"stopped before the first epoch was over. Begin it again with: {command}", err=True)
    else:
        click.echo("stopped before the first epoch was over; nothing to resume", err=True)
