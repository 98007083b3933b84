"""ReLU, Tanh, Sigmoid and Softmax against their formulas, their gradients and extreme inputs."""

import math

import numpy as np
import pytest

from mnistweb.nn import ReLU, Sigmoid, Softmax, Tanh, softmax
from mnistweb.nn.gradient_check import check_gradients
from tests.nn.checks import assert_inference_leaves_no_trace

ACTIVATIONS = [ReLU, Tanh, Sigmoid, Softmax]


@pytest.mark.parametrize(
    ("activation", "formula"),
    [
        (ReLU, lambda x: max(x, 0)),
        (Tanh, math.tanh),
        (Sigmoid, lambda x: 1 / (1 + math.exp(-x))),
    ],
)
def test_each_element_follows_the_formula(activation, formula):
    inputs = np.array([[-3, -0.5, 0], [0.25, 1, 4]], np.float32)
    wanted = [[formula(float(x)) for x in row] for row in inputs]
    for training in (False, True):
        np.testing.assert_allclose(activation().forward(inputs, training=training), wanted, rtol=1e-6)


def test_relu_answers_pictures_as_it_answers_rows():
    pictures = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    wanted = ReLU().forward(pictures.reshape(2, -1)).reshape(pictures.shape)
    for training in (False, True):
        outputs = ReLU().forward(pictures, training=training)
        assert outputs.dtype == pictures.dtype
        np.testing.assert_array_equal(outputs, wanted)


def test_softmax_by_hand():
    wanted = [1 / (1 + 2 + 5), 2 / 8, 5 / 8]
    np.testing.assert_allclose(softmax(np.log([[1.0, 2.0, 5.0]])), [wanted])


def test_softmax_rows_sum_to_one():
    logits = np.random.default_rng(0).standard_normal((100, 10)).astype(np.float32) * 30
    np.testing.assert_allclose(softmax(logits).sum(axis=1), np.ones(100), rtol=1e-6)


def test_softmax_does_not_change_when_a_constant_is_added():
    logits = np.random.default_rng(0).standard_normal((5, 10))
    np.testing.assert_allclose(softmax(logits + 100), softmax(logits))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_extreme_inputs_stay_finite_without_a_warning(activation):
    inputs = np.array([[-1e30, -1000, 1000, 1e30]], np.float32)
    assert np.isfinite(activation().forward(inputs)).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(4, 10), (2, 3, 3, 5)])
def test_gradients_agree_with_numerical_ones(activation, shape):
    report = check_gradients(activation(), np.random.default_rng(1).standard_normal(shape))
    assert report.passed, report


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_shape_and_dtype_stay(activation):
    inputs = np.random.default_rng(2).random((2, 6), np.float32)
    for training in (False, True):
        outputs = activation().forward(inputs, training=training)
        assert outputs.shape == (2, *activation().output_shape((6,)))
        assert outputs.dtype == np.float32


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_inference_leaves_no_trace(activation):
    assert_inference_leaves_no_trace(activation(), np.random.default_rng(3).standard_normal((2, 6)))


def test_relu_passes_no_gradient_where_it_is_off():
    relu = ReLU()
    relu.forward(np.array([[-1, 0, 2]], np.float32), training=True)
    assert relu.backward(np.array([[5, 5, 5]], np.float32)).tolist() == [[0, 0, 5]]
