"""Winograd's way against the plain sums."""

import numpy as np
import pytest

from mnistweb.nn import winograd
from mnistweb.nn.convolution import Conv2D


@pytest.mark.parametrize("m", [2, 4])
def test_the_matrices_slide_three_numbers_over_a_column(m):
    rng = np.random.default_rng(1)
    mix_inputs, mix_kernel, unmix = winograd.matrices(m, np.dtype(np.float64))
    inputs, kernel = rng.standard_normal(m + 2), rng.standard_normal(3)
    outputs = unmix @ ((mix_kernel @ kernel) * (mix_inputs @ inputs))
    np.testing.assert_allclose(outputs, [inputs[y : y + 3] @ kernel for y in range(m)], atol=1e-12)


def test_two_outputs_take_four_products_by_hand():
    # The textbook's F(2, 3): m1 = (d0 - d2) g0, m2 = (d1 + d2) (g0 + g1 + g2) / 2, and so on, up to signs.
    mix_inputs, mix_kernel, unmix = winograd.matrices(2, np.dtype(np.float64))
    inputs_wanted = [[1, 0, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 0, 1]]
    np.testing.assert_array_equal(np.abs(mix_inputs), inputs_wanted)
    np.testing.assert_array_equal(np.abs(mix_kernel[1]), [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(unmix, [[1, 1, 1, 0], [0, 1, -1, 1]])


@pytest.mark.parametrize(("out_h", "lines"), [(24, 4), (8, 4), (10, 2), (2, 2), (7, 0), (1, 0)])
def test_lines_are_taken_together_where_they_divide(out_h, lines):
    assert winograd.lines_at_once(out_h) == lines


@pytest.mark.parametrize(("height", "padding"), [(26, 0), (12, 0), (10, 0), (12, 1)])
def test_both_ways_give_the_same_in_float32(height, padding, monkeypatch):
    rng = np.random.default_rng(2)
    layer = Conv2D(32, 48, 3, 1, padding, rng=rng)
    inputs = rng.standard_normal((7, height, height, 32), dtype=np.float32)
    grad_output = rng.standard_normal((7, *layer.output_shape(inputs.shape[1:])), dtype=np.float32) / 10

    def results():
        outputs = layer.forward(inputs, training=True).copy()
        inference = layer.forward(inputs)
        grad_inputs = layer.backward(grad_output.copy()).copy()
        return outputs, inference, grad_inputs, layer.grads["weight"].copy() / 100

    fast = results()
    monkeypatch.setattr(winograd, "lines_at_once", lambda out_h: 0)
    for fast_array, plain_array in zip(fast, results(), strict=True):
        np.testing.assert_allclose(fast_array, plain_array, atol=1e-5)
