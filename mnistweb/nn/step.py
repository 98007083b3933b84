"""One step of training: the network answers a batch, is told its error, and every weight moves a little."""

from __future__ import annotations

import math
from contextlib import ExitStack
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from mnistweb.nn.averaging import WeightAverage
from mnistweb.nn.blas import blas_threads
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.errors import ConfigurationError
from mnistweb.nn.losses import Loss
from mnistweb.nn.model import Sequential
from mnistweb.nn.optimizers import Optimizer
from mnistweb.nn.second_half import IGNORE_OVERFLOW, SecondHalf, second_half


class StepResult(NamedTuple):
    """What a step found: the mean loss of the batch and the length of its gradient, both before the update.

    ``right`` of the ``labelled`` examples were answered rightly.
    """

    loss: float
    gradient_norm: float
    right: int
    labelled: int


class _Part(NamedTuple):
    """What was found in one part of the batch; ``loss`` is its share of the batch's mean."""

    loss: float
    right: int
    labelled: int


class TrainingStep:
    """Forward, loss, backward and update, by one thread or by two. Use it in a ``with`` block.

    With two threads, a network of dense layers leaves the work to BLAS, which divides each of its few
    large products (its threads wait for each other so eagerly that on a busy machine one thread is
    faster). A convolutional one has much to do around its products, so there two work on half of the batch
    each, the second on a replica with its own gradients and caches (``second_half.py``). Their gradients are
    added in one order only, so equal seeds give equal weights; they differ in the last bits from those of one
    thread. BatchNorm takes its statistics over each half, and the running averages of both are averaged.

    Nothing is updated when the loss or the length of the gradient, both in the result, is NaN or infinite.
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
        self._halves = threads == 2 and any(isinstance(layer, Conv2D) for layer in model.layers)
        self._blas_threads = 1 if self._halves else threads
        self._open = ExitStack()
        self._second: SecondHalf | None = None

    def __enter__(self) -> Self:
        self._open.enter_context(blas_threads(self._blas_threads))
        # Overflow is noticed by its results, and reported with more than a warning could say.
        self._open.enter_context(np.errstate(**IGNORE_OVERFLOW))
        if self._halves:
            self._second = second_half(self.model, self._compute)
            self._open.callback(self._second.close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def reseed(self, rng: np.random.Generator) -> None:
        """Renew the random streams of the model, and others for the replica."""
        first, second = rng.spawn(2)
        self.model.reseed(first)
        if self._second is not None:
            self._second.reseed(second)

    def __call__(self, inputs: np.ndarray, targets: np.ndarray, learning_rate: float) -> StepResult:
        """Learn from (N, ...) inputs and N targets."""
        model = self.model
        if self._second is None or len(inputs) < 2:
            found = self._compute(model, inputs, targets, 1.0)
        else:
            found = self._compute_halves(self._second, inputs, targets)
        gradient_norm = math.sqrt(float(model.flat_grads @ model.flat_grads))
        if math.isfinite(found.loss + gradient_norm):
            self.optimizer.step(model.flat_params, model.flat_grads, learning_rate)
            if self.average is not None:
                self.average.update(model.flat_params)
        return StepResult(found.loss, gradient_norm, found.right, found.labelled)

    def _compute_halves(self, second: SecondHalf, inputs: np.ndarray, targets: np.ndarray) -> _Part:
        """Fill the gradients of the model from the batch, half of it beside this thread."""
        model, middle = self.model, (len(inputs) + 1) // 2
        share = middle / len(inputs)
        second.start(inputs[middle:], targets[middle:], 1 - share)
        try:
            a = self._compute(model, inputs[:middle], targets[:middle], share)
        finally:
            b = second.result()  # waits: never leave while the other still works
        model.flat_grads += second.replica.flat_grads
        # Both halves carried on from the model's running averages.
        model.flat_buffers *= share
        model.flat_buffers += (1 - share) * second.replica.flat_buffers
        return _Part(a.loss + b.loss, a.right + b.right, a.labelled + b.labelled)

    def _compute(self, model: Sequential, inputs: np.ndarray, targets: np.ndarray, share: float) -> _Part:
        """Fill the gradients of ``model`` from ``share`` of the batch."""
        logits = model.forward(inputs, training=True)
        loss, grad_logits = self.loss(logits, targets)
        right, labelled = _count_right(logits, targets)
        if share != 1:
            grad_logits *= share  # the loss is a mean over this part; the batch's is over both
        model.backward(grad_logits)
        return _Part(share * loss, right, labelled)


def _count_right(logits: np.ndarray, targets: np.ndarray) -> tuple[int, int]:
    """How many answers are right, among how many that have one label; a soft target needs more than half."""
    answers = logits.argmax(axis=1)
    if targets.ndim == 1:
        return int(np.count_nonzero(answers == targets)), len(targets)
    has_label = targets.max(axis=1) > 0.5
    right = (answers == targets.argmax(axis=1)) & has_label
    return int(np.count_nonzero(right)), int(np.count_nonzero(has_label))
