"""One step of training: the network answers a batch, is told its error, and every weight moves a little."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

import numpy as np

from mnistweb.nn.averaging import WeightAverage
from mnistweb.nn.errors import ConfigurationError
from mnistweb.nn.losses import Loss
from mnistweb.nn.model import Sequential
from mnistweb.nn.optimizers import Optimizer

Result = TypeVar("Result")


class StepResult(NamedTuple):
    """What a step found: the mean loss of the batch and the length of its gradient, both before the update.

    ``right`` of the ``labelled`` examples were answered rightly.
    """

    loss: float
    gradient_norm: float
    right: int
    labelled: int


class _Part(NamedTuple):
    """What one thread found in its part of the batch; ``loss`` is its share of the batch's mean."""

    loss: float
    right: int
    labelled: int


class TrainingStep:
    """Forward, loss, backward and update, by one thread or by two. A context manager: it ends its thread.

    With two threads each takes half of the batch, on the model and on a replica with its own gradients and
    caches, and then half of the parameters, to add up both gradients and to update them. NumPy lets go of
    Python's lock inside its loops, so the halves really run side by side. Every sum is taken in one order
    only, so equal seeds give equal weights; they differ in the last bits from those of one thread.
    BatchNorm takes its statistics over each half, and the running averages of both halves are averaged.

    If a gradient is NaN or infinite the parameters that it belongs to are not updated, and ``gradient_norm``
    says so.
    """

    def __init__(
        self,
        model: Sequential,
        loss: Loss,
        optimizer: Optimizer,
        average: WeightAverage | None = None,
        *,
        threads: int = 1,
    ) -> None:
        if threads not in (1, 2):
            raise ConfigurationError(f"threads must be 1 or 2, got {threads}")
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.average = average
        self.replica = model.replica() if threads == 2 else None
        # Overflow is noticed by its results; the main thread's settings do not reach a second one.
        ignore_overflow = partial(np.seterr, over="ignore", invalid="ignore", divide="ignore")
        self._second_thread = ThreadPoolExecutor(1, initializer=ignore_overflow) if threads == 2 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._second_thread is not None:
            self._second_thread.shutdown()

    def reseed(self, rng: np.random.Generator) -> None:
        """Renew the random streams of the model, and others for the replica."""
        first, second = rng.spawn(2)
        self.model.reseed(first)
        if self.replica is not None:
            self.replica.reseed(second)

    def __call__(self, inputs: np.ndarray, targets: np.ndarray, learning_rate: float) -> StepResult:
        """Learn from (N, ...) inputs and N targets."""
        model, replica, second_thread = self.model, self.replica, self._second_thread
        self.optimizer.begin_step(model.flat_params)
        if self.average is not None:
            self.average.begin_step()
        if replica is None or second_thread is None or len(inputs) < 2:
            found = self._compute(model, inputs, targets, 1.0)
            square = self._update(slice(None), learning_rate, None)
            return StepResult(found.loss, math.sqrt(square), found.right, found.labelled)
        middle = (len(inputs) + 1) // 2
        share = middle / len(inputs)
        # Both halves carry on from the model's running averages, which the replica does not share.
        replica.flat_buffers[...] = model.flat_buffers
        a, b = _side_by_side(
            second_thread,
            lambda: self._compute(model, inputs[:middle], targets[:middle], share),
            lambda: self._compute(replica, inputs[middle:], targets[middle:], 1 - share),
        )
        model.flat_buffers *= share
        model.flat_buffers += (1 - share) * replica.flat_buffers
        half = model.num_parameters // 2
        square_a, square_b = _side_by_side(
            second_thread,
            lambda: self._update(slice(None, half), learning_rate, replica),
            lambda: self._update(slice(half, None), learning_rate, replica),
        )
        norm = math.sqrt(square_a + square_b)
        return StepResult(a.loss + b.loss, norm, a.right + b.right, a.labelled + b.labelled)

    def _compute(self, model: Sequential, inputs: np.ndarray, targets: np.ndarray, share: float) -> _Part:
        """Fill the gradients of ``model`` from ``share`` of the batch."""
        logits = model.forward(inputs, training=True)
        loss, grad_logits = self.loss(logits, targets)
        right, labelled = _count_right(logits, targets)
        if share != 1:
            grad_logits *= share  # the loss is a mean over this part; the batch's is over both
        model.backward(grad_logits)
        return _Part(share * loss, right, labelled)

    def _update(self, part: slice, learning_rate: float, replica: Sequential | None) -> float:
        """Update that part of the parameters; the square of its gradient's length."""
        grads = self.model.flat_grads[part]
        if replica is not None:
            grads += replica.flat_grads[part]
        square = float(grads @ grads)
        if math.isfinite(square):
            self.optimizer.step_part(self.model.flat_params, self.model.flat_grads, learning_rate, part)
            if self.average is not None:
                self.average.step_part(self.model.flat_params, part)
        return square


def _side_by_side(
    second_thread: ThreadPoolExecutor, first: Callable[[], Result], second: Callable[[], Result]
) -> tuple[Result, Result]:
    """The results of both functions, one computed by this thread and one by the second."""
    running = second_thread.submit(second)
    try:
        result = first()
    finally:
        running.exception()  # waits: never leave while the other still works on our arrays
    return result, running.result()


def _count_right(logits: np.ndarray, targets: np.ndarray) -> tuple[int, int]:
    """How many answers are right, among how many that have one label; a soft target needs more than half."""
    answers = logits.argmax(axis=1)
    if targets.ndim == 1:
        return int(np.count_nonzero(answers == targets)), len(targets)
    has_label = targets.max(axis=1) > 0.5
    right = (answers == targets.argmax(axis=1)) & has_label
    return int(np.count_nonzero(right)), int(np.count_nonzero(has_label))
