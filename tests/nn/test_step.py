"""A training step: one thread and two agree, and two give the same thing each time."""

import contextlib
import multiprocessing
import subprocess
import sys
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mnistweb.nn import (
    SGD,
    Adam,
    ArrayBatches,
    BatchNorm,
    ConfigurationError,
    Conv2D,
    Dense,
    Flatten,
    Momentum,
    ReLU,
    Sequential,
    ShapeError,
    Sigmoid,
    Tanh,
    TrainingError,
    WeightAverage,
    softmax_cross_entropy,
)
from mnistweb.nn.halves import MOST_EXAMPLES
from mnistweb.nn.pair import Pair, processes, threads
from mnistweb.nn.step import TrainingStep
from tests.nn.models import (
    SHAPE,
    convnet_without_normalisation,
    four_shapes,
    tiny_convnet,
    tiny_perceptron,
    wide_perceptron,
)


def take_step(model, batch, *, threads, average=None):
    with TrainingStep(model, softmax_cross_entropy, SGD(), average, threads=threads) as step:
        step.reseed(np.random.default_rng(0))
        return step(*batch, 0.1)


@pytest.mark.parametrize("make", [convnet_without_normalisation, tiny_perceptron, wide_perceptron])
@pytest.mark.parametrize("count", [8, 7, 2, 1])
def test_two_threads_give_the_gradient_of_one(make, count):
    one, two = make(), make()
    batch = four_shapes(count)
    # The step of SGD is the gradient, up to a factor.
    result_one, result_two = (take_step(model, batch, threads=n) for model, n in ((one, 1), (two, 2)))
    np.testing.assert_allclose(two.flat_params, one.flat_params, atol=1e-6)
    assert result_two == pytest.approx(result_one, rel=1e-5)
    assert result_one.gradient_norm == pytest.approx(np.linalg.norm(one.flat_grads))
    assert result_one.labelled == count


@pytest.mark.parametrize("make", [tiny_convnet, tiny_perceptron, wide_perceptron])
@pytest.mark.parametrize("threads", [1, 2])
def test_parameters_are_not_updated_by_a_gradient_that_is_not_finite(make, threads):
    model, (pictures, labels) = make(), four_shapes(8)
    before = model.flat_params.copy()
    pictures[0] = np.nan
    average = WeightAverage(model.flat_params, 0.9)
    result = take_step(model, (pictures, labels), threads=threads, average=average)
    assert not np.isfinite(result.gradient_norm)
    np.testing.assert_array_equal(model.flat_params, before)
    assert average.steps == 0


def test_the_average_follows_the_parameters():
    model = tiny_perceptron()
    average = WeightAverage(model.flat_params, 0.9)
    take_step(model, four_shapes(8), threads=1, average=average)
    np.testing.assert_allclose(average.average, model.flat_params)


@pytest.fixture(params=[processes, threads])
def kind(request, monkeypatch):
    """What a pair is made of: of either."""
    use(request.param, monkeypatch)
    return request.param


def use(kind, monkeypatch):
    monkeypatch.setattr("mnistweb.nn.step.best_pair", lambda *parts: Pair(kind(), *parts))


def train(model, *, at_once=True):
    """Two epochs of a few steps, in one TrainingStep or in one each; what came of them, as bytes."""
    optimizer = Adam(weight_decay=0.01)
    optimizer.decay_mask = model.decay_mask
    found = []
    with contextlib.ExitStack() as open_steps:
        for epoch in range(2):
            if epoch == 0 or not at_once:
                open_steps.close()
                step = TrainingStep(model, softmax_cross_entropy, optimizer, threads=2)
                open_steps.enter_context(step)
            step.reseed(np.random.default_rng(epoch))
            found += [step(*four_shapes(count), 0.01) for count in (9, 9, 4, 1)]
    moments = [moment.tobytes() for moment in optimizer.moments.values()]
    return [model.flat_params.tobytes(), model.flat_buffers.tobytes(), *moments, optimizer.steps_taken, found]


@pytest.mark.parametrize("make", [tiny_convnet, wide_perceptron])
def test_two_threads_give_the_same_bits_each_time_and_in_either_way(make, monkeypatch):
    runs = []
    for kind in (threads, processes, processes):
        use(kind, monkeypatch)
        runs.append(train(make(dropout_rate=0.5)))
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize("make", [tiny_convnet, partial(wide_perceptron, batch_norm=True)])
def test_a_pair_that_takes_over_goes_on_with_the_same_bits(make):
    """Parameters, moments, running averages and the count of steps come along, and come back."""
    assert train(make(dropout_rate=0.5), at_once=False) == train(make(dropout_rate=0.5))


