"""Batches are handfuls of examples in a new random order each epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from mnistweb.nn.errors import ConfigurationError, ShapeError

Batch = tuple[np.ndarray, np.ndarray]


class Batches(Protocol):
    """What ``fit`` trains on: anything with a length in steps and an iterator of (inputs, targets) per epoch.

    ``epoch(index)`` must give the same batches whenever it is asked for the same epoch; only so is a resumed
    training the same as one that was never stopped.
    """

    def __len__(self) -> int: ...

    def epoch(self, index: int) -> Iterator[Batch]: ...


class ArrayBatches:
    """Batches of two arrays that fit in memory: inputs (N, ...) and labels (N,) or soft targets (N, C).

    The order of epoch ``index`` (from 0) comes from (seed, index) alone. The last batch holds what is left.
    The arrays of a batch are fresh: whoever gets them may keep or change them.
    """

    def __init__(self, inputs: np.ndarray, labels: np.ndarray, batch_size: int, seed: int) -> None:
        if len(inputs) != len(labels) or len(inputs) == 0:
            raise ShapeError(f"expected a label for each input, got {len(inputs)} and {len(labels)} of them")
        if batch_size < 1:
            raise ConfigurationError(f"batch_size must be at least 1, got {batch_size}")
        self.inputs = inputs
        self.labels = labels
        self.batch_size = batch_size
        self.seed = seed

    def __len__(self) -> int:
        return -(-len(self.inputs) // self.batch_size)  # rounded up

    def epoch(self, index: int) -> Iterator[Batch]:
        order = np.random.default_rng((self.seed, index)).permutation(len(self.inputs))
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            yield self.inputs.take(chosen, axis=0), self.labels[chosen]  # take: inputs[chosen], but faster
