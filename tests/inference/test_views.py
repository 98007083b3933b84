"""Views: what moving a picture does to it, and what averaging does to an answer."""

from __future__ import annotations

import numpy as np
import pytest

from mnistweb.inference import DigitClassifier
from mnistweb.inference.drawings import drawings
from mnistweb.inference.views import CROSS, VIEWS, View, combined, seen
from mnistweb.resources import shipped_weights_folder


def dot(row: int, column: int) -> np.ndarray:
    picture = np.zeros((1, 28, 28, 1), np.float32)
    picture[0, row, column] = 1
    return picture


def test_a_view_that_moves_nothing_is_the_picture_itself():
    pictures = drawings()[0]
    np.testing.assert_array_equal(seen(pictures, View()), pictures)


def test_a_shift_moves_every_pixel_by_so_many():
    np.testing.assert_array_equal(seen(dot(10, 12), View(right=1)), dot(10, 13))
    np.testing.assert_array_equal(seen(dot(10, 12), View(down=-2)), dot(8, 12))


def test_half_a_pixel_is_shared_by_two():
    moved = seen(dot(10, 12), View(right=0.5))[0, :, :, 0]
    assert (moved[10, 12], moved[10, 13], moved.sum()) == (0.5, 0.5, 1)


def test_a_quarter_turn_is_that_of_numpy_and_goes_clockwise():
    picture = np.random.default_rng(1).random((2, 28, 28), np.float32)
    turned = seen(picture, View(turn_degrees=90))
    np.testing.assert_allclose(turned, np.rot90(picture, -1, axes=(1, 2)), atol=1e-5)


def test_what_comes_from_outside_is_black_and_what_leaves_is_gone():
    assert not seen(dot(5, 27), View(right=1)).any()
    assert not seen(np.ones((1, 28, 28), np.float32), View(right=3))[:, :, :3].any()


def test_the_answer_is_the_mean_of_the_answers_to_each_view():
    classifier = DigitClassifier.load(shipped_weights_folder() / "mlp-64.pkl")
    pictures = drawings()[0][:4]
    views = combined((0, 8), CROSS[:2])
    each = [classifier.probabilities(seen(pictures, view)) for view in views]
    averaged = classifier.with_views(views).probabilities(pictures)
    np.testing.assert_allclose(averaged, np.mean(each, axis=0), atol=1e-12)
    np.testing.assert_allclose(averaged.sum(axis=1), 1)


@pytest.mark.parametrize("name", ["convnet", "mlp-64"])
def test_the_shipped_models_read_the_shipped_drawings_from_every_side(name):
    pictures, digits = drawings()
    answers = (
        DigitClassifier.load(shipped_weights_folder() / f"{name}.pkl").with_views().predict_pixels(pictures)
    )
    assert (
        np.mean([answer.prediction == digit for answer, digit in zip(answers, digits, strict=True)]) >= 0.95
    )
    assert (0.0, 0.0, 0.0) in VIEWS
