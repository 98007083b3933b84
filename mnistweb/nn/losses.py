"""A loss measures how wrong the logits are, and says which way to move them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mnistweb.nn.errors import ConfigurationError, LabelError, ShapeError

#: (logits, targets) -> (mean loss of the batch, its gradient with respect to the logits)
Loss = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]


def softmax_cross_entropy(
    logits: np.ndarray, targets: np.ndarray, *, label_smoothing: float = 0.0
) -> tuple[float, np.ndarray]:
    """Mean of -log(probability that the softmax of the logits gives to the target), and its gradient.

    ``logits`` are (N, C) floats; ``targets`` either N integer labels in 0..C-1, or (N, C) rows of
    probabilities that sum to 1 ("soft targets"). ``label_smoothing`` in [0, 1) moves that share of each
    target's weight to a uniform one over all classes (Szegedy et al. 2016, section 7). The gradient has the
    logits' shape and dtype and is (softmax(logits) - targets) / N: softmax and logarithm cancel to this,
    which is why they are one function (Goodfellow, Bengio, Courville 2016, section 6.2.2.3).

    Raises ShapeError when the shapes do not go together, LabelError for labels outside 0..C-1, and
    ConfigurationError for a smoothing outside [0, 1).
    """
    # A row for each class from here on: NumPy goes along a few long rows sooner than along many short ones.
    wanted = _as_probabilities(logits, targets, label_smoothing)
    # log softmax, with the maximum of each example taken off first so that exp cannot overflow
    log_probabilities = logits.T.copy()
    log_probabilities -= log_probabilities.max(axis=0)
    probabilities = np.exp(log_probabilities)
    sums = probabilities.sum(axis=0)
    log_probabilities -= np.log(sums)
    probabilities /= sums
    batch_size = len(logits)
    loss = -float(np.vdot(wanted, log_probabilities)) / batch_size  # one sum over all entries
    grad_logits = np.subtract(probabilities, wanted, out=probabilities)
    grad_logits /= batch_size
    return loss, grad_logits.T.copy()


def _as_probabilities(logits: np.ndarray, targets: np.ndarray, label_smoothing: float) -> np.ndarray:
    """Targets as probabilities (C, N), a row for each class, in the dtype of the logits, smoothed."""
    if logits.ndim != 2 or len(logits) == 0:
        raise ShapeError(
            f"softmax_cross_entropy expected logits of shape (N > 0, classes), got {logits.shape}"
        )
    if not 0 <= label_smoothing < 1:
        raise ConfigurationError(f"label_smoothing must be at least 0 and below 1, got {label_smoothing}")
    batch_size, classes = logits.shape
    if targets.shape == (batch_size, classes):
        wanted = targets.T.astype(logits.dtype, order="C")
    elif targets.shape == (batch_size,) and targets.dtype.kind in "iu":
        is_wanted = targets == np.arange(classes)[:, np.newaxis]
        if np.count_nonzero(is_wanted) < batch_size:
            raise LabelError(f"labels must be 0..{classes - 1}, got {targets.min()}..{targets.max()}")
        wanted = is_wanted.astype(logits.dtype)
    else:
        raise ShapeError(
            f"softmax_cross_entropy expected {batch_size} integer labels or targets of shape {logits.shape}, "
            f"got {targets.dtype} of shape {targets.shape}"
        )
    if label_smoothing:
        wanted *= 1 - label_smoothing
        wanted += label_smoothing / classes
    return wanted
