"""Runs a recipe: reads the data, trains, keeps a checkpoint an epoch, and finishes with a model to serve."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import mnistweb
from mnistweb.data.dataset import Dataset
from mnistweb.files import remove_leftovers
from mnistweb.nn.batches import Batch, Batches
from mnistweb.nn.errors import DivergedError, NetworkError
from mnistweb.nn.losses import softmax_cross_entropy
from mnistweb.nn.model import Sequential
from mnistweb.nn.training import TrainingState, evaluate, fit
from mnistweb.recipes.architecture import build_model, check_architecture
from mnistweb.recipes.calibration import calibrated_probabilities, fit_temperature, fit_verdict
from mnistweb.recipes.drawn_sources import as_inputs
from mnistweb.recipes.errors import RecipeError, RunError
from mnistweb.recipes.files import recipe_table
from mnistweb.recipes.mixing import MixedBatches
from mnistweb.recipes.optimization import build_optimizer, build_schedule
from mnistweb.recipes.prefetch import Prefetched
from mnistweb.recipes.progress import Progress
from mnistweb.recipes.recipe import Recipe
from mnistweb.recipes.runs import (
    CHECKPOINT,
    MODEL,
    SETTINGS,
    being_trained,
    read_facts,
    write_curves,
    write_facts,
    write_settings,
)
from mnistweb.recipes.sources import OWN, PHOTOS, TrainingData, load_training_data
from mnistweb.weights import SavedModel, WeightsError, read_pickle, write_model, write_pickle
from mnistweb.weights.installed import find_model

_OF_THE_DATA = ("data_sha256", "strokes_sha256")
_OF_THE_START = ("start_from", "start_from_sha256", "epochs_before", "seconds_before")
_INITIAL_WEIGHTS = 1  # tells the random numbers of the weights from those of the batches


def train_recipe(
    recipe: Recipe,
    *,
    run_folder: Path,
    data_dir: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> SavedModel:
    """Train `recipe` and leave settings, curves, checkpoint and model in `run_folder`.

    With `resume` the training goes on after the last epoch that `run_folder` has a checkpoint of, or begins
    if it has settings alone, and gives bit for bit what it would have given without the interruption. The
    test set is measured once, at the end.

    Raises RunError when the folder already holds a run, has none to resume or one of other data; DataError,
    RecipeError, and WeightsError for what it shall start from, before anything is written; DivergedError when
    the numbers run away; the last checkpoint is kept.
    """
    progress = progress or Progress()
    with ExitStack() as held:
        if resume:
            held.enter_context(being_trained(run_folder))
        else:
            _refuse_used(run_folder)
            _refuse_unwritable(run_folder)
        start = _read_checkpoint(run_folder) if resume else None
        check_architecture(recipe.architecture)  # reading and drawing the data may take minutes
        earlier = find_model(recipe.training.start_from) if recipe.training.start_from and not start else None
        data = load_training_data(recipe.data, data_dir=data_dir, progress=progress)
        training = recipe.training
        rng = np.random.default_rng([training.seed, _INITIAL_WEIGHTS])
        model = build_model(recipe.architecture, len(data.label_names), rng)
        if earlier:
            data.facts |= _begin_with(model, earlier)
        elif start:
            before = _facts_before(run_folder)
            _refuse_other_data(run_folder, before, data.facts)
            # What it began with, if with a model, may be another by now.
            data.facts |= {key: before[key] for key in _OF_THE_START if key in before}
        batches = MixedBatches(
            data.sources,
            data.shares,
            batch_size=training.batch_size,
            seed=training.seed,
            num_classes=len(data.label_names),
            augment=recipe.augmentation if recipe.augmentation.enabled else None,
        )
        schedule = build_schedule(recipe.schedule, epochs=training.epochs, steps_per_epoch=len(batches))
        if resume:
            remove_leftovers(run_folder)
        else:
            held.enter_context(being_trained(run_folder))
            _refuse_used(run_folder)  # by another training that started meanwhile
            write_settings(run_folder, recipe)
        facts = _first_facts(recipe, data, run_folder)
        write_facts(run_folder, facts)
        progress.note(f"{recipe.name}: {model.architecture}, {model.num_parameters:,} parameters")
        try:
            history = _fit(recipe, model, batches, schedule, data, run_folder, start, progress)
        except DivergedError as problem:
            write_facts(run_folder, facts | {"diverged": str(problem)})
            raise
        saved = _finished(recipe, model, data, history)
        write_model(run_folder / MODEL, saved)
        # The recipe is in the settings, in a form that is easier to read.
        told = {key: value for key, value in saved.training.items() if key != "recipe"}
        write_facts(run_folder, facts | told | {"parameters": model.num_parameters})
        return saved


def _begin_with(model: Sequential, earlier: SavedModel) -> dict[str, Any]:
    """Give `model` the weights of `earlier`; what is to be known of that one."""
    try:
        model.load_state(earlier.model.state())
    except NetworkError as problem:
        raise RecipeError(
            f"training.start_from: {earlier.name} is {earlier.model.architecture}, and this is to be "
            f"{model.architecture}: {problem}"
        ) from problem
    before = {f"{key}_before": earlier.training.get(key, 0) for key in ("epochs", "seconds")}
    return {"start_from": earlier.name, "start_from_sha256": earlier.sha256, **before}


def _facts_before(run_folder: Path) -> dict[str, Any]:
    """What is written down of a run that goes on; nothing if that is broken, and about to be replaced."""
    try:
        return read_facts(run_folder)
    except RunError:
        return {}


def _refuse_other_data(run_folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """What was learned so far and what would come would belong to no data set that anybody could name."""
    for key in _OF_THE_DATA:
        if before.get(key) is not None and before[key] != now.get(key):
            raise RunError(
                f"{run_folder} began with other data, {key} {before[key]!s:.16}, now {now.get(key)!s:.16}; "
                "bring those back, or start a new run"
            )


def _fit(
    recipe: Recipe,
    model: Sequential,
    batches: MixedBatches,
    schedule: Callable[[int], float],
    data: TrainingData,
    run_folder: Path,
    start: TrainingState | None,
    progress: Progress,
) -> list[dict[str, float]]:
    """The training itself, with a checkpoint and a row of the curves after each epoch; returns the rows."""
    training = recipe.training

    def keep(state: TrainingState) -> None:
        write_pickle(run_folder / CHECKPOINT, state.as_dict())
        write_curves(run_folder, state.history)
        progress.end()
        progress.epoch(state.history[-1], training.epochs)

    validation = _together(data.validation.values())
    with Prefetched(batches) as prefetched:
        try:
            return fit(
                model,
                _Watched(prefetched, progress, training.epochs),
                optimizer=build_optimizer(recipe.optimizer),
                schedule=schedule,
                epochs=training.epochs,
                seed=training.seed,
                validation=validation,
                loss=partial(softmax_cross_entropy, label_smoothing=training.label_smoothing),
                ema_decay=training.ema_decay or None,
                early_stopping=training.patience or None,
                callbacks=[keep],
                watch=progress.step,
                threads=training.threads,
                start=start,
            )
        finally:
            progress.end()


def _refuse_used(run_folder: Path) -> None:
    if (run_folder / SETTINGS).exists():
        raise RunError(f"{run_folder} already holds a run; resume it, or choose another folder")


def _refuse_unwritable(run_folder: Path) -> None:
    """Say before the data are read and drawn what would else come up after minutes."""
    nearest = next(path for path in (run_folder, *run_folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        reason = "cannot be written" if nearest.is_dir() else "is no folder"
        raise RunError(f"{run_folder} cannot hold a run: {nearest} {reason}")


def _first_facts(recipe: Recipe, data: TrainingData, run_folder: Path) -> dict[str, Any]:
    """What is known of a run before its first step; one that is resumed keeps the date of its start."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        "name": recipe.name,
        "started": _facts_before(run_folder).get("started", now),
        **data.facts,
        "seed": recipe.training.seed,
        "program_version": mnistweb.__version__,
    }


