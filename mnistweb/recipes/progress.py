"""How a training tells of itself: the library speaks to a Progress, and only the command line prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnistweb.nn.training import StepReport


class Progress:
    """Hears what a training is doing. This one keeps it to itself; the command line has two that print."""

    def note(self, text: str) -> None:
        """One sentence, such as what data were read."""

    def begin(self, title: str, total: int) -> None:
        """A stage of `total` steps begins."""

    def advance(self) -> None:
        """One step of the stage is done."""

    def end(self) -> None:
        """The stage is over, or given up."""

    def step(self, report: StepReport) -> None:
        """The network took one step of training; `report.model` is to look at, and may be looked at long."""

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        """One of `epochs` epochs is over; `row` is its line of the curves."""

    def finished(self, facts: Mapping[str, Any]) -> None:
        """The model is where it was wanted; `facts` are those of its file, accuracies among them."""

    def failed(self, problem: Exception) -> None:
        """The training ended with this error."""
