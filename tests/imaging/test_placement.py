"""A digit lies in its 28x28 pixels as MNIST's digits do."""

from __future__ import annotations

import numpy as np

from mnistweb.imaging.placement import centre_of_mass, centred, scaled


def test_the_longer_side_becomes_20_and_the_proportions_stay():
    assert scaled(np.ones((100, 50), np.float32)).shape == (20, 10)
    assert scaled(np.ones((30, 300), np.float32)).shape == (2, 20)
    assert scaled(np.ones((400, 3), np.float32)).shape == (20, 1)


def test_scaling_down_averages_and_the_brightest_becomes_1():
    ink = np.zeros((40, 40), np.float32)
    ink[:2, :2] = 0.5
    ink[10, 10] = 0.5
    small = scaled(ink)
    assert small[0, 0] == 1
    assert small[5, 5] == 0.25


def test_a_digit_of_20_pixels_is_not_changed_by_scaling():
    ink = np.random.default_rng(1).random((20, 14), dtype=np.float32)
    ink[3, 4] = 1
    assert np.array_equal(scaled(ink), ink)


def test_the_centre_of_mass_comes_to_pixel_14():
    for seed in range(20):
        ink = np.random.default_rng(seed).random((20, 12), dtype=np.float32) ** 4
        x, y = centre_of_mass(centred(ink))
        assert 13.5 <= x <= 14.5
        assert 13.5 <= y <= 14.5


def test_a_digit_heavy_on_one_side_stays_within_the_picture_whole():
    ink = np.zeros((20, 20), np.float32)
    ink[:, 0] = 1
    ink[0, 19] = 0.01
    placed = centred(ink)
    assert placed.sum() == ink.sum()
