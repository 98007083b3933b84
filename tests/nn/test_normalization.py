"""Batch normalisation: the formulas, the running averages, the gradients and the numbers it must survive."""

import numpy as np
import pytest

from mnistweb.nn.activations import ReLU
from mnistweb.nn.errors import ConfigurationError, ShapeError, TrainingError
from mnistweb.nn.normalization import BatchNorm, BatchNormReLU, norms_joined
from mnistweb.nn.pooling import MaxPool2D


def naive_batch_norm(inputs, gamma, beta, epsilon):
    """One feature at a time, in float64."""
    outputs = np.empty(inputs.shape)
    for feature in range(inputs.shape[-1]):
        values = inputs[..., feature].astype(np.float64)
        normalised = (values - values.mean()) / np.sqrt(values.var() + epsilon)
        outputs[..., feature] = normalised * gamma[feature] + beta[feature]
    return outputs


def layer_with_random_params(features, dtype=np.float64, seed=0, **settings):
    rng = np.random.default_rng(seed)
    layer = BatchNorm(features, **settings)
    layer.params = {name: rng.standard_normal(features).astype(dtype) for name in layer.params}
    layer.grads = {name: np.zeros(features, dtype) for name in layer.params}
    layer.buffers = {name: buffer.astype(dtype) for name, buffer in layer.buffers.items()}
    return layer


SHAPES = [(8, 5), (3, 4, 6, 2), (2, 3, 3, 1), (37, 32), (5, 7, 7, 64)]