def matrix_further_in(*, seed=0):
    """Its second member needs all of each input, for a small layer comes first."""
    rng = np.random.default_rng(seed)
    layers = [
        Flatten(),
        Dense(64, 16, rng=rng),
        ReLU(),
        Dense(16, 2048, rng=rng),
        ReLU(),
        Dense(2048, 4, rng=rng),
    ]
    return Sequential(layers, input_shape=SHAPE)


@pytest.mark.parametrize("make", [wide_perceptron, matrix_further_in])
def test_small_arrays_are_changed_once_however_they_are_shared_out(make, monkeypatch):
    models = []
    for many in (1, 1 << 13, 1 << 20):
        monkeypatch.setattr("mnistweb.nn.halves._MANY_NUMBERS", many)
        models.append(make())
        take_step(models[-1], four_shapes(8), threads=2)
    alone = make()
    take_step(alone, four_shapes(8), threads=1)
    for model in models:
        np.testing.assert_allclose(model.flat_params, alone.flat_params, atol=1e-6)


@pytest.mark.parametrize("activation", [ReLU, Tanh, Sigmoid])
def test_from_one_large_matrix_to_the_next_goes_half_of_the_numbers(activation, kind):
    def one_after_another():
        rng = np.random.default_rng(0)
        layers = [Flatten()]
        for inputs, outputs in pairwise((64, 513, 129, 257)):
            layers += [Dense(inputs, outputs, rng=rng), activation()]
        return Sequential([*layers, Dense(257, 4, rng=rng)], input_shape=SHAPE)

    alone, model = one_after_another(), one_after_another()
    batch = four_shapes(7)
    result = take_step(alone, batch, threads=1)
    with TrainingStep(model, softmax_cross_entropy, SGD(), threads=2) as step:
        assert step(*batch, 0.1) == pytest.approx(result, rel=1e-5)
        widths = [layer.cache["outputs"].shape[1] for layer in model.layers if "outputs" in layer.cache]
    assert widths == [256, 64, 257]  # the last matrix is small, and needs all
    np.testing.assert_allclose(model.flat_params, alone.flat_params, atol=1e-6)


# Adam would make much of the rounding errors in the gradient of a bias that BatchNorm subtracts again.
@pytest.mark.parametrize(("optimizer", "batch_norm"), [(Adam, False), (Momentum, True)])
def test_half_of_the_matrices_trains_as_one_thread_does(optimizer, batch_norm):
    """Both members draw the same dropout, normalise over the whole batch, and take their steps together."""
    models = [wide_perceptron(dropout_rate=0.5, batch_norm=batch_norm) for _ in range(2)]
    for model, count in zip(models, (1, 2), strict=True):
        average = WeightAverage(model.flat_params, 0.5)
        with TrainingStep(model, softmax_cross_entropy, optimizer(), average, threads=count) as step:
            step.reseed(np.random.default_rng(0))
            results = [step(*four_shapes(16, seed=seed), 0.001) for seed in range(6)]
        np.testing.assert_allclose(average.average, model.flat_params, atol=0.01)
    np.testing.assert_allclose(models[1].flat_params, models[0].flat_params, atol=1e-4)
    np.testing.assert_allclose(models[1].flat_buffers, models[0].flat_buffers, atol=1e-4)
    assert results[-1].labelled == 16


@pytest.mark.parametrize("make", [tiny_convnet, wide_perceptron])
def test_soft_targets_train_as_labels_do(make, kind):
    hard, soft = make(), make()
    pictures, labels = four_shapes(8)
    take_step(hard, (pictures, labels), threads=2)
    take_step(soft, (pictures, np.eye(4, dtype=np.float32)[labels]), threads=2)
    np.testing.assert_allclose(soft.flat_params, hard.flat_params, atol=1e-6)


EXAMPLES = {
    "labels": four_shapes(30),
    "soft targets": (four_shapes(30)[0], np.eye(4, dtype=np.float32)[four_shapes(30)[1]]),
    "bytes": (np.round(four_shapes(30)[0] * 200).astype(np.uint8), four_shapes(30)[1].astype(np.uint8)),
}


@pytest.mark.parametrize("examples", EXAMPLES.values(), ids=EXAMPLES.keys())
@pytest.mark.parametrize("make", [tiny_convnet, wide_perceptron, matrix_further_in])
def test_examples_that_both_members_gather_train_as_batches_that_are_copied(make, examples, kind):
    batches = ArrayBatches(*examples, batch_size=13, seed=1)
    models = make(), make()
    for model, known in zip(models, (None, batches), strict=True):
        with TrainingStep(model, softmax_cross_entropy, SGD(), threads=2, examples=known) as step:
            step.reseed(np.random.default_rng(0))
            for batch in batches.epoch(0):
                result = step.learn(batch, 0.1)
                assert batch.is_gathered == (known is None)
    assert result.labelled == 30 % 13
    np.testing.assert_array_equal(models[0].flat_params, models[1].flat_params)
    np.testing.assert_array_equal(models[0].flat_buffers, models[1].flat_buffers)


