"""Training: it learns, repeats itself bit for bit, goes on where it stopped, and says when it blows up."""

import math
import pickle
import time
import weakref
from functools import partial

import numpy as np
import pytest

from mnistweb.nn import (
    SGD,
    Adam,
    AdamW,
    ArrayBatches,
    ConfigurationError,
    Constant,
    DivergedError,
    Momentum,
    OneCycle,
    StopTraining,
    TrainingState,
    evaluate,
    fit,
    softmax_cross_entropy,
)
from tests.nn.models import four_shapes, tiny_convnet, tiny_perceptron, wide_perceptron

PLAIN_TYPES = (int, float, str, type(None), np.ndarray)


def train(model, *, data=None, **settings):
    batches = ArrayBatches(*(data or four_shapes()), batch_size=13, seed=7)
    defaults = {
        "optimizer": AdamW(),
        "schedule": Constant(0.01),
        "epochs": 4,
        "seed": 5,
        "validation": four_shapes(30, seed=1),
    }
    return fit(model, batches, **(defaults | settings))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("make", [tiny_perceptron, tiny_convnet])
def test_a_handful_of_pictures_is_learned_by_heart(make, threads):
    data = four_shapes(12, noise=0.9)
    model = make(dropout_rate=0)
    history = train(model, data=data, epochs=60, validation=None, threads=threads)
    assert history[-1]["accuracy"] == 1.0
    assert history[-1]["loss"] < 0.05 < history[0]["loss"]
    assert evaluate(model, *data)[1] == 1.0


def test_what_is_learned_holds_for_new_pictures():
    model = tiny_perceptron()
    history = train(model, epochs=30)
    assert history[-1]["validation_accuracy"] > 0.9
    assert evaluate(model, *four_shapes(100, seed=2))[1] > 0.9


def test_a_row_of_the_history_says_it_all():
    model = tiny_perceptron()
    rows = train(model, epochs=2, schedule=Constant(0.01, warmup_steps=5))
    assert [row["epoch"] for row in rows] == [1, 2]
    assert [row["steps"] for row in rows] == [4, 8]
    assert rows[0]["learning_rate"] == pytest.approx(0.01 * 4 / 6)
    assert rows[1]["weight_norm"] > 0
    assert rows[1]["gradient_norm"] > 0
    assert set(rows[0]) == {
        "epoch", "steps", "learning_rate", "loss", "accuracy", "validation_loss", "validation_accuracy",
        "seconds", "gradient_norm", "weight_norm",
    }  # fmt: skip
    assert all(type(value) in (int, float) for row in rows for value in row.values())


def test_loss_and_accuracy_of_an_epoch_are_means_over_its_examples():
    model, data = tiny_perceptron(), four_shapes(20)
    history = train(model, data=data, epochs=1, optimizer=SGD(), schedule=Constant(1e-12), validation=None)
    loss, accuracy = evaluate(tiny_perceptron(), *data)
    assert history[0]["loss"] == pytest.approx(loss, rel=1e-5)
    assert history[0]["accuracy"] == accuracy


@pytest.mark.parametrize("threads", [1, 2])
def test_equal_seeds_give_equal_weights(threads):
    runs = []
    for seed in (5, 5, 6):
        model = tiny_convnet()
        train(model, seed=seed, threads=threads, ema_decay=0.9)
        runs.append(model.flat_params.copy())
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()  # another dropout


@pytest.mark.parametrize("threads", [1, 2])
def test_whoever_watches_sees_every_step_and_changes_no_bit(threads):
    reports, norms = [], []

    def watch(report):
        reports.append(report)
        norms.append(np.linalg.norm(report.model.flat_params))
        report.model.forward(four_shapes(5)[0])

    watched, alone = tiny_convnet(), tiny_convnet()
    history = train(watched, threads=threads, watch=watch)
    train(alone, threads=threads)
    np.testing.assert_array_equal(watched.flat_params, alone.flat_params)
    np.testing.assert_array_equal(watched.flat_buffers, alone.flat_buffers)
    assert [(each.epoch, each.step) for each in reports] == [(e, s) for e in range(4) for s in range(1, 5)]
    assert [row["gradient_norm"] for row in history] == pytest.approx(
        [np.mean([each.result.gradient_norm for each in reports[e * 4 : e * 4 + 4]]) for e in range(4)]
    )
    assert norms[-1] == pytest.approx(history[-1]["weight_norm"])


