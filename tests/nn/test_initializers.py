"""First weights have the variance of their papers, and come from the generator that is passed."""

import numpy as np
import pytest

from mnistweb.nn import INITIALIZERS, ConfigurationError, Dense
from mnistweb.nn.initializers import initialize


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("he_normal", 2 / 300),
        ("he_uniform", 2 / 300),
        ("glorot_normal", 2 / (300 + 200)),
        ("glorot_uniform", 2 / (300 + 200)),
    ],
)
def test_variance_is_that_of_the_paper(name, variance):
    weights = initialize(name, (300, 200), fan_in=300, fan_out=200, rng=np.random.default_rng(0))
    assert weights.dtype == np.float32
    assert weights.mean() == pytest.approx(0, abs=0.002)
    assert weights.var() == pytest.approx(variance, rel=0.03)


def test_uniform_weights_stay_within_their_limit():
    weights = initialize("glorot_uniform", (50, 70), fan_in=50, fan_out=70, rng=np.random.default_rng(0))
    limit = np.sqrt(6 / 120)
    assert 0.95 * limit < np.abs(weights).max() <= limit


@pytest.mark.parametrize("name", INITIALIZERS)
def test_equal_seeds_give_equal_weights(name):
    first, again, other = (
        Dense(8, 5, initializer=name, rng=np.random.default_rng(seed)).params["weight"] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_signals_keep_their_size_through_many_relu_layers():
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((200, 256)).astype(np.float32)
    for _ in range(20):
        signal = np.maximum(Dense(256, 256, rng=rng).forward(signal), 0)
    assert 0.3 < np.mean(signal**2) < 3


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"one of he_normal, he_uniform, glorot.*got 'orthogonal'"):
        Dense(2, 2, initializer="orthogonal", rng=np.random.default_rng(0))
