"""Each filter against its definition, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from mnistweb.imaging.filters import box_mean, closing, dilated, median, resized

RNG = np.random.default_rng(3)
VALUES = RNG.random((13, 9), dtype=np.float32)


def over_squares(values: np.ndarray, radius: int, what) -> np.ndarray:
    """`what` of the square around each pixel, as far as it lies within the picture."""
    result = np.empty_like(values)
    for y, x in np.ndindex(values.shape):
        square = values[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
        result[y, x] = what(square)
    return result


@pytest.mark.parametrize("radius", [0, 1, 3, 20])
def test_box_mean_is_the_mean_of_the_square(radius):
    assert np.allclose(box_mean(VALUES, radius), over_squares(VALUES, radius, np.mean), atol=1e-6)


@pytest.mark.parametrize("size", [1, 3, 5, 7, 21])
def test_closing_is_the_least_of_the_greatest(size):
    greatest = over_squares(VALUES, size // 2, np.max)
    assert np.array_equal(closing(VALUES, size), over_squares(greatest, size // 2, np.min))


def test_closing_fills_a_thin_dark_line_and_keeps_the_edge_of_a_shadow():
    picture = np.ones((30, 30), np.float32)
    picture[:, 10:13] = 0.1
    picture[:, 20:] = 0.5
    expected = np.ones((30, 30), np.float32)
    expected[:, 20:] = 0.5
    assert np.array_equal(closing(picture, 7), expected)


def test_dilated_grows_by_its_radius():
    mask = np.zeros((7, 7), bool)
    mask[3, 1] = True
    expected = np.zeros((7, 7), bool)
    expected[1:6, 0:4] = True
    assert np.array_equal(dilated(mask, 2), expected)


def test_resized_averages_when_it_shrinks():
    halved = resized(np.arange(16, dtype=np.float32).reshape(4, 4), (2, 2))
    assert halved.tolist() == [[2.5, 4.5], [10.5, 12.5]]


@pytest.mark.parametrize("size", [1, 2, 3, 10, 11])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_median_is_that_of_numpy_to_the_last_bit(size, kind):
    for seed in range(20):
        values = np.random.default_rng(seed).random(size).astype(kind)
        assert median(values) == np.median(values)
        assert median(values).dtype == kind