def test_the_time_of_whoever_watches_is_not_that_of_the_training():
    history = train(tiny_perceptron(), epochs=1, watch=lambda report: time.sleep(0.1))
    assert history[0]["seconds"] < 0.3  # four steps, watched for 0.4 s


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("stopped_after", [1, 3])
@pytest.mark.parametrize("optimizer", [Adam, partial(Momentum, nesterov=True)])
def test_a_resumed_training_is_bit_for_bit_the_uninterrupted_one(stopped_after, threads, optimizer):
    settings = {"epochs": 5, "threads": threads, "ema_decay": 0.9, "schedule": OneCycle(0.01, total_steps=20)}
    straight, saved = tiny_convnet(), []

    def save(state):
        saved.append(pickle.dumps(state))

    straight_history = train(straight, optimizer=optimizer(), callbacks=[save], **settings)
    state = pickle.loads(saved[stopped_after - 1])
    resumed = tiny_convnet(seed=99)  # its own weights do not matter
    resumed_history = train(resumed, optimizer=optimizer(), start=state, **settings)
    np.testing.assert_array_equal(resumed.flat_params, straight.flat_params)
    np.testing.assert_array_equal(resumed.flat_buffers, straight.flat_buffers)
    assert [without_time(row) for row in resumed_history] == [without_time(row) for row in straight_history]


def without_time(row):
    return {name: value for name, value in row.items() if name != "seconds"}


def test_a_training_state_is_plain_data_and_comes_back_from_it():
    states = []
    train(tiny_convnet(), epochs=1, ema_decay=0.9, callbacks=[states.append])
    state = states[0]

    def assert_plain(value):
        if isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                assert_plain(item)
        else:
            assert type(value) in PLAIN_TYPES

    assert_plain(state.as_dict())
    assert TrainingState.from_dict(state.as_dict()) == state
    with pytest.raises(ConfigurationError, match="no training state"):
        TrainingState.from_dict({"epoch": 3})


def test_states_are_not_changed_by_what_comes_after():
    states, frozen = [], []

    def keep(state):
        states.append(state)
        frozen.append(pickle.dumps(state))

    train(tiny_convnet(), ema_decay=0.9, callbacks=[keep])
    assert [pickle.dumps(state) for state in states] == frozen


def test_resuming_with_another_seed_or_average_is_refused():
    states = []
    train(tiny_perceptron(), epochs=1, callbacks=[states.append])
    with pytest.raises(ConfigurationError, match="began with seed 5, not 6"):
        train(tiny_perceptron(), seed=6, start=states[0])
    with pytest.raises(ConfigurationError, match="ema_decay must be given if, and only if"):
        train(tiny_perceptron(), ema_decay=0.9, start=states[0])


def rate_that_jumps(before, after, *, at):
    return lambda step: before if step < at else after


def test_the_best_weights_are_kept_not_the_last():
    model, states = tiny_perceptron(), []
    # The rate explodes in the third epoch and spoils what was learned.
    schedule = rate_that_jumps(0.1, 50.0, at=8)
    history = train(model, epochs=3, optimizer=SGD(), schedule=schedule, callbacks=[states.append])
    accuracies = [row["validation_accuracy"] for row in history]
    assert accuracies[2] < max(accuracies)
    best = states[-1].best
    assert best["epoch"] == accuracies.index(max(accuracies)) + 1
    np.testing.assert_array_equal(model.params["1.weight"], best["model"]["1.weight"])
    assert evaluate(model, *four_shapes(30, seed=1))[1] == max(accuracies)


def test_with_equal_accuracy_the_lower_loss_is_the_better_one():
    model, states = tiny_perceptron(), []
    history = train(model, epochs=40, callbacks=[states.append])
    perfect = [row for row in history if row["validation_accuracy"] == 1.0]
    assert len(perfect) > 1
    assert states[-1].best["validation_loss"] == min(row["validation_loss"] for row in perfect)


