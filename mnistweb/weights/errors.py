"""The one error of the weights room: which file was refused, and why."""

from __future__ import annotations


class WeightsError(ValueError):
    """A weights file was refused: `source` names it, `reason` says what came and what was wanted."""

    def __init__(self, reason: str, *, source: str = "") -> None:
        super().__init__(f"{source}: {reason}" if source else reason)
        self.reason = reason
        self.source = source

    def naming(self, source: str) -> WeightsError:
        """The same refusal with the name of the file, for callers that know it."""
        return self if self.source else WeightsError(self.reason, source=source)
