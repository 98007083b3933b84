"""A set's pictures say how they lie in their 28x28, and pictures that come later are laid the same way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnistweb.imaging.placement import MNIST_FRAME, Frame, centre_of_mass, centred, scaled
from mnistweb.imaging.preprocess import preprocess
from mnistweb.inference import DigitClassifier
from mnistweb.inference.drawings import drawings
from mnistweb.recipes.framing import frame_facts
from tests.inference.conftest import saved
from tests.recipes.shapes import shape

# A wedge: its mass lies to the left of the middle of its box.
WEDGE = np.linspace(1, 0.2, 40, dtype=np.float32)[np.newaxis].repeat(30, axis=0)


def test_drawn_digits_lie_as_mnist_s_do() -> None:
    assert frame_facts(drawings()[0]) == {"longer_side": 20, "centred_by": "mass"}


@pytest.mark.parametrize(("side", "by_mass"), [(24, False), (16, True), (28, False)])
def test_pictures_that_were_laid_in_a_frame_tell_it(side: int, by_mass: bool) -> None:
    wedges = [WEDGE, WEDGE[:, ::-1], WEDGE.T, WEDGE[:20]]
    laid = np.stack([centred(scaled(each, side), by_mass=by_mass) for each in wedges])[..., np.newaxis]
    assert frame_facts(laid) == {"longer_side": side, "centred_by": "mass" if by_mass else "box"}


def test_pictures_with_nothing_on_them_are_left_out() -> None:
    blank = np.zeros((3, 28, 28, 1), np.float32)
    assert frame_facts(blank) == {}
    faint = np.concatenate(
        [blank, 0.02 * centred(scaled(WEDGE, 24), by_mass=False)[np.newaxis, ..., np.newaxis]]
    )
    assert frame_facts(faint)["longer_side"] == 24


def test_preprocessing_lays_a_picture_as_the_frame_says() -> None:
    picture = 255 - np.asarray(shape(8, np.random.default_rng(1)))  # a half moon
    for frame in (MNIST_FRAME, Frame(26, by_mass=False)):
        pixels = preprocess(picture, frame=frame).pixels
        rows, columns = (np.flatnonzero(pixels.any(axis=axis)) for axis in (1, 0))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == frame.longer_side
        middle = (columns[0] + columns[-1]) / 2
        assert (abs(middle - 13.5) <= 0.5) is not frame.by_mass
        assert (abs(centre_of_mass(pixels)[0] - 14) <= 0.5) is frame.by_mass
    steps = preprocess(picture, frame=Frame(26, by_mass=False), keep_steps=True).steps
    assert [step.title for step in steps[-2:]] == ["Longer side 26 pixels", "Centred by its box"]


@pytest.mark.parametrize(
    ("facts", "frame"),
    [
        ({}, MNIST_FRAME),
        ({"longer_side": 26, "centred_by": "box"}, Frame(26, by_mass=False)),
        ({"longer_side": 24, "centred_by": "mass"}, Frame(24)),
        ({"longer_side": 29, "centred_by": "box"}, MNIST_FRAME),
        ({"longer_side": "26"}, MNIST_FRAME),
        ({"longer_side": 0}, MNIST_FRAME),
    ],
)
def test_a_model_s_frame_is_among_its_facts(facts: dict[str, object], frame: Frame) -> None:
    assert DigitClassifier(saved(training=facts)).frame == frame


def test_a_model_of_other_things_gets_pictures_in_their_frame(tmp_path: Path) -> None:
    facts = {"longer_side": 26, "centred_by": "box"}
    picture = 255 - np.asarray(shape(0, np.random.default_rng(1)))
    usual, framed = DigitClassifier(saved()), DigitClassifier(saved(training=facts))
    pixels = preprocess(picture, frame=framed.frame).pixels[np.newaxis]
    expected = usual.probabilities(pixels)[0]
    np.testing.assert_array_equal(framed.predict(picture).probabilities, expected)
    np.testing.assert_array_equal(framed.predict_batch([picture])[0].probabilities, expected)
    assert not np.array_equal(usual.predict(picture).probabilities, expected)
