"""The shipped drawings are digits that every shipped model reads."""

from __future__ import annotations

import numpy as np
import pytest

from mnistweb.inference.drawings import LOOKS_LIKE_CHANCE_BELOW, drawings, share_read_right
from mnistweb.nn.layers import Dense, Flatten
from mnistweb.nn.model import Sequential
from mnistweb.resources import shipped_weights_folder
from mnistweb.weights import read_model


def test_there_are_two_drawings_of_each_digit_in_mnist_form():
    pixels, digits = drawings()
    assert pixels.shape == (20, 28, 28, 1)
    assert pixels.dtype == np.float32
    assert pixels.min() == 0
    assert 0.9 < pixels.max() <= 1
    assert np.bincount(digits).tolist() == [2] * 10


def test_nobody_can_change_the_drawings():
    for array in drawings():
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize("path", sorted(shipped_weights_folder().glob("*.pkl")), ids=lambda path: path.stem)
def test_every_shipped_model_reads_the_drawings(path):
    assert share_read_right(read_model(path).model) >= 0.9


def test_a_network_that_has_learned_nothing_is_right_about_as_often_as_chance():
    shares = [
        share_read_right(Sequential([Flatten(), Dense(784, 10, rng=np.random.default_rng(seed))]))
        for seed in range(30)
    ]
    assert max(shares) < LOOKS_LIKE_CHANCE_BELOW
    assert 0.02 < np.mean(shares) < 0.25