def test_a_batch_that_someone_has_changed_is_learned_as_it_is_now(kind):
    changed, plain = wide_perceptron(), wide_perceptron()
    batches = ArrayBatches(*four_shapes(8), batch_size=8, seed=1)
    batch = next(batches.epoch(0))
    batch[0][...] = 1 - batch[0]
    with TrainingStep(changed, softmax_cross_entropy, SGD(), threads=2, examples=batches) as step:
        step.learn(batch, 0.1)
    take_step(plain, batch, threads=2)
    np.testing.assert_array_equal(changed.flat_params, plain.flat_params)


def test_batches_of_other_examples_are_learned_too(kind):
    """Other ones than were named, or the same with other arrays since."""
    model, plain = wide_perceptron(), wide_perceptron()
    named = ArrayBatches(*four_shapes(8), batch_size=8, seed=1)
    other = ArrayBatches(*four_shapes(8, seed=2), batch_size=8, seed=1)
    with TrainingStep(model, softmax_cross_entropy, SGD(), threads=2, examples=named) as step:
        step.learn(next(other.epoch(0)), 0.1)
        named.inputs = 1 - named.inputs
        step.learn(next(named.epoch(0)), 0.1)
    with TrainingStep(plain, softmax_cross_entropy, SGD(), threads=2) as step:
        step.learn(next(other.epoch(0)), 0.1)
        step.learn(next(named.epoch(0)), 0.1)
    np.testing.assert_array_equal(model.flat_params, plain.flat_params)


def test_examples_that_do_not_fit_are_refused_as_batches_are():
    pictures, labels = four_shapes(8)
    for inputs, targets, message in (
        (pictures[:, :4], labels, r"expected inputs of shape \(N, 8, 8, 1\)"),
        (pictures, np.eye(5)[labels], r"got shape \(8, 5\)"),
    ):
        examples = ArrayBatches(inputs, targets, batch_size=8, seed=0)
        model = wide_perceptron()
        with TrainingStep(model, softmax_cross_entropy, SGD(), threads=2, examples=examples) as step:
            with pytest.raises(ShapeError, match=message):
                step.learn(next(examples.epoch(0)), 0.1)
            assert step(pictures, labels, 0.1).labelled == 8


@pytest.mark.parametrize("make", [convnet_without_normalisation, wide_perceptron])
def test_one_number_for_each_example_reaches_both_members_as_it_is(make, kind):
    """Somebody's own loss may ask for it. As labels, halves would become zeros."""

    def squared_distance(logits, targets):
        distances = np.zeros_like(logits)
        distances[:, 0] = logits[:, 0] - targets
        return float((distances**2).mean()), 2 * distances / distances.size

    pictures, _ = four_shapes(8)
    targets = np.linspace(0, 1, 8, dtype=np.float32)
    one, two = make(), make()
    for model, count in ((one, 1), (two, 2)):
        with TrainingStep(model, squared_distance, SGD(), threads=count) as step:
            step(pictures, targets, 0.5)
    np.testing.assert_allclose(two.flat_params, one.flat_params, atol=1e-6)


class Doubled(Dense):
    """Somebody's own layer, which is not what it is made from."""

    def forward(self, inputs, *, training=False):
        return 2 * super().forward(inputs, training=training)

    def backward(self, grad_output):
        return super().backward(2 * grad_output)


def test_a_large_matrix_of_a_subclass_is_not_divided():
    models = []
    for count in (1, 2):
        rng = np.random.default_rng(0)
        layers = [Flatten(), Doubled(64, 600, rng=rng), ReLU(), Dense(600, 64, rng=rng), ReLU()]
        model = Sequential([*layers, Dense(64, 4, rng=rng)], input_shape=SHAPE)
        take_step(model, four_shapes(8), threads=count)
        models.append(model)
    np.testing.assert_allclose(models[0].flat_params, models[1].flat_params, atol=1e-6)


def test_a_watcher_in_between_sees_the_whole_model(kind):
    model, (pictures, labels) = wide_perceptron(), four_shapes(8)
    alone = wide_perceptron()
    take_step(alone, (pictures, labels), threads=1)
    with TrainingStep(model, softmax_cross_entropy, SGD(), threads=2) as step:
        step(pictures, labels, 0.1)
        np.testing.assert_allclose(model.forward(pictures), alone.forward(pictures), atol=1e-5)
        assert model.state().keys() == alone.state().keys()


