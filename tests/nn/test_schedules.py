"""Schedules at their beginning, peak, middle and end."""

import math

import pytest

from mnistweb.nn import ConfigurationError, Constant, Cosine, ExponentialDecay, OneCycle, StepDecay


def test_constant_stays():
    assert [Constant(0.3)(step) for step in (0, 1, 1000)] == [0.3, 0.3, 0.3]


def test_step_decay_falls_every_so_many_steps():
    schedule = StepDecay(1.0, every_steps=10, decay=0.5)
    assert [schedule(step) for step in (0, 9, 10, 19, 20)] == [1, 1, 0.5, 0.5, 0.25]


def test_exponential_decay_falls_by_the_same_factor_over_the_same_time():
    schedule = ExponentialDecay(1.0, every_steps=10, decay=0.25)
    assert [schedule(step) for step in (0, 5, 10, 20)] == pytest.approx([1, 0.5, 0.25, 0.0625])


def test_cosine_goes_from_the_peak_to_the_bottom_and_stays():
    schedule = Cosine(2.0, total_steps=100, final_factor=0.1)
    wanted = [2, 0.2 + 1.8 * (1 + math.sqrt(0.5)) / 2, 0.2 + 1.8 / 2, 0.2, 0.2]
    assert [schedule(step) for step in (0, 25, 50, 100, 500)] == pytest.approx(wanted)


def test_one_cycle_climbs_and_comes_down():
    schedule = OneCycle(1.0, total_steps=100, warmup_fraction=0.3, start_factor=0.04, final_factor=0.001)
    rates = [schedule(step) for step in range(101)]
    assert rates[0] == pytest.approx(0.04)
    assert rates[30] == max(rates) == 1.0
    assert rates[100] == pytest.approx(0.001)
    assert rates[:31] == sorted(rates[:31])
    assert rates[30:] == sorted(rates[30:], reverse=True)


@pytest.mark.parametrize(
    "schedule",
    [
        Constant(1.0, warmup_steps=4),
        StepDecay(1.0, every_steps=10, warmup_steps=4),
        ExponentialDecay(1.0, every_steps=10, warmup_steps=4),
        Cosine(1.0, total_steps=20, warmup_steps=4),
    ],
)
def test_warm_up_climbs_in_a_straight_line_to_the_peak(schedule):
    assert [schedule(step) for step in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_one_cycle_takes_its_warm_up_in_steps_too():
    schedule = OneCycle(1.0, total_steps=100, warmup_steps=10)
    assert schedule(10) == 1.0 == max(schedule(step) for step in range(100))


def test_no_rate_is_ever_zero_within_the_training():
    schedules = [Cosine(1.0, total_steps=50), OneCycle(1.0, total_steps=50), Constant(1.0, warmup_steps=9)]
    for schedule in schedules:
        assert all(schedule(step) > 0 for step in range(50))


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Constant(0.0), "learning_rate"),
        (lambda: Constant(math.inf), "learning_rate"),
        (lambda: Constant(1.0, warmup_steps=-1), "warmup_steps"),
        (lambda: StepDecay(1.0, every_steps=0), "every_steps"),
        (lambda: ExponentialDecay(1.0, every_steps=5, decay=2.0), "decay"),
        (lambda: Cosine(1.0, total_steps=10, warmup_steps=10), "warmup_steps must be fewer than the 10"),
        (lambda: OneCycle(1.0, total_steps=10, warmup_fraction=1.0), "warmup_steps must be fewer"),
        (lambda: OneCycle(1.0, total_steps=0), "total_steps"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(make, name):
    with pytest.raises(ConfigurationError, match=name):
        make()
