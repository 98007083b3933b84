"""What `/train` shows of a run: what it is doing, in words and numbers, and what can be done about it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

from mnistweb.recipes.errors import RunError
from mnistweb.recipes.live import PAUSE, POINT, STOP, WEIGHTS, read_ending, read_live, wish
from mnistweb.recipes.runs import CHECKPOINT, MODEL, read_curves
from mnistweb.recipes.training_queue import Entry, State, TrainingQueue

#: The columns of the table of epochs: the curve's name and the heading.
COLUMNS = (
    ("epoch", "epoch"),
    ("loss", "loss"),
    ("validation_loss", "kept aside"),
    ("accuracy", "accuracy"),
    ("validation_accuracy", "kept aside"),
    ("learning_rate", "learning rate"),
    ("gradient_norm", "gradient norm"),
    ("weight_norm", "weight norm"),
    ("seconds", "seconds"),
)


@dataclass
class RunView:
    """One run, for the page and as JSON for its script.

    state: queued, starting, preparing, training, pausing, paused, finishing, finished, stopped, failed or
    lost (the process is gone and nobody asked it to go). done of total are steps of the stage under way.
    points are rows of POINT, within the epochs; rows are those of the run's curves.csv.
    """

    run: str
    name: str
    state: str
    sentence: str = ""
    epoch: int = 0
    epochs: int = 0
    stage: str = ""
    done: int = 0
    total: int = 0
    points: list[list[float | None]] = field(default_factory=list)
    rows: list[dict[str, float]] = field(default_factory=list)
    weights: int = 0  #: changes with the picture of the weights; 0: there is none

    @property
    def actions(self) -> list[str]:
        """What may be asked of it: pause, resume, stop."""
        return {
            "queued": ["stop"],
            "starting": ["stop"],
            "preparing": ["stop"],
            "training": ["pause", "stop"],
            "pausing": ["stop"],
            "paused": ["resume", "stop"],
            "finishing": ["stop"],
            "stopped": ["resume"],
            "failed": ["resume"],
            "lost": ["resume"],
        }.get(self.state, [])

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.state in ("finished", "stopped", "failed", "lost")

    @property
    def numbers(self) -> list[tuple[str, str]]:
        """The latest numbers, each with its name."""
        latest = dict(zip(POINT, self.points[-1], strict=True)) if self.points else {}
        last_row = self.rows[-1] if self.rows else {}
        return [
            ("Loss", _number(latest.get("loss"), "{:.4f}")),
            ("Accuracy", _percent(latest.get("accuracy"))),
            ("Loss, kept aside", _number(last_row.get("validation_loss"), "{:.4f}")),
            ("Accuracy, kept aside", _percent(last_row.get("validation_accuracy"))),
            ("Learning rate", _number(latest.get("learning_rate"), "{:.3g}")),
            ("Gradient norm", _number(latest.get("gradient_norm"), "{:.3g}")),
            ("Weight norm", _number(latest.get("weight_norm"), "{:.4g}")),
            ("Seconds an epoch", _number(last_row.get("seconds"), "{:.1f}")),
        ]

    def cells(self, row: dict[str, float]) -> list[str]:
        """A row of the table of epochs, as COLUMNS has them."""
        return [_cell(key, row.get(key)) for key, _ in COLUMNS]


def view(queue: TrainingQueue, state: State, entry: Entry) -> RunView:
    """What there is to say of a run in the queue."""
    folder = queue.folder_of(entry.run)
    live = read_live(folder)
    try:
        rows = read_curves(folder)
    except RunError:  # no epoch is over yet
        rows = []
    seen = RunView(
        entry.run,
        entry.name,
        _state(queue, state, entry, live.get("state", "")),
        epoch=live.get("epoch", 0),
        epochs=live.get("epochs", 0),
        stage=live.get("stage", ""),
        done=live.get("done", 0),
        total=live.get("total", 0),
        points=live.get("points", []),
        rows=rows,
    )
    with contextlib.suppress(OSError):
        seen.weights = (folder / WEIGHTS).stat().st_mtime_ns
    is_kept = (folder / CHECKPOINT).exists()
    seen.sentence = _sentence(seen, state, live, read_ending(folder), len(rows) if is_kept else 0)
    if seen.state == "queued" and state.current and is_held(queue, state):
        name = state.current.name
        seen.sentence += f" {name} is paused; nothing else starts until it is resumed and done, or stopped."
    return seen


def is_held(queue: TrainingQueue, state: State) -> bool:
    """Whether the run under way is paused, and with it the whole queue."""
    return state.current is not None and wish(queue.folder_of(state.current.run)) == PAUSE


def _state(queue: TrainingQueue, state: State, entry: Entry, live: str) -> str:
    folder = queue.folder_of(entry.run)
    asked = wish(folder)
    if entry in state.waiting:
        return "queued"
    if entry == state.current:
        return "pausing" if live == "training" and asked else live or "starting"
    if (folder / MODEL).exists() and live == "finished":
        return "finished"
    if asked == STOP:
        return "stopped"
    return "failed" if read_ending(folder) else "lost"


def _sentence(seen: RunView, state: State, live: dict[str, Any], ending: str, kept: int) -> str:
    whole = f"{kept} whole epoch{' is' if kept == 1 else 's are'} kept" if kept else "nothing is kept yet"
    match seen.state:
        case "queued":
            place = 1 + [entry.run for entry in state.waiting].index(seen.run)
            return f"Waits for its turn, number {place} in the queue."
        case "starting":
            return "Starting."
        case "preparing":
            stage = f": {seen.stage}" if seen.stage and not seen.stage.startswith("epoch") else " the data"
            return f"Preparing{stage}."
        case "training" | "pausing" | "paused":
            word = {"training": "Training", "pausing": "Pausing", "paused": "Paused"}[seen.state]
            return f"{word}, epoch {seen.epoch} of {seen.epochs}."
        case "finishing":
            return "All epochs are done; calibrating and measuring."
        case "finished":
            told = [
                f"{_percent(live[key])} of the {words}"
                for key, words in (
                    ("validation_accuracy", "images kept aside"),
                    ("test_accuracy", "test images"),
                )
                if isinstance(live.get(key), float)
            ]
            return f"Done: it reads {' and '.join(told)} right." if told else "Done."
        case "stopped":
            return f"Stopped; {whole}."
        case "failed":
            return ending[:1].upper() + ending[1:]
    return f"Stopped unexpectedly: its process is gone; {whole}. Resume goes on from there."


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f} %"


def _cell(key: str, value: float | None) -> str:
    if key.endswith("accuracy"):
        return _percent(value)
    if key.endswith("loss"):
        return _number(value, "{:.4f}")
    forms = {"epoch": "{:.0f}", "seconds": "{:.1f}", "weight_norm": "{:.4g}"}
    return _number(value, forms.get(key, "{:.3g}"))
