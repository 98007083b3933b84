"""Each classic mistake does what it says, is caught or not as it says, and leaves nothing behind."""

import numpy as np
import pytest

from mnistweb.nn import (
    ArrayBatches,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    Momentum,
    ReLU,
    Sequential,
    check_gradients,
    losses,
)
from mnistweb.nn.mistakes import MISTAKES, made
from mnistweb.recipes.practice import practice_network
from tests.nn.models import four_shapes


def network():
    """Every kind of layer that a mistake concerns."""
    rng = np.random.default_rng(0)
    layers = [
        Conv2D(1, 3, 3, padding=1, rng=rng), BatchNorm(3), ReLU(), Conv2D(3, 2, 2, rng=rng), MaxPool2D(2),
        Flatten(), Dense(18, 6, rng=rng), ReLU(), Dropout(0.3, rng=rng), Dense(6, 4, rng=rng),
    ]  # fmt: skip
    return Sequential(layers, input_shape=(8, 8, 1))


def check():
    inputs, labels = four_shapes(5, seed=1)
    return check_gradients(
        network(), inputs, labels, loss=losses.softmax_cross_entropy, max_entries=6, seed=1
    )


def test_there_are_more_than_a_dozen():
    assert len(MISTAKES) > 12
    assert all(name == mistake.name for name, mistake in MISTAKES.items())


@pytest.mark.parametrize("name", MISTAKES)
def test_the_gradient_check_catches_it_if_and_only_if_it_is_said_to(name):
    mistake = MISTAKES[name]
    with made(mistake):
        report = check()
    assert report.passed is not mistake.caught_by_check, f"{report}\n{mistake.noticed_by}"


@pytest.mark.parametrize("name", MISTAKES)
def test_afterwards_everything_is_right_again(name):
    mistake = MISTAKES[name]
    right, layers = getattr(mistake.owner, mistake.attribute), [BatchNorm(3), ReLU()]

    def fail():
        with made(mistake):
            assert getattr(mistake.owner, mistake.attribute) is mistake.wrong
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert getattr(mistake.owner, mistake.attribute) is right
    assert len(Sequential(layers, input_shape=(3,))._in_order) == 1, "layers are joined again"


@pytest.mark.parametrize("name", MISTAKES)
def test_so_it_is_in_the_practice_network(name):
    """Whose layers would be joined, if no mistake were made."""
    mistake, (inputs, labels) = MISTAKES[name], practice_digits()
    with made(mistake):
        report = check_gradients(
            practice_network(), inputs, labels, loss=losses.softmax_cross_entropy, max_entries=3, seed=1
        )
    assert report.passed is not mistake.caught_by_check, f"{report}\n{mistake.noticed_by}"


def practice_digits():
    rng = np.random.default_rng(0)
    return rng.random((4, 28, 28, 1), np.float32), rng.integers(0, 10, 4)


def test_without_a_mistake_the_network_passes():
    assert check().passed


def test_taken_over_the_right_axis_the_wrong_statistics_are_right(monkeypatch):
    mean, var = np.ndarray.mean, np.ndarray.var

    class Rows(np.ndarray):
        """Whatever axis is asked for, it is the first."""

        def mean(self, axis, keepdims):
            return mean(self.view(np.ndarray), axis=0, keepdims=keepdims)

        def var(self, axis, keepdims):
            return var(self.view(np.ndarray), axis=0, keepdims=keepdims)

    inputs = np.random.default_rng(0).standard_normal((6, 3))
    wrong = MISTAKES["batchnorm-axis"].wrong(BatchNorm(3), inputs.view(Rows), training=True)
    np.testing.assert_allclose(wrong, BatchNorm(3).forward(inputs, training=True))


@pytest.mark.parametrize("name", MISTAKES)
def test_the_wrong_line_is_shown_with_what_would_be_right(name):
    assert all("# right: " in line for line in MISTAKES[name].lines)
    assert MISTAKES[name].lines


