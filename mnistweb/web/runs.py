"""`/runs`: every training of this installation, the curves of several over each other, and a card for each.

The pages read plain files and change nothing, so they are there wherever the server is; only where `/train`
is do they look at its queue, when a run is under way. What a request costs is bounded: a page lists so many
runs, so many curves lie over each other, and a PNG is drawn once.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, render_template, request

from mnistweb.recipes.errors import RunError
from mnistweb.recipes.plotting import PlottingUnavailableError, can_plot, curves_png
from mnistweb.recipes.run_reading import Run, find_run, list_runs, model_of, read_run
from mnistweb.recipes.runs import CURVES
from mnistweb.web.curves import MOST_LINES, Chart, draw, thinned
from mnistweb.web.errors import ProblemError
from mnistweb.web.loaded import loaded_models
from mnistweb.web.openapi import describes

blueprint = Blueprint("runs", __name__)

RUNS_A_PAGE = 50
_MOST_ROWS = 50  # of a table of epochs; the CSV has all
_NAME = {"name": {"type": "string", "description": "The name of a run, as /runs lists them."}}
_one_at_a_time = threading.Lock()


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"


# The curves: the column, its title, how a value is written, whether equal distances are equal factors.
_ACCURACY = ("accuracy", "Accuracy", lambda value: f"{100 * value:.4g} %", False)
_LOSS = ("loss", "Loss", lambda value: f"{value:.3g}", True)
_RATE = ("learning_rate", "Learning rate", lambda value: f"{value:.3g}", False)
_ASIDE, _TRAINING = "on pictures kept aside", "in training"


@blueprint.get("/runs")
def runs() -> str:
    """All runs, the latest first; with `?run=` several times, the curves of those over each other."""
    folders = list_runs(_folder())
    page_count = max(1, -(-len(folders) // RUNS_A_PAGE))
    page = min(max(request.args.get("page", 1, int), 1), page_count)
    names = list(dict.fromkeys(request.args.getlist("run")))
    by_name = {folder.name: folder for folder in folders}
    chosen = [read_run(by_name[name]) for name in names[:MOST_LINES] if name in by_name]
    with_curves = [run for run in chosen if run.rows]
    return render_template(
        "runs.html",
        runs=[read_run(folder) for folder in folders[(page - 1) * RUNS_A_PAGE : page * RUNS_A_PAGE]],
        page=page,
        page_count=page_count,
        chosen={run.name for run in chosen},
        over=with_curves,
        charts=_charts_of_several(with_curves),
        table=_table_of_several(with_curves),
        problems=_problems(names, chosen),
        most=MOST_LINES,
    )


@blueprint.get("/runs/<name>")
def run_card(name: str) -> str:
    """One run: settings, seed, data, curves, accuracies, and the model that came of it."""
    run = read_run(_find(name))
    saved = model_of(run)
    loaded = next((each for each in loaded_models() if saved and each.saved.sha256 == saved.sha256), None)
    return render_template(
        "run.html",
        run=run,
        saved=saved,
        loaded=loaded,
        charts=_charts_of_one(run),
        rows=thinned(run.rows, _MOST_ROWS),
        settings=_settings(run.recipe) if run.recipe else [],
        data=_data(run),
        can_plot=can_plot(),
    )


@blueprint.get("/runs/<name>/curves.csv")
@describes("text/csv", path=_NAME, problems=(404,))
def curves_csv(name: str) -> Response:
    """The curves of a run as its training wrote them, a row an epoch."""
    run = _with_curves(name)
    response = Response((run.folder / CURVES).read_bytes(), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=f"{run.name}.csv")
    return response


@blueprint.get("/runs/<name>/curves.png")
@describes("image/png", path=_NAME, problems=(404, 501))
def curves_image(name: str) -> Response:
    """The curves of a run as a PNG; 501 where matplotlib, which draws it, is not installed."""
    run = _with_curves(name)
    stamp = (run.folder / CURVES).stat().st_mtime_ns
    try:
        with _one_at_a_time:  # drawing takes a while; the same picture is drawn once
            return Response(_png(run.folder, stamp), mimetype="image/png")
    except PlottingUnavailableError as error:
        raise ProblemError(
            "plots_unavailable",
            "This server draws no PNGs: it lacks matplotlib, which comes with the extra `plots`. "
            "The run's page has the same curves, and curves.csv their numbers.",
        ) from error


@lru_cache(maxsize=16)
def _png(folder: Path, stamp: int) -> bytes:
    return curves_png([(folder.name, read_run(folder).rows)])


@blueprint.app_template_test("queued_here")
def is_queued_here(name: str) -> bool:
    """Whether `/train` knows the run; one that was started in a terminal it does not."""
    from mnistweb.recipes.training_queue import TrainingQueue

    return any(entry.run == name for entry in TrainingQueue(Path(current_app.instance_path)).look().entries)


def _folder() -> Path:
    return Path(current_app.instance_path) / "runs"


def _find(name: str) -> Path:
    try:
        return find_run(name, _folder())
    except RunError as error:
        raise ProblemError("not_found", "There is no run of this name.") from error


def _with_curves(name: str) -> Run:
    run = read_run(_find(name))
    if not run.rows:
        raise ProblemError("not_found", run.reason or "This run has no curves yet: no epoch is over.")
    return run


def _charts_of_one(run: Run) -> list[Chart]:
    """Accuracy and loss, in training and on the pictures kept aside, and the learning rate."""
    charts = [
        draw(
            title,
            [
                (_ASIDE, 1, _points(run, f"validation_{key}")),
                (_TRAINING, 2, _points(run, key)),
            ],
            write,
            logarithmic=logarithmic,
        )
        for key, title, write, logarithmic in (_ACCURACY, _LOSS)
    ]
    key, title, write, _ = _RATE
    charts.append(draw(title, [("learning rate", 3, _points(run, key))], write))
    return [each for each in charts if each is not None]


def _charts_of_several(found: Sequence[Run]) -> list[Chart]:
    """Accuracy and loss of all, on the pictures kept aside and in training, and the learning rate."""
    wanted: list[tuple[str, str, Callable[[float], str], bool]] = [
        (f"{prefix}{key}", f"{title} {words}", write, logarithmic)
        for prefix, words in (("validation_", _ASIDE), ("", _TRAINING))
        for key, title, write, logarithmic in (_ACCURACY, _LOSS)
    ]
    charts = [
        draw(
            title,
            [(run.name, number, _points(run, key)) for number, run in enumerate(found, start=1)],
            write,
            logarithmic=logarithmic,
        )
        for key, title, write, logarithmic in [*wanted, _RATE]
    ]
    return [each for each in charts if each is not None]


def _table_of_several(found: Sequence[Run]) -> list[tuple[int, list[str]]]:
    """The accuracy of each run on the pictures kept aside, a row an epoch: what the first chart shows."""
    of_run = [dict(_points(run, "validation_accuracy")) for run in found]
    epochs = sorted({epoch for points in of_run for epoch in points})
    return [
        (int(epoch), [_percent(points[epoch]) if epoch in points else "" for points in of_run])
        for epoch in thinned(epochs, _MOST_ROWS)
    ]


def _points(run: Run, key: str) -> list[tuple[float, float]]:
    return [(row["epoch"], row[key]) for row in run.rows if key in row]


def _problems(names: Sequence[str], chosen: Sequence[Run]) -> list[str]:
    """What of the choice could not be shown, in words."""
    problems = [
        f"{run.name} has no curves{': ' + run.reason if run.reason else ' yet'}"
        for run in chosen
        if not run.rows
    ]
    if len(names) > MOST_LINES:
        problems.append(f"At most {MOST_LINES} runs are shown over each other; these are the first.")
    if len(chosen) < min(len(names), MOST_LINES):
        problems.append("A run that was chosen is not there any more.")
    if names and len(chosen) == 1:
        problems.append("Choose another to see its curves over these.")
    return problems


def _settings(section: Any, path: str = "") -> list[tuple[str, list[tuple[str, str, str]]]]:
    """The settings of a recipe by section, as (name, value, what it is for)."""
    from mnistweb.recipes.files import help_of

    rows, sections = [], []
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if dataclasses.is_dataclass(value):
            sections += _settings(value, f"{path}.{field.name}".lstrip("."))
        elif path:  # name and description are at the head of the page
            rows.append((field.name, _shown(value), help_of(field)))
    return [(path, rows), *sections] if rows else sections


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return _last_part(value) if isinstance(value, str) else f"{value:g}"


def _last_part(text: str) -> str:
    """Of the path of a data folder its end alone: the rest is no business of a visitor."""
    return Path(text).name if text.startswith(("/", "~", ".")) else text


def _data(run: Run) -> str:
    named = run.facts.get("data") or (run.recipe.data.dataset if run.recipe else "")
    return _last_part(str(named))
