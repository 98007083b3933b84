"""How costs grow with batch, width and depth of a network, with connections, and with a picture's size."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import load
from benchmarks.hot_paths import network, pictures
from benchmarks.requests import pixels_body, png_body
from benchmarks.servers import ours, running
from benchmarks.serving import PIXELS, PORT
from benchmarks.timing import seconds
from mnistweb.inference import prepare
from mnistweb.nn.activations import ReLU
from mnistweb.nn.blas import blas_threads
from mnistweb.nn.layers import Dense, Flatten, Layer
from mnistweb.nn.losses import softmax_cross_entropy
from mnistweb.nn.model import Sequential
from mnistweb.nn.optimizers import Adam
from mnistweb.nn.step import TrainingStep

_SECONDS_EACH = 0.5


@dataclass(frozen=True)
class Curve:
    """One line of a plot: what was changed, what it cost, and each pair of both."""

    changed: str
    cost: str
    name: str
    points: Sequence[tuple[float, float]]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure() -> list[Curve]:
    """All curves, in a minute or two."""
    with blas_threads(1):
        curves = [*_by_batch_size(), _by_width(), _by_depth(), _by_picture_size()]
    return [*curves, *_by_connections()]


def _by_batch_size() -> list[Curve]:
    curves = []
    for name in ("mlp-128-64", "convnet"):
        model, sizes = network(name).folded(), (1, 2, 4, 8, 16, 32, 64, 128, 256)
        points = []
        for size in sizes:
            inputs = pictures(size)
            points.append((size, _median(lambda: model.forward(inputs)) / size * 1e6))  # noqa: B023
        curves.append(Curve("pictures at once", "microseconds a picture", f"{name}, answer", points))
        steps = [
            (size, _step_seconds(network(name), size) / size * 1e6) for size in (8, 16, 32, 64, 128, 256)
        ]
        curves.append(Curve("pictures at once", "microseconds a picture", f"{name}, training step", steps))
    return curves


def _by_width() -> Curve:
    points = [
        (units, _step_seconds(_perceptron([units]), 128) * 1e6) for units in (32, 64, 128, 256, 512, 1024)
    ]
    return Curve("hidden units", "microseconds a training step", "784 -> units -> 10, batch 128", points)


def _by_depth() -> Curve:
    points = [(depth, _step_seconds(_perceptron([128] * depth), 128) * 1e6) for depth in (1, 2, 3, 4, 6, 8)]
    return Curve(
        "hidden layers", "microseconds a training step", "hidden layers of 128 units, batch 128", points
    )


def _by_picture_size() -> Curve:
    points = []
    for side in (28, 100, 280, 560, 1000, 2000, 4000):
        data = png_body(side)
        points.append((side, _median(lambda: prepare(data)) * 1e6))  # noqa: B023
    return Curve("pixels on each side", "microseconds from PNG to 28x28", "a drawn seven", points)


def _by_connections() -> list[Curve]:
    if not load.available():
        return []
    body = pixels_body()
    rates, waits = [], []
    with running(ours(PORT), PORT, "/predict", body, PIXELS) as server:
        for connections in (1, 2, 4, 8, 16, 32, 64):  # more are turned away
            answered = load.send(
                f"{server.address}/predict", body, PIXELS, connections=connections, seconds=2
            )
            rates.append((connections, answered.requests_a_second))
            waits.append((connections, answered.p99_ms))
    return [
        Curve("connections", "requests a second", "POST /predict, 784 pixels", rates),
        Curve("connections", "p99 in milliseconds", "POST /predict, 784 pixels", waits),
    ]


def plot(curves: Sequence[Curve], path: Path) -> None:
    """Draw the curves, those of the same axes together."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter

    class WholeNumbers(LogFormatter):
        """20,000, where matplotlib would write 2e+04."""

        def _num_to_string(self, value: float, *_: float) -> str:
            return f"{value:,.0f}" if value >= 1 else f"{value:g}"

    axes_of = list(dict.fromkeys((curve.changed, curve.cost) for curve in curves))
    figure = Figure(figsize=(12, 7), layout="constrained")
    for number, (changed, cost) in enumerate(axes_of):
        axes = figure.add_subplot(2, -(-len(axes_of) // 2), number + 1)
        for curve in curves:
            if (curve.changed, curve.cost) == (changed, cost):
                axes.plot(*zip(*curve.points, strict=True), marker="o", markersize=3, label=curve.name)
        if changed != "hidden layers":
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter(lambda value, place: f"{value:g}")
        if changed == "connections":
            axes.set_ylim(0, None)
        else:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(WholeNumbers())
            axes.yaxis.set_minor_formatter(WholeNumbers(minor_thresholds=(2, 0.5)))
        axes.set_xlabel(changed)
        axes.set_ylabel(cost)
        axes.grid(alpha=0.3, which="both")
        # Above the axes, where no curve can be.
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize="small")
    figure.savefig(path, dpi=90)


def _perceptron(hidden: Sequence[int]) -> Sequential:
    rng = np.random.default_rng(1)
    layers: list[Layer] = [Flatten()]
    features = 784
    for units in hidden:
        layers += [Dense(features, units, rng=rng), ReLU()]
        features = units
    return Sequential([*layers, Dense(features, 10, rng=rng)])


def _step_seconds(model: Sequential, batch_size: int) -> float:
    inputs, labels = pictures(batch_size), np.arange(batch_size) % 10
    with TrainingStep(model, softmax_cross_entropy, Adam()) as step:
        return _median(lambda: step(inputs, labels, 1e-3))


def _median(function: Callable[[], object]) -> float:
    """Median seconds of calls over some tenths of a second, after two that warm up."""
    function()
    function()
    taken: list[float] = []
    ends = time.perf_counter() + _SECONDS_EACH
    while not taken or time.perf_counter() < ends:
        taken.append(seconds(function))
    return statistics.median(taken)
