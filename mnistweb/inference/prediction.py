"""A prediction is what the network makes of one picture: the likeliest digit, and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mnistweb.weights.document import DIGITS

DIGIT, UNCERTAIN, NOT_A_DIGIT = "digit", "uncertain", "not_a_digit"

_SURE_FROM = 0.99  # from this confidence on the sentence says "surely"


@dataclass(frozen=True)
class Prediction:
    """One picture's answer.

    prediction: the likeliest class, 0..9. confidence: its probability. probabilities: (10,) float64,
    calibrated, summing to 1. verdict: "digit", "uncertain" or "not_a_digit". model: the name of the model
    that answered. labels: what the classes are called.
    """

    prediction: int
    confidence: float
    probabilities: NDArray[np.float64] = field(repr=False, compare=False)
    verdict: str
    model: str
    labels: tuple[str, ...] = field(default=DIGITS, repr=False)

    @property
    def label(self) -> str:
        """What the likeliest class is called."""
        return self.labels[self.prediction]

    @property
    def runner_up(self) -> int:
        """The second likeliest class."""
        return int(np.argsort(-self.probabilities, kind="stable")[1])

    def top(self, count: int = 3) -> list[tuple[int, float]]:
        """The `count` likeliest classes with their probabilities, likeliest first."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(int(index), float(self.probabilities[index])) for index in order]

    @property
    def sentence(self) -> str:
        """The verdict in words: "surely a 7", "a 4, or perhaps a 9", "this does not look like a digit"."""
        digits = self.labels == DIGITS
        if self.verdict == NOT_A_DIGIT:
            return (
                "this does not look like a digit"
                if digits
                else "this does not look like anything this model knows"
            )
        likeliest = with_article(self.label)
        if self.verdict == UNCERTAIN:
            return f"{likeliest}, or perhaps {with_article(self.labels[self.runner_up])}"
        return f"surely {likeliest}" if self.confidence >= _SURE_FROM else likeliest


def verdict_of(confidence: float, thresholds: Mapping[str, float]) -> str:
    """The verdict on a calibrated confidence.

    thresholds: "digit_at_least" and "not_a_digit_below", chosen on validation data and kept in the weights
    file.
    """
    if confidence >= thresholds["digit_at_least"]:
        return DIGIT
    return NOT_A_DIGIT if confidence < thresholds["not_a_digit_below"] else UNCERTAIN


def calibrated(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Probabilities softmax(logits / temperature), row by row.

    logits: (N, classes). Returns (N, classes) float64; each row sums to 1. A temperature above 1 makes the
    network less sure of itself (Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks,
    2017).
    """
    scaled = np.divide(logits, temperature, dtype=np.float64)
    scaled -= scaled.max(axis=1, keepdims=True)  # so that exp cannot overflow
    np.exp(scaled, out=scaled)
    scaled /= scaled.sum(axis=1, keepdims=True)
    return scaled


def with_article(label: str) -> str:
    """A class's name as a sentence has it: "a 7", "an 8", "an Ankle boot"."""
    return f"{'an' if label[:1].lower() in tuple('aeiou8') else 'a'} {label}"
