"""Softmax cross-entropy against hand-worked values, numerical gradients and impossible targets."""

import math

import numpy as np
import pytest

from mnistweb.nn import ConfigurationError, LabelError, ShapeError, softmax, softmax_cross_entropy


def numerical_gradient(logits, targets, **settings):
    gradient = np.empty_like(logits)
    for index in np.ndindex(logits.shape):
        nudge = np.zeros_like(logits)
        nudge[index] = 1e-6
        above = softmax_cross_entropy(logits + nudge, targets, **settings)[0]
        below = softmax_cross_entropy(logits - nudge, targets, **settings)[0]
        gradient[index] = (above - below) / 2e-6
    return gradient


def test_loss_by_hand():
    logits = np.log([[1.0, 2.0, 5.0], [1.0, 1.0, 2.0]])  # probabilities 1/8 2/8 5/8 and 1/4 1/4 2/4
    loss, grad = softmax_cross_entropy(logits, np.array([2, 0]))
    assert loss == pytest.approx((-math.log(5 / 8) - math.log(1 / 4)) / 2)
    np.testing.assert_allclose(grad, np.array([[1 / 8, 2 / 8, 5 / 8 - 1], [1 / 4 - 1, 1 / 4, 2 / 4]]) / 2)


def test_label_smoothing_by_hand():
    logits = np.log([[1.0, 3.0]])
    loss, grad = softmax_cross_entropy(logits, np.array([1]), label_smoothing=0.2)
    # the target (0, 1) becomes (0.1, 0.9)
    assert loss == pytest.approx(-0.1 * math.log(1 / 4) - 0.9 * math.log(3 / 4))
    np.testing.assert_allclose(grad, [[1 / 4 - 0.1, 3 / 4 - 0.9]])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradient_agrees_with_the_numerical_one(smoothing):
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((6, 10))
    for targets in (rng.integers(0, 10, 6), softmax(rng.standard_normal((6, 10)))):
        _, grad = softmax_cross_entropy(logits, targets, label_smoothing=smoothing)
        wanted = numerical_gradient(logits, targets, label_smoothing=smoothing)
        np.testing.assert_allclose(grad, wanted, atol=1e-8)


def test_one_hot_rows_say_the_same_as_labels():
    logits, labels = np.random.default_rng(1).standard_normal((4, 3)), np.array([2, 0, 1, 1])
    from_labels = softmax_cross_entropy(logits, labels)
    from_rows = softmax_cross_entropy(logits, np.eye(3)[labels])
    assert from_labels[0] == pytest.approx(from_rows[0])
    np.testing.assert_allclose(from_labels[1], from_rows[1])


def test_targets_are_not_changed():
    targets = np.array([[0.5, 0.5]], np.float32)
    softmax_cross_entropy(np.zeros((1, 2), np.float32), targets, label_smoothing=0.5)
    assert targets.tolist() == [[0.5, 0.5]]


def test_huge_logits_give_the_true_loss_without_a_warning():
    loss, grad = softmax_cross_entropy(np.array([[1e4, 0]], np.float32), np.array([1]))
    assert loss == pytest.approx(1e4)
    np.testing.assert_array_equal(grad, [[1, -1]])


def test_gradient_has_the_dtype_of_the_logits():
    assert softmax_cross_entropy(np.zeros((2, 3), np.float32), np.array([0, 1]))[1].dtype == np.float32


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_labels_that_are_no_class_are_refused(labels):
    with pytest.raises(LabelError, match=r"labels must be 0\.\.2, got"):
        softmax_cross_entropy(np.zeros((2, 3)), np.array(labels))


@pytest.mark.parametrize("targets", [np.zeros(3, int), np.zeros((2, 4)), np.zeros(2)])
def test_targets_of_another_shape_or_kind_are_refused(targets):
    with pytest.raises(ShapeError, match="expected 2 integer labels or targets of shape"):
        softmax_cross_entropy(np.zeros((2, 3)), targets)


def test_smoothing_everything_away_is_refused():
    with pytest.raises(ConfigurationError, match="label_smoothing"):
        softmax_cross_entropy(np.zeros((2, 3)), np.array([0, 1]), label_smoothing=1.0)