@pytest.mark.parametrize("shape", SHAPES)
def test_training_normalises_over_all_axes_but_the_last(shape):
    layer = layer_with_random_params(shape[-1])
    inputs = np.random.default_rng(1).standard_normal(shape) * 3 + 5
    wanted = naive_batch_norm(inputs, layer.params["gamma"], layer.params["beta"], layer.epsilon)
    np.testing.assert_allclose(layer.forward(inputs.copy(), training=True), wanted, atol=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_agree_with_finite_differences(shape):
    rng = np.random.default_rng(2)
    layer = layer_with_random_params(shape[-1])
    inputs, grad_output = rng.standard_normal(shape), rng.standard_normal(shape)

    def loss():
        return np.sum(layer.forward(inputs.copy(), training=True) * grad_output)

    loss()
    grad_inputs = layer.backward(grad_output.copy()).copy()
    grads = {name: grad.copy() for name, grad in layer.grads.items()}
    for array, gradient in ((inputs, grad_inputs), *((layer.params[n], grads[n]) for n in grads)):
        for index in rng.integers(array.size, size=8):
            value, step = array.flat[index], 1e-5
            array.flat[index] = value + step
            above = loss()
            array.flat[index] = value - step
            below = loss()
            array.flat[index] = value
            assert (above - below) / (2 * step) == pytest.approx(gradient.flat[index], rel=1e-5, abs=1e-7)


def test_two_rows_worked_by_hand():
    layer = BatchNorm(1, momentum=0.5, epsilon=3.0)
    layer.params["gamma"][:], layer.params["beta"][:] = 4, 10
    # mean 2, variance 1: (1 - 2) / sqrt(1 + 3) = -0.5 and +0.5
    outputs = layer.forward(np.array([[1.0], [3.0]], np.float32), training=True)
    np.testing.assert_allclose(outputs, [[8], [12]], rtol=1e-6)
    np.testing.assert_allclose(layer.buffers["running_mean"], [1.0])  # 0.5 * 0 + 0.5 * 2
    np.testing.assert_allclose(layer.buffers["running_var"], [1.5])  # 0.5 * 1 + 0.5 * 2 (unbiased)


def test_inference_uses_the_running_averages_and_leaves_no_trace():
    layer = layer_with_random_params(3, momentum=0.0)
    inputs = np.random.default_rng(3).standard_normal((200, 3)) * 2 + 1
    trained = layer.forward(inputs.copy(), training=True)
    cached = dict(layer.cache)
    buffers = {name: buffer.copy() for name, buffer in layer.buffers.items()}
    np.testing.assert_allclose(layer.forward(inputs), trained, atol=0.02)
    assert layer.cache.keys() == cached.keys()
    for name, buffer in layer.buffers.items():
        np.testing.assert_array_equal(buffer, buffers[name])
    fresh = layer_with_random_params(3)
    before = inputs.copy()
    fresh.forward(inputs)
    assert fresh.cache == {}
    np.testing.assert_array_equal(inputs, before)


def test_a_large_offset_does_not_drown_the_variance():
    # The mean of squares minus the square of the mean would lose every digit here.
    rng = np.random.default_rng(4)
    inputs = (rng.standard_normal((4096, 4)) + 3000).astype(np.float32)
    layer = BatchNorm(4)
    outputs = layer.forward(inputs.copy(), training=True)
    wanted = naive_batch_norm(inputs, np.ones(4), np.zeros(4), layer.epsilon)
    np.testing.assert_allclose(outputs, wanted, atol=5e-3)


def test_a_beginning_unlike_the_rest_does_not_drown_the_variance():
    # The mean of the first numbers is what the distances are measured from.
    inputs = np.random.default_rng(4).standard_normal((100_000, 4)).astype(np.float32) + 3000
    inputs[:10_000] += 10
    wanted = naive_batch_norm(inputs, np.ones(4), np.zeros(4), 1e-5)
    np.testing.assert_allclose(BatchNorm(4).forward(inputs, training=True), wanted, atol=5e-3)


@pytest.mark.parametrize("shape", [(8, 5), (64, 26, 26, 8)])
def test_with_relu_in_one_walk_it_finds_the_same_bits(shape):
    """Outputs, gradients and running averages, in training and at inference."""
    rng = np.random.default_rng(7)
    inputs, grad = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
    norm, relu = layer_with_random_params(shape[-1], np.float32), ReLU()
    twin = layer_with_random_params(shape[-1], np.float32)
    (joined,) = norms_joined([twin, ReLU()])
    results = []
    for forward, backward in (
        (
            lambda: relu.forward(norm.forward(inputs, training=True), training=True).copy(),
            lambda: norm.backward(relu.backward(grad.copy())),
        ),
        (lambda: joined.forward(inputs, training=True).copy(), lambda: joined.backward(grad.copy())),
    ):
        results.append([forward(), backward()])
    results[0] += [*norm.grads.values(), *norm.buffers.values(), relu.forward(norm.forward(inputs))]
    results[1] += [*twin.grads.values(), *twin.buffers.values(), joined.forward(inputs)]
    for plain, at_once in zip(*results, strict=True):
        np.testing.assert_array_equal(at_once, plain)
    assert (results[0][0] >= 0).all()


@pytest.mark.parametrize("all_positive", [True, False])
@pytest.mark.parametrize(("shape", "pool_size", "stride"), [((64, 26, 26, 8), 2, 2), ((3, 9, 8, 5), 3, 2)])
def test_what_is_not_the_largest_need_not_be_normalised(shape, pool_size, stride, all_positive):
    """Outputs, gradients and running averages are those of the three layers, one after another."""
    rng = np.random.default_rng(7)
    inputs = rng.standard_normal(shape).astype(np.float32) + 3
    layers, twins = (
        [layer_with_random_params(shape[-1], np.float32), MaxPool2D(pool_size, stride), ReLU()]
        for _ in range(2)
    )
    (at_once,) = norms_joined(twins)
    for norm in (layers[0], twins[0]):
        gamma = norm.params["gamma"]
        np.abs(gamma, out=gamma)
        gamma[0] *= 1 if all_positive else -1
    for _ in range(2):  # memory that is used again holds what the first time left there
        plain, quick = inputs, at_once.forward(inputs, training=True)
        for layer in layers:
            plain = layer.forward(plain, training=True)
        np.testing.assert_array_equal(quick, plain)
        grad = rng.standard_normal(plain.shape).astype(np.float32)
        quick_grad, plain_grad = at_once.backward(grad.copy()), grad.copy()
        for layer in reversed(layers):
            plain_grad = layer.backward(plain_grad)
        np.testing.assert_allclose(quick_grad, plain_grad, atol=1e-5)
        for name, wanted in layers[0].grads.items():
            np.testing.assert_allclose(twins[0].grads[name], wanted, rtol=1e-4)
        for name, wanted in layers[0].buffers.items():
            np.testing.assert_array_equal(twins[0].buffers[name], wanted)
    plain = inputs
    for layer in layers:
        plain = layer.forward(plain)
    np.testing.assert_array_equal(at_once.forward(inputs), plain)


@pytest.mark.parametrize("with_relu", [False, True])
def test_a_gradient_in_another_order_of_memory_is_no_other_gradient(with_relu):
    rng = np.random.default_rng(8)
    inputs, grad = rng.standard_normal((2, 64, 5))
    layer, twin = (layer_with_random_params(5) for _ in range(2))
    if with_relu:
        layer, twin = BatchNormReLU(layer, ReLU()), BatchNormReLU(twin, ReLU())
    layer.forward(inputs, training=True)
    twin.forward(inputs, training=True)
    wanted = layer.backward(grad.copy())
    np.testing.assert_array_equal(twin.backward(np.asfortranarray(grad)), wanted)


def test_only_a_relu_that_follows_is_joined():
    apart = [BatchNorm(2), MaxPool2D(2), MaxPool2D(2), ReLU(), BatchNorm(2), MaxPool2D(2)]
    assert norms_joined(apart) == apart
    together = [ReLU(), BatchNorm(2), ReLU(), MaxPool2D(2), BatchNorm(2), MaxPool2D(2), ReLU(), ReLU()]
    kinds = [type(layer) for layer in norms_joined(together)]
    assert kinds == [ReLU, BatchNormReLU, MaxPool2D, BatchNormReLU, ReLU]


def test_layers_of_subclasses_are_not_joined():
    class Leaky(ReLU):
        pass

    class Pool(MaxPool2D):
        pass

    layers = [BatchNorm(2), Leaky(), BatchNorm(2), Pool(2), ReLU(), BatchNorm(2), MaxPool2D(2), Leaky()]
    assert norms_joined(layers) == layers


def test_a_large_image_batch_in_float32_is_as_good_as_in_float64():
    rng = np.random.default_rng(5)
    inputs = (rng.standard_normal((64, 26, 26, 8)) * [1, 2, 3, 4, 1e-2, 1e2, 1, 1] + 1).astype(np.float32)
    layer = layer_with_random_params(8, np.float32)
    wanted = naive_batch_norm(inputs, layer.params["gamma"], layer.params["beta"], layer.epsilon)
    np.testing.assert_allclose(layer.forward(inputs.copy(), training=True), wanted, atol=2e-5)


def test_a_constant_feature_becomes_beta():
    layer = layer_with_random_params(2, np.float32)
    outputs = layer.forward(np.full((16, 2), 7, np.float32), training=True)
    np.testing.assert_allclose(outputs, np.broadcast_to(layer.params["beta"], (16, 2)), atol=1e-3)
    assert np.isfinite(layer.backward(np.ones((16, 2), np.float32))).all()


def test_averages_follow_the_data():
    layer = BatchNorm(2)
    rng = np.random.default_rng(6)
    for _ in range(200):
        layer.forward((rng.standard_normal((256, 2)) * [1, 3] + [5, -2]).astype(np.float32), training=True)
    np.testing.assert_allclose(layer.buffers["running_mean"], [5, -2], atol=0.2)
    np.testing.assert_allclose(layer.buffers["running_var"], [1, 9], rtol=0.1)


def test_a_replica_has_averages_of_its_own():
    layer = BatchNorm(2)
    twin = layer.replica()
    twin.forward(np.full((4, 2), 9, np.float32), training=True)
    np.testing.assert_array_equal(layer.buffers["running_mean"], [0, 0])


def test_float32_stays_float32():
    layer = BatchNorm(3)
    outputs = layer.forward(np.ones((4, 5, 5, 3), np.float32), training=True)
    assert outputs.dtype == np.float32
    assert layer.backward(np.ones_like(outputs)).dtype == np.float32
    assert layer.forward(np.ones((1, 5, 5, 3), np.float32)).dtype == np.float32


def test_errors_say_what_was_wanted():
    with pytest.raises(ShapeError, match=r"last axis has 3 features, got \(N, 28, 28, 1\)"):
        BatchNorm(3).output_shape((28, 28, 1))
    with pytest.raises(ConfigurationError, match="momentum"):
        BatchNorm(3, momentum=1.0)
    with pytest.raises(TrainingError, match="BatchNorm"):
        BatchNorm(3).backward(np.zeros((2, 3), np.float32))


def test_config_builds_a_twin():
    layer = BatchNorm(3, 0.99, 1e-3)
    assert BatchNorm.from_config(layer.config(), np.random.default_rng(0)).config() == layer.config()
