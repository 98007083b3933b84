"""The gradients of a batch: one thread and two agree, and two give the same thing each time."""

import numpy as np
import pytest

from mnistweb.nn import BatchNorm, ConfigurationError, Dense, Flatten, Sequential, softmax_cross_entropy
from mnistweb.nn.gradients import BatchGradients
from tests.nn.models import SHAPE, four_shapes, tiny_convnet, tiny_perceptron


def compute(model, batch, *, threads, seed=0):
    with BatchGradients(model, softmax_cross_entropy, threads=threads) as gradients:
        gradients.reseed(np.random.default_rng(seed))
        return gradients.compute(*batch)


@pytest.mark.parametrize("count", [8, 7, 2, 1])
def test_two_threads_give_the_gradient_of_one(count):
    one, two = tiny_perceptron(), tiny_perceptron()
    batch = four_shapes(count)
    result_one, result_two = compute(one, batch, threads=1), compute(two, batch, threads=2)
    np.testing.assert_allclose(two.flat_grads, one.flat_grads, atol=1e-6)
    assert result_two.loss == pytest.approx(result_one.loss, rel=1e-5)
    assert result_two[1:] == result_one[1:]
    assert result_one.labelled == count


def test_two_threads_give_the_same_bits_each_time():
    runs = []
    for _ in range(3):
        model = tiny_convnet()
        compute(model, four_shapes(9), threads=2)
        runs.append((model.flat_grads.tobytes(), model.flat_buffers.tobytes()))
    assert runs[0] == runs[1] == runs[2]


def test_the_halves_draw_different_dropout_masks():
    model = tiny_perceptron(dropout_rate=0.5)
    pictures, labels = four_shapes(4)
    twice = np.concatenate([pictures, pictures]), np.concatenate([labels, labels])
    with BatchGradients(model, softmax_cross_entropy, threads=2) as gradients:
        gradients.reseed(np.random.default_rng(0))
        gradients.compute(*twice)
        first = model.layers[3].cache["keeps"]
        second = gradients.replica.layers[3].cache["keeps"]
    assert (first != second).any()


def test_running_averages_move_towards_both_halves():
    norm = BatchNorm(64, momentum=0.9)
    model = Sequential([Flatten(), norm, Dense(64, 4, rng=np.random.default_rng(0))], input_shape=SHAPE)
    pictures, labels = four_shapes(9)
    compute(model, (pictures, labels), threads=2)
    rows = pictures.reshape(9, 64)
    # five pictures in the first half, four in the second; with weights 5/9 and 4/9 it is the mean of all
    np.testing.assert_allclose(norm.buffers["running_mean"], 0.1 * rows.mean(axis=0), rtol=1e-4)
    variance = (rows[:5].var(axis=0, ddof=1) * 5 + rows[5:].var(axis=0, ddof=1) * 4) / 9
    np.testing.assert_allclose(norm.buffers["running_var"], 0.9 + 0.1 * variance, rtol=1e-4)


def test_an_error_in_the_second_thread_comes_out():
    model, (pictures, labels) = tiny_perceptron(), four_shapes(8)
    labels[-1] = 99  # in the second half
    with pytest.raises(ValueError, match=r"labels must be 0\.\.3"):
        compute(model, (pictures, labels), threads=2)


def test_soft_targets_count_as_right_only_when_they_have_a_label():
    model, pictures = tiny_perceptron(), four_shapes(6)[0]
    answers = model.forward(pictures).argmax(axis=1)
    targets = np.eye(4, dtype=np.float32)[answers]
    targets[0] = 0.25  # says nothing
    targets[1] = np.roll(targets[1], 1)  # says something else
    result = compute(model, (pictures, targets), threads=1)
    assert (result.right, result.labelled) == (4, 5)


def test_other_numbers_of_threads_are_refused():
    with pytest.raises(ConfigurationError, match="threads must be 1 or 2, got 3"):
        BatchGradients(tiny_perceptron(), softmax_cross_entropy, threads=3)
