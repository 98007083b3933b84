"""The moving average of weights: its formula, its start, and standing in for the weights."""

import numpy as np
import pytest

from mnistweb.nn import ConfigurationError, WeightAverage


def test_the_first_step_is_the_average():
    average = WeightAverage(np.zeros(2), decay=0.99)
    average.update(np.array([3.0, 4.0]))
    np.testing.assert_allclose(average.average, [3, 4])


def test_the_average_is_the_corrected_sum_of_the_formula():
    steps, decay = [5.0, -1.0, 2.0, 8.0], 0.9
    average, biased = WeightAverage(np.array([100.0]), decay), 0.0
    for value in steps:
        average.update(np.array([value]))
        biased = decay * biased + (1 - decay) * value
    assert average.average[0] == pytest.approx(biased / (1 - decay ** len(steps)))


def test_it_stands_in_for_the_weights_and_steps_back_even_after_an_error():
    params = np.array([1.0, 2.0])
    average = WeightAverage(params, 0.5)
    average.update(np.array([9.0, 9.0]))

    def fail_with_the_average():
        with average.in_place_of(params):
            raise RuntimeError(params.tolist())

    with pytest.raises(RuntimeError, match=r"\[9.0, 9.0\]"):
        fail_with_the_average()
    assert params.tolist() == [1, 2]


def test_a_saved_average_goes_on():
    first = WeightAverage(np.zeros(1), 0.9)
    first.update(np.array([1.0]))
    second = WeightAverage(np.zeros(1), 0.9)
    second.load_state(first.state())
    for average in (first, second):
        average.update(np.array([5.0]))
    assert first.average == second.average


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_that_makes_no_sense_is_refused(decay):
    with pytest.raises(ConfigurationError, match="ema_decay"):
        WeightAverage(np.zeros(1), decay)
