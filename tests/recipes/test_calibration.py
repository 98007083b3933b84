"""Temperature and thresholds are fitted on validation pictures."""

from __future__ import annotations

import numpy as np
import pytest

from mnistweb.recipes.calibration import (
    calibrated_probabilities,
    expected_calibration_error,
    fit_temperature,
    fit_verdict,
    negative_log_likelihood,
)


def honest_logits(rng, count=20_000):
    """Logits whose softmax is exactly as often right as it says, and the labels drawn from it."""
    logits = rng.normal(0, 2, (count, 10))
    probabilities = calibrated_probabilities(logits, 1)
    labels = (probabilities.cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)
    return logits, labels


@pytest.mark.parametrize("factor", [0.4, 1, 3])
def test_the_temperature_undoes_a_known_overconfidence(factor):
    logits, labels = honest_logits(np.random.default_rng(1))
    assert fit_temperature(logits * factor, labels) == pytest.approx(factor, rel=0.05)


def test_calibrated_logits_have_a_small_calibration_error_and_overconfident_ones_a_large_one():
    logits, labels = honest_logits(np.random.default_rng(2))
    assert expected_calibration_error(calibrated_probabilities(logits, 1), labels) < 0.015
    assert expected_calibration_error(calibrated_probabilities(logits, 0.3), labels) > 0.1


def test_calibration_error_of_two_pictures_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4]])
    # |0.9 - 1| and |0.6 - 0|, in different bins, half a set each.
    assert expected_calibration_error(probabilities, np.array([0, 1])) == pytest.approx((0.1 + 0.6) / 2)


def test_negative_log_likelihood_by_hand_and_without_overflow():
    assert negative_log_likelihood(np.array([[0.0, np.log(3)]]), np.array([1])) == pytest.approx(
        np.log(4 / 3)
    )
    assert negative_log_likelihood(np.array([[1000.0, 0.0]]), np.array([1])) == pytest.approx(1000)


def test_thresholds_keep_the_shares_of_digits_they_promise():
    confidences = np.random.default_rng(3).beta(8, 1, 5_000)
    verdict = fit_verdict(confidences, keep=0.99, keep_uncertain=0.998)
    assert (confidences >= verdict["digit_at_least"]).mean() >= 0.99
    assert (confidences < verdict["not_a_digit_below"]).mean() <= 0.002
    assert 0 < verdict["not_a_digit_below"] < verdict["digit_at_least"] < 1
