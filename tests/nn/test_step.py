"""A training step: one thread and two agree, and two give the same thing each time."""

import multiprocessing

import numpy as np
import pytest

from mnistweb.nn import (
    SGD,
    Adam,
    BatchNorm,
    ConfigurationError,
    Conv2D,
    Dense,
    Flatten,
    Sequential,
    TrainingError,
    WeightAverage,
    softmax_cross_entropy,
)
from mnistweb.nn.second_half import InProcess, InThread
from mnistweb.nn.step import TrainingStep
from tests.nn.models import (
    SHAPE,
    convnet_without_normalisation,
    four_shapes,
    tiny_convnet,
    tiny_perceptron,
)


def take_step(model, batch, *, threads, average=None):
    with TrainingStep(model, softmax_cross_entropy, SGD(), average, threads=threads) as step:
        step.reseed(np.random.default_rng(0))
        return step(*batch, 0.1)


@pytest.mark.parametrize("make", [convnet_without_normalisation, tiny_perceptron])
@pytest.mark.parametrize("count", [8, 7, 2, 1])
def test_two_threads_give_the_gradient_of_one(make, count):
    one, two = make(), make()
    batch = four_shapes(count)
    result_one, result_two = (take_step(model, batch, threads=n) for model, n in ((one, 1), (two, 2)))
    np.testing.assert_allclose(two.flat_grads, one.flat_grads, atol=1e-6)
    np.testing.assert_allclose(two.flat_params, one.flat_params, atol=1e-6)
    assert result_two == pytest.approx(result_one, rel=1e-5)
    assert result_one.gradient_norm == pytest.approx(np.linalg.norm(one.flat_grads))
    assert result_one.labelled == count


@pytest.mark.parametrize("threads", [1, 2])
def test_parameters_are_not_updated_by_a_gradient_that_is_not_finite(threads):
    model, (pictures, labels) = tiny_perceptron(), four_shapes(8)
    pictures[0] = np.nan
    average = WeightAverage(model.flat_params, 0.9)
    result = take_step(model, (pictures, labels), threads=threads, average=average)
    assert not np.isfinite(result.gradient_norm)
    assert np.isfinite(model.flat_params).all()
    assert average.steps == 0


def test_the_average_follows_the_parameters():
    model = tiny_perceptron()
    average = WeightAverage(model.flat_params, 0.9)
    take_step(model, four_shapes(8), threads=1, average=average)
    np.testing.assert_allclose(average.average, model.flat_params)


@pytest.fixture(params=[InThread, InProcess])
def kind(request, monkeypatch):
    """How the second half of a batch is worked on: in either way."""
    monkeypatch.setattr("mnistweb.nn.step.second_half", request.param)
    return request.param


def test_two_threads_give_the_same_bits_each_time_and_in_either_way(monkeypatch):
    runs = []
    for kind in (InThread, InProcess, InProcess):
        monkeypatch.setattr("mnistweb.nn.step.second_half", kind)
        model = convnet_without_normalisation(dropout_rate=0.5)
        with TrainingStep(model, softmax_cross_entropy, Adam(), threads=2) as step:
            for epoch in range(2):
                step.reseed(np.random.default_rng(epoch))
                for count in (9, 9, 4, 1):
                    step(*four_shapes(count), 0.1)
        runs.append((model.flat_params.tobytes(), model.flat_buffers.tobytes()))
    assert runs[0] == runs[1] == runs[2]


def test_the_halves_draw_different_dropout_masks(kind):
    model = convnet_without_normalisation(dropout_rate=0.5)
    pictures, labels = four_shapes(4)
    twice = np.concatenate([pictures, pictures]), np.concatenate([labels, labels])
    with TrainingStep(model, softmax_cross_entropy, SGD(), threads=2) as step:
        step.reseed(np.random.default_rng(0))
        step(*twice, 0.1)
        second = step._second.replica.flat_grads
        assert second.any()
        assert (model.flat_grads - second != second).any()


def test_running_averages_move_towards_both_halves():
    rng = np.random.default_rng(0)
    norm = BatchNorm(1, momentum=0.9)
    layers = [norm, Conv2D(1, 2, 3, rng=rng), Flatten(), Dense(72, 4, rng=rng)]
    model = Sequential(layers, input_shape=SHAPE)
    pictures, labels = four_shapes(9)
    take_step(model, (pictures, labels), threads=2)
    # five pictures in the first half, four in the second; with weights 5/9 and 4/9 it is the mean of all
    np.testing.assert_allclose(norm.buffers["running_mean"], 0.1 * pictures.mean(), rtol=1e-4)
    variance = (pictures[:5].var(ddof=1) * 5 + pictures[5:].var(ddof=1) * 4) / 9
    np.testing.assert_allclose(norm.buffers["running_var"], 0.9 + 0.1 * variance, rtol=1e-4)


def test_an_error_in_the_second_half_comes_out(kind):
    model, (pictures, labels) = tiny_convnet(), four_shapes(8)
    labels[-1] = 99  # in the second half
    with pytest.raises(ValueError, match=r"labels must be 0\.\.3"):
        take_step(model, (pictures, labels), threads=2)


def test_a_process_that_dies_is_missed_and_none_is_left_behind():
    before = multiprocessing.active_children()
    with TrainingStep(tiny_convnet(), softmax_cross_entropy, SGD(), threads=2) as step:
        (process,) = set(multiprocessing.active_children()) - set(before)
        step(*four_shapes(8), 0.1)
        process.kill()
        with pytest.raises(TrainingError, match="has ended"):
            step(*four_shapes(8), 0.1)
    with TrainingStep(tiny_convnet(), softmax_cross_entropy, SGD(), threads=2):
        assert len(multiprocessing.active_children()) > len(before)
    assert multiprocessing.active_children() == before


def test_where_no_process_can_be_had_a_thread_does_it(monkeypatch):
    def refuse(*arguments):
        raise BlockingIOError("no more processes")

    monkeypatch.setattr("mnistweb.nn.second_half.InProcess", refuse)
    model = tiny_convnet()
    with TrainingStep(model, softmax_cross_entropy, SGD(), threads=2) as step:
        assert isinstance(step._second, InThread)
        assert step(*four_shapes(8), 0.1).labelled == 8


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
