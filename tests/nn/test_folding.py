"""BatchNorm folded into the layer before it: the same answers without the layer."""

import numpy as np
import pytest

from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.layers import Dense
from mnistweb.nn.normalization import BatchNorm, fold


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
