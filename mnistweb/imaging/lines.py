"""Takes out the printed lines of squared and lined paper: straight, thin, and running from edge to edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

_SLOPES = np.tan(np.radians(np.arange(-10, 10.5, 0.5)))  # of printed lines against the picture's edges
_COVER = 0.7  # share of a printed line that can be seen
_ENDS = 0.05  # of the picture's side: a printed line is seen at both edges, a digit's bar is not
_THICKNESS = 0.04  # of the picture's side, at most


def without_lines(mask: Mask) -> Mask:
    """An (H, W) mask without its printed lines; where a stroke crosses a line the stroke stays."""
    return _without_lines_across(_without_lines_across(mask).T).T


def _without_lines_across(mask: Mask) -> Mask:
    height, width = mask.shape
    ends = max(1, round(_ENDS * width))
    # Most drawings leave their edges free, which is seen at a glance.
    if not mask[:, :ends].any() or not mask[:, -ends:].any() or mask.any(axis=0).mean() < _COVER:
        return mask
    xs, ys = np.nonzero(mask.T)  # from left to right, so the pixels near an end are a slice
    at_left, at_right = slice(np.searchsorted(xs, ends)), slice(np.searchsorted(xs, width - ends), None)
    from_middle, heights = xs - width / 2, ys.astype(float)
    columns = np.arange(width)
    reach = int(np.ceil(width * np.abs(_SLOPES).max())) + 1
    places = height + 2 * reach
    lines = np.zeros_like(mask)
    for slope in _SLOPES:
        # The row at which the line of this slope through each pixel meets the middle column.
        rows = np.rint(heights - slope * from_middle).astype(int) + reach
        left, right = (np.bincount(rows[end], minlength=places) for end in (at_left, at_right))
        runs_through = np.minimum(left, right) >= _COVER * ends
        if not runs_through.any():
            continue
        runs_through &= np.bincount(rows, minlength=places) >= _COVER * width
        found = runs_through.nonzero()[0][:, None] - reach
        line = np.rint(found + slope * (columns - width / 2)).astype(int)  # (L, W): its row in each column
        inside = (line >= 0) & (line < height)
        lines[line[inside], inside.nonzero()[1]] = True
    return mask & ~_thin_runs_on(lines, mask) if lines.any() else mask


def _thin_runs_on(lines: Mask, mask: Mask) -> Mask:
    """Those vertical runs of set pixels that meet a line and are hardly thicker than lines are."""
    runs = _numbered_vertical_runs(mask)
    lengths = np.bincount(runs.ravel())
    met = np.zeros(len(lengths), bool)
    met[runs[lines & mask]] = True
    thickest = min(1.7 * np.median(lengths[met]) + 1, max(1, _THICKNESS * mask.shape[0]))
    return (met & (lengths <= thickest))[runs]


def _numbered_vertical_runs(mask: Mask) -> NDArray[np.int64]:
    """(H, W): 0 off the mask, else the number, from 1, of the vertical run of set pixels."""
    turned = mask.T
    begins = turned.copy()
    begins[:, 1:] &= ~turned[:, :-1]
    numbers = np.cumsum(begins.ravel()).reshape(turned.shape) * turned
    return np.asarray(numbers.T, np.int64)
