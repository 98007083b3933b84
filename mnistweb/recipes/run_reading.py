"""What has been trained here, and what is being trained: each run read from the plain files of its folder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnistweb.recipes.errors import RecipeError, RunError
from mnistweb.recipes.live import ENDING, PAUSE, read_ending, wish
from mnistweb.recipes.runs import (
    CHECKPOINT,
    CURVES,
    MODEL,
    SETTINGS,
    is_being_trained,
    read_curves,
    read_facts,
    read_settings,
    runs_folder,
)
from mnistweb.weights import SavedModel, WeightsError, read_model

if TYPE_CHECKING:
    from mnistweb.recipes.recipe import Recipe

WAITING, RUNNING, PAUSED = "waiting", "running", "paused"
FINISHED, STOPPED, DIVERGED, BROKEN = "finished", "stopped", "diverged", "broken"


@dataclass(frozen=True, eq=False)
class Run:
    """One run.

    name: of its folder. state: one of the words above; reason: why it diverged, was stopped or is broken, as
    far as that is known. rows: of its curves, one an epoch. facts: of facts.json. A broken run has no recipe.
    """

    folder: Path
    state: str
    reason: str
    recipe: Recipe | None
    rows: list[dict[str, float]]
    facts: dict[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def date(self) -> str:
        """When it began, "2026-01-31 12:00" in UTC; of its folder if nothing else is known."""
        started = self.facts.get("started")
        try:
            when = datetime.fromisoformat(started) if isinstance(started, str) else _date_of(self.folder)
            return f"{when.astimezone(UTC):%Y-%m-%d %H:%M}"
        except (ValueError, OverflowError):
            return ""

    @property
    def best(self) -> dict[str, float] | None:
        """The row of the epoch that read most of the pictures kept aside: its weights are the model's."""
        measured = [row for row in self.rows if "validation_accuracy" in row]
        return max(measured, key=lambda row: row["validation_accuracy"], default=None)

    @property
    def seconds(self) -> float:
        """How long its epochs took together."""
        return sum(row.get("seconds", 0.0) for row in self.rows)

    def number(self, fact: str) -> float | None:
        """A number among the facts, such as test_accuracy."""
        value = self.facts.get(fact)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def list_runs(parent: Path | None = None) -> list[Path]:
    """The folders of all runs, the latest first; what they hold has not been looked at yet."""
    parent = runs_folder() if parent is None else parent
    try:
        folders = [path for path in parent.iterdir() if not path.name.startswith(".") and path.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(folders, key=lambda path: (_date_of(path), path.name), reverse=True)


def find_run(name: str, parent: Path | None = None) -> Path:
    """The folder of the run called `name`. Raises RunError when there is none.

    The name is compared with those that are there and never made into a path, so no name leads elsewhere.
    """
    for folder in list_runs(parent):
        if folder.name == name:
            return folder
    raise RunError(f"there is no run {name!r:.80}")


def read_run(folder: Path) -> Run:
    """What the files in `folder` say. Raises nothing: a folder that can't be read is a broken run."""
    facts: dict[str, Any] = {}
    try:
        facts = read_facts(folder)
        recipe = _settings(folder, _stamp(folder / SETTINGS))
        rows = read_curves(folder) if (folder / CURVES).exists() else []
        if not all("epoch" in row and all(map(math.isfinite, row.values())) for row in rows):
            raise RunError(f"{CURVES} has a line without an epoch, or with a number that is not finite")
        if (folder / MODEL).exists() and "test_accuracy" not in facts:  # by an earlier version of the program
            facts = {**_model_facts(folder, _stamp(folder / MODEL)), **facts}
    except (RunError, RecipeError, WeightsError, OSError) as problem:
        reason = str(problem).replace(f"{folder}/", "").replace(str(folder), folder.name)
        return Run(folder, BROKEN, reason, None, [], facts)
    state, reason = _state(folder, facts)
    return Run(folder, state, reason, recipe, rows, facts)


def model_of(run: Run) -> SavedModel | None:
    """The model that came of the run; None when there is none yet, or none that can be read."""
    try:
        return _model(run.folder, _stamp(run.folder / MODEL))
    except (WeightsError, OSError):
        return None


def as_table(run: Run) -> dict[str, Any]:
    """The run as plain values for JSON, without its curves and settings; null where nothing is known."""
    training = run.recipe.training if run.recipe else None
    return {
        "run": run.name,
        "recipe": run.recipe.name if run.recipe else None,
        "state": run.state,
        "reason": run.reason,
        "epochs": len(run.rows),
        "epochs_wanted": training.epochs if training else None,
        "best_validation_accuracy": run.best["validation_accuracy"] if run.best else None,
        "test_accuracy": run.number("test_accuracy"),
        "seconds": round(run.seconds, 3),
        "seed": training.seed if training else None,
        "date": run.date,
        "data": run.facts.get("data"),
        "data_sha256": run.facts.get("data_sha256"),
    }


def _state(folder: Path, facts: dict[str, Any]) -> tuple[str, str]:
    if is_being_trained(folder):
        return (PAUSED if wish(folder) == PAUSE else RUNNING), ""
    if (folder / MODEL).exists():
        return FINISHED, ""
    if facts.get("diverged"):
        return DIVERGED, str(facts["diverged"])
    if facts or (folder / CHECKPOINT).exists() or (folder / ENDING).exists():
        return STOPPED, read_ending(folder)
    return WAITING, ""


def _date_of(folder: Path) -> datetime:
    """When the run was set up: its settings are written once, its folder changes with every epoch."""
    for path in (folder / SETTINGS, folder):
        try:
            return datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except OSError:
            continue
    return datetime.fromtimestamp(0, UTC)


# What takes milliseconds to read, kept as long as its file stays as it is.


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=256)
def _settings(folder: Path, stamp: tuple[int, int]) -> Recipe:
    return read_settings(folder)


@lru_cache(maxsize=8)
def _model(folder: Path, stamp: tuple[int, int]) -> SavedModel:
    return read_model(folder / MODEL)


@lru_cache(maxsize=256)
def _model_facts(folder: Path, stamp: tuple[int, int]) -> dict[str, Any]:
    return {key: value for key, value in read_model(folder / MODEL).training.items() if key != "recipe"}
