"""`/train`: start a training, watch the network learn, pause it, stop it, and take it to the paint screen.

The page is there only when TRAINING_PAGE is on, for whoever reaches it uses this machine's processors.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, abort, current_app, make_response, redirect, render_template, request
from flask import send_file as send
from werkzeug.wrappers import Response as AnyResponse

from mnistweb.recipes.errors import RecipeError, RunError
from mnistweb.recipes.files import recipe_names
from mnistweb.recipes.live import WEIGHTS
from mnistweb.recipes.run_reading import find_run
from mnistweb.recipes.runs import SETTINGS
from mnistweb.recipes.training_queue import Entry, State, TakenError, TrainingQueue
from mnistweb.web.errors import ProblemError
from mnistweb.web.loaded import loaded_models, weights_folders
from mnistweb.web.other_sites import refuse_other_sites
from mnistweb.web.streams import stream
from mnistweb.web.training_form import (
    DEFAULT_RECIPE,
    FIELDS,
    Bases,
    Filled,
    bases_of,
    choices_of,
    datasets_here,
    fill_from_form,
    fill_from_recipe,
    make_recipe,
)
from mnistweb.web.training_view import COLUMNS, is_held, view

blueprint = Blueprint("train", __name__)

ACTIONS = ("pause", "resume", "stop")


@blueprint.get("/train")
def train() -> AnyResponse:
    """The run under way, or `?run=`; the queue; and a form for a new one with the settings of `?recipe=`.

    A run that is not in the queue has a card only.
    """
    state = _queue().look()
    run, name = request.args.get("run"), request.args.get("name", "")
    dataset = request.args.get("data-dataset", "")
    if run and _entry(state, run) is None:
        return _to_its_card(run)
    try:
        filled = _fresh(state, request.args.get("recipe") or DEFAULT_RECIPE, name)
    except RecipeError as problem:
        filled = _fresh(state, name=name)
        filled.problems[""] = _sentence(problem)
    # A recipe says how to learn, and what was chosen to learn from stays; a run says both.
    if dataset in datasets_here() and filled.recipe in recipe_names():
        filled.texts["data.dataset"] = dataset
    return _page(state, filled)


@blueprint.post("/train")
def start() -> AnyResponse:
    """Start a training with the settings of the form, or say beside each field what is wrong with it."""
    refuse_other_sites()
    filled = fill_from_form(request.form)
    recipe = make_recipe(filled, _bases(_queue().look()))
    if recipe is None:
        return _page(_queue().look(), filled, 422)
    try:
        entry = _queue().add(recipe, taken=loaded_models().names)
    except TakenError as problem:
        filled.problems["name"] = _sentence(problem)
        return _page(_queue().look(), filled, 409)
    except OSError as problem:
        filled.problems[""] = f"The run cannot be written: {problem.strerror}."
        return _page(_queue().look(), filled, 500)
    return redirect(f"{request.script_root}/train?run={entry.run}", 303)


@blueprint.post("/train/<run>/<action>")
def change(run: str, action: str) -> AnyResponse:
    """Pause, resume or stop a run."""
    refuse_other_sites()
    entry = _entry(_queue().look(), run)
    if action not in ACTIONS or entry is None:
        abort(404)
    try:
        if action == "resume":
            _queue().resume(run, taken=loaded_models().names)
        else:
            getattr(_queue(), action)(run)
    except (RunError, OSError) as problem:
        state = _queue().look()
        return _page(state, _fresh(state), 409, run=run, problem=_sentence(problem))
    if _entry(_queue().look(), run) is None:  # it was stopped before it began, and has left nothing
        return redirect(f"{request.script_root}/train", 303)
    return redirect(f"{request.script_root}/train?run={run}", 303)


@blueprint.get("/train/events")
def events() -> Response:
    """What happens to the run `?run=`, as it happens."""
    queue, run = _queue(), request.args.get("run", "")
    models, will_load = loaded_models(), _will_load()
    if _entry(queue.look(), run) is None:
        abort(404)

    def look() -> dict[str, Any]:
        state = queue.look()
        entry = _entry(state, run)
        if entry is None:
            return {"queue": _fingerprint(queue, state, False)}
        seen = view(queue, state, entry)
        told = asdict(seen) | {"numbers": seen.numbers, "cells": [seen.cells(row) for row in seen.rows]}
        is_loaded = entry.name in models.names
        # Where a new model is to be loaded, there is still something to wait for when the training is done.
        told["is_over"] = seen.is_over and (seen.state != "finished" or is_loaded or not will_load)
        return told | {"queue": f"{seen.state} {_fingerprint(queue, state, is_loaded)}"}

    return stream(look)


@blueprint.get("/train/<run>/weights.png")
def weights(run: str) -> Response:
    """The weights of the first layer of a run, as a picture."""
    if _entry(_queue().look(), run) is None:
        abort(404)
    path = _queue().folder_of(run) / WEIGHTS
    if not path.is_file():
        abort(404)
    return send(path, mimetype="image/png", max_age=0)


def _to_its_card(run: str) -> AnyResponse:
    try:
        find_run(run, Path(current_app.instance_path) / "runs")
    except RunError as error:
        raise ProblemError("not_found", "There is no run of this name.") from error
    return redirect(f"{request.script_root}/runs/{quote(run)}")


def _page(
    state: State, filled: Filled, status: int = 200, *, run: str | None = None, problem: str = ""
) -> Response:
    queue = _queue()
    shown = _entry(state, run or request.args.get("run", "")) or next(iter(state.entries), None)
    seen = view(queue, state, shown) if shown else None
    loaded = shown is not None and shown.name in loaded_models().names
    page = render_template(
        "train.html",
        seen=seen,
        is_loaded=loaded,
        will_load=_will_load(),
        columns=COLUMNS,
        waiting=state.waiting,
        current=state.current,
        is_held=is_held(queue, state),
        ended=[view(queue, state, entry) for entry in state.ended],
        fingerprint=f"{seen.state} {_fingerprint(queue, state, loaded)}" if seen else "",
        problem=problem,
        bases=_bases(state),
        fields=FIELDS,
        choices_of=choices_of,
        filled=filled,
        models=loaded_models().names,
    )
    return make_response(page, status)


def _will_load() -> bool:
    """Whether the models of the instance folder are among those that this server loads."""
    instance = Path(current_app.instance_path)
    return instance in [Path(folder) for folder in weights_folders(current_app.config, instance)]


def _queue() -> TrainingQueue:
    return TrainingQueue(Path(current_app.instance_path))


def _entry(state: State, run: str) -> Entry | None:
    return next((entry for entry in state.entries if entry.run == run), None)


def _bases(state: State) -> Bases:
    found = [(entry, _queue().folder_of(entry.run) / SETTINGS) for entry in state.entries]
    return bases_of([(entry.run, entry.name, path) for entry, path in found if path.exists()])


def _fresh(state: State, recipe: str = DEFAULT_RECIPE, name: str = "") -> Filled:
    """The form for a new training. Raises RecipeError for a recipe that does not exist."""
    return fill_from_recipe(recipe, name or _free_name(state), _bases(state))


def _free_name(state: State) -> str:
    """A name that nothing here has yet."""
    taken = {*loaded_models().names, *(entry.name for entry in state.entries)}
    numbers = [int(found[1]) for name in taken if (found := re.fullmatch(r"own-(\d{1,6})", name))]
    return f"own-{max(numbers, default=0) + 1}"


def _fingerprint(queue: TrainingQueue, state: State, is_loaded: bool) -> str:
    """Changes with all that the page shows outside of the curves."""
    entries = (f"{entry.run}:{entry.pid}" for entry in state.entries)
    return " ".join([*entries, str(is_held(queue, state)), str(is_loaded)])


def _sentence(problem: Exception) -> str:
    text = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
    return f"{text[:1].upper()}{text[1:]}."
