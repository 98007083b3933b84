"""Accuracy, top-k, confusion matrix and per-class accuracy on cases that can be counted by hand."""

import numpy as np
import pytest

from mnistweb.nn import (
    ConfigurationError,
    LabelError,
    ShapeError,
    accuracy,
    confusion_matrix,
    per_class_accuracy,
    top_k_accuracy,
)

SCORES = np.array([[5, 3, 1], [1, 3, 2], [0, 1, 2], [9, 8, 7]])
LABELS = np.array([0, 2, 2, 2])


def test_accuracy_counts_the_highest_scores():
    assert accuracy(SCORES, LABELS) == 2 / 4


def test_top_k_counts_labels_among_the_k_highest():
    assert [top_k_accuracy(SCORES, LABELS, k) for k in (1, 2, 3)] == [2 / 4, 3 / 4, 1]


def test_a_network_that_says_the_same_to_everything_gets_no_credit_from_ties():
    assert top_k_accuracy(np.zeros((5, 10)), np.arange(5), 3) == 0


def test_confusion_matrix_has_truth_in_rows_and_answers_in_columns():
    confusion = confusion_matrix(np.array([0, 1, 1, 2, 1]), np.array([0, 1, 2, 2, 2]), num_classes=3)
    assert confusion.tolist() == [[1, 0, 0], [0, 1, 0], [0, 2, 1]]
    assert confusion.dtype == np.int64


def test_per_class_accuracy_is_the_diagonals_share_of_its_row():
    shares = per_class_accuracy(np.array([[3, 1, 0], [0, 0, 0], [2, 0, 2]]))
    np.testing.assert_array_equal(shares, [0.75, np.nan, 0.5])


def test_unsigned_labels_as_the_files_have_them_are_counted_rightly():
    labels = np.array([9, 9, 3], np.uint8)
    assert confusion_matrix(labels, labels)[9, 9] == 2


@pytest.mark.parametrize("labels", [[10], [-1]])
def test_labels_that_are_no_class_are_refused(labels):
    with pytest.raises(LabelError, match=r"labels must be 0\.\.9"):
        confusion_matrix(np.array([0]), np.array(labels))
    for metric in (accuracy, top_k_accuracy):
        with pytest.raises(LabelError, match=r"labels must be 0\.\.9, got"):
            metric(np.eye(10)[:1], np.array(labels))
        with pytest.raises(LabelError, match="labels must be whole numbers, got float64"):
            metric(np.eye(10)[:1], np.array([0.5]))


def test_shapes_that_do_not_go_together_are_refused():
    with pytest.raises(ShapeError, match=r"\(4, 3\), \(3,\)"):
        accuracy(SCORES, LABELS[:3])
    with pytest.raises(ShapeError, match="one prediction for each label"):
        confusion_matrix(np.array([1, 2]), np.array([1]))
    with pytest.raises(ConfigurationError, match=r"k must be 1\.\.3"):
        top_k_accuracy(SCORES, LABELS, 4)
