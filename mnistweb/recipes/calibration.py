"""After training, validation pictures teach the model how sure it may be, and below what it should say so.

Temperature scaling: Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks" (2017).
"""

from __future__ import annotations

import numpy as np

from mnistweb.nn.activations import softmax

# The golden section, by which the search below narrows its interval.
_GOLDEN = (5**0.5 - 1) / 2


def fit_temperature(
    logits: np.ndarray, labels: np.ndarray, *, low: float = 0.05, high: float = 20.0
) -> float:
    """The temperature T > 0 that makes softmax(logits / T) likeliest for the labels.

    logits: (N, classes). labels: int (N,). The mean negative log-likelihood has one minimum in T, found by a
    golden-section search over log T between `low` and `high`, to within a thousandth.
    """
    logits = np.asarray(logits, np.float64)
    left, right = np.log(low), np.log(high)
    while right - left > 1e-3:
        inner_left, inner_right = right - _GOLDEN * (right - left), left + _GOLDEN * (right - left)
        if negative_log_likelihood(logits / np.exp(inner_left), labels) < negative_log_likelihood(
            logits / np.exp(inner_right), labels
        ):
            right = inner_right
        else:
            left = inner_left
    return float(np.exp((left + right) / 2))


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -log softmax(logits)[label], in nats."""
    shifted = logits - logits.max(axis=1, keepdims=True)  # so that exp cannot overflow
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    return float((log_sums - shifted[np.arange(len(labels)), labels]).mean())


def calibrated_probabilities(logits: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(logits / temperature), float64 (N, classes); rows sum to 1."""
    return softmax(np.asarray(logits, np.float64) / temperature)


def fit_verdict(
    digit_confidences: np.ndarray, *, keep: float = 0.99, keep_uncertain: float = 0.998
) -> dict[str, float]:
    """Thresholds on the calibrated confidence, from the confidences (N,) of validation digits.

    At or above ``digit_at_least`` the verdict is `digit`, as at least the share `keep` of the digits is.
    Below ``not_a_digit_below`` it is `not_a_digit`, as at most 1 - `keep_uncertain` of them are. Between the
    two it is `uncertain`.
    """
    ordered = np.sort(np.asarray(digit_confidences, np.float64))
    lost = int(np.floor((1 - keep) * len(ordered) + 1e-9))
    wrongly_refused = int(np.floor((1 - keep_uncertain) * len(ordered) + 1e-9))
    return {"digit_at_least": float(ordered[lost]), "not_a_digit_below": float(ordered[wrongly_refused])}


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, *, bins: int = 15) -> float:
    """How far confidence and accuracy lie apart, averaged over `bins` equal ranges of confidence, in 0..1.

    probabilities: (N, classes). labels: int (N,). Defined in Guo et al. (2017), section 2.
    """
    confidences, right, numbers = _binned(probabilities, labels, bins)
    gaps = np.bincount(numbers, confidences - right, minlength=bins)  # (bins,): sum of confidence - accuracy
    return float(np.abs(gaps).sum() / len(labels))


def reliability(probabilities: np.ndarray, labels: np.ndarray, *, bins: int = 15) -> list[list[float]]:
    """What `expected_calibration_error` compares: [count, mean confidence, accuracy] of each of the ranges.

    A range without answers is [0, 0.0, 0.0]. Rounded to six digits after the point.
    """
    confidences, right, numbers = _binned(probabilities, labels, bins)
    counts = np.bincount(numbers, minlength=bins)
    means = [
        np.bincount(numbers, values, minlength=bins) / np.maximum(counts, 1)
        for values in (confidences, right)
    ]
    return [
        [int(count), round(float(confidence), 6), round(float(accuracy), 6)]
        for count, confidence, accuracy in zip(counts, *means, strict=True)
    ]


def _binned(
    probabilities: np.ndarray, labels: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each answer its confidence, whether it is right, and the number of its range; each (N,)."""
    confidences = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    return confidences, right, np.minimum((confidences * bins).astype(int), bins - 1)
