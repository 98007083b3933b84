"""Charts as finished numbers for the small SVGs of the pages: what lies where, in the SVG's own units.

A page without scripts and inline styles can't place anything by percentages, but attributes of an SVG may.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnistweb.inference.histograms import Histogram

WIDTH = 1000  # of a chart that stretches with the page

_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True)
class Axis:
    """Part of 0..1 that a chart shows, with marks at equal distances: (place in 0..WIDTH, label)."""

    low: float
    high: float
    marks: tuple[tuple[float, str], ...]

    def place(self, share: float) -> float:
        """Where `share` lies, 0..WIDTH."""
        return round((share - self.low) / (self.high - self.low) * WIDTH, 1)


def axis_for(shares: Sequence[float], *, most_marks: int = 5) -> Axis:
    """The axis from a round number below the lowest share to one above the highest, within 0..1."""
    low, high = min(shares, default=0.0), max(shares, default=1.0)
    for step in _STEPS:
        # Rounded first: 0.98 / 0.01 is a little less than 98.
        first, last = math.floor(round(low / step, 6)), math.ceil(round(high / step, 6))
        last = max(last, first + 1)
        if last - first < most_marks:
            break
    decimals = 1 if step < 0.01 else 0
    count = last - first
    marks = [((n / count) * WIDTH, f"{100 * (first + n) * step:.{decimals}f} %") for n in range(count + 1)]
    return Axis(first * step, last * step, tuple((round(place, 1), label) for place, label in marks))


def bars(histogram: Histogram) -> list[tuple[int, float]]:
    """The bars of a histogram as (left, height of 0..100), each one wide; the highest is 100."""
    most = max(histogram.counts) or 1
    return [(n, round(100 * count / most, 2)) for n, count in enumerate(histogram.counts)]


def reliability(calibration: Sequence[Sequence[float]]) -> list[dict[str, float]]:
    """The points of a reliability diagram, 0..100 to the right and down, for (count, confidence, accuracy).

    Their radius grows with the number of pictures in the bin; empty bins are left out. A. Niculescu-Mizil and
    R. Caruana, "Predicting good probabilities with supervised learning" (2005).
    """
    total = sum(count for count, _, _ in calibration) or 1
    return [
        {
            "x": round(100 * confidence, 2),
            "y": round(100 * (1 - accuracy), 2),
            "radius": round(1.5 + 5 * math.sqrt(count / total), 2),
        }
        for count, confidence, accuracy in calibration
        if count
    ]


def block(shape: Sequence[int]) -> dict[str, Any]:
    """A drawing of what a layer gives: a box for maps (height, width, channels), a column for numbers.

    Returns width and height of the drawing, and its polygons as the texts that SVG wants.
    """
    if len(shape) == 1:
        height = round(10 + 7 * math.log2(1 + shape[0]))
        return {
            "width": 18,
            "height": height + 2,
            "polygons": [_polygon((1, 1), (17, 1), (17, height), (1, height))],
        }
    high, wide = (10 + 2 * side for side in shape[:2])
    deep = round(3 + 1.6 * math.sqrt(shape[2]))
    front = _polygon((1, deep), (1 + wide, deep), (1 + wide, deep + high), (1, deep + high))
    top = _polygon((1, deep), (1 + deep, 1), (1 + wide + deep, 1), (1 + wide, deep))
    side = _polygon(
        (1 + wide, deep), (1 + wide + deep, 1), (1 + wide + deep, 1 + high), (1 + wide, deep + high)
    )
    return {"width": wide + deep + 2, "height": high + deep + 2, "polygons": [front, top, side]}


def _polygon(*points: tuple[float, float]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)
