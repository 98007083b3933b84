"""Draws the path of a pen the way the paint screen's canvas shows it: dark ink, round ends, smooth edges.

Each pixel takes its ink from its distance to the path. A line from a to b, inked with a round brush, covers
the pixels no farther than the brush's radius from the nearest point of the line; half a pixel on either side
of that edge is shaded, which is what anti-aliasing is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_LONGEST_PIECE = 16.0  # px; longer lines are cut up, so that the box around each piece stays small


def render_strokes(
    strokes: Sequence[np.ndarray],
    *,
    size: int = 280,
    brush: float = 18.0,
    extent: float | None = 0.6,
    center: tuple[float, float] = (0.5, 0.5),
    widths: Sequence[np.ndarray] | None = None,
) -> np.ndarray:
    """Draw strokes, each (P, 2) points (x, y) with y down, on a white canvas; returns uint8 (size, size).

    Ink is 0, paper 255. brush is the width of the line in canvas pixels. The strokes come in any units: they
    are scaled so that the longer side of their box is `extent` of the canvas, and placed with that box's
    middle at `center`, two fractions of the canvas; where the ink would leave the canvas, it is moved back
    inside. With `extent` None the points are canvas pixels and are drawn as they are.
    widths: for each stroke one factor on the brush per point, e.g. from `widths_by_speed`.

    Raises ValueError when there is nothing to draw or an array has the wrong shape or is not finite.
    """
    paths = [_checked(stroke) for stroke in strokes]
    if not paths:
        raise ValueError("render_strokes expected at least one stroke, got none")
    radii = [np.full(len(path), brush / 2, np.float32) for path in paths]
    if widths is not None:
        radii = [radius * np.asarray(width, np.float32) for radius, width in zip(radii, widths, strict=True)]
    if extent is not None:
        paths = _placed(paths, size, extent, center, margin=max(float(radius.max()) for radius in radii) + 1)
    pieces = [_pieces(path, radius) for path, radius in zip(paths, radii, strict=True)]
    starts, ends, start_radii, end_radii = (np.concatenate(part) for part in zip(*pieces, strict=True))
    return _ink(starts, ends, start_radii, end_radii, size)


def widths_by_speed(strokes: Sequence[np.ndarray], strength: float) -> list[np.ndarray]:
    """Width factors that thin the line where the pen was fast, as ballpoints and brushes do.

    Tablets sample at equal times, so the distance between neighbouring points is the speed. strength 0
    changes nothing; at 1 the fastest point has about half the width of the slowest. Each float32 (P,), mean
    near 1.
    """
    speeds: list[np.ndarray] = []
    for stroke in map(_checked, strokes):
        steps = np.hypot(*np.diff(stroke, axis=0).T) if len(stroke) > 1 else np.zeros(1, np.float32)
        # The mean of the two steps before and the two after each point: a line does not thin abruptly.
        speed = np.convolve(np.pad(steps, (2, 2), mode="edge"), np.full(4, 0.25), mode="valid")
        speeds.append(speed if len(stroke) > 1 else speed[:1])
    mean = max(float(np.concatenate(speeds).mean()), 1e-6)
    factors = [1 + strength * 0.35 * (1 - np.minimum(speed / mean, 2)) for speed in speeds]
    return [factor.astype(np.float32) for factor in factors]


def _checked(stroke: np.ndarray) -> np.ndarray:
    path = np.asarray(stroke, np.float32)
    if path.ndim != 2 or path.shape[1] != 2 or not len(path):
        raise ValueError(f"a stroke must be points of shape (P, 2) with P >= 1, got shape {path.shape}")
    if not np.isfinite(path).all():
        raise ValueError("a stroke has a point that is not finite")
    return path


def _placed(
    paths: list[np.ndarray], size: int, extent: float, center: tuple[float, float], margin: float
) -> list[np.ndarray]:
    every = np.concatenate(paths)
    low, high = every.min(axis=0), every.max(axis=0)
    longer = float((high - low).max())
    scale = extent * size / longer if longer > 0 else 1.0
    half = (high - low) * scale / 2 + margin
    # Where even the middle of the canvas leaves no room, the middle it is.
    room = np.minimum(half, size / 2)
    middle = np.clip(np.asarray(center, np.float32) * size, room, size - room)
    shift = middle - (low + high) / 2 * scale
    return [path * np.float32(scale) + shift.astype(np.float32) for path in paths]


def _pieces(path: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cut a path into short lines: starts, ends (S, 2), radii at both (S,); a dot is a line of length 0."""
    if len(path) == 1:
        return path, path, radius, radius
    lengths = np.hypot(*np.diff(path, axis=0).T)
    cuts = np.maximum(np.ceil(lengths / _LONGEST_PIECE), 1)
    if (cuts > 1).any():
        # Knots at equal parts of each line: number k of line i lies at i + k / cuts[i] along the path.
        counts = cuts.astype(np.int64)
        line = np.repeat(np.arange(len(counts)), counts)
        part = np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
        knots = np.append(line + part / cuts[line], len(counts))
        whole = np.arange(len(path))
        x, y, radius = (np.interp(knots, whole, values) for values in (path[:, 0], path[:, 1], radius))
        path, radius = np.stack([x, y], axis=1).astype(np.float32), radius.astype(np.float32)
    return path[:-1], path[1:], radius[:-1], radius[1:]


