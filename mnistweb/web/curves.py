"""Curves over the epochs as finished numbers for an SVG, so that a chart needs neither scripts nor styles.

Each line has a number from 1 on; the stylesheet gives each number a colour and a pattern of dashes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 480, 270
MOST_LINES = 6  # colours and patterns that are told apart at a glance
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 20, 10, 40
_MOST_POINTS = 300  # of a line; more could not be told apart
_MOST_TICKS = 5

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    """One curve: its name, its number, its points as the text that SVG wants, and the last of them."""

    label: str
    number: int
    points: str
    last: tuple[float, float]
    last_value: str


@dataclass(frozen=True)
class Chart:
    """A chart: lines, and the marks of both axes as (place, text). `summary` says in words what it shows."""

    title: str
    lines: list[Line]
    x_marks: list[tuple[float, str]]
    y_marks: list[tuple[float, str]]
    summary: str
    width = WIDTH
    height = HEIGHT
    left = _LEFT
    right = WIDTH - _RIGHT
    top = _TOP
    bottom = HEIGHT - _BOTTOM


def draw(
    title: str,
    curves: Sequence[tuple[str, int, Points]],
    write: Callable[[float], str],
    *,
    logarithmic: bool = False,
) -> Chart | None:
    """A chart of curves, each with its label, its number and its points (epoch, value); None without points.

    write: how a value is written. logarithmic: equal distances are equal factors, as losses want it; values
    that are not above 0 are then left out.
    """
    kept = [
        (label, number, [(x, y) for x, y in points if y > 0 or not logarithmic])
        for label, number, points in curves
    ]
    kept = [each for each in kept if each[2]]
    if not kept:
        return None
    values = [y for _, _, points in kept for _, y in points]
    ticks = (_powers if logarithmic else _round_numbers)(min(values), max(values))
    at = math.log if logarithmic else float
    low, high = at(ticks[0]), at(ticks[-1])
    last_epoch = max(x for _, _, points in kept for x, _ in points)

    def place_x(epoch: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * epoch / max(last_epoch, 1), 1)

    def place_y(value: float) -> float:
        share = (at(value) - low) / (high - low)
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share, 1)

    lines = []
    for label, number, points in kept:
        places = [(place_x(x), place_y(y)) for x, y in thinned(points, _MOST_POINTS)]
        text = " ".join(f"{x:g},{y:g}" for x, y in places)
        lines.append(Line(label, number, text, places[-1], write(points[-1][1])))
    summary = "; ".join(f"{line.label} ends at {line.last_value}" for line in lines)
    return Chart(
        title=title,
        lines=lines,
        x_marks=[(place_x(epoch), f"{epoch:g}") for epoch in _whole_numbers(last_epoch)],
        y_marks=[(place_y(tick), write(tick)) for tick in ticks],
        summary=f"{title} over {last_epoch:g} epochs: {summary}",
    )


def thinned(items: Sequence, most: int) -> list:
    """At most `most` of the items, evenly chosen, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(number * (len(items) - 1) / (most - 1))] for number in range(most)]


def _round_numbers(low: float, high: float) -> list[float]:
    """Some round numbers at equal distances, from at or below `low` to at or above `high`."""
    if high - low <= 1e-9 * max(1.0, abs(high)):  # a flat curve lies in the middle
        margin = abs(high) / 2 or 1.0
        low, high = low - margin, high + margin
    rough = (high - low) / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def _powers(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, 20, ... around `low` to `high`; the powers of ten alone where those are too many."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    ticks: list[float] = []
    for steps in ((1, 2, 5), (1,)):
        every = [step * 10.0**power for power in powers for step in steps]
        first = max(number for number, tick in enumerate(every) if tick <= low)
        last = min(number for number, tick in enumerate(every) if tick >= high)
        ticks = every[first : max(last, first + 1) + 1]
        if len(ticks) <= 2 * _MOST_TICKS:
            break
    return thinned(ticks, 2 * _MOST_TICKS)


def _whole_numbers(last: float) -> list[int]:
    """Whole epochs for the marks below, 0 among them."""
    step = next(
        each * 10**power
        for power in range(20)
        for each in (1, 2, 5)
        if each * 10**power * 2 * _MOST_TICKS >= last
    )
    return list(range(0, math.floor(last) + 1, step))
