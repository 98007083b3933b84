"""Metrics say how good the answers are, in numbers that people can read.

``scores`` are (N, C): logits or probabilities, since only their order counts. ``labels`` and ``predictions``
are N integers in 0..C-1.
"""

from __future__ import annotations

import numpy as np

from mnistweb.nn.errors import ConfigurationError, LabelError, ShapeError


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Share of rows whose highest score is the label's, 0..1."""
    _check(scores, labels)
    return float((scores.argmax(axis=1) == labels).mean())


def top_k_accuracy(scores: np.ndarray, labels: np.ndarray, k: int = 3) -> float:
    """Share of rows whose label is among the ``k`` highest scores; a tie with the k-th does not count."""
    _check(scores, labels)
    if not 1 <= k <= scores.shape[1]:
        raise ConfigurationError(f"k must be 1..{scores.shape[1]}, the number of classes, got {k}")
    score_of_label = scores[np.arange(len(labels)), labels]
    at_least_as_high = (scores >= score_of_label[:, np.newaxis]).sum(axis=1)  # counts the label itself
    return float((at_least_as_high <= k).mean())


def confusion_matrix(predictions: np.ndarray, labels: np.ndarray, num_classes: int = 10) -> np.ndarray:
    """Counts (C, C), int64: row = what it was (label), column = what it was taken for (prediction)."""
    if predictions.shape != labels.shape or labels.ndim != 1:
        raise ShapeError(
            f"expected one prediction for each label, got shapes {predictions.shape} and {labels.shape}"
        )
    if len(labels):
        _check_classes("predictions", predictions, num_classes)
        _check_classes("labels", labels, num_classes)
    pairs = labels.astype(np.int64) * num_classes + predictions
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def per_class_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share of each class that was recognised (recall), float64 (C,); NaN for a class that did not occur.

    Takes the matrix of ``confusion_matrix``.
    """
    occurrences = confusion.sum(axis=1)
    shares = np.full(len(confusion), np.nan)
    np.divide(confusion.diagonal(), occurrences, out=shares, where=occurrences > 0)
    return shares


def _check(scores: np.ndarray, labels: np.ndarray) -> None:
    if scores.ndim != 2 or labels.shape != (len(scores),) or len(scores) == 0:
        raise ShapeError(
            f"expected scores of shape (N, classes), N > 0, and N labels, got {scores.shape}, {labels.shape}"
        )
    _check_classes("labels", labels, scores.shape[1])


def _check_classes(name: str, values: np.ndarray, num_classes: int) -> None:
    if not np.issubdtype(values.dtype, np.integer):
        raise LabelError(f"{name} must be whole numbers, got {values.dtype}")
    if not 0 <= values.min() <= values.max() < num_classes:
        raise LabelError(f"{name} must be 0..{num_classes - 1}, got {values.min()}..{values.max()}")
