"""The loss and the gradients of one batch, computed by one thread or by two with half of the batch each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from mnistweb.nn.errors import ConfigurationError
from mnistweb.nn.losses import Loss
from mnistweb.nn.model import Sequential


class BatchResult(NamedTuple):
    """What one batch gave: its mean loss, and how many of its labelled examples were answered rightly."""

    loss: float
    right: int
    labelled: int


class BatchGradients:
    """Fills ``model.flat_grads`` from a batch; a context manager, since the second thread has to be ended.

    With two threads each takes half of the batch, on the model and on a replica with its own gradients and
    caches. NumPy lets go of Python's lock inside its loops, so the halves really run side by side. The
    halves' gradients are added in one order only, so equal seeds give equal weights; they differ in the
    last bits from those of one thread. BatchNorm takes its statistics over each half, and the running
    averages of both halves are averaged.
    """

    def __init__(self, model: Sequential, loss: Loss, *, threads: int = 1) -> None:
        if threads not in (1, 2):
            raise ConfigurationError(f"threads must be 1 or 2, got {threads}")
        self.model = model
        self.loss = loss
        self.replica = model.replica() if threads == 2 else None
        self._second_thread = ThreadPoolExecutor(1) if threads == 2 else None

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

    def compute(self, inputs: np.ndarray, targets: np.ndarray) -> BatchResult:
        """Forward, loss and backward for (N, ...) inputs and N targets."""
        if self.replica is None or self._second_thread is None or len(inputs) < 2:
            return self._compute_part(self.model, inputs, targets, share=1.0)
        middle = (len(inputs) + 1) // 2
        share = middle / len(inputs)
        # Both halves carry on from the model's running averages, which the replica does not share.
        self.replica.flat_buffers[...] = self.model.flat_buffers
        second = self._second_thread.submit(
            self._compute_part, self.replica, inputs[middle:], targets[middle:], 1 - share
        )
        a = self._compute_part(self.model, inputs[:middle], targets[:middle], share)
        b = second.result()
        self.model.flat_grads += self.replica.flat_grads
        self.model.flat_buffers *= share
        self.model.flat_buffers += (1 - share) * self.replica.flat_buffers
        return BatchResult(share * a.loss + (1 - share) * b.loss, a.right + b.right, a.labelled + b.labelled)

    def _compute_part(
        self, model: Sequential, inputs: np.ndarray, targets: np.ndarray, share: float
    ) -> BatchResult:
        # Overflow is noticed by ``fit``, which says where it came from; a warning would say less.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            logits = model.forward(inputs, training=True)
            loss, grad_logits = self.loss(logits, targets)
            right, labelled = _count_right(logits, targets)
            if share != 1:
                grad_logits *= share  # the loss is a mean over this part; the batch's is over both
            model.backward(grad_logits)
        return BatchResult(loss, right, labelled)


def _count_right(logits: np.ndarray, targets: np.ndarray) -> tuple[int, int]:
    """How many answers are right, among how many that have one label; a soft target needs more than half."""
    answers = logits.argmax(axis=1)
    if targets.ndim == 1:
        return int(np.count_nonzero(answers == targets)), len(targets)
    has_label = targets.max(axis=1) > 0.5
    right = (answers == targets.argmax(axis=1)) & has_label
    return int(np.count_nonzero(right)), int(np.count_nonzero(has_label))