def test_the_halves_draw_different_dropout_masks(kind):
    """The same pictures twice: with the same masks, half of them would give the same gradient."""
    pictures, labels = four_shapes(4)
    twice = np.concatenate([pictures, pictures]), np.concatenate([labels, labels])
    both, half = (convnet_without_normalisation(dropout_rate=0.5) for _ in range(2))
    take_step(both, twice, threads=2)
    with TrainingStep(half, softmax_cross_entropy, SGD()) as step:
        half.reseed(np.random.default_rng(0).spawn(2)[0])  # the first member's stream
        step(pictures, labels, 0.1)
    assert np.abs(both.flat_params - half.flat_params).max() > 1e-3


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


@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("make", [tiny_convnet, wide_perceptron])
def test_an_error_in_either_half_comes_out_and_ends_the_pair(make, place, kind):
    model, (pictures, labels) = make(), four_shapes(8)
    with TrainingStep(model, softmax_cross_entropy, SGD(), threads=2) as step:
        step(pictures, labels, 0.1)
        before = model.flat_params.copy()
        labels[place] = 99
        with pytest.raises(ValueError, match=r"labels must be 0\.\.3"):
            step(pictures, labels, 0.1)
        with pytest.raises(TrainingError, match="an earlier step has failed"):
            step(*four_shapes(8), 0.1)
    np.testing.assert_array_equal(model.flat_params, before)


@pytest.mark.parametrize("make", [tiny_convnet, wide_perceptron])
def test_what_does_not_fit_is_refused_and_the_pair_goes_on(make):
    pictures, labels = four_shapes(8)
    too_many = np.broadcast_to(pictures[:1], (MOST_EXAMPLES + 1, *SHAPE))
    with TrainingStep(make(), softmax_cross_entropy, SGD(), threads=2) as step:
        for inputs, targets, message in (
            (pictures[:, :4], labels, r"expected inputs of shape \(N, 8, 8, 1\)"),
            (pictures, labels[:7], r"8 labels or targets of shape \(8, 4\), got shape \(7,\)"),
            (pictures, np.eye(5)[labels], r"got shape \(8, 5\)"),
            (too_many, labels, "batches of 1 to 65,536 examples, got 65,537"),
            (pictures[:0], labels[:0], "at least one input"),
        ):
            with pytest.raises(ShapeError, match=message):
                step(inputs, targets, 0.1)
        assert step(pictures, labels, 0.1).labelled == 8


@pytest.mark.parametrize("make", [tiny_convnet, wide_perceptron])
def test_a_process_that_dies_is_missed_and_none_is_left_behind(make):
    before = multiprocessing.active_children()
    with TrainingStep(make(), softmax_cross_entropy, SGD(), threads=2) as step:
        (process,) = set(multiprocessing.active_children()) - set(before)
        step(*four_shapes(8), 0.1)
        process.kill()
        with pytest.raises(TrainingError, match="has ended"):
            step(*four_shapes(8), 0.1)
    with TrainingStep(make(), softmax_cross_entropy, SGD(), threads=2):
        assert len(multiprocessing.active_children()) > len(before)
    assert multiprocessing.active_children() == before


def test_the_second_process_ends_when_the_first_is_killed():
    begin = (
        "import multiprocessing, time\n"
        "from mnistweb.nn import SGD, softmax_cross_entropy\n"
        "from mnistweb.nn.step import TrainingStep\n"
        "from tests.nn.models import tiny_convnet\n"
        "with TrainingStep(tiny_convnet(), softmax_cross_entropy, SGD(), threads=2):\n"
        "    print(multiprocessing.active_children()[0].pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", begin], stdout=subprocess.PIPE, text=True) as first:
        second = int(first.stdout.readline())
        first.kill()
    ends = time.monotonic() + 5
    while Path(f"/proc/{second}").exists() and time.monotonic() < ends:
        time.sleep(0.02)
    assert not Path(f"/proc/{second}").exists()


def test_where_no_process_can_be_had_a_thread_does_it(monkeypatch):
    def refuse():
        raise BlockingIOError("no more processes")

    monkeypatch.setattr("mnistweb.nn.pair.processes", refuse)
    before = multiprocessing.active_children()
    with TrainingStep(tiny_convnet(), softmax_cross_entropy, SGD(), threads=2) as step:
        assert multiprocessing.active_children() == before
        assert step(*four_shapes(8), 0.1).labelled == 8


def test_afterwards_the_model_lies_in_memory_of_its_own():
    model, optimizer = tiny_convnet(), Adam()
    with TrainingStep(model, softmax_cross_entropy, optimizer, threads=2) as step:
        step(*four_shapes(8), 0.1)
        shared = model.flat_params
        assert np.shares_memory(model.params["0.weight"], shared)
    assert not np.shares_memory(model.flat_params, shared)
    assert np.shares_memory(model.params["0.weight"], model.flat_params)
    assert (model.flat_params == shared).all()


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
