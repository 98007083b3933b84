"""A training that tells of itself while it runs, in plain files of its run's folder, and pauses when asked.

```
live.json       what it is doing, how far it is, and the curves within the epochs; about twice a second
weights.png     the weights of the first layer; about once a second
ending.txt      why it failed, in words; blank otherwise
control         written by others: "pause" holds the training until it is gone, "stop" says that it was ended
```

None of it is needed to resume a run, and losing it costs nothing.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mnistweb.files import write_atomically
from mnistweb.nn.model import Sequential
from mnistweb.recipes.progress import Progress
from mnistweb.recipes.weight_pictures import first_layer_picture

if TYPE_CHECKING:  # who only reads what a training wrote needs nothing that trains
    from mnistweb.nn.training import StepReport

LIVE, WEIGHTS, ENDING, CONTROL = "live.json", "weights.png", "ending.txt", "control"
PAUSE, STOP = "pause", "stop"
#: What each of `points` holds; `epoch` counts epochs begun, 2.5 is the middle of the third.
POINT = ("epoch", "loss", "accuracy", "learning_rate", "gradient_norm", "weight_norm")

_NUMBERS_SECONDS, _WEIGHTS_SECONDS, _CONTROL_SECONDS = 0.5, 1.0, 0.2
# What takes long is done more rarely, so that all of it together costs less than a hundredth of the training.
_REST, _LONGEST_REST_SECONDS = 250, 10.0
_MOST_POINTS = 300
_ENDING_BYTES = 2000


class LiveProgress(Progress):
    """Writes what it hears into the run's folder, and passes it on to `also`.

    A file that can't be written is let go: the training itself is worth more. Only at the beginning is the
    room for the last words taken, so that a disk which fills up later can still be told of; __init__ raises
    OSError when there is none.
    """

    def __init__(self, folder: Path, epochs: int, also: Progress | None = None) -> None:
        self._folder, self._epochs, self._also = folder, epochs, also or Progress()
        self._facts: dict[str, Any] = {"state": "preparing", "stage": "", "done": 0, "total": 0, "epoch": 0}
        self._points: list[list[float | None]] = read_live(folder).get("points", [])
        self._window: list[StepReport] = []
        self._next = dict.fromkeys(("numbers", "weights", "control"), 0.0)
        self._soonest = 0.0  # the first of them, for a quick look in every step
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ENDING).open("wb") as file:
            file.write(b" " * _ENDING_BYTES)
        self._write()

    def note(self, text: str) -> None:
        self._also.note(text)

    def begin(self, title: str, total: int) -> None:
        self._facts |= {"stage": title, "done": 0, "total": total}
        self._write()
        self._also.begin(title, total)

    def advance(self) -> None:
        if self._facts["state"] == "preparing":  # a step of training tells more, in `step`
            self._facts["done"] += 1
            self._sometimes("numbers", _NUMBERS_SECONDS, self._write)
        self._also.advance()

    def end(self) -> None:
        self._also.end()

    def step(self, report: StepReport) -> None:
        if self._facts["state"] != "training" or self._facts["epoch"] != report.epoch + 1:
            # Of an epoch that was cut short and begins anew nothing is left.
            self._points = [point for point in self._points if (point[0] or 0) <= report.epoch]
            self._facts |= {"state": "training", "epoch": report.epoch + 1}
        self._window.append(report)
        steps = max(1, self._facts["total"])
        if len(self._window) * _MOST_POINTS >= steps * self._epochs or report.step == steps:
            self._add_point(report.epoch + report.step / steps)
        if time.monotonic() >= self._soonest:
            self._look_up(report)
        if report.step == steps and report.epoch + 1 == self._epochs:
            self._draw_weights(report.model)
        self._also.step(report)

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        if row["epoch"] == epochs:
            self._facts |= {"state": "finishing", "stage": "", "done": 0, "total": 0}
        self._write()
        self._also.epoch(row, epochs)

    def finished(self, facts: Mapping[str, Any]) -> None:
        told = {key: facts[key] for key in ("validation_accuracy", "test_accuracy") if key in facts}
        self._facts |= {"state": "finished", "stage": "", "done": 0, "total": 0, **told}
        self._write()
        self._also.finished(facts)

    def failed(self, problem: Exception) -> None:
        _write_ending(self._folder, _in_words(problem))
        self._also.failed(problem)

    def _look_up(self, report: StepReport) -> None:
        """Do what is due."""
        self._facts["done"] = report.step
        self._sometimes("numbers", _NUMBERS_SECONDS, self._write)
        self._sometimes("weights", _WEIGHTS_SECONDS, partial(self._draw_weights, report.model))
        if time.monotonic() >= self._next["control"]:
            if wish(self._folder) == PAUSE:
                self._pause()
            self._next["control"] = time.monotonic() + _CONTROL_SECONDS
        self._soonest = min(self._next.values())

    def _sometimes(self, what: str, seconds: float, work: Callable[[], None]) -> None:
        """Do the work if it is due, and note when it is due again: the longer it took, the later."""
        began = time.monotonic()
        if began >= self._next[what]:
            work()
            ended = time.monotonic()
            rest = min(_REST * (ended - began), _LONGEST_REST_SECONDS)
            self._next[what] = ended + max(seconds, rest)

    def _add_point(self, epoch: float) -> None:
        window, self._window = self._window, []
        results = [report.result for report in window]
        right, labelled = (sum(getattr(each, key) for each in results) for key in ("right", "labelled"))
        self._points.append(
            [
                round(epoch, 4),
                _short(np.mean([each.loss for each in results])),
                _short(right / max(labelled, 1)),
                _short(window[-1].learning_rate),
                _short(np.mean([each.gradient_norm for each in results])),
                _short(np.linalg.norm(window[-1].model.flat_params)),
            ]
        )

    def _draw_weights(self, model: Sequential) -> None:
        picture = first_layer_picture(model)
        if picture is not None:
            with contextlib.suppress(OSError):
                write_atomically(self._folder / WEIGHTS, picture, durable=False)

    def _pause(self) -> None:
        self._facts["state"] = "paused"
        self._write()
        while wish(self._folder) == PAUSE:
            time.sleep(_CONTROL_SECONDS)
        self._facts["state"] = "training"
        self._write()

    def _write(self) -> None:
        content = json.dumps(self._facts | {"epochs": self._epochs, "points": self._points})
        with contextlib.suppress(OSError):
            write_atomically(self._folder / LIVE, content.encode(), durable=False)


def read_live(folder: Path) -> dict[str, Any]:
    """What the training in `folder` last wrote of itself; empty when it wrote nothing that can be read."""
    try:
        found = json.loads((folder / LIVE).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def note_start(folder: Path) -> None:
    """Whatever was written of an earlier start is over; its curves are kept."""
    content = json.dumps(read_live(folder) | {"state": "starting", "stage": "", "done": 0, "total": 0})
    write_atomically(folder / LIVE, content.encode(), durable=False)


def read_ending(folder: Path) -> str:
    """Why the training in `folder` failed, in words; empty when it did not."""
    try:
        return (folder / ENDING).read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def wish(folder: Path) -> str:
    """What was asked of the training in `folder`: PAUSE, STOP or nothing."""
    try:
        return (folder / CONTROL).read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _write_ending(folder: Path, words: str) -> None:
    """Into the room that was taken for it: on a disk that is full there would be no other."""
    content = words.encode()[:_ENDING_BYTES].ljust(_ENDING_BYTES)
    with contextlib.suppress(OSError):
        descriptor = os.open(folder / ENDING, os.O_WRONLY)
        try:
            os.pwrite(descriptor, content, 0)
        finally:
            os.close(descriptor)


def _in_words(problem: Exception) -> str:
    if not isinstance(problem, OSError):
        return str(problem)
    if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "The disk is full. The last checkpoint is whole: make room, then resume."
    return f"A file could not be read or written: {problem.strerror or type(problem).__name__}."


def _short(value: Any) -> float | None:
    """Five digits are enough for a curve; JSON knows no infinity."""
    return float(f"{float(value):.5g}") if math.isfinite(value) else None
