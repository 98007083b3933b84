"""Connected components: which pixels of a mask hang together, counting the eight neighbours of each.

Rows are cut into runs of set pixels, runs that touch in adjacent rows are joined, and the joining is carried
through until nothing changes (union by the smallest number; Shapiro and Stockman, Computer Vision, 2001,
section 3.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Components:
    """What was found: for each component an entry in `areas` (pixels), `lefts`, `tops`, `rights`, `bottoms`
    (the box; right and bottom exclusive).

    mask: (H, W), what was looked at. starts, ends, numbers: its runs as `_runs` gives them, and the component
    that each belongs to.
    """

    mask: Mask
    starts: Places
    ends: Places
    numbers: NDArray[np.int64]
    areas: NDArray[np.int64]
    lefts: NDArray[np.int64]
    tops: NDArray[np.int64]
    rights: NDArray[np.int64]
    bottoms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.areas)

    @property
    def labels(self) -> NDArray[np.int64]:
        """(H, W): 0 where the mask is not set, i + 1 on the i-th component."""
        return self._spread(self.numbers + 1)

    def mask_of(self, chosen: NDArray[np.bool_]) -> Mask:
        """The pixels of those components whose entry in `chosen` (one a component) is set."""
        return self.mask if chosen.all() else self._spread(chosen[self.numbers])

    def bounds(self, chosen: NDArray[np.bool_]) -> tuple[slice, slice]:
        """The rows and columns from the first to the last of the chosen components, of which there is one."""
        top, bottom = int(self.tops[chosen].min()), int(self.bottoms[chosen].max())
        left, right = int(self.lefts[chosen].min()), int(self.rights[chosen].max())
        return slice(top, bottom), slice(left, right)

    def box_of(self, index: int) -> Mask:
        """One component's own pixels, cropped to its box."""
        rows = slice(self.tops[index], self.bottoms[index])
        columns = slice(self.lefts[index], self.rights[index])
        return self.mask_of(np.arange(len(self)) == index)[rows, columns]

    def reach(self, other: Mask) -> NDArray[np.bool_]:
        """Which components have a pixel that is set in another (H, W) mask too."""
        rows, columns = np.divmod((self.starts + self.ends) // 2, self.mask.shape[1] + 1)
        found = np.zeros(len(self), bool)
        found[self.numbers[other[rows, columns]]] = True  # the middles of the runs tell all most often
        return found if found.all() else self.areas_within(other) > 0

    def areas_within(self, other: Mask) -> NDArray[np.int64]:
        """How many pixels of each component are set in another (H, W) mask too."""
        starts, ends = _runs(self.mask & other)
        runs = np.searchsorted(self.starts, starts, side="right") - 1  # ours that these are pieces of
        return self._total(runs, ends - starts)

    def edge_contact(self) -> NDArray[np.int64]:
        """How many pixels of each component lie on the picture's edge."""
        height, width = self.mask.shape
        rows, columns = np.divmod(self.starts, width + 1)
        lengths = self.ends - self.starts
        in_first_or_last = lengths * (rows == 0) + lengths * (rows == height - 1)
        at_sides = (columns == 0).astype(int) + (columns + lengths == width)
        return self._total(slice(None), in_first_or_last + at_sides * ((rows > 0) & (rows < height - 1)))

    def _total(self, runs: NDArray[np.int64] | slice, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """The sum for each component of these lengths, each of which lies on one of its runs."""
        return np.bincount(self.numbers[runs], weights=lengths, minlength=len(self)).astype(int)

    def _spread(self, values: NDArray) -> NDArray:
        """(H, W): on each run its value, 0 off the mask."""
        height, width = self.mask.shape
        stretches = np.zeros(2 * len(values) + 1, values.dtype)  # before, between and after the runs it is 0
        stretches[1::2] = values
        turns = np.stack((self.starts, self.ends), axis=1).ravel()
        lengths = np.diff(turns, prepend=0, append=height * (width + 1))
        return np.repeat(stretches, lengths).reshape(height, width + 1)[:, :-1]


def connected_components(mask: Mask) -> Components:
    """Find the components of an (H, W) mask."""
    width = mask.shape[1]
    pitch = width + 1
    starts, ends = _runs(mask)
    numbers = _joined(starts, ends, pitch)
    is_first = numbers == np.arange(len(numbers))  # of its component, in reading order
    numbers = (np.cumsum(is_first) - 1)[numbers]
    count = int(np.count_nonzero(is_first))

    rows, columns = np.divmod(starts, pitch)
    lefts, rights = np.full(count, width), np.zeros(count, int)
    bottoms = np.zeros(count, int)
    np.minimum.at(lefts, numbers, columns)
    np.maximum.at(rights, numbers, ends - rows * pitch)
    np.maximum.at(bottoms, numbers, rows + 1)
    areas = np.bincount(numbers, weights=ends - starts, minlength=count).astype(int)
    return Components(mask, starts, ends, numbers, areas, lefts, rows[is_first], rights, bottoms)


def _runs(mask: Mask) -> tuple[Places, Places]:
    """Where the horizontal runs of set pixels start and where they have ended.

    Places count along the rows, laid end to end with one pixel that is not set after each.
    """
    height, width = mask.shape
    laid = np.zeros(1 + height * (width + 1), bool)
    laid[1:].reshape(height, width + 1)[:, :-1] = mask
    (turns,) = (laid[1:] != laid[:-1]).nonzero()
    return turns[::2], turns[1::2]


def _joined(starts: Places, ends: Places, pitch: int) -> NDArray[np.int64]:
    """For each run the smallest number of a run that it hangs together with."""
    # Where, of the row above each run, the first one starts that ends far enough to the right to touch it.
    above = starts[np.searchsorted(ends, starts - pitch)]
    if np.count_nonzero(above > ends - pitch) <= 1:  # all but the first touch it, so all hang on that one
        return np.zeros(len(starts), np.int64)
    # A run touches those of the next row that start no later than it ends and end no earlier than it starts.
    first = np.searchsorted(ends, starts + pitch, side="left")
    last = np.searchsorted(starts, ends + pitch, side="right")
    touching = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(starts)), touching)
    lower = np.arange(len(upper)) + (first - np.cumsum(touching) + touching)[upper]

    numbers = np.arange(len(starts))
    while True:
        one, other = numbers[upper], numbers[lower]
        apart = one != other
        if not apart.any():
            return numbers
        one, other = one[apart], other[apart]
        np.minimum.at(numbers, np.maximum(one, other), np.minimum(one, other))
        # Each run follows its number to the smallest; every step doubles how far it has come.
        for _ in range(len(numbers).bit_length()):
            numbers = numbers[numbers]