def test_without_validation_the_last_weights_stay():
    model, states = tiny_perceptron(), []
    train(model, validation=None, callbacks=[states.append])
    assert states[-1].best is None
    np.testing.assert_array_equal(model.params["1.weight"], states[-1].model["1.weight"])


def test_early_stopping_ends_a_training_that_no_longer_improves():
    model = tiny_perceptron()
    history = train(model, epochs=50, optimizer=SGD(), schedule=Constant(1e-12), early_stopping=3)
    assert len(history) == 4  # the first epoch, and three that were no better


def test_early_stopping_counts_on_after_a_resume():
    settings = {"optimizer": SGD(), "schedule": Constant(1e-12), "early_stopping": 3}
    states = []
    train(tiny_perceptron(), epochs=2, callbacks=[states.append], **settings)
    assert len(train(tiny_perceptron(), epochs=50, start=states[-1], **settings)) == 4


def test_the_average_of_the_weights_is_what_is_validated_and_kept():
    model, states = tiny_perceptron(), []
    history = train(model, epochs=1, ema_decay=0.5, callbacks=[states.append])
    average = states[0].average["average"]
    assert (average != np.concatenate([states[0].model[name].ravel() for name in model.params])).any()
    np.testing.assert_array_equal(model.flat_params, average)
    loss, accuracy = evaluate(model, *four_shapes(30, seed=1))
    assert (history[0]["validation_loss"], history[0]["validation_accuracy"]) == (loss, accuracy)


