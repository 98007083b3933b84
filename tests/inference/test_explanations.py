"""Explanations come from the network itself: the same activations, and contributions that add up."""

from __future__ import annotations

import numpy as np
import pytest

from mnistweb.inference import DigitClassifier, activations, contributions
from mnistweb.nn import Dense, Flatten, Sequential, Tanh
from tests.inference.conftest import saved, tiny_model
from tests.inference.test_classifier import small_convnet


def test_activations_are_those_of_the_forward_pass(pictures: np.ndarray) -> None:
    classifier = DigitClassifier(saved())
    layers = activations(classifier, pictures[0])
    assert [layer.name for layer in layers] == ["Flatten", "Dense", "ReLU", "Dense"]
    np.testing.assert_array_equal(layers[-1].values, classifier.logits(pictures[:1])[0])
    np.testing.assert_array_equal(layers[2].values, np.maximum(layers[1].values, 0))


def test_a_units_sum_is_its_inputs_times_weights_plus_bias(pictures: np.ndarray) -> None:
    classifier = DigitClassifier(saved())
    hidden = activations(classifier, pictures[0])[1]
    weight, bias = classifier.network.layers[1].params["weight"], classifier.network.layers[1].params["bias"]
    for unit, described in enumerate(hidden.units):
        products = pictures[0].ravel() * weight[:, unit]
        assert described.total == pytest.approx(products.sum() + bias[unit], rel=1e-4, abs=1e-5)
        assert described.total == pytest.approx(hidden.values[unit], rel=1e-4, abs=1e-5)
        assert described.bias == bias[unit]
        largest = sorted(range(784), key=lambda i: -abs(products[i]))[:5]
        assert [index for index, *_ in described.top] == largest
        for index, value, factor, product in described.top:
            assert (value, factor) == (pictures[0].ravel()[index], weight[index, unit])
            assert product == pytest.approx(value * factor, rel=1e-6)


def test_a_convolution_shows_its_maps(pictures: np.ndarray) -> None:
    layers = activations(DigitClassifier(small_convnet()), pictures[0])
    assert layers[0].name == "Conv2D"
    assert layers[0].values.shape == (26, 26, 4)
    assert layers[0].units == ()


@pytest.mark.parametrize("model", [saved(), small_convnet()], ids=["perceptron", "convnet"])
def test_contributions_and_the_biases_share_add_up_to_the_logit(model: object, pictures: np.ndarray) -> None:
    classifier = DigitClassifier(model)  # type: ignore[arg-type]
    picture = pictures[0]
    method, (first, second) = contributions(classifier, picture, (4, 9))
    assert "exactly" in method
    logits = classifier.logits(picture[np.newaxis])[0]
    for digit, found in ((4, first), (9, second)):
        assert found.digit == digit
        assert found.logit == pytest.approx(logits[digit], rel=1e-5)
        # On a piecewise linear network a slightly dimmed picture lies on the same plane, so its logit
        # tells how much the pixels give together: logit(p) - logit((1 - e) p) = e times their sum.
        exact = classifier.network.astype(np.float64)
        inputs = picture.reshape(1, 28, 28, 1).astype(np.float64)
        rise = exact.forward(inputs)[0, digit] - exact.forward(inputs * (1 - 1e-6))[0, digit]
        assert found.pixels.sum() == pytest.approx(rise / 1e-6, rel=1e-3)


def test_without_biases_the_contributions_alone_are_the_logit(pictures: np.ndarray) -> None:
    model = tiny_model()
    for name, param in model.params.items():
        if name.endswith("bias"):
            param[...] = 0
    _, (found,) = contributions(DigitClassifier(saved(model=model)), pictures[1], (3,))
    assert found.pixels.sum() == pytest.approx(found.logit, rel=1e-4)


def test_blank_pixels_contribute_nothing(pictures: np.ndarray) -> None:
    picture = pictures[0].copy()
    picture[:14] = 0
    _, (found,) = contributions(DigitClassifier(saved()), picture, (0,))
    assert not found.pixels[:14].any()
    assert found.pixels[14:].any()


def test_a_curved_network_is_said_to_be_seen_along_its_tangent(pictures: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    model = Sequential([Flatten(), Dense(784, 6, rng=rng), Tanh(), Dense(6, 10, rng=rng)])
    method, _ = contributions(DigitClassifier(saved(model=model)), pictures[0], (0,))
    assert "tangent" in method


def test_explaining_leaves_no_trace(pictures: np.ndarray) -> None:
    classifier = DigitClassifier(saved())
    before = classifier.logits(pictures)
    contributions(classifier, pictures[0], (1, 2))
    activations(classifier, pictures[0])
    np.testing.assert_array_equal(classifier.logits(pictures), before)
    assert not any(layer.cache for layer in classifier.network.layers)
    assert not classifier.network.flat_grads.any()
