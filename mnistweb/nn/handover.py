"""How a batch comes to both members of a pair (``pair.py``), each of which needs only a part of it.

Any batch can be copied for the second member by the first. Of examples that both have, each gathers what it
needs by itself: that is half of the work, and nothing goes from one processor's cache to the other's.
"""

from __future__ import annotations

import math
import operator

import numpy as np

from mnistweb.nn.batches import ArrayBatches, Batch, IndexedBatch
from mnistweb.nn.errors import ShapeError
from mnistweb.nn.halves import MOST_EXAMPLES, Allocate
from mnistweb.nn.layers import Array
from mnistweb.nn.model import Sequential

#: Which numbers of each example the first member needs, and which the second.
Columns = tuple[slice, slice]


def handovers(
    model: Sequential, columns: Columns, examples: ArrayBatches | None, zeros: Allocate
) -> list[Handover]:
    """The ways there are, the quickest first; the last takes any batch."""
    ways: list[Handover] = [Copies(model, columns, zeros)]
    if examples is not None and _fit(examples, model):
        ways.insert(0, Indices(examples, model, columns, zeros))
    return ways


def _fit(examples: ArrayBatches, model: Sequential) -> bool:
    """Whether they can be gathered by index; what does not fit the model is left to ``Copies`` to refuse."""
    inputs, targets = examples.inputs, examples.labels
    return (
        inputs.shape[1:] == model.input_shape
        and targets.shape[1:] in ((), (model.num_classes,))
        and inputs.flags.c_contiguous  # or else rows would be a copy of them all
        and examples.batch_size <= MOST_EXAMPLES
    )


class Handover:
    """One way. Of the inputs that a member gets, only the columns that it needs have to be right."""

    def takes(self, batch: Batch) -> bool:
        """Whether this way is one for the batch."""
        raise NotImplementedError

    def count(self, batch: Batch) -> int:
        """How many examples there are. Raises ShapeError if they do not fit the model."""
        raise NotImplementedError

    def give(self, batch: Batch, part: slice) -> None:
        """Lay out this part of the batch for the second member."""
        raise NotImplementedError

    def first(self, batch: Batch, part: slice) -> tuple[Array, Array]:
        """Inputs and targets of this part, for the first member."""
        raise NotImplementedError

    def second(self, count: int) -> tuple[Array, Array]:
        """Inputs and targets that were laid out, so many, for the second member."""
        raise NotImplementedError


class Copies(Handover):
    """The first member has the batch, and the second gets copies, of any batch."""

    def __init__(self, model: Sequential, columns: Columns, zeros: Allocate) -> None:
        self._model, self._columns = model, columns[1]
        dtype = model.flat_params.dtype
        self._inputs = zeros((MOST_EXAMPLES, math.prod(model.input_shape)), dtype)
        # Labels, soft targets, or what else somebody's own loss is told of each example; and which of them.
        self._targets = (
            zeros((MOST_EXAMPLES,), np.int64),
            zeros((MOST_EXAMPLES, model.num_classes), dtype),
            zeros((MOST_EXAMPLES,), dtype),
        )
        self._kind = zeros((1,), np.int64)

    def takes(self, batch: Batch) -> bool:
        return True

    def count(self, batch: Batch) -> int:
        inputs, targets = batch
        count, classes = len(inputs), self._model.num_classes
        self._model.check_inputs(inputs)
        if count > MOST_EXAMPLES:
            raise ShapeError(f"two threads share batches of 1 to {MOST_EXAMPLES:,} examples, got {count:,}")
        if targets.shape not in ((count,), (count, classes)):
            raise ShapeError(
                f"expected {count} labels or targets of shape ({count}, {classes}), got shape {targets.shape}"
            )
        return count

    def give(self, batch: Batch, part: slice) -> None:
        inputs, targets = (array[part] for array in batch)
        count = len(inputs)
        rows = inputs.reshape(count, self._inputs.shape[1])
        self._inputs[:count, self._columns] = rows[:, self._columns]
        self._kind[0] = kind = 1 if targets.ndim > 1 else 0 if targets.dtype.kind in "iu" else 2
        self._targets[kind][:count] = targets

    def first(self, batch: Batch, part: slice) -> tuple[Array, Array]:
        inputs, targets = batch
        return inputs[part], targets[part]

    def second(self, count: int) -> tuple[Array, Array]:
        inputs = self._inputs[:count].reshape(count, *self._model.input_shape)
        return inputs, self._targets[self._kind[0]][:count]


class Indices(Handover):
    """Both members have all ``examples``, and the second gets indices. For batches of these examples only."""

    def __init__(self, examples: ArrayBatches, model: Sequential, columns: Columns, zeros: Allocate) -> None:
        self._examples = examples.inputs, examples.labels
        self._rows = examples.inputs.reshape(len(examples.inputs), -1)
        self._model, self._columns = model, columns
        self._indices = zeros((MOST_EXAMPLES,), np.int64)
        shape, dtype = (MOST_EXAMPLES, self._rows.shape[1]), model.flat_params.dtype
        self._gathered = zeros(shape, dtype), zeros(shape, dtype)

    def takes(self, batch: Batch) -> bool:
        return (
            isinstance(batch, IndexedBatch)
            and not batch.is_gathered
            and all(map(operator.is_, batch.examples, self._examples))
        )

    def count(self, batch: Batch) -> int:
        return len(_indices(batch))

    def give(self, batch: Batch, part: slice) -> None:
        indices = _indices(batch)[part]
        self._indices[: len(indices)] = indices

    def first(self, batch: Batch, part: slice) -> tuple[Array, Array]:
        return self._gather(0, _indices(batch)[part])

    def second(self, count: int) -> tuple[Array, Array]:
        return self._gather(1, self._indices[:count])

    def _gather(self, me: int, indices: Array) -> tuple[Array, Array]:
        inputs, columns = self._gathered[me][: len(indices)], self._columns[me]
        inputs[:, columns] = self._rows[indices, columns]
        return inputs.reshape(len(indices), *self._model.input_shape), self._examples[1][indices]


def _indices(batch: Batch) -> Array:
    assert isinstance(batch, IndexedBatch)  # see Indices.takes
    return batch.indices
