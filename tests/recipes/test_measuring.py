"""Measuring a model on a set."""

from __future__ import annotations

import numpy as np
import pytest

from mnistweb.recipes.measuring import measure, wilson_interval


def test_a_measurement_by_hand():
    probabilities = np.array([[0.8, 0.2], [0.3, 0.7], [0.5, 0.5], [1.0, 0.0]])
    found = measure(probabilities, np.array([0, 1, 1, 0]))
    assert (found.right, found.total, found.accuracy) == (3, 4, 0.75)
    assert found.confusion.tolist() == [[2, 0], [1, 1]]
    assert found.loss == pytest.approx(-np.log([0.8, 0.7, 0.5, 1]).mean())


def test_a_truth_that_was_given_no_chance_has_a_large_but_finite_loss():
    assert 100 < measure(np.array([[1.0, 0.0]]), np.array([1])).loss < 1000


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [(9940, 10000, 0.9923, 0.9953), (10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634)],
)
def test_wilson_intervals_agree_with_the_formula_worked_out_elsewhere(right, total, low, high):
    assert wilson_interval(right, total) == pytest.approx((low, high), abs=1e-4)


def test_an_interval_needs_pictures():
    with pytest.raises(ValueError, match="0 of 0"):
        wilson_interval(0, 0)