def test_a_mistake_knows_its_place():
    assert MISTAKES["sign"].place == "Dense.backward"
    assert MISTAKES["sign"].layer is Dense
    assert MISTAKES["no-mean"].place == "losses.softmax_cross_entropy"
    assert MISTAKES["no-mean"].layer is None
    assert MISTAKES["momentum-sign"].layer is None


# What notices each mistake that the gradient check lets pass.


def test_without_the_maximum_large_logits_overflow():
    logits, labels = np.full((2, 3), 1000, np.float32), np.array([0, 2])
    with made(MISTAKES["no-maximum"]), np.errstate(over="ignore", invalid="ignore"):
        assert np.isnan(losses.softmax_cross_entropy(logits, labels)[0])
    assert losses.softmax_cross_entropy(logits, labels)[0] == pytest.approx(np.log(3))


def test_with_two_softmaxes_the_loss_has_a_floor():
    logits, labels = np.eye(10) * 1000, np.arange(10)
    with made(MISTAKES["double-softmax"]):
        assert losses.softmax_cross_entropy(logits, labels)[0] == pytest.approx(np.log(1 + 9 / np.e))
    assert losses.softmax_cross_entropy(logits, labels)[0] == pytest.approx(0)


def test_with_labels_off_by_one_the_right_answer_is_the_worst():
    logits, labels = np.eye(10) * 1000, np.arange(10)
    with made(MISTAKES["labels-off-by-one"]):
        assert losses.softmax_cross_entropy(logits, labels)[0] == pytest.approx(1000)


def test_dropout_that_is_not_scaled_changes_the_mean():
    ones = np.ones((200, 200), np.float32)
    with made(MISTAKES["dropout-not-scaled"]):
        layer = Dropout(0.4, rng=np.random.default_rng(0))
        assert layer.forward(ones, training=True).mean() == pytest.approx(0.6, abs=0.01)
    assert layer.forward(ones, training=True).mean() == pytest.approx(1, abs=0.01)


def test_gradients_that_are_never_reset_differ_the_second_time():
    def twice():
        layer = Dense(3, 2, rng=np.random.default_rng(0))
        layer.forward(np.ones((1, 3), np.float32), training=True)
        layer.backward(np.ones((1, 2), np.float32))
        first = layer.grads["weight"].copy()
        layer.backward(np.ones((1, 2), np.float32))
        return first, layer.grads["weight"]

    with made(MISTAKES["never-reset"]):
        first, second = twice()
        np.testing.assert_array_equal(second, 2 * first)
    np.testing.assert_array_equal(*twice())


@pytest.mark.parametrize(("name", "wrong"), [("momentum-sign", 0.5), ("learning-rate-side", -2)])
def test_one_step_by_hand_shows_what_is_wrong_with_the_optimizer(name, wrong):
    def params_after_a_step():
        params = np.zeros(1, np.float32)
        Momentum().step(params, np.ones(1, np.float32), 0.5)
        return params[0]

    with made(MISTAKES[name]):
        assert params_after_a_step() == wrong
    assert params_after_a_step() == -0.5


def test_from_zero_weights_no_gradient_reaches_the_first_layers():
    inputs, labels = four_shapes(5)
    with made(MISTAKES["zero-weights"]):
        model = network()
    _, grad = losses.softmax_cross_entropy(model.forward(inputs, training=True), labels)
    model.backward(grad)
    assert not any(model.grads[name].any() for name in ("0.weight", "3.weight", "6.weight"))


def test_only_pictures_shuffled_leaves_the_labels_in_order():
    batches = ArrayBatches(np.arange(100.0), np.arange(100), batch_size=30, seed=0)
    with made(MISTAKES["shuffled-pictures"]):
        inputs, labels = next(batches.epoch(0))
        np.testing.assert_array_equal(labels, np.arange(30))
        assert (inputs != labels).any()
    inputs, labels = next(batches.epoch(0))
    np.testing.assert_array_equal(inputs, labels)