@pytest.mark.parametrize("validation", [None, four_shapes(30, seed=1)])
def test_averaged_weights_get_batch_statistics_of_their_own(validation):
    # The learning rate is so large that the statistics of the latest weights are far from the average's.
    model = tiny_convnet(dropout_rate=0)
    data = four_shapes(260)
    train(model, data=data, epochs=3, ema_decay=0.95, schedule=Constant(0.05), validation=validation)
    norm = model.layers[1]
    convolved = model.layers[0].forward(data[0]).reshape(-1, norm.features)
    np.testing.assert_allclose(norm.buffers["running_mean"], convolved.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(norm.buffers["running_var"], convolved.var(axis=0), rtol=0.02)


@pytest.mark.parametrize(("settings", "are_kept"), [({}, False), ({"ema_decay": 0.9}, True)])
def test_batches_are_let_go_unless_an_average_asks_for_them(settings, are_kept):
    class Watched(ArrayBatches):
        def epoch(self, index):
            seen = []
            for inputs, labels in super().epoch(index):
                self.alive = [batch() is not None for batch in seen]
                seen.append(weakref.ref(inputs))
                yield inputs, labels

    batches = Watched(*four_shapes(), batch_size=13, seed=7)
    fit(tiny_convnet(), batches, optimizer=AdamW(), schedule=Constant(0.01), epochs=1, seed=5, **settings)
    *earlier, _ = batches.alive  # the latest may still be in the layers
    assert len(earlier) >= 2
    assert all(earlier) if are_kept else not any(earlier)


def test_two_threads_learn_what_the_batches_are_and_not_what_their_arrays_once_were():
    class Negatives(ArrayBatches):
        def epoch(self, index):
            self.inputs[...] = 1 - self.inputs
            return super().epoch(index)

    runs = []
    for threads in (1, 2):
        model, batches = wide_perceptron(), Negatives(*four_shapes(), batch_size=13, seed=7)
        fit(model, batches, optimizer=SGD(), schedule=Constant(0.01), epochs=2, seed=5, threads=threads)
        runs.append(model.flat_params.copy())
    np.testing.assert_allclose(*runs, atol=1e-6)


def test_without_validation_the_average_stays_in_the_model():
    model, states = tiny_perceptron(), []
    train(model, epochs=2, ema_decay=0.5, validation=None, callbacks=[states.append])
    np.testing.assert_array_equal(model.flat_params, states[-1].average["average"])


def test_a_callback_can_end_the_training():
    def stop_after_two(state):
        if state.epoch == 2:
            raise StopTraining

    assert len(train(tiny_perceptron(), epochs=9, callbacks=[stop_after_two])) == 2


def test_an_epoch_that_the_batches_cut_short_is_dropped():
    class Stopping(ArrayBatches):
        def epoch(self, index):
            for batch in super().epoch(index):
                yield batch
                if index == 1:
                    raise StopTraining

    model, states = tiny_perceptron(), []
    history = fit(
        model, Stopping(*four_shapes(), batch_size=13, seed=7), optimizer=Adam(), schedule=Constant(0.01),
        epochs=9, seed=5, callbacks=[states.append],
    )  # fmt: skip
    assert len(history) == 1
    np.testing.assert_array_equal(model.params["1.weight"], states[0].model["1.weight"])


def test_an_optimizer_leaves_the_decay_of_one_model_behind_for_the_next():
    used, fresh = SGD(weight_decay=0.5), SGD(weight_decay=0.5)
    train(tiny_convnet(), optimizer=used, epochs=1)
    models = tiny_perceptron(), tiny_perceptron()
    for model, optimizer in zip(models, (used, fresh), strict=True):
        train(model, optimizer=optimizer, epochs=1)
    np.testing.assert_array_equal(models[0].flat_params, models[1].flat_params)


def test_weights_decay_but_biases_do_not():
    plain, decayed = tiny_perceptron(), tiny_perceptron()
    settings = {"epochs": 1, "schedule": Constant(1e-9), "validation": None}
    train(plain, optimizer=SGD(), **settings)
    train(decayed, optimizer=SGD(weight_decay=1e6), **settings)
    assert np.linalg.norm(decayed.params["1.weight"]) < 0.999 * np.linalg.norm(plain.params["1.weight"])
    np.testing.assert_allclose(decayed.params["1.bias"], plain.params["1.bias"], atol=1e-7)


def test_the_loss_can_be_chosen():
    smoothed = partial(softmax_cross_entropy, label_smoothing=0.3)
    history = train(tiny_perceptron(), epochs=60, loss=smoothed, data=four_shapes(12), validation=None)
    target = [0.3 / 4] * 3 + [0.7 + 0.3 / 4]
    entropy = -sum(p * math.log(p) for p in target)  # no network can do better than that
    assert entropy <= history[-1]["loss"] < entropy + 0.1


@pytest.mark.parametrize("threads", [1, 2])
def test_a_training_that_blows_up_stops_and_says_where(threads):
    model, states = tiny_perceptron(), []
    schedule = rate_that_jumps(0.01, 1e30, at=4)
    with pytest.raises(DivergedError, match=r"in epoch 2, step \d: .*first not finite: .*\(Dense") as caught:
        train(model, optimizer=SGD(), schedule=schedule, callbacks=[states.append], threads=threads)
    assert isinstance(caught.value, ArithmeticError)
    assert len(states) == 1
    np.testing.assert_array_equal(model.params["1.weight"], states[0].model["1.weight"])


def test_a_picture_that_is_not_a_number_stops_training_before_any_harm():
    pictures, labels = four_shapes()
    pictures[20, 3, 3, 0] = np.nan
    model, untouched = tiny_convnet(), tiny_convnet()
    with pytest.raises(DivergedError, match=r"epoch 1, step \d: loss nan.*: the inputs"):
        train(model, data=(pictures, labels))
    np.testing.assert_array_equal(model.flat_params, untouched.flat_params)
    np.testing.assert_array_equal(model.flat_buffers, untouched.flat_buffers)


def test_weights_that_become_infinite_with_the_last_step_are_noticed():
    with pytest.raises(DivergedError, match=r"epoch 1, step 4: weight norm .*: parameter 1.weight"):
        train(tiny_perceptron(), epochs=1, optimizer=SGD(), schedule=rate_that_jumps(0.01, 1e45, at=3))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"early_stopping": 0}, "early_stopping needs"),
        ({"early_stopping": 2, "validation": None}, "early_stopping needs validation"),
        ({"ema_decay": 1.0}, "ema_decay must be"),
        ({"threads": 0}, "threads must be 1 or 2"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(settings, reason):
    with pytest.raises(ConfigurationError, match=reason):
        train(tiny_perceptron(), **settings)
