"""Connected components: which pixels of a mask hang together, counting the eight neighbours of each.

Rows are cut into runs of set pixels, runs that touch in adjacent rows are joined, and the joining is carried
through until nothing changes (union by the smallest number; Shapiro and Stockman, Computer Vision, 2001,
section 3.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Components:
    """What was found: `labels` (H, W) int32, 0 where the mask is not set, and for label i + 1 the i-th entry
    of `areas` (pixels), `lefts`, `tops`, `rights`, `bottoms` (the box; right and bottom exclusive).
    """

    labels: NDArray[np.int32]
    areas: NDArray[np.int64]
    lefts: NDArray[np.int64]
    tops: NDArray[np.int64]
    rights: NDArray[np.int64]
    bottoms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.areas)

    def mask_of(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The pixels of those components whose entry in `chosen` (one a component) is set."""
        return np.concatenate(([False], chosen))[self.labels]

    def box_of(self, index: int) -> NDArray[np.bool_]:
        """One component's own pixels, cropped to its box."""
        rows = slice(self.tops[index], self.bottoms[index])
        columns = slice(self.lefts[index], self.rights[index])
        return self.labels[rows, columns] == index + 1


def connected_components(mask: NDArray[np.bool_]) -> Components:
    """Label the components of an (H, W) mask."""
    height, width = mask.shape
    edges = np.zeros((height, width + 2), np.int8)
    edges[:, 1:-1] = mask
    changes = np.diff(edges, axis=1).ravel()  # (H * (W + 1),): +1 where a run starts, -1 where it has ended
    pitch = width + 1
    starts, ends = np.flatnonzero(changes == 1), np.flatnonzero(changes == -1)
    numbers = _joined(starts, ends, pitch)
    roots, numbers = np.unique(numbers, return_inverse=True)
    count = len(roots)

    rows, lengths = starts // pitch, ends - starts
    labels = np.zeros(mask.shape, np.int32)
    labels[mask] = np.repeat(numbers + 1, lengths)  # both in reading order
    lefts, tops = np.full(count, width), np.full(count, height)
    rights, bottoms = np.zeros(count, int), np.zeros(count, int)
    np.minimum.at(lefts, numbers, starts % pitch)
    np.maximum.at(rights, numbers, ends % pitch)
    np.minimum.at(tops, numbers, rows)
    np.maximum.at(bottoms, numbers, rows + 1)
    areas = np.bincount(numbers, weights=lengths, minlength=count).astype(int)
    return Components(labels, areas, lefts, tops, rights, bottoms)


def _joined(starts: NDArray, ends: NDArray, pitch: int) -> NDArray[np.int64]:
    """For each run the smallest number of a run that it hangs together with."""
    # A run touches those of the next row that start no later than it ends and end no earlier than it starts.
    first = np.searchsorted(ends, starts + pitch, side="left")
    last = np.searchsorted(starts, ends + pitch, side="right")
    touching = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(starts)), touching)
    offsets = np.arange(len(upper)) - np.repeat(np.cumsum(touching) - touching, touching)
    lower = np.repeat(first, touching) + offsets

    numbers = np.arange(len(starts))
    while True:
        one, other = numbers[upper], numbers[lower]
        apart = one != other
        if not apart.any():
            return numbers
        one, other = one[apart], other[apart]
        np.minimum.at(numbers, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(numbers, followed := numbers[numbers]):
            numbers = followed
