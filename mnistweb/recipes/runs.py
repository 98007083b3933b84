"""A run is a recipe, a seed and a folder: settings, curves, the last checkpoint, and in the end the model.

```
runs/mlp-128-64-20260131-120000/
    settings.toml    the complete recipe; trains the same weights again
    facts.json       what it learned from (the data's hash), seed, version, date; at the end the accuracies
    curves.csv       a row an epoch, for any spreadsheet
    checkpoint.pkl   everything that a resumed training needs; replaced in one step after each epoch
    model.pkl        the finished model, in the form the server reads
```
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnistweb.files import write_atomically
from mnistweb.recipes.errors import RunError
from mnistweb.resources import instance_folder

if TYPE_CHECKING:
    from mnistweb.recipes.recipe import Recipe

SETTINGS = "settings.toml"
FACTS = "facts.json"
CURVES = "curves.csv"
CHECKPOINT = "checkpoint.pkl"
MODEL = "model.pkl"

_LARGEST_CURVES = 8_000_000  # bytes; ten thousand epochs, the most there may be, are a fifth of that
_PATIENCE_SECONDS = 0.5  # for those who only look whether a run is being trained


def runs_folder() -> Path:
    """Where runs go unless told otherwise."""
    return instance_folder() / "runs"


def new_run_folder(name: str, *, parent: Path | None = None, now: datetime | None = None) -> Path:
    """A path ``<name>-<date>-<time>`` that does not exist yet; the first file written makes the folder."""
    parent = runs_folder() if parent is None else parent
    stem = f"{name}-{(now or datetime.now()):%Y%m%d-%H%M%S}"
    candidates = [stem, *(f"{stem}-{number}" for number in range(2, 1000))]
    return next(parent / candidate for candidate in candidates if not (parent / candidate).exists())


def latest_run(name: str, *, parent: Path | None = None) -> Path:
    """The newest run folder of the recipe `name` with a checkpoint. Raises RunError when there is none."""
    parent = runs_folder() if parent is None else parent
    checkpoints = [path for path in parent.glob(f"*/{CHECKPOINT}") if _recipe_name(path.parent) == name]
    if not checkpoints:
        raise RunError(f"no run of {name} to resume in {parent}; name a folder with --run-folder")
    return max(checkpoints, key=lambda path: path.stat().st_mtime_ns).parent


def write_settings(folder: Path, recipe: Recipe) -> None:
    """Write the complete recipe into the run's folder."""
    from mnistweb.recipes.files import write_recipe  # a server that shows no run starts sooner without

    write_atomically(folder / SETTINGS, write_recipe(recipe).encode())


def read_settings(folder: Path) -> Recipe:
    """The recipe of a run. Raises RunError when the folder is no run, RecipeError when it is broken."""
    from mnistweb.recipes.files import parse_recipe

    try:
        text = (folder / SETTINGS).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise RunError(f"{folder} is not the folder of a run: cannot read {SETTINGS}") from problem
    return parse_recipe(text, name=folder.name)


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write what is known of the run beside its settings, for people and any program."""
    write_atomically(folder / FACTS, (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode())


def read_facts(folder: Path) -> dict[str, Any]:
    """The facts of a run; empty when it has none, as before its data were read. Raises RunError."""
    try:
        facts = json.loads((folder / FACTS).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as problem:
        raise RunError(f"{folder / FACTS} cannot be read as JSON") from problem
    if not isinstance(facts, dict):
        raise RunError(f"{folder / FACTS}: expected an object, got a {type(facts).__name__}")
    return facts


@contextlib.contextmanager
def being_trained(folder: Path) -> Iterator[None]:
    """Hold a run's folder, which is made if need be, for the one training that may work in it.

    The lock is the process's: it is gone when that ends, however it ends. Raises RunError when another
    process holds it, OSError when the folder can't be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _locked(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise RunError(f"{folder} is being trained already, by another process")
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def is_being_trained(folder: Path) -> bool:
    """Whether a process is training in this folder now."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _locked(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def write_curves(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one line an epoch; the whole file is replaced, so a resumed run never doubles a line."""
    rows = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else ["epoch"], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()}
        )
    write_atomically(folder / CURVES, text.getvalue().encode())


def read_curves(folder: Path) -> list[dict[str, float]]:
    """The rows of a run's curves, as numbers; an empty cell is left out. Raises RunError naming the line."""
    path = folder / CURVES
    try:
        with path.open(newline="", encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_size > _LARGEST_CURVES:
                raise RunError(f"{path} is larger than {_LARGEST_CURVES:,} bytes, so no curves of ours")
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise RunError(f"{folder} has no curves to plot: cannot read {CURVES}") from problem
    rows = []
    for number, line in enumerate(lines, start=2):  # line 1 is the header
        try:
            rows.append({key: float(value) for key, value in line.items() if value != ""})
        except (TypeError, ValueError) as problem:
            raise RunError(f"{path}, line {number}: expected numbers, got {list(line.values())}") from problem
    return rows


def _locked(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system that knows no locks
    return True


def _recipe_name(folder: Path) -> str | None:
    try:
        return read_settings(folder).name
    except ValueError:  # a folder that is broken is no candidate
        return None
