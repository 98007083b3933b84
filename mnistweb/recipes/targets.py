"""What the default model is meant to reach, and where in `evaluation.json` it is written how far it came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Evaluation = dict[str, Any]
Measured = Callable[[Evaluation], tuple[float, str]]


@dataclass(frozen=True)
class Target:
    """bar: a share, 0..1, to be reached or, unless `at_least`, not to be passed.

    measured: the share that an evaluation has, and a remark to it.
    """

    what: str
    bar: float
    measured: Measured
    at_least: bool = True

    def met(self, value: float) -> bool:
        """Whether `value` is on the right side of the bar."""
        return value >= self.bar if self.at_least else value <= self.bar


def _default(set_name: str) -> Callable[[Evaluation], dict[str, Any]]:
    return lambda evaluation: evaluation["models"][evaluation["default"]]["sets"][set_name]


def _accuracy(set_name: str) -> Measured:
    return lambda evaluation: _with_interval(_default(set_name)(evaluation))


def _of(set_name: str, key: str) -> Measured:
    return lambda evaluation: (_default(set_name)(evaluation)[key], "")


def _with_interval(measured: dict[str, Any]) -> tuple[float, str]:
    low, high = (100 * end for end in measured["interval"])
    return measured["right"] / measured["total"], f" ({low:.2f} - {high:.2f} %)"


TARGETS = (
    Target("MNIST test, one look", 0.997, _accuracy("mnist")),
    Target("MNIST test, with `--views`", 0.9975, lambda each: _with_interval(each["views"]["sets"]["mnist"])),
    Target("pen drawings of writers kept out of training", 0.992, _accuracy("writers")),
    Target("* pen drawings of other writers; stand-in: the same drawings", 0.99, _accuracy("writers")),
    Target("* other people's scans at 16x16; stand-in: drawn scans", 0.985, _accuracy("scans")),
    Target("* small photographs; stand-in: drawn photographs", 0.94, _accuracy("photos")),
    Target("pictures of no digit doubted", 0.95, _accuracy("negatives")),
    Target("digits doubted, MNIST test", 0.01, _of("mnist", "doubted"), at_least=False),
    Target("digits doubted, pen drawings", 0.01, _of("writers", "doubted"), at_least=False),
    Target(
        "expected calibration error, MNIST test",
        0.005,
        _of("mnist", "expected_calibration_error"),
        at_least=False,
    ),
    Target(
        "expected calibration error, pen drawings",
        0.01,
        _of("writers", "expected_calibration_error"),
        at_least=False,
    ),
)
