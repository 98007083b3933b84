"""What is not finite is found and named, the cause before its consequences."""

import numpy as np
import pytest

from mnistweb.nn import softmax_cross_entropy
from mnistweb.nn.divergence import find_divergence
from tests.nn.models import four_shapes, tiny_perceptron


@pytest.fixture
def trained():
    model, (pictures, labels) = tiny_perceptron(), four_shapes(4)
    model.backward(softmax_cross_entropy(model.forward(pictures, training=True), labels)[1])
    return model, pictures


def test_inputs_come_first(trained):
    model, pictures = trained
    pictures[1, 2, 3, 0] = np.nan
    assert find_divergence(model, pictures) == "the inputs"


def test_a_parameter_is_named_with_its_layer(trained):
    model, pictures = trained
    model.params["4.bias"][1] = np.inf
    assert find_divergence(model, pictures) == "parameter 4.bias (Dense)"


def test_outputs_that_overflow_are_named_by_layer(trained):
    model, pictures = trained
    model.params["1.weight"][:] = 3e38
    assert find_divergence(model, pictures) == "the outputs of layer 1 (Dense)"


def test_of_the_gradients_the_one_nearest_to_the_loss_is_named(trained):
    model, pictures = trained
    model.grads["1.weight"][:] = np.nan
    assert find_divergence(model, pictures) == "the gradient of 1.weight (Dense)"
    model.grads["4.weight"][:] = np.nan
    assert find_divergence(model, pictures) == "the gradient of 4.weight (Dense)"


def test_what_remains_is_the_loss(trained):
    assert find_divergence(*trained) == "the loss"
