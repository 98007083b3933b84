"""Pooling against loops over windows."""

import numpy as np
import pytest

from mnistweb.nn.activations import ReLU
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.errors import ConfigurationError, ShapeError
from mnistweb.nn.layers import Dense, Flatten
from mnistweb.nn.losses import softmax_cross_entropy
from mnistweb.nn.model import Sequential
from mnistweb.nn.pooling import AveragePool2D, GlobalAveragePool2D, MaxPool2D


def windows_of(inputs, size, stride):
    """Where each window lies: output index and the slices of the input."""
    _, height, width, _ = inputs.shape
    for y in range((height - size) // stride + 1):
        for x in range((width - size) // stride + 1):
            yield y, x, slice(y * stride, y * stride + size), slice(x * stride, x * stride + size)


def naive_pool(inputs, size, stride, reduce):
    n, height, width, channels = inputs.shape
    outputs = np.zeros((n, (height - size) // stride + 1, (width - size) // stride + 1, channels))
    for y, x, rows, columns in windows_of(inputs, size, stride):
        outputs[:, y, x] = reduce(inputs[:, rows, columns], axis=(1, 2))
    return outputs


def naive_max_gradient(inputs, grad_output, size, stride):
    grad_inputs = np.zeros(inputs.shape)
    for y, x, rows, columns in windows_of(inputs, size, stride):
        for picture in range(len(inputs)):
            for channel in range(inputs.shape[3]):
                window = inputs[picture, rows, columns, channel]
                i, j = np.unravel_index(np.argmax(window), window.shape)  # argmax: the first of equals
                grad_inputs[picture, rows, columns, channel][i, j] += grad_output[picture, y, x, channel]
    return grad_inputs


def naive_average_gradient(inputs, grad_output, size, stride):
    grad_inputs = np.zeros(inputs.shape)
    for y, x, rows, columns in windows_of(inputs, size, stride):
        grad_inputs[:, rows, columns] += grad_output[:, y : y + 1, x : x + 1] / size**2
    return grad_inputs


# pool_size, stride, height, width
CASES = [
    (2, None, 6, 8),
    (2, None, 7, 5),
    (3, None, 9, 6),
    (3, 2, 8, 9),
    (2, 3, 8, 8),
    (2, 1, 5, 4),
    (1, None, 3, 3),
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_max_pool_equals_the_loops(case, dtype):
    size, stride, height, width = case
    rng = np.random.default_rng(1)
    layer = MaxPool2D(size, stride)
    inputs = rng.standard_normal((3, height, width, 4)).astype(dtype)
    outputs = layer.forward(inputs, training=True)
    assert outputs.dtype == dtype
    np.testing.assert_array_equal(outputs, naive_pool(inputs, size, layer.stride, np.max))
    grad_output = rng.standard_normal(outputs.shape).astype(dtype)
    wanted = naive_max_gradient(inputs, grad_output, size, layer.stride)
    np.testing.assert_allclose(layer.backward(grad_output.copy()), wanted, atol=1e-6)
    np.testing.assert_array_equal(layer.forward(inputs), outputs)


@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, 2), (2, 1)])
def test_among_equals_the_first_place_gets_the_gradient(size, stride):
    rng = np.random.default_rng(2)
    layer = MaxPool2D(size, stride)
    inputs = rng.integers(0, 2, (4, 8, 8, 3)).astype(np.float32)  # many ties, as after a ReLU
    outputs = layer.forward(inputs, training=True)
    grad_output = rng.standard_normal(outputs.shape, dtype=np.float32)
    wanted = naive_max_gradient(inputs, grad_output, size, layer.stride)
    np.testing.assert_allclose(layer.backward(grad_output.copy()), wanted, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_of_the_next_step_does_not_depend_on_what_became_of_this_one(case):
    size, stride, height, width = case
    inputs = np.random.default_rng(1).standard_normal((2, height, width, 3))
    layer = MaxPool2D(size, stride)
    ones = np.ones_like(layer.forward(inputs, training=True))
    first = layer.backward(ones.copy()).copy()
    layer.backward(ones.copy())[...] = 7  # the layer before may work in place
    layer.forward(inputs, training=True)
    np.testing.assert_array_equal(layer.backward(ones), first)


@pytest.mark.parametrize("case", CASES)
def test_average_pool_equals_the_loops(case):
    size, stride, height, width = case
    rng = np.random.default_rng(3)
    layer = AveragePool2D(size, stride)
    inputs = rng.standard_normal((3, height, width, 4))
    outputs = layer.forward(inputs, training=True)
    np.testing.assert_allclose(outputs, naive_pool(inputs, size, layer.stride, np.mean), atol=1e-12)
    grad_output = rng.standard_normal(outputs.shape)
    wanted = naive_average_gradient(inputs, grad_output, size, layer.stride)
    np.testing.assert_allclose(layer.backward(grad_output.copy()), wanted, atol=1e-12)


def test_global_average_is_the_mean_of_each_channel():
    rng = np.random.default_rng(4)
    layer = GlobalAveragePool2D()
    inputs = rng.standard_normal((3, 4, 5, 2))
    outputs = layer.forward(inputs, training=True)
    np.testing.assert_allclose(outputs, inputs.mean(axis=(1, 2)), atol=1e-12)
    grad_output = rng.standard_normal(outputs.shape)
    grad_inputs = layer.backward(grad_output.copy())
    np.testing.assert_allclose(grad_inputs, np.broadcast_to(grad_output[:, None, None] / 20, inputs.shape))


def test_the_gradient_of_a_global_average_may_be_overwritten():
    """Also that of pictures of one pixel, which looks just like the gradient it came from."""
    for side in (1, 2):
        layer = GlobalAveragePool2D()
        layer.forward(np.ones((3, side, side, 2)), training=True)
        grad_inputs = layer.backward(np.ones((3, 2)))
        grad_inputs *= 0
        assert grad_inputs.shape == (3, side, side, 2)


def test_max_pool_worked_by_hand():
    layer = MaxPool2D(2)
    picture = np.array([[1, 5, 0, 2], [3, 4, 7, 6]], np.float32).reshape(1, 2, 4, 1)
    np.testing.assert_array_equal(layer.forward(picture, training=True).ravel(), [5, 7])
    grad = layer.backward(np.array([10, 20], np.float32).reshape(1, 1, 2, 1))
    np.testing.assert_array_equal(grad[0, ..., 0], [[0, 10, 0, 0], [0, 0, 20, 0]])


@pytest.mark.parametrize("layer", [MaxPool2D(2), AveragePool2D(2), GlobalAveragePool2D()])
def test_inference_leaves_no_trace(layer):
    layer.forward(np.ones((2, 4, 4, 1), np.float32))
    assert layer.cache == {}
    assert layer._scratch == {}


@pytest.mark.parametrize("layer", [MaxPool2D(2), AveragePool2D(3, 1), GlobalAveragePool2D()])
def test_shapes_are_promised_and_kept(layer):
    outputs = layer.forward(np.ones((2, 6, 7, 3), np.float32))
    assert outputs.shape[1:] == layer.output_shape((6, 7, 3))
    assert type(layer).from_config(layer.config(), np.random.default_rng(0)).config() == layer.config()
    with pytest.raises(ShapeError, match="before Flatten"):
        layer.output_shape((784,))


def test_a_picture_smaller_than_the_window_is_refused():
    with pytest.raises(ShapeError, match="windows of 4x4, but its inputs are only 3x8"):
        MaxPool2D(4).output_shape((3, 8, 1))


def test_sizes_below_one_are_refused():
    with pytest.raises(ConfigurationError, match=">= 1"):
        MaxPool2D(2, 0)


def test_pooling_before_relu_changes_no_bit():
    def network(*between):
        rng = np.random.default_rng(3)
        layers = [Conv2D(1, 8, 3, rng=rng), *between, Flatten(), Dense(392, 10, rng=rng)]
        return Sequential(layers, input_shape=(16, 16, 1))

    inputs = np.random.default_rng(4).standard_normal((6, 16, 16, 1), dtype=np.float32)
    labels = np.arange(6)
    model = network(ReLU(), MaxPool2D(2))
    step_by_step = inputs
    for layer in model.layers:
        step_by_step = layer.forward(step_by_step)
    np.testing.assert_array_equal(model.forward(inputs), step_by_step)
    swapped = network(MaxPool2D(2), ReLU())
    for each in (model, swapped):
        _, grad_logits = softmax_cross_entropy(each.forward(inputs, training=True), labels)
        each.backward(grad_logits)
    np.testing.assert_array_equal(model.flat_grads, swapped.flat_grads)


@pytest.mark.parametrize(("pool_size", "stride"), [(2, 2), (3, 1)])
def test_pictures_taken_a_few_at_a_time_give_the_same_bits(pool_size, stride, monkeypatch):
    pictures = np.random.default_rng(3).standard_normal((7, 6, 6, 2), dtype=np.float32)

    def results():
        layer = MaxPool2D(pool_size, stride)
        outputs = layer.forward(pictures, training=True).copy()
        return outputs.tobytes(), layer.backward(outputs).tobytes()

    at_once = results()
    monkeypatch.setattr("mnistweb.nn.windows._CHUNK_BYTES", 3 * pictures[0].nbytes)  # three, three and one
    assert results() == at_once
