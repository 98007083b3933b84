"""One step of training: the network answers a batch, is told its error, and every weight moves a little."""

from __future__ import annotations

import math
from contextlib import ExitStack
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from mnistweb.nn.averaging import WeightAverage
from mnistweb.nn.batches import ArrayBatches, Batch
from mnistweb.nn.blas import blas_threads
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.errors import ConfigurationError
from mnistweb.nn.halves import Found, HalfOfTheBatch, HalfOfTheMatrices, Member, has_large_matrices
from mnistweb.nn.losses import Loss
from mnistweb.nn.model import Sequential
from mnistweb.nn.optimizers import Optimizer
from mnistweb.nn.pair import Pair, best_pair, numpy_for_training


class StepResult(NamedTuple):
    """What a step found: the mean loss of the batch and the length of its gradient, both before the update.

    ``right`` of the ``labelled`` examples were answered rightly.
    """

    loss: float
    gradient_norm: float
    right: int
    labelled: int


class TrainingStep:
    """Forward, loss, backward and update, by one thread or by two. Use it in a ``with`` block.

    With two threads, a pair of processes takes each step together (``pair.py``): half of the batch each
    through a convolutional network, half of the large matrices each of a dense one. A network that has
    neither leaves it to BLAS to divide its products. Equal seeds give equal weights; those of one thread and
    of two differ in the last bits, and where the batch is halved, BatchNorm takes its statistics over each
    half.

    Nothing is updated when the loss or the length of the gradient, both in the result, is NaN or infinite.

    Of the batches of ``examples`` each of two threads gathers by itself what it needs. Their arrays must not
    change meanwhile.
    """

    def __init__(
        self,
        model: Sequential,
        loss: Loss,
        optimizer: Optimizer,
        average: WeightAverage | None = None,
        *,
        threads: int = 1,
        examples: ArrayBatches | None = None,
    ) -> None:
        if threads not in (1, 2):
            raise ConfigurationError(f"threads must be 1 or 2, got {threads}")
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.average = average
        self._examples = examples
        self._member = _member_for(model) if threads == 2 else None
        self._blas_threads = 1 if self._member else threads
        self._open = ExitStack()
        self._pair: Pair | None = None

    def __enter__(self) -> Self:
        self._open.enter_context(blas_threads(self._blas_threads))
        self._open.enter_context(numpy_for_training())
        if self._member is not None:
            self._pair = best_pair(self.model, self.optimizer, self._compute, self._member, self._examples)
            self._open.callback(self._pair.close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def reseed(self, rng: np.random.Generator) -> None:
        """Renew the random streams of the model."""
        if self._pair is not None:
            self._pair.reseed(rng)
        else:
            self.model.reseed(rng.spawn(1)[0])

    def __call__(self, inputs: np.ndarray, targets: np.ndarray, learning_rate: float) -> StepResult:
        """Learn from (N, ...) inputs and N targets."""
        return self.learn((inputs, targets), learning_rate)

    def learn(self, batch: Batch, learning_rate: float) -> StepResult:
        """The same for what an iterator of batches gives."""
        model = self.model
        if self._pair is not None:
            found, gradient_norm = self._pair.step(batch, learning_rate)
        else:
            inputs, targets = batch
            found = self._compute(model, inputs, targets, 1.0)
            gradient_norm = math.sqrt(float(model.flat_grads @ model.flat_grads))
            if math.isfinite(found.loss + gradient_norm):
                self.optimizer.step(model.flat_params, model.flat_grads, learning_rate)
        if self.average is not None and math.isfinite(found.loss + gradient_norm):
            self.average.update(model.flat_params)
        return StepResult(found.loss, gradient_norm, found.right, found.labelled)

    def _compute(self, model: Sequential, inputs: np.ndarray, targets: np.ndarray, share: float) -> Found:
        """Fill the gradients of ``model`` from ``share`` of the batch."""
        logits = model.forward(inputs, training=True)
        loss, grad_logits = self.loss(logits, targets)
        right, labelled = _count_right(logits, targets)
        if share != 1:
            grad_logits *= share  # the loss is a mean over this part; the batch's is over both
        model.backward(grad_logits)
        return Found(share * loss, right, labelled)


def _member_for(model: Sequential) -> type[Member] | None:
    """How a pair divides its work with this model; None if there is nothing to divide."""
    if any(isinstance(layer, Conv2D) for layer in model.layers):
        return HalfOfTheBatch
    return HalfOfTheMatrices if has_large_matrices(model) else None


def _count_right(logits: np.ndarray, targets: np.ndarray) -> tuple[int, int]:
    """How many answers are right, among how many that have one label; a soft target needs more than half."""
    answers = logits.argmax(axis=1)
    if targets.ndim == 1:
        return int(np.count_nonzero(answers == targets)), len(targets)
    has_label = targets.max(axis=1) > 0.5
    right = (answers == targets.argmax(axis=1)) & has_label
    return int(np.count_nonzero(right)), int(np.count_nonzero(has_label))
