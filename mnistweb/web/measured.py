"""The loaded models beside what was measured of them, and what is missing or out of date in that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mnistweb.inference import DigitClassifier
from mnistweb.recipes.evaluation import NEGATIVES, read_evaluation
from mnistweb.web.charts import Axis, axis_for
from mnistweb.web.errors import ProblemError
from mnistweb.web.loaded import loaded_models

MEASURE_COMMAND = "mnistweb evaluate --report"


@dataclass(frozen=True)
class MeasuredModel:
    """One loaded model and its entry in the evaluation data; empty when it was not measured.

    is_stale: what was measured were other weights of the same name.
    """

    classifier: DigitClassifier
    entry: Mapping[str, Any]
    is_stale: bool

    @property
    def name(self) -> str:
        """The model's name."""
        return self.classifier.name

    @property
    def reads_digits(self) -> bool:
        """Whether its classes are the digits, and not clothes or anything else."""
        return self.classifier.reads_digits

    def on(self, set_name: str) -> Mapping[str, Any] | None:
        """What was measured on that set, or None."""
        found: Mapping[str, Any] | None = self.entry.get("sets", {}).get(set_name)
        return found


@dataclass(frozen=True)
class Measurements:
    """Evaluation data, and the loaded models beside it, the default first.

    sets: by their names, those that some loaded model was measured on, as the evaluation data describe them.
    """

    models: tuple[MeasuredModel, ...]
    sets: Mapping[str, Mapping[str, Any]]
    date: str

    @property
    def calibrated_sets(self) -> list[str]:
        """The sets on which how sure a model is can be compared with how often it is right."""
        return [name for name in self.sets if name != NEGATIVES]

    def get(self, name: str | None) -> MeasuredModel:
        """The loaded model of that name, or the default one. Raises UnknownModelError or NoModelError."""
        wanted = loaded_models().get(name).name
        return next(model for model in self.models if model.name == wanted)

    def set_name(self, asked: str | None, model: MeasuredModel | None = None) -> str:
        """The set that was asked for, else the first one (that `model` was measured on); "" if there is none.

        Raises ProblemError (not found) for a name that is none of a set.
        """
        if asked:
            if asked not in self.sets:
                known = ", ".join(self.sets) or "none"
                raise ProblemError(
                    "not_found", f"There is no evaluation set of that name; measured were: {known}."
                )
            return asked
        return next((name for name in self.sets if model is None or model.on(name)), "")


def measurements() -> Measurements:
    """What was measured, as it is now on the disk, for the models that are loaded."""
    evaluation = read_evaluation() or {}
    entries = evaluation.get("models", {})
    models = tuple(
        MeasuredModel(
            classifier,
            entries.get(classifier.name, {}),
            classifier.name in entries and entries[classifier.name]["sha256"] != classifier.saved.sha256,
        )
        for classifier in loaded_models()
    )
    sets = {
        name: facts
        for name, facts in evaluation.get("sets", {}).items()
        if any(model.on(name) for model in models)
    }
    return Measurements(models, sets, evaluation.get("date", ""))


@dataclass(frozen=True)
class Row:
    """One model on one set, as `found` has it, and where its interval and its accuracy lie on the axis."""

    model: MeasuredModel
    found: Mapping[str, Any]
    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Panel:
    """All models on one set, for a chart.

    what: what a model does when it is right there. missing: the models that were not measured on it.
    """

    name: str
    facts: Mapping[str, Any]
    what: str
    axis: Axis
    rows: tuple[Row, ...]
    missing: tuple[MeasuredModel, ...]


def panel(name: str, measured: Measurements) -> Panel:
    """The chart of one set."""
    found = [(model, entry) for model in measured.models if (entry := model.on(name)) is not None]
    axis = axis_for([bound for _, entry in found for bound in entry["interval"]])
    return Panel(
        name=name,
        facts=measured.sets[name],
        what="rightly doubted" if name == NEGATIVES else "read right",
        axis=axis,
        rows=tuple(
            Row(
                model,
                entry,
                low=axis.place(entry["interval"][0]),
                middle=axis.place(entry["accuracy"]),
                high=axis.place(entry["interval"][1]),
            )
            for model, entry in found
        ),
        missing=tuple(model for model in measured.models if model.on(name) is None),
    )
