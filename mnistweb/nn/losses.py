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
    one_hot = _as_probability_rows(logits, targets, label_smoothing)
    # log softmax, with the row's maximum taken off first so that exp cannot overflow; NumPy finds the maxima
    # of a few long columns much sooner than those of many short rows
    maxima = logits.T.copy().max(axis=0)
    shifted = logits - maxima[:, np.newaxis]
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(sums)
    batch_size = len(logits)
    # One sum over all entries; the two arrays as flat vectors make it a dot product.
    loss = -float(one_hot.ravel() @ log_probabilities.ravel()) / batch_size
    grad_logits = exponentials
    grad_logits /= sums
    grad_logits -= one_hot
    grad_logits /= batch_size
    return loss, grad_logits


def _as_probability_rows(logits: np.ndarray, targets: np.ndarray, label_smoothing: float) -> np.ndarray:
    """Targets as rows of probabilities (N, C) in the dtype of the logits, smoothed."""
    if logits.ndim != 2 or len(logits) == 0:
        raise ShapeError(f"softmax_cross_entropy expected logits of shape (N, classes), got {logits.shape}")
    if not 0 <= label_smoothing < 1:
        raise ConfigurationError(f"label_smoothing must be at least 0 and below 1, got {label_smoothing}")
    batch_size, classes = logits.shape
    if targets.shape == (batch_size, classes):
        rows = targets.astype(logits.dtype)
    elif targets.shape == (batch_size,) and np.issubdtype(targets.dtype, np.integer):
        if targets.min() < 0 or targets.max() >= classes:
            raise LabelError(f"labels must be 0..{classes - 1}, got {targets.min()}..{targets.max()}")
        rows = np.zeros_like(logits)
        rows[np.arange(batch_size), targets] = 1
    else:
        raise ShapeError(
            f"softmax_cross_entropy expected {batch_size} integer labels or targets of shape {logits.shape}, "
            f"got {targets.dtype} of shape {targets.shape}"
        )
    if label_smoothing:
        rows *= 1 - label_smoothing
        rows += label_smoothing / classes
    return rows
