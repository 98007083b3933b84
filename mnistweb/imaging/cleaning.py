"""Removes what is ink but no part of a digit: printed lines, frames, shadows at the edge, specks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnistweb.imaging.components import Components, connected_components
from mnistweb.imaging.filters import Plane

Mask = NDArray[np.bool_]

_SLOPES = np.tan(np.radians(np.arange(-10, 10.5, 0.5)))  # of printed lines, away from the picture's edges
_LINE_COVER = 0.7  # share of a printed line that can be seen
_LINE_ENDS = 0.05  # of the picture's side: a printed line is seen at both edges, a digit's bar is not
_LINE_THICKNESS = 0.04  # of the picture's side, at most
_CLUTTER_CONTACT = 0.2  # of a side: what touches the picture's edge along more than this is no stroke
_LEAST_EXTENT = 0.12  # of the largest part's: shorter parts are specks
_LEAST_AREA = 0.015
_LEAST_SIDE_WITH_SHEET = 48  # pixels; in smaller pictures a fat 8 is as rectangular as a sheet


def without_lines(mask: Mask) -> Mask:
    """The mask without straight lines that run through from edge to edge, as on squared and lined paper.

    Where a stroke crosses a line the stroke stays.
    """
    kept = _without_lines_across(mask)
    return _without_lines_across(kept.T).T if kept.shape[0] > 1 else kept


def _without_lines_across(mask: Mask) -> Mask:
    height, width = mask.shape
    ends = max(1, round(_LINE_ENDS * width))
    if mask.any(axis=0).mean() < _LINE_COVER or not mask[:, :ends].any() or not mask[:, -ends:].any():
        return mask
    ys, xs = np.nonzero(mask)
    at_left, at_right = xs < ends, xs >= width - ends
    reach = int(np.ceil(width * np.abs(_SLOPES).max())) + 1
    columns = np.arange(width)
    lines = np.zeros_like(mask)
    for slope in _SLOPES:
        # The row at which the line of this slope through each pixel meets the middle column.
        rows = np.round(ys - slope * (xs - width / 2)).astype(int) + reach
        cover, left, right = (
            np.bincount(rows[chosen], minlength=height + 2 * reach) for chosen in (slice(None), at_left, at_right)
        )
        through = (cover >= _LINE_COVER * width) & (np.minimum(left, right) >= _LINE_COVER * ends)
        for row in np.flatnonzero(through):
            line = np.round(row - reach + slope * (columns - width / 2)).astype(int)
            inside = (line >= 0) & (line < height)
            lines[line[inside], columns[inside]] = True
    return mask & ~_thin_upright_runs(mask, lines) if lines.any() else mask


def _thin_upright_runs(mask: Mask, lines: Mask) -> Mask:
    """Those vertical runs of set pixels that meet a line and are not much thicker than lines are."""
    runs = connected_columns(mask)
    met = np.unique(runs[lines & mask])
    lengths = np.bincount(runs.ravel())
    usual = np.median(lengths[met]) if len(met) else 0
    thin = np.zeros(len(lengths), bool)
    thin[met] = lengths[met] <= min(1.7 * usual + 1, _LINE_THICKNESS * mask.shape[0])
    thin[0] = False
    return thin[runs]


def connected_columns(mask: Mask) -> NDArray[np.int64]:
    """(H, W) numbers: 0 off the mask, else the number of the vertical run of set pixels, from 1."""
    turned = mask.T
    before = np.zeros_like(turned)
    before[:, 1:] = turned[:, :-1]
    starts = turned & ~before
    return (np.cumsum(starts.ravel()).reshape(turned.shape) * turned).T


def parts_of_digit(parts: Components, strong: Mask) -> NDArray[np.bool_]:
    """Which components belong to the digit: not frames, not shadows at the edge, not specks.

    strong: (H, W), where the ink is surely ink; a part without any is a smudge. Returns one entry a component,
    all False when there is no digit.
    """
    height, width = parts.labels.shape
    widths, heights = parts.rights - parts.lefts, parts.bottoms - parts.tops
    extents = np.maximum(widths, heights)
    surely = np.bincount(parts.labels[strong], minlength=len(parts) + 1)[1:] > 0
    good = surely & ~_frames(parts)
    if not good.any():
        return good

    labels = parts.labels
    edge = np.concatenate((labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1]))
    contact = np.bincount(edge, minlength=len(parts) + 1)[1:]
    # A stroke that leaves the picture touches its edge by its width, a shadow or a table by its whole side.
    leaving = contact / extents
    clutter = (contact > _CLUTTER_CONTACT * min(height, width)) | (leaving > 0.4)
    others = good & ~clutter
    if others.any() and extents[others].max() >= 0.15 * min(height, width):
        good = others

    main = int(np.where(good, extents * np.sqrt(parts.areas) / (1 + 5 * leaving), 0).argmax())
    if not contact[main]:  # a digit that lies within the picture has no parts that leave it
        good &= contact == 0
    return good & (extents >= _LEAST_EXTENT * extents[main]) & (parts.areas >= _LEAST_AREA * parts.areas[main])


def _frames(parts: Components) -> NDArray[np.bool_]:
    """Which components are frames: wide, with ink in the four corners of their box and along its sides alone."""
    height, width = parts.labels.shape
    found = np.zeros(len(parts), bool)
    wide = (parts.rights - parts.lefts >= 0.6 * width) & (parts.bottoms - parts.tops >= 0.6 * height)
    for index in np.flatnonzero(wide):
        top, bottom, left, right = (int(a[index]) for a in (parts.tops, parts.bottoms, parts.lefts, parts.rights))
        box = parts.labels[top:bottom, left:right] == index + 1
        rows, columns = max(1, (bottom - top) // 6), max(1, (right - left) // 6)
        corners = (box[:rows, :columns], box[:rows, -columns:], box[-rows:, :columns], box[-rows:, -columns:])
        inner = box[rows:-rows, columns:-columns]
        found[index] = all(corner.mean() > 0.1 for corner in corners) and inner.sum() < 0.05 * box.sum()
    return found


def is_dot(mask: Mask, picture_side: int) -> bool:
    """Whether a cropped mask is but a dot: small, about as wide as high, and filled."""
    height, width = mask.shape
    return max(height, width) <= 0.15 * picture_side and max(height, width) < 1.6 * min(height, width) and bool(
        mask.mean() > 0.65
    )


def sheet_box(parts: Components, chosen: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """(left, top, right, bottom) of a chosen component that is a sheet of paper rather than a stroke, or None.

    A sheet covers much of the picture, something is on it, and filled it is a rectangle, perhaps turned a little.
    """
    if min(parts.labels.shape) < _LEAST_SIDE_WITH_SHEET:
        return None
    for index in np.flatnonzero(chosen & (parts.areas >= 0.12 * parts.labels.size)):
        top, bottom, left, right = (int(a[index]) for a in (parts.tops, parts.bottoms, parts.lefts, parts.rights))
        box = parts.labels[top:bottom, left:right] == index + 1
        first, last = box.argmax(axis=1), box.shape[1] - box[:, ::-1].argmax(axis=1)  # of each row
        upper, lower = box.argmax(axis=0), box.shape[0] - box[::-1].argmax(axis=0)  # of each column
        filled = min(float((last - first).sum()), float((lower - upper).sum()))
        rows = np.arange(len(first))
        outline = np.concatenate((np.stack((first, rows), 1), np.stack((last, rows + 1), 1)))  # (2 * height, 2)
        smallest = min(_turned_box_area(outline, angle) for angle in np.radians(np.arange(-14, 15, 2)))
        if filled >= 0.92 * smallest and 0.7 * filled <= parts.areas[index] <= 0.98 * filled:
            return left, top, right, bottom
    return None


def _turned_box_area(points: NDArray, angle: float) -> float:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    spans = np.ptp(points @ turn, axis=0)
    return float(spans[0] * spans[1])


def parts_of_ink(amount: Plane, faint: float) -> Components:
    """The components of what is more than `faint` in ink amounts in [0, 1], printed lines taken out."""
    return connected_components(without_lines(amount > faint))
