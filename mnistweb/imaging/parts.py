"""Decides which connected parts of the ink make the digit: frames, shadows and specks do not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnistweb.imaging.components import Components

Mask = NDArray[np.bool_]

_CONTACT = 0.2  # of a side: what touches the picture's edge along more than this is no stroke
_LEAVING = 0.4  # of its own length: likewise
_LEAST_EXTENT = 0.12  # of the main part's: shorter parts are specks
_LEAST_AREA = 0.015  # likewise
_SHEET_SHARE = 0.12  # of the picture that a sheet covers at least
_SHEET_FILL = 0.43  # of its box, even when much is on it and it lies askew
_SHEET_STRENGTH = 0.8  # of it differs fully from what it lies on; a coarse 0 or 8 has soft edges all over
_LEAST_SIDE_WITH_SHEET = 48  # pixels; in smaller pictures a fat 8 is as rectangular as a sheet
_SHEET_TURNS = np.radians(np.arange(-14, 15, 2))  # by which a sheet may lie askew


def parts_of_digit(parts: Components, strong: Mask) -> NDArray[np.bool_]:
    """Which components belong to the digit; one entry a component, all False when there is no digit.

    strong: (H, W), where ink is surely ink; a part without any is a smudge.
    """
    height, width = parts.mask.shape
    extents = np.maximum(parts.rights - parts.lefts, parts.bottoms - parts.tops)
    good = parts.reach(strong)
    good &= ~_frames(parts)
    if np.count_nonzero(good) <= 1:  # there is none that another could outdo
        return good

    contact = parts.edge_contact()
    # A stroke that leaves the picture touches its edge by its width, a shadow or a table by its whole side.
    leaving = contact / extents
    strokes = good & (contact <= _CONTACT * min(height, width)) & (leaving <= _LEAVING)
    if strokes.any() and extents[strokes].max() >= 0.15 * min(height, width):
        good = strokes

    main = int(np.where(good, extents * np.sqrt(parts.areas) / (1 + 5 * leaving), 0).argmax())
    if not contact[main]:  # a digit that lies within the picture has no parts that leave it
        good &= contact == 0
    good &= (extents >= _LEAST_EXTENT * extents[main]) & (parts.areas >= _LEAST_AREA * parts.areas[main])
    return good


def _frames(parts: Components) -> NDArray[np.bool_]:
    """Which components are frames: wide, with ink in the corners of their box and along its sides alone."""
    height, width = parts.mask.shape
    found = np.zeros(len(parts), bool)
    wide = (parts.rights - parts.lefts >= 0.6 * width) & (parts.bottoms - parts.tops >= 0.6 * height)
    for index in np.flatnonzero(wide).tolist():
        box = parts.box_of(index)
        rows, columns = max(1, box.shape[0] // 6), max(1, box.shape[1] // 6)
        corners = (box[:rows, :columns], box[:rows, -columns:], box[-rows:, :columns], box[-rows:, -columns:])
        inner = box[rows:-rows, columns:-columns]
        found[index] = min(corner.mean() for corner in corners) > 0.1 and inner.sum() < 0.05 * box.sum()
    return found


def is_dot(mask: Mask, picture_side: int) -> bool:
    """Whether a cropped mask is but a dot: small, about as wide as high, and filled."""
    short, long = sorted(mask.shape)
    return long <= 0.15 * picture_side and long < 1.6 * short and bool(mask.mean() > 0.65)


def find_sheet(
    parts: Components, chosen: NDArray[np.bool_], strong: Mask
) -> tuple[int, int, int, int] | None:
    """The (left, top, right, bottom) of a chosen component that is a sheet of paper, not a stroke, or None.

    A sheet covers much of the picture, something is on it, and filled it is a rectangle, perhaps askew.
    strong: (H, W), where a part differs fully from its background.
    """
    large = chosen & (parts.areas >= _SHEET_SHARE * parts.mask.size)
    if min(parts.mask.shape) < _LEAST_SIDE_WITH_SHEET or not large.any():
        return None
    strengths = parts.areas_within(strong)
    for index in np.flatnonzero(large & (strengths >= _SHEET_STRENGTH * parts.areas)).tolist():
        box = parts.box_of(index)
        if parts.areas[index] < _SHEET_FILL * box.size:
            continue
        first, last = box.argmax(axis=1), box.shape[1] - box[:, ::-1].argmax(axis=1)  # of each row
        upper, lower = box.argmax(axis=0), box.shape[0] - box[::-1].argmax(axis=0)  # of each column
        filled = min(int((last - first).sum()), int((lower - upper).sum()))
        rows = np.arange(len(first))
        # x and y of both ends of each row: (2 * height, 2)
        outline = np.concatenate((np.stack((first, rows), 1), np.stack((last, rows + 1), 1)))
        rectangle = min(_area_of_turned_box(outline, angle) for angle in _SHEET_TURNS)
        if filled >= 0.92 * rectangle and 0.7 * filled <= parts.areas[index] <= 0.98 * filled:
            return (
                int(parts.lefts[index]),
                int(parts.tops[index]),
                int(parts.rights[index]),
                int(parts.bottoms[index]),
            )
    return None


def _area_of_turned_box(points: NDArray[np.int64], angle: float) -> float:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    across, along = np.ptp(points @ turn, axis=0)
    return float(across * along)
