"""Batches are handfuls of examples in a new random order each epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from mnistweb.nn.errors import ConfigurationError, ShapeError


class IndexedBatch(Sequence[np.ndarray]):
    """Inputs and targets of the ``examples`` with these ``indices``, gathered when they are first asked for.

    So it is a batch like others, ``inputs, targets = batch``, but who has all examples need not ask.
    """

    def __init__(self, examples: tuple[np.ndarray, np.ndarray], indices: np.ndarray) -> None:
        self.examples, self.indices = examples, indices
        self._gathered: dict[int, np.ndarray] = {}

    @property
    def is_gathered(self) -> bool:
        """Whether someone has asked, who may have changed what he got."""
        return bool(self._gathered)

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: Any) -> Any:
        index = range(len(self))[index]
        if index not in self._gathered:
            self._gathered[index] = self.examples[index].take(self.indices, axis=0)
        return self._gathered[index]


#: Inputs and targets of some examples.
Batch = tuple[np.ndarray, np.ndarray] | IndexedBatch


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
    The arrays of a batch are fresh: whoever gets them may keep or change them. They are gathered when someone
    asks for them.
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
            yield IndexedBatch((self.inputs, self.labels), order[start : start + self.batch_size])
