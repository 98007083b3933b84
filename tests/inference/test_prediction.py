"""A prediction: calibrated probabilities, the verdict from saved thresholds, and its words."""

from __future__ import annotations

import numpy as np
import pytest

from mnistweb.inference.prediction import Prediction, calibrated, verdict_of


def prediction(
    verdict: str, first: int, second: int, confidence: float, **more: tuple[str, ...]
) -> Prediction:
    probabilities = np.full(10, 0.0)
    probabilities[first], probabilities[second] = confidence, 1 - confidence
    return Prediction(first, confidence, probabilities, verdict, "tiny", **more)


def test_calibrated_rows_sum_to_one_even_for_huge_logits() -> None:
    logits = np.array([[1e4, -1e4, 0], [0, 0, 0], [-3e38, 3e38, 0]], np.float32)
    rows = calibrated(logits, 1.0)
    assert rows.dtype == np.float64
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=1e-15)
    np.testing.assert_allclose(rows[1], 1 / 3)


def test_calibrated_is_softmax_by_hand() -> None:
    rows = calibrated(np.log(np.array([[1, 2, 5]], np.float32)), 1.0)
    np.testing.assert_allclose(rows, [[0.125, 0.25, 0.625]], rtol=1e-6)


def test_a_temperature_above_one_makes_less_sure_and_changes_no_order() -> None:
    logits = np.array([[3, 1, 0]], np.float32)
    plain, warm = calibrated(logits, 1.0)[0], calibrated(logits, 2.0)[0]
    assert warm[0] < plain[0]
    np.testing.assert_allclose(warm, calibrated(logits / 2, 1.0)[0])
    assert list(np.argsort(warm)) == list(np.argsort(plain))


@pytest.mark.parametrize(
    ("confidence", "verdict"),
    [(0.8, "digit"), (1.0, "digit"), (0.799, "uncertain"), (0.4, "uncertain"), (0.399, "not_a_digit")],
)
def test_the_verdict_follows_the_saved_thresholds(confidence: float, verdict: str) -> None:
    assert verdict_of(confidence, {"digit_at_least": 0.8, "not_a_digit_below": 0.4}) == verdict


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (prediction("digit", 7, 9, 0.995), "surely a 7"),
        (prediction("digit", 8, 9, 0.995), "surely an 8"),
        (prediction("digit", 7, 9, 0.9), "a 7"),
        (prediction("uncertain", 4, 9, 0.6), "a 4, or perhaps a 9"),
        (prediction("uncertain", 3, 8, 0.6), "a 3, or perhaps an 8"),
        (prediction("not_a_digit", 3, 8, 0.3), "this does not look like a digit"),
        (prediction("digit", 0, 1, 0.999, labels=("ankle boot", *"123456789")), "surely an ankle boot"),
    ],
)
def test_the_verdict_in_words(given: Prediction, sentence: str) -> None:
    assert given.sentence == sentence


def test_runner_up_and_top_follow_the_probabilities() -> None:
    given = prediction("digit", 4, 9, 0.75)
    assert given.runner_up == 9
    assert given.top(2) == [(4, 0.75), (9, 0.25)]
