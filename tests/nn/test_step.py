"""A training step: one thread and two agree, and two give the same thing each time."""

import numpy as np
import pytest

from mnistweb.nn import (
    SGD,
    Adam,
    AdamW,
    BatchNorm,
    ConfigurationError,
    Dense,
    Flatten,
    Momentum,
    Sequential,
    WeightAverage,
    softmax_cross_entropy,
)
from mnistweb.nn.step import TrainingStep
from tests.nn.models import SHAPE, four_shapes, tiny_convnet, tiny_perceptron


def take_step(model, batch, *, threads, optimizer=None, learning_rate=0.1):
    with TrainingStep(model, softmax_cross_entropy, optimizer or SGD(), threads=threads) as step:
        step.reseed(np.random.default_rng(0))
        return step(*batch, learning_rate)


@pytest.mark.parametrize("count", [8, 7, 2, 1])
def test_two_threads_give_the_gradient_of_one(count):
    one, two = tiny_perceptron(), tiny_perceptron()
    batch = four_shapes(count)
    result_one, result_two = (take_step(model, batch, threads=n) for model, n in ((one, 1), (two, 2)))
    np.testing.assert_allclose(two.flat_grads, one.flat_grads, atol=1e-6)
    np.testing.assert_allclose(two.flat_params, one.flat_params, atol=1e-6)
    assert result_two == pytest.approx(result_one, rel=1e-5)
    assert result_one.gradient_norm == pytest.approx(np.linalg.norm(one.flat_grads))
    assert result_one.labelled == count


@pytest.mark.parametrize("make", [SGD, Momentum, Adam, AdamW])
def test_an_update_in_two_parts_is_the_update_in_one(make):
    rng = np.random.default_rng(0)
    whole, parts = rng.random(11, np.float32), np.empty(11, np.float32)
    parts[:] = whole
    by_one, by_two = make(weight_decay=0.1), make(weight_decay=0.1)
    average_one, average_two = WeightAverage(whole, 0.9), WeightAverage(whole, 0.9)
    for _ in range(3):
        grads = rng.standard_normal(11, np.float32)
        by_one.step(whole, grads.copy(), 0.1)
        average_one.update(whole)
        by_two.begin_step(parts)
        average_two.begin_step()
        for part in (slice(4, None), slice(None, 4)):
            by_two.step_part(parts, grads, 0.1, part)
            average_two.step_part(parts, part)
    np.testing.assert_array_equal(whole, parts)
    np.testing.assert_array_equal(average_one.average, average_two.average)


@pytest.mark.parametrize("threads", [1, 2])
def test_parameters_are_not_updated_by_a_gradient_that_is_not_finite(threads):
    model, (pictures, labels) = tiny_perceptron(), four_shapes(8)
    pictures[0] = np.nan
    result = take_step(model, (pictures, labels), threads=threads)
    assert not np.isfinite(result.gradient_norm)
    assert np.isfinite(model.flat_params).all()


def test_two_threads_give_the_same_bits_each_time():
    runs = []
    for _ in range(3):
        model = tiny_convnet()
        take_step(model, four_shapes(9), threads=2)
        runs.append((model.flat_params.tobytes(), model.flat_buffers.tobytes()))
    assert runs[0] == runs[1] == runs[2]


def test_the_halves_draw_different_dropout_masks():
    model = tiny_perceptron(dropout_rate=0.5)
    pictures, labels = four_shapes(4)
    twice = np.concatenate([pictures, pictures]), np.concatenate([labels, labels])
    with TrainingStep(model, softmax_cross_entropy, SGD(), threads=2) as step:
        step.reseed(np.random.default_rng(0))
        step(*twice, 0.1)
        first = model.layers[3].cache["keeps"]
        second = step.replica.layers[3].cache["keeps"]
    assert (first != second).any()


def test_running_averages_move_towards_both_halves():
    norm = BatchNorm(64, momentum=0.9)
    model = Sequential([Flatten(), norm, Dense(64, 4, rng=np.random.default_rng(0))], input_shape=SHAPE)
    pictures, labels = four_shapes(9)
    take_step(model, (pictures, labels), threads=2)
    rows = pictures.reshape(9, 64)
    # five pictures in the first half, four in the second; with weights 5/9 and 4/9 it is the mean of all
    np.testing.assert_allclose(norm.buffers["running_mean"], 0.1 * rows.mean(axis=0), rtol=1e-4)
    variance = (rows[:5].var(axis=0, ddof=1) * 5 + rows[5:].var(axis=0, ddof=1) * 4) / 9
    np.testing.assert_allclose(norm.buffers["running_var"], 0.9 + 0.1 * variance, rtol=1e-4)


def test_an_error_in_the_second_thread_comes_out():
    model, (pictures, labels) = tiny_perceptron(), four_shapes(8)
    labels[-1] = 99  # in the second half
    with pytest.raises(ValueError, match=r"labels must be 0\.\.3"):
        take_step(model, (pictures, labels), threads=2)


def test_soft_targets_count_as_right_only_when_they_have_a_label():
    model, pictures = tiny_perceptron(), four_shapes(6)[0]
    answers = model.forward(pictures).argmax(axis=1)
    targets = np.eye(4, dtype=np.float32)[answers]
    targets[0] = 0.25  # says nothing
    targets[1] = np.roll(targets[1], 1)  # says something else
    result = take_step(model, (pictures, targets), threads=1)
    assert (result.right, result.labelled) == (4, 5)


def test_other_numbers_of_threads_are_refused():
    with pytest.raises(ConfigurationError, match="threads must be 1 or 2, got 3"):
        TrainingStep(tiny_perceptron(), softmax_cross_entropy, SGD(), threads=3)
