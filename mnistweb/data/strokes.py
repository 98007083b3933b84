"""Varies the path of a pen before it is drawn: the same digit as another or a hastier hand would write it.

Bending the path keeps the line's width even, which bending the finished picture does not. The idea of
training on smoothly distorted writing is that of P. Simard, D. Steinkraus, J. Platt, "Best practices for
convolutional neural networks applied to visual document analysis", ICDAR 2003, here on points, not pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_WAVES = 3  # how many sine waves a smooth bend is made of


def warp_strokes(
    strokes: Sequence[np.ndarray],
    rng: np.random.Generator,
    *,
    label: int | None = None,
    rotation_degrees: float = 10.0,
    log_scale: float = 0.15,
    shear: float = 0.15,
    bend: float = 0.03,
    jitter: float = 0.004,
    ends: float = 0.06,
    gap: float = 0.05,
    join: float = 0.03,
    crossbar: float = 0.3,
) -> tuple[np.ndarray, ...]:
    """A variation of a digit's strokes; every number but `label` is a strength, 0 leaves that part out.

    strokes: each (P, 2), x and y with y down, any units; returned as float32 in units of the digit's size
    (the longer side of its box is about 1), around (0, 0).

    rotation_degrees, log_scale, shear: standard deviations of one affine map for the whole digit; width and
    height are scaled by independent factors exp(log_scale * normal).
    bend: displacement of the points by smooth waves; jitter: by independent noise; both standard deviations
    in digit sizes. ends: how far each end of a stroke is lengthened or shortened, likewise: closed forms open
    and open ones close. gap: the probability that the pen skips, join: that it is not lifted between two
    strokes. crossbar: the probability that a seven (label 7) without a bar gets one, or loses the one it has.

    Raises ValueError when there are no strokes or one has no points.
    """
    paths = [np.array(stroke, np.float32) for stroke in strokes]
    if not paths or any(path.ndim != 2 or path.shape[1:] != (2,) or not len(path) for path in paths):
        raise ValueError("warp_strokes expected strokes of shape (P, 2) with P >= 1")
    paths = _normalised(paths)
    if label == 7 and rng.random() < crossbar:
        paths = _without_bar(paths) if len(paths) > 1 else [*paths, _bar_through(paths[0], rng)]
    if len(paths) > 1 and rng.random() < join:
        place = int(rng.integers(len(paths) - 1))
        paths[place : place + 2] = [np.concatenate(paths[place : place + 2])]
    if rng.random() < gap:
        paths = _with_gap(paths, rng)
    paths = [_with_other_ends(path, ends * rng.standard_normal(2)) for path in paths]

    lengths = [len(path) for path in paths]
    points = np.concatenate(paths)
    moved = points + bend * _smooth_displacement(points, rng) + jitter * rng.standard_normal(points.shape)
    moved = moved @ _affine(rng, rotation_degrees, log_scale, shear).T
    return tuple(np.split(moved.astype(np.float32), np.cumsum(lengths)[:-1]))


def _normalised(paths: list[np.ndarray]) -> list[np.ndarray]:
    every = np.concatenate(paths)
    low, high = every.min(axis=0), every.max(axis=0)
    size = max(float((high - low).max()), 1e-6)
    return [(path - (low + high) / 2) / np.float32(size) for path in paths]


def _affine(rng: np.random.Generator, rotation_degrees: float, log_scale: float, shear: float) -> np.ndarray:
    angle = np.radians(rotation_degrees) * rng.standard_normal()
    cos, sin = np.cos(angle), np.sin(angle)
    scale = np.diag(np.exp(log_scale * rng.standard_normal(2)))
    slant = np.array([[1, shear * rng.standard_normal()], [0, 1]])
    return np.array([[cos, -sin], [sin, cos]]) @ slant @ scale


def _smooth_displacement(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Displacements (P, 2) of standard deviation 1 that change slowly from place to place."""
    waves = rng.uniform(-1.2, 1.2, (_WAVES, 2, 2))  # cycles per digit size along x and y, for dx and dy
    phases = rng.uniform(0, 2 * np.pi, (_WAVES, 2))
    angles = 2 * np.pi * np.einsum("pc,kdc->pkd", points, waves) + phases  # (P, K, 2)
    return np.sin(angles).sum(axis=1) * np.sqrt(2 / _WAVES)


def _with_other_ends(path: np.ndarray, changes: np.ndarray) -> np.ndarray:
    """Lengthen (positive change) or shorten both ends of one stroke, but never by more than a quarter."""
    if len(path) < 3:
        return path
    length = float(np.hypot(*np.diff(path, axis=0).T).sum())
    for change in np.clip(changes, -length / 4, length / 4):
        if change > 0:
            direction = path[0] - path[2]
            norm = max(float(np.hypot(*direction)), 1e-6)
            path = np.concatenate([path[:1] + direction * np.float32(change / norm), path])
        elif change < 0:
            distance = np.append(0, np.cumsum(np.hypot(*np.diff(path, axis=0).T)))
            kept = distance >= -change
            start = [np.interp(-change, distance, path[:, axis]) for axis in (0, 1)]
            path = np.concatenate([np.array([start], np.float32), path[kept]])
        path = path[::-1]  # the other end next; twice turned, the order is as before
    return path


def _with_gap(paths: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    longest = max(range(len(paths)), key=lambda number: len(paths[number]))
    path = paths[longest]
    if len(path) < 8:
        return paths
    place = int(rng.integers(2, len(path) - 3))
    return [*paths[:longest], path[: place + 1], path[place + 1 :], *paths[longest + 1 :]]


def _bar_through(seven: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A short line across the stem of a seven drawn in one stroke, a little below its middle."""
    stem = seven[len(seven) // 2 :]
    height = rng.uniform(-0.05, 0.15)
    x = stem[np.argmin(np.abs(stem[:, 1] - height)), 0]
    half, tilt = rng.uniform(0.12, 0.28), rng.normal(0, 0.04)
    return np.array([[x - half, height + tilt], [x, height], [x + half, height - tilt]], np.float32)


def _without_bar(paths: list[np.ndarray]) -> list[np.ndarray]:
    """Leave out the last stroke if it is a bar: flat, short, and crossing the middle of the digit."""
    last = paths[-1]
    width, height = np.ptp(last, axis=0)
    is_bar = width > 1.5 * height and width < 0.8 and abs(float(last[:, 1].mean())) < 0.3
    return paths[:-1] if is_bar else paths