def _finished(
    recipe: Recipe, model: Sequential, data: TrainingData, history: list[dict[str, float]]
) -> SavedModel:
    """Calibrate on the validation pictures, measure on the test set, and put down how it all came about."""
    facts: dict[str, Any] = {**data.facts, "seed": recipe.training.seed}
    facts["epochs"] = facts.pop("epochs_before", 0) + len(history)
    for name, part in data.validation.items():
        key = "validation_accuracy" if name == OWN else f"{name}_validation_accuracy"
        facts[key] = round(evaluate(model, part.images, part.labels)[1], 6)
    # Photographs are left out: they would make the model doubt what is drawn or scanned cleanly.
    images, labels = _together(part for name, part in data.validation.items() if name != PHOTOS)
    logits = _logits(model, images)
    temperature = fit_temperature(logits, labels)
    confidences = calibrated_probabilities(logits, temperature).max(axis=1)
    verdict = fit_verdict(confidences)
    if data.negatives is not None:
        doubts = calibrated_probabilities(_logits(model, as_inputs(data.negatives)), temperature).max(axis=1)
        facts["negatives_doubted"] = round(float((doubts < verdict["digit_at_least"]).mean()), 6)
    facts["test_accuracy"] = round(evaluate(model, data.test.images, data.test.labels)[1], 6)
    facts["date"] = datetime.now(UTC).strftime("%Y-%m-%d")
    facts["seconds"] = facts.pop("seconds_before", 0) + round(sum(row["seconds"] for row in history))
    facts["program_version"] = mnistweb.__version__
    facts["recipe"] = recipe_table(recipe)
    return SavedModel(
        name=recipe.name,
        model=model,
        labels=data.label_names,
        training=facts,
        calibration={"temperature": temperature},
        verdict=verdict,
    )


class _Watched:
    """Batches that tell the progress of every step."""

    def __init__(self, batches: Batches, progress: Progress, epochs: int) -> None:
        self._batches = batches
        self._progress = progress
        self._epochs = epochs

    def __len__(self) -> int:
        return len(self._batches)

    def epoch(self, index: int) -> Iterator[Batch]:
        self._progress.begin(f"epoch {index + 1}/{self._epochs}", len(self))
        for batch in self._batches.epoch(index):
            yield batch
            self._progress.advance()


def _read_checkpoint(run_folder: Path) -> TrainingState | None:
    path = run_folder / CHECKPOINT
    if (run_folder / SETTINGS).exists() and not path.exists():
        return None  # stopped before the first epoch was over, or still waiting for its turn
    try:
        return TrainingState.from_dict(read_pickle(path))
    except OSError as problem:
        raise RunError(f"{run_folder} has no checkpoint to resume from: {problem.strerror}") from problem
    except (WeightsError, NetworkError, TypeError) as problem:
        raise RunError(f"{path} is not a checkpoint: {problem}") from problem


def _together(parts: Iterable[Dataset]) -> tuple[np.ndarray, np.ndarray]:
    parts = list(parts)
    return np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts])


def _logits(model: Sequential, images: np.ndarray, *, batch_size: int = 250) -> np.ndarray:
    return np.concatenate(
        [model.forward(images[start : start + batch_size]) for start in range(0, len(images), batch_size)]
    )
