"""The practice training learns within seconds, and shows what mistakes do to it."""

from __future__ import annotations

import numpy as np

from mnistweb.nn.mistakes import MISTAKES, made
from mnistweb.recipes.practice import pictures_to_check, practice_network, practice_pictures, practise


def test_it_learns_and_equal_seeds_learn_alike() -> None:
    practice = practise(epochs=6)
    assert practice.accuracies[-1] > 0.8
    assert practice.losses[-1] < practice.losses[0] / 2
    assert practise(epochs=1).losses == practice.losses[:1]
    assert practise(epochs=1, seed=1).losses != practice.losses[:1]


def test_a_training_that_diverges_says_so() -> None:
    with made(MISTAKES["momentum-sign"]):
        practice = practise(epochs=3)
    assert "diverged in epoch 1" in practice.stopped
    assert len(practice.losses) == len(practice.accuracies) < 3


def test_wrong_labels_are_learned_as_eagerly_as_right_ones() -> None:
    with made(MISTAKES["labels-off-by-one"]):
        practice = practise(epochs=4)
    assert practice.losses[-1] < practice.losses[0] / 2
    assert practice.accuracies[-1] < 0.05


def test_an_offset_of_all_logits_matters_only_to_a_softmax_without_its_maximum() -> None:
    plain, offset = practise(epochs=1), practise(epochs=1, logit_offset=100)
    np.testing.assert_allclose(offset.losses, plain.losses, rtol=1e-3)
    with made(MISTAKES["no-maximum"]):
        assert "diverged in epoch 1, step 1" in practise(epochs=1, logit_offset=100).stopped


def test_pictures_come_in_equal_numbers_of_each_digit() -> None:
    pictures, digits = practice_pictures(40, seed=3)
    assert pictures.shape == (40, 28, 28, 1)
    assert (np.bincount(digits) == 4).all()


def test_pictures_to_check_have_no_ties() -> None:
    pictures, _ = pictures_to_check(4, seed=0)
    assert all(len(np.unique(picture)) == 784 for picture in pictures)


def test_the_network_has_as_many_parameters_as_it_says() -> None:
    assert f"{practice_network().num_parameters:,} parameters" in str(practice_network.__doc__)
