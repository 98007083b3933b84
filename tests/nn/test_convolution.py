"""The fast convolution against the definition, written out as loops."""

import threading

import numpy as np
import pytest

from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.errors import ConfigurationError, ShapeError, TrainingError


def naive_convolution(inputs, weight, bias, stride, padding):
    """The definition: one window, one kernel, one sum at a time."""
    n, height, width, _ = inputs.shape
    k, _, _, out_channels = weight.shape
    padded = np.pad(inputs, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    out_h, out_w = (height + 2 * padding - k) // stride + 1, (width + 2 * padding - k) // stride + 1
    outputs = np.zeros((n, out_h, out_w, out_channels))
    for picture in range(n):
        for y in range(out_h):
            for x in range(out_w):
                window = padded[picture, y * stride : y * stride + k, x * stride : x * stride + k]
                for o in range(out_channels):
                    outputs[picture, y, x, o] = bias[o] + np.sum(window * weight[..., o])
    return outputs


def naive_gradients(inputs, weight, grad_output, stride, padding):
    """Backwards through the loops above: each output hands its gradient to all it was made of."""
    n, height, width, _ = inputs.shape
    k = len(weight)
    padded = np.pad(inputs, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    grad_padded, grad_weight = np.zeros(padded.shape), np.zeros(weight.shape)
    grad_bias = np.zeros(weight.shape[-1])
    _, out_h, out_w, out_channels = grad_output.shape
    for picture in range(n):
        for y in range(out_h):
            for x in range(out_w):
                rows, columns = slice(y * stride, y * stride + k), slice(x * stride, x * stride + k)
                for o in range(out_channels):
                    grad = grad_output[picture, y, x, o]
                    grad_bias[o] += grad
                    grad_weight[..., o] += grad * padded[picture, rows, columns]
                    grad_padded[picture, rows, columns] += grad * weight[..., o]
    return grad_padded[:, padding : padding + height, padding : padding + width], grad_weight, grad_bias


def in_float64(layer, rng):
    layer.params = {name: rng.standard_normal(param.shape) for name, param in layer.params.items()}
    layer.grads = {name: np.zeros_like(param) for name, param in layer.params.items()}
    return layer


# in_channels, out_channels, kernel_size, stride, padding, height, width
CASES = [
    (1, 4, 3, 1, 0, 8, 7),
    (3, 4, 3, 1, 1, 6, 6),
    (2, 3, 3, 2, 0, 8, 9),
    (2, 3, 5, 2, 2, 7, 8),
    (4, 2, 1, 1, 0, 3, 5),
    (2, 3, 2, 3, 1, 8, 7),
    (2, 5, 4, 1, 0, 4, 4),
    (3, 4, 3, 1, 3, 4, 5),
    (32, 8, 3, 1, 0, 7, 6),  # from here on with channels enough for Winograd's way, where out_h is even
    (8, 5, 3, 1, 0, 6, 7),
    (9, 4, 3, 1, 0, 8, 5),
    (8, 3, 3, 1, 1, 8, 8),
    (10, 2, 3, 1, 2, 4, 3),
    (8, 4, 3, 1, 0, 3, 3),
    (8, 4, 3, 2, 1, 8, 8),
]


@pytest.mark.parametrize("case", CASES)
def test_forward_and_gradients_equal_the_loops(case):
    *settings, height, width = case
    rng = np.random.default_rng(1)
    layer = in_float64(Conv2D(*settings, rng=rng), rng)
    inputs = rng.standard_normal((3, height, width, layer.in_channels))
    outputs = layer.forward(inputs, training=True)
    weight, bias = layer.params["weight"], layer.params["bias"]
    np.testing.assert_allclose(
        outputs, naive_convolution(inputs, weight, bias, layer.stride, layer.padding), atol=1e-12
    )
    np.testing.assert_allclose(layer.forward(inputs), outputs, atol=1e-12)
    grad_output = rng.standard_normal(outputs.shape)
    wanted = naive_gradients(inputs, weight, grad_output, layer.stride, layer.padding)
    grad_inputs = layer.backward(grad_output)
    for got, want in zip((grad_inputs, layer.grads["weight"], layer.grads["bias"]), wanted, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-12)


@pytest.mark.parametrize("channels", [(1, 32), (32, 32), (32, 64)])
def test_a_float32_batch_larger_than_one_chunk_equals_the_loops(channels):
    rng = np.random.default_rng(2)
    layer = Conv2D(*channels, 3, rng=rng)
    inputs = rng.standard_normal((23, 12, 12, channels[0]), dtype=np.float32)
    outputs = layer.forward(inputs, training=True)
    assert outputs.dtype == np.float32
    grad_output = rng.standard_normal(outputs.shape, dtype=np.float32)
    sample = [0, 11, 22]
    wanted = naive_convolution(inputs[sample], layer.params["weight"], layer.params["bias"], 1, 0)
    np.testing.assert_allclose(outputs[sample], wanted, atol=1e-4)
    grad_sample = np.zeros_like(grad_output)
    grad_sample[sample] = grad_output[sample]
    wanted = naive_gradients(inputs[sample], layer.params["weight"], grad_output[sample], 1, 0)
    grad_inputs = layer.backward(grad_sample)
    assert grad_inputs.dtype == np.float32
    np.testing.assert_allclose(grad_inputs[sample], wanted[0], atol=1e-4)
    np.testing.assert_allclose(layer.grads["weight"], wanted[1], atol=1e-3)
    np.testing.assert_allclose(layer.grads["bias"], wanted[2], atol=1e-3)


@pytest.mark.parametrize("channels", [(1, 6), (8, 6)])
def test_pictures_taken_a_few_at_a_time_give_the_same(channels, monkeypatch):
    rng = np.random.default_rng(8)
    layer = in_float64(Conv2D(*channels, 5, rng=rng), rng)
    inputs = rng.standard_normal((7, 9, 8, channels[0]))

    def results():
        outputs = layer.forward(inputs, training=True).copy()
        layer.backward(outputs.copy())
        return outputs, layer.forward(inputs), layer.grads["weight"].copy()

    at_once = results()
    bytes_each = 5 * 4 * 25 * channels[0] * inputs.itemsize
    monkeypatch.setattr("mnistweb.nn.windows._CHUNK_BYTES", 3 * bytes_each)  # three, three and one
    for array, wanted in zip(results(), at_once, strict=True):
        np.testing.assert_allclose(array, wanted, atol=1e-12)


def test_a_vertical_edge_detector_worked_by_hand():
    layer = Conv2D(1, 1, 2, bias=False, rng=np.random.default_rng(0))
    layer.params["weight"][..., 0, 0] = [[-1, 1], [-1, 1]]
    picture = np.array([[0, 0, 1], [0, 0, 1], [0, 1, 1]], np.float32).reshape(1, 3, 3, 1)
    np.testing.assert_array_equal(layer.forward(picture)[0, ..., 0], [[0, 2], [1, 1]])


def test_gradients_agree_with_finite_differences():
    rng = np.random.default_rng(3)
    layer = in_float64(Conv2D(2, 3, 3, 2, 1, rng=rng), rng)
    inputs = rng.standard_normal((2, 5, 6, 2))
    grad_output = rng.standard_normal((2, *layer.output_shape((5, 6, 2))))
    layer.forward(inputs, training=True)
    grad_inputs = layer.backward(grad_output)
    pairs = [(inputs, grad_inputs), *((layer.params[name], layer.grads[name]) for name in layer.params)]
    for array, gradient in pairs:
        for index in rng.integers(array.size, size=10):
            value, step = array.flat[index], 1e-5
            array.flat[index] = value + step
            above = np.sum(layer.forward(inputs) * grad_output)
            array.flat[index] = value - step
            below = np.sum(layer.forward(inputs) * grad_output)
            array.flat[index] = value
            assert (above - below) / (2 * step) == pytest.approx(gradient.flat[index], rel=1e-6, abs=1e-8)


def test_inference_leaves_no_trace():
    layer = Conv2D(1, 2, 3, rng=np.random.default_rng(0))
    before = {name: param.copy() for name, param in layer.params.items()}
    layer.forward(np.ones((2, 5, 5, 1), np.float32))
    assert layer.cache == {}
    assert layer._scratch == {}
    for name, param in layer.params.items():
        np.testing.assert_array_equal(param, before[name])


def test_inference_does_not_disturb_the_gradient_of_a_training_pass():
    rng = np.random.default_rng(4)
    layer = Conv2D(1, 2, 3, rng=rng)
    inputs = rng.standard_normal((2, 6, 6, 1), dtype=np.float32)
    grad_output = rng.standard_normal((2, 4, 4, 2), dtype=np.float32)
    layer.forward(inputs, training=True)
    wanted = layer.backward(grad_output.copy()).copy()
    layer.forward(inputs, training=True)
    layer.forward(np.ones((5, 6, 6, 1), np.float32))
    np.testing.assert_array_equal(layer.backward(grad_output), wanted)


def test_threads_can_share_a_layer_for_inference():
    rng = np.random.default_rng(5)
    layer = Conv2D(4, 8, 3, rng=rng)
    inputs = rng.standard_normal((8, 6, 9, 9, 4), dtype=np.float32)
    wanted = [layer.forward(batch) for batch in inputs]
    wrong = []

    def predict(number):
        for _ in range(50):
            if not np.array_equal(layer.forward(inputs[number]), wanted[number]):
                wrong.append(number)

    threads = [threading.Thread(target=predict, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_one_picture_gives_the_same_as_within_a_batch():
    rng = np.random.default_rng(6)
    layer = Conv2D(32, 32, 3, rng=rng)
    inputs = rng.standard_normal((9, 14, 14, 32), dtype=np.float32)
    np.testing.assert_allclose(layer.forward(inputs[4:5])[0], layer.forward(inputs)[4], atol=1e-5)


def test_inputs_that_are_not_contiguous_are_read_rightly():
    rng = np.random.default_rng(7)
    layer = Conv2D(2, 3, 3, rng=rng)
    inputs = rng.standard_normal((6, 8, 8, 2), dtype=np.float32)
    np.testing.assert_array_equal(layer.forward(inputs[::2, ::-1]), layer.forward(inputs[::2, ::-1].copy()))


def test_the_first_layer_computes_no_gradient_for_the_picture():
    layer = Conv2D(1, 2, 3, rng=np.random.default_rng(0))
    layer.needs_input_grad = False
    outputs = layer.forward(np.ones((2, 5, 5, 1), np.float32), training=True)
    assert layer.backward(np.ones_like(outputs)) is None
    np.testing.assert_allclose(layer.grads["weight"], 18)


def test_gradients_are_written_in_place():
    layer = Conv2D(1, 2, 3, rng=np.random.default_rng(0))
    arrays = {name: id(grad) for name, grad in layer.grads.items()}
    layer.backward(np.ones_like(layer.forward(np.ones((2, 5, 5, 1), np.float32), training=True)))
    assert {name: id(grad) for name, grad in layer.grads.items()} == arrays


def test_equal_seeds_give_equal_kernels():
    one, other = (Conv2D(3, 4, 3, rng=np.random.default_rng(9)) for _ in range(2))
    np.testing.assert_array_equal(one.params["weight"], other.params["weight"])


def test_config_builds_a_twin():
    layer = Conv2D(3, 4, 5, 2, 1, bias=False, rng=np.random.default_rng(0))
    twin = Conv2D.from_config(layer.config(), np.random.default_rng(0))
    assert twin.config() == layer.config()
    assert set(twin.params) == {"weight"}


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((784,), r"expected inputs of shape \(N, height, width, 3\), got \(N, 784\)"),
        ((8, 8, 1), "set in_channels"),
        ((2, 8, 3), "windows of 3x3, but its inputs are only 2x8"),
    ],
)
def test_shapes_that_do_not_fit_are_named(shape, words):
    layer = Conv2D(3, 4, 3, rng=np.random.default_rng(0))
    with pytest.raises(ShapeError, match=words):
        layer.output_shape(shape)
    with pytest.raises(ShapeError, match=words):
        layer.forward(np.zeros((1, *shape), np.float32))


@pytest.mark.parametrize("wrong", [{"kernel_size": 0}, {"stride": 0}, {"padding": -1}, {"out_channels": 0}])
def test_sizes_that_make_no_sense_are_refused(wrong):
    sizes = {"in_channels": 1, "out_channels": 1, "kernel_size": 3, **wrong}
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Conv2D(**sizes, rng=np.random.default_rng(0))


def test_backward_without_forward_is_refused():
    with pytest.raises(TrainingError, match="Conv2D"):
        Conv2D(1, 1, 3, rng=np.random.default_rng(0)).backward(np.zeros((1, 3, 3, 1), np.float32))


def test_an_axis_added_by_indexing_changes_no_output():
    # NumPy gives such an axis the stride 0, which once went into the windows.
    pictures = np.random.default_rng(0).random((3, 9, 8), dtype=np.float32)
    layer = Conv2D(1, 2, 3, rng=np.random.default_rng(1))
    plain = layer.forward(pictures.reshape(3, 9, 8, 1))
    np.testing.assert_array_equal(layer.forward(pictures[..., np.newaxis]), plain)
