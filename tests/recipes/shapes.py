"""A ten-class set in IDX form that shows no digits: simple shapes, drawn, that fill their picture."""

from __future__ import annotations

import struct
from collections.abc import Callable
from math import cos, pi, sin
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

NAMES = ("Disc", "Square", "Triangle", "Ring", "Cross", "Bar", "Star", "Arrow", "Half moon", "Two dots")
_SIDE = 28
_SCALE = 4  # drawn larger and reduced, so that edges are soft

Points = list[tuple[float, float]]
Draw = Callable[[ImageDraw.ImageDraw, Callable[[Points], Points]], None]


def shape(label: int, rng: np.random.Generator, *, side: int = _SIDE * _SCALE) -> Image.Image:
    """The shape, bright on black, a little different each time: mode L, side x side."""
    picture = Image.new("L", (side, side), 0)
    turn, size = rng.uniform(-0.2, 0.2), side * rng.uniform(0.38, 0.46)
    x, y = side / 2 + rng.uniform(-0.03, 0.03, 2) * side
    wide = rng.uniform(0.85, 1.0)

    def place(points: Points) -> Points:
        """From -1..1 to pixels: narrower, turned, moved."""
        return [
            (
                x + size * (a * wide * cos(turn) - b * sin(turn)),
                y + size * (a * wide * sin(turn) + b * cos(turn)),
            )
            for a, b in points
        ]

    pen = ImageDraw.Draw(picture)
    for outline, ink in _OUTLINES[label]:
        pen.polygon(place(outline), fill=255 if ink else 0)
    return picture


def write_shapes(folder: Path, *, training: int = 400, test: int = 100, names: bool = True) -> Path:
    """Write the four IDX files and labels.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for prefix, count in (("train", training), ("t10k", test)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        small = [shape(int(label), rng).resize((_SIDE, _SIDE), Image.Resampling.BOX) for label in labels]
        images = np.stack([np.asarray(each) for each in small])
        head = struct.pack(">4I", 2051, count, _SIDE, _SIDE)
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(
            struct.pack(">2I", 2049, count) + labels.tobytes()
        )
    if names:
        (folder / "labels.txt").write_text("\n".join(NAMES) + "\n")
    return folder


def _round(radius: float, x: float = 0, y: float = 0, start: float = 0, end: float = 2 * pi) -> Points:
    angles = np.linspace(start, end, 40)
    return [(x + radius * cos(a), y + radius * sin(a)) for a in angles.tolist()]


def _box(width: float, height: float) -> Points:
    return [(-width, -height), (width, -height), (width, height), (-width, height)]


_TIPS: Points = [
    ((1.0, 0.42)[number % 2] * sin(number * pi / 5), -(1.0, 0.42)[number % 2] * cos(number * pi / 5))
    for number in range(10)
]
# For each label its polygons, with ink or without, one over the other.
_OUTLINES: list[list[tuple[Points, bool]]] = [
    [(_round(0.95), True)],
    [(_box(0.85, 0.85), True)],
    [([(0, -1), (0.95, 0.8), (-0.95, 0.8)], True)],
    [(_round(0.95), True), (_round(0.55), False)],
    [(_box(0.28, 0.95), True), (_box(0.95, 0.28), True)],
    [(_box(0.3, 1.0), True)],
    [(_TIPS, True)],
    [([(0, -1), (0.8, 0), (0.25, 0), (0.25, 1), (-0.25, 1), (-0.25, 0), (-0.8, 0)], True)],
    [(_round(0.95), True), (_round(0.8, 0.5), False)],
    [(_round(0.38, 0, -0.6), True), (_round(0.38, 0, 0.6), True)],
]
