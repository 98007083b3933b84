"""Dense, Flatten and Dropout: shapes, worked examples, gradients, and what they refuse."""

import numpy as np
import pytest

from mnistweb.nn import ConfigurationError, Dense, Dropout, Flatten, ShapeError, TrainingError
from mnistweb.nn.gradient_check import check_gradients
from tests.nn.checks import assert_inference_leaves_no_trace


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def small_dense():
    dense = Dense(2, 3, rng=np.random.default_rng(0))
    dense.params["weight"][...] = [[1, 2, 3], [4, 5, 6]]
    dense.params["bias"][...] = [0.5, 0, -0.5]
    return dense


def test_dense_by_hand():
    outputs = small_dense().forward(np.array([[1, 10]], np.float32))
    np.testing.assert_array_equal(outputs, [[1 + 40 + 0.5, 2 + 50, 3 + 60 - 0.5]])


def test_dense_backward_by_hand():
    dense = small_dense()
    dense.forward(np.array([[1, 10], [2, 20]], np.float32), training=True)
    grad_inputs = dense.backward(np.array([[1, 0, 0], [0, 0, 1]], np.float32))
    np.testing.assert_array_equal(dense.grads["weight"], [[1, 0, 2], [10, 0, 20]])
    np.testing.assert_array_equal(dense.grads["bias"], [1, 0, 1])
    np.testing.assert_array_equal(grad_inputs, [[1, 4], [3, 6]])


def test_dense_gradients_agree_with_numerical_ones(rng):
    report = check_gradients(Dense(7, 4, rng=rng), rng.standard_normal((5, 7)))
    assert {check.name for check in report.checks} == {"weight", "bias", "inputs"}
    assert report.passed, report


def test_dense_gives_float32_and_the_promised_shape(rng):
    dense = Dense(784, 10, rng=rng)
    for training in (False, True):
        outputs = dense.forward(rng.random((3, 784), np.float32), training=training)
        assert outputs.shape == (3, *dense.output_shape((784,)))
        assert outputs.dtype == np.float32


def test_dense_inference_leaves_no_trace(rng):
    assert_inference_leaves_no_trace(Dense(5, 3, rng=rng), rng.random((2, 5), np.float32))


def test_dense_says_that_pictures_have_to_be_flattened(rng):
    wanted = r"Dense expected inputs of shape \(N, 784\), got \(32, 28, 28, 1\); add Flatten before it"
    dense = Dense(784, 10, rng=rng)
    for training in (False, True):
        with pytest.raises(ShapeError, match=wanted):
            dense.forward(np.zeros((32, 28, 28, 1), np.float32), training=training)
    with pytest.raises(ShapeError, match="add Flatten"):
        dense.output_shape((28, 28, 1))


def test_dense_names_the_wrong_number_of_features(rng):
    with pytest.raises(ShapeError, match=r"\(N, 784\), got \(2, 783\)$"):
        Dense(784, 10, rng=rng).forward(np.zeros((2, 783), np.float32))


def test_dense_without_input_gradient_still_learns(rng):
    dense, inputs, grad = Dense(4, 3, rng=rng), rng.random((2, 4), np.float32), rng.random((2, 3), np.float32)
    dense.needs_input_grad = False
    dense.forward(inputs, training=True)
    assert dense.backward(grad) is None
    np.testing.assert_allclose(dense.grads["weight"], inputs.T @ grad, rtol=1e-6)


def test_dense_needs_at_least_one_input_and_output(rng):
    with pytest.raises(ConfigurationError, match="got 0 and 3"):
        Dense(0, 3, rng=rng)


def test_backward_without_a_training_pass_says_so(rng):
    dense = Dense(2, 2, rng=rng)
    dense.forward(np.zeros((1, 2), np.float32))
    with pytest.raises(TrainingError, match=r"no forward\(training=True\)"):
        dense.backward(np.zeros((1, 2), np.float32))


def test_a_replica_shares_parameters_but_not_gradients(rng):
    dense = Dense(3, 2, rng=rng)
    twin = dense.replica()
    twin.forward(rng.random((4, 3), np.float32), training=True)
    twin.backward(np.ones((4, 2), np.float32))
    assert twin.params["weight"] is dense.params["weight"]
    assert twin.grads["bias"].tolist() == [4, 4]
    assert dense.grads["bias"].tolist() == [0, 0]
    assert dense.cache == {}


def test_flatten_lays_rows_after_one_another():
    pictures = np.arange(2 * 3 * 2, dtype=np.float32).reshape(2, 3, 2, 1)
    assert Flatten().forward(pictures).tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert Flatten().output_shape((28, 28, 1)) == (784,)


def test_flatten_gives_gradients_their_shape_back(rng):
    assert check_gradients(Flatten(), rng.standard_normal((2, 3, 4, 2))).passed


def test_flatten_inference_leaves_no_trace(rng):
    assert_inference_leaves_no_trace(Flatten(), rng.random((2, 3, 3, 1), np.float32))


def test_dropout_zeroes_its_share_and_keeps_the_mean(rng):
    outputs = Dropout(0.25, rng=rng).forward(np.ones((400, 500), np.float32), training=True)
    assert outputs.dtype == np.float32
    assert set(np.unique(outputs)) == {0, np.float32(1 / 0.75)}
    assert (outputs == 0).mean() == pytest.approx(0.25, abs=0.005)
    assert outputs.mean() == pytest.approx(1, abs=0.01)


def test_dropout_is_the_identity_in_inference(rng):
    inputs = rng.random((3, 4), np.float32)
    np.testing.assert_array_equal(Dropout(0.5, rng=rng).forward(inputs), inputs)
    assert_inference_leaves_no_trace(Dropout(0.5, rng=rng), inputs)


def test_dropout_gradients_agree_with_numerical_ones(rng):
    assert check_gradients(Dropout(0.4, rng=rng), rng.standard_normal((6, 5))).passed


def test_dropout_draws_anew_each_time_and_repeats_after_reseed(rng):
    dropout, ones = Dropout(0.5, rng=rng), np.ones((10, 10), np.float32)
    masks = []
    for _ in range(2):
        dropout.reseed(np.random.default_rng(5))
        masks.append([dropout.forward(ones, training=True).copy() for _ in range(2)])
    assert (masks[0][0] != masks[0][1]).any()
    np.testing.assert_array_equal(masks[0], masks[1])


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5])
def test_dropout_refuses_rates_that_make_no_sense(rate, rng):
    with pytest.raises(ConfigurationError, match="dropout_rate must be at least 0 and below 1"):
        Dropout(rate, rng=rng)


def test_a_layer_made_without_a_generator_waits_for_its_weights_and_draws_nothing():
    dense = Dense.from_config({"in_features": 2, "out_features": 3, "initializer": "he_normal"}, None)
    assert not dense.params["weight"].any()
    dropout = Dropout.from_config({"dropout_rate": 0.5}, None)
    assert dropout.forward(np.ones((1, 2))).all(), "inference draws nothing anyhow"
    with pytest.raises(TrainingError, match="call reseed before training"):
        dropout.forward(np.ones((1, 2), np.float32), training=True)
    dropout.reseed(np.random.default_rng(0))
    dropout.forward(np.ones((1, 2), np.float32), training=True)
