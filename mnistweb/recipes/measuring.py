"""How good a model is on a set of pictures: accuracy and how certain it is, loss, calibration, confusions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mnistweb.nn.metrics import confusion_matrix
from mnistweb.recipes.calibration import expected_calibration_error


@dataclass(frozen=True, eq=False)
class Measurement:
    """What one model made of one set.

    right of total pictures were read right. interval: 95 % Wilson interval of the accuracy. loss: mean
    negative log of the probability given to the truth, in nats. calibration_error: 15 bins, 0..1. confusion:
    int64 (classes, classes), row = truth, column = prediction.
    """

    right: int
    total: int
    interval: tuple[float, float]
    loss: float
    calibration_error: float
    confusion: np.ndarray

    @property
    def accuracy(self) -> float:
        """Share of the pictures that were read right, 0..1."""
        return self.right / self.total


def measure(probabilities: np.ndarray, labels: np.ndarray) -> Measurement:
    """Compare probabilities (N, classes), rows summing to 1, with labels (N,).

    Raises ShapeError when they do not fit.
    """
    predictions = probabilities.argmax(axis=1)
    confusion = confusion_matrix(predictions, labels, probabilities.shape[1])
    right, total = int(confusion.trace()), int(confusion.sum())
    given_to_truth = probabilities[np.arange(len(labels)), labels]
    return Measurement(
        right=right,
        total=total,
        interval=wilson_interval(right, total),
        # A probability that underflowed to 0 counts as the smallest there is, so that the mean stays finite.
        loss=float(-np.log(np.maximum(given_to_truth, np.finfo(float).tiny)).mean()),
        calibration_error=expected_calibration_error(probabilities, labels),
        confusion=confusion,
    )


def wilson_interval(right: int, total: int, *, z: float = 1.959964) -> tuple[float, float]:
    """The range in which the true share lies in 95 % of cases, when `right` of `total` were seen.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference" (1927): unlike the
    normal approximation it stays within 0..1 and is right for shares near 1.
    """
    if not 0 <= right <= total or total == 0:
        raise ValueError(f"expected 0 <= right <= total and total > 0, got {right} of {total}")
    share = right / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, middle - half), min(1.0, middle + half)
