"""BatchNorm folded into the layer before it: the same answers without the layer."""

import numpy as np
import pytest

from mnistweb.nn.activations import ReLU
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.layers import Dense, Dropout, Flatten
from mnistweb.nn.model import Sequential
from mnistweb.nn.normalization import BatchNorm, fold
from mnistweb.nn.pooling import MaxPool2D


def convolutional_model(rng):
    """A small network with everything that folding meets; its averages are those of a few batches."""
    layers = [
        Conv2D(1, 8, 3, bias=False, rng=rng),
        BatchNorm(8),
        ReLU(),
        Conv2D(8, 16, 3, padding=1, rng=rng),
        BatchNorm(16),
        MaxPool2D(2),
        ReLU(),
        Flatten(),
        Dense(5 * 5 * 16, 12, rng=rng),
        BatchNorm(12),
        ReLU(),
        Dropout(0.3, rng=rng),
        Dense(12, 10, rng=rng),
    ]
    model = Sequential(layers, input_shape=(12, 12, 1))
    for _ in range(20):
        model.forward(rng.random((32, 12, 12, 1), dtype=np.float32), training=True)
    return model


def trained_norm(features, rng):
    norm = BatchNorm(features)
    norm.params["gamma"][:] = rng.uniform(-2, 2, features)
    norm.params["beta"][:] = rng.standard_normal(features)
    norm.buffers["running_mean"][:] = rng.standard_normal(features)
    norm.buffers["running_var"][:] = rng.uniform(0.1, 3, features)
    return norm


@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_takes_over_its_normalisation(bias):
    rng = np.random.default_rng(1)
    layer = Conv2D(3, 8, 3, 2, 1, bias=bias, rng=rng)
    norm = trained_norm(8, rng)
    inputs = rng.standard_normal((4, 9, 9, 3), dtype=np.float32)
    before = layer.params["weight"].copy()
    folded = fold(layer, norm)
    assert isinstance(folded, Conv2D)
    np.testing.assert_allclose(folded.forward(inputs), norm.forward(layer.forward(inputs)), atol=1e-5)
    np.testing.assert_array_equal(layer.params["weight"], before)
    assert folded.config() == {**layer.config(), "bias": True}
    assert folded.params["weight"].dtype == np.float32


def test_a_dense_layer_takes_over_its_normalisation():
    rng = np.random.default_rng(2)
    layer, norm = Dense(20, 7, rng=rng), trained_norm(7, rng)
    layer.params["bias"][:] = rng.standard_normal(7)
    inputs = rng.standard_normal((5, 20), dtype=np.float32)
    folded = fold(layer, norm)
    np.testing.assert_allclose(folded.forward(inputs), norm.forward(layer.forward(inputs)), atol=1e-5)


def test_a_folded_model_gives_the_same_logits_without_its_normalisations():
    rng = np.random.default_rng(3)
    model = convolutional_model(rng)
    folded = model.folded()
    kinds = {type(layer) for layer in folded.layers}
    assert not kinds & {BatchNorm, Dropout}
    inputs = rng.random((6, 12, 12, 1), dtype=np.float32)
    np.testing.assert_allclose(folded.forward(inputs), model.forward(inputs), atol=1e-5)
    np.testing.assert_allclose(folded.forward(inputs[:1]), model.forward(inputs[:1]), atol=1e-5)


def test_a_folded_model_does_not_change_with_the_one_it_came_from():
    rng = np.random.default_rng(4)
    model = convolutional_model(rng)
    inputs = rng.random((2, 12, 12, 1), dtype=np.float32)
    folded = model.folded()
    before = folded.forward(inputs)
    model.flat_params *= 2
    np.testing.assert_array_equal(folded.forward(inputs), before)
    assert np.abs(model.forward(inputs) - before).max() > 0.1


def test_threads_give_the_same_logits_in_batches():
    rng = np.random.default_rng(5)
    folded = convolutional_model(rng).folded()
    inputs = rng.random((50, 12, 12, 1), dtype=np.float32)
    one, two = (folded.forward_in_batches(inputs, batch_size=8, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one, two)
