"""How good a model is on a set of pictures: accuracy and how certain it is, loss, calibration, confusions.

And, of two models, whether the difference between them is more than chance explains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mnistweb.nn.metrics import confusion_matrix
from mnistweb.recipes.calibration import expected_calibration_error

SIGNIFICANCE_LEVEL = 0.05


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


@dataclass(frozen=True)
class McNemar:
    """McNemar's test of two models on the same pictures.

    only_first, only_second: pictures that one model alone read right. statistic: chi-squared with one degree
    of freedom. p_value: the exact one, how often two equally good models would differ at least this much.
    """

    only_first: int
    only_second: int
    statistic: float
    p_value: float

    @property
    def is_significant(self) -> bool:
        """Whether the difference is more than chance explains, at the usual level of 5 %."""
        return self.p_value < SIGNIFICANCE_LEVEL


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """Ask whether two models are equally good, from the pictures that just one of them read right.

    Pictures that both read right, or both wrong, say nothing about which is better. Were the two equally
    good, each of the others would fall to either like a tossed coin, so `only_first` would be binomial:

        p         = 2 * sum of C(n, i) / 2^n over i = 0 .. min(only_first, only_second), at most 1
        statistic = (only_first - only_second)^2 / n, which is the approximation for many pictures

    with n = only_first + only_second.

    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages"
    (1947); recommended for classifiers by T. G. Dietterich, "Approximate statistical tests for comparing
    supervised classification learning algorithms" (1998). Raises ValueError for a negative count.
    """
    if min(only_first, only_second) < 0:
        raise ValueError(f"expected two counts of pictures, got {only_first} and {only_second}")
    n = only_first + only_second
    if n == 0:
        return McNemar(0, 0, 0.0, 1.0)
    # In whole numbers, which neither overflow nor round, however many pictures there are.
    ways, total = 1, 0
    for i in range(min(only_first, only_second) + 1):
        total += ways
        ways = ways * (n - i) // (i + 1)  # C(n, i + 1)
    p_value = min(1.0, 2 * total / 2**n)
    return McNemar(only_first, only_second, (only_first - only_second) ** 2 / n, p_value)
