"""Measuring a model on a set, and two of them against each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mnistweb.recipes.measuring import mcnemar, measure, wilson_interval


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


def test_mcnemar_by_hand():
    found = mcnemar(1, 5)
    # (1 - 5)^2 / 6, and twice the chance of at most one head in six tosses: 2 * (1 + 6) / 2^6.
    assert found.statistic == pytest.approx(16 / 6)
    assert found.p_value == 14 / 64
    assert not found.is_significant


def test_mcnemar_is_the_same_from_both_sides():
    assert mcnemar(12, 3).p_value == mcnemar(3, 12).p_value


def test_mcnemar_of_ten_to_one_is_more_than_chance_explains():
    assert mcnemar(10, 1).p_value == 24 / 2048  # 2 * (1 + 11) / 2^11
    assert mcnemar(10, 1).is_significant


@pytest.mark.parametrize("each", [0, 1, 7])
def test_models_with_as_many_mistakes_do_not_differ(each):
    assert (mcnemar(each, each).statistic, mcnemar(each, each).p_value) == (0, 1)


def test_mcnemar_of_many_pictures_is_near_the_normal_approximation_and_neither_overflows_nor_is_negative():
    # 4,800 of 10,000 tosses: 4 standard deviations, or 3.99 with the correction for whole numbers.
    assert mcnemar(4800, 5200).p_value == pytest.approx(math.erfc(3.99 / math.sqrt(2)), rel=0.01)
    assert mcnemar(0, 5000).p_value == 0


def test_mcnemar_takes_no_negative_counts():
    with pytest.raises(ValueError, match="-1 and 4"):
        mcnemar(-1, 4)