def _ink(
    starts: np.ndarray, ends: np.ndarray, start_radii: np.ndarray, end_radii: np.ndarray, size: int
) -> np.ndarray:
    reach = np.maximum(start_radii, end_radii) + 1
    low = np.floor(np.minimum(starts, ends) - reach[:, None]).astype(np.int64)
    high = np.maximum(starts, ends) + reach[:, None]
    seen = ((high > 0) & (low < size)).all(axis=1)
    canvas = np.full((size, size), 255, np.uint8)
    if not seen.any():
        return canvas
    starts, ends, start_radii, end_radii = starts[seen], ends[seen], start_radii[seen], end_radii[seen]
    low = low[seen]
    side = int(np.ceil((high[seen] - low).max())) + 1

    # Distance of every pixel centre in each piece's box to the piece, minus the radius there: below 0 is ink.
    pixels = np.arange(side, dtype=np.float32) + np.float32(0.5)
    x = pixels + (low[:, :1] - starts[:, :1])  # (S, side), relative to the start
    y = pixels + (low[:, 1:] - starts[:, 1:])
    dx, dy = (ends - starts).T[:, :, None]  # each (S, 1)
    squared = np.maximum(dx * dx + dy * dy, np.float32(1e-6))
    along = (y * (dy / squared))[:, :, None] + (x * (dx / squared))[:, None, :]  # (S, side, side)
    np.clip(along, 0, 1, out=along)
    across_x = x[:, None, :] - along * dx[:, :, None]
    across_y = y[:, :, None] - along * dy[:, :, None]
    across_x *= across_x
    across_y *= across_y
    across_x += across_y
    distance = np.sqrt(across_x, out=across_x)
    along *= (end_radii - start_radii)[:, None, None]
    distance -= along
    distance -= start_radii[:, None, None]

    # The nearest piece wins. A border of one box keeps pieces that reach over the edge in bounds.
    field = np.full((size + 2 * side, size + 2 * side), 1, np.float32)
    corners = low + side
    for (left, top), box in zip(corners.tolist(), distance, strict=True):
        view = field[top : top + side, left : left + side]
        np.minimum(view, box, out=view)
    left, top = np.maximum(corners.min(axis=0), side).tolist()
    right, bottom = np.minimum(corners.max(axis=0) + side, side + size).tolist()
    shade = field[top:bottom, left:right]
    shade += 0.5
    shade *= 255
    np.clip(shade, 0, 255, out=shade)
    canvas[top - side : bottom - side, left - side : right - side] = np.rint(shade, out=shade)
    return canvas
