"""Run folders made by hand: what a training leaves, without the training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mnistweb.recipes.files import load_recipe
from mnistweb.recipes.runs import CHECKPOINT, MODEL, write_curves, write_facts, write_settings
from mnistweb.weights import write_model
from tests.inference.conftest import saved

DATA_SHA256 = "ab" * 32


def make_run(
    folder: Path,
    *,
    recipe: str = "mlp-64",
    epochs: int = 3,
    finished: bool = True,
    facts: dict[str, Any] | None = None,
    **settings: Any,
) -> Path:
    """A run of `epochs` epochs, each reading a little more of the validation pictures than the one before."""
    changed = {key.replace("__", "."): value for key, value in settings.items()}
    write_settings(folder, load_recipe(recipe, {"training.epochs": max(3, epochs), **changed}))
    first = {"name": recipe, "started": "2026-01-31T12:00:05+00:00", "data": "mnist"}
    known = {**first, "data_sha256": DATA_SHA256, "seed": 1} | (facts or {})
    if finished:
        known["test_accuracy"] = 0.975
        write_model(folder / MODEL, saved("made"))
    write_facts(folder, known)
    if epochs:
        write_curves(folder, [_row(number, epochs) for number in range(1, epochs + 1)])
        (folder / CHECKPOINT).write_bytes(b"")
    return folder


def _row(number: int, epochs: int) -> dict[str, float]:
    done = number / epochs
    return {
        "epoch": number,
        "learning_rate": 0.002 * (1.1 - done),
        "loss": 1.5 - done,
        "accuracy": 0.5 + 0.4 * done,
        "seconds": 2.0,
        "validation_loss": 1.2 - done,
        "validation_accuracy": 0.55 + 0.4 * done,
    }
