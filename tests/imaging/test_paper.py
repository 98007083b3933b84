"""Ink is told from paper whatever their colours and however the light falls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from mnistweb.imaging.errors import BlankImageError
from mnistweb.imaging.paper import Ink, find_ink, grey_of
from tests.imaging.pictures import drawn_eight, drawn_seven

SEVEN = drawn_seven(200, 14)
INK = 1 - SEVEN.astype(np.float32) / 255


def noisy(grey: np.ndarray, sigma: float = 0.01, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, sigma, grey.shape)
    return np.clip(grey + noise, 0, 1).astype(np.float32)


def test_black_on_white_is_taken_as_it_is():
    ink = find_ink(1 - INK)
    assert ink.clean
    assert ink.dark
    assert np.allclose(ink.amount, INK, atol=1e-6)


def test_light_ink_on_a_dark_ground_gives_the_same_amounts():
    ink = find_ink(0.2 + 0.5 * INK)
    assert not ink.dark
    assert np.allclose(ink.amount, INK, atol=1e-5)


@settings(deadline=None)
@given(
    arrays(np.uint8, (12, 10), elements=st.integers(0, 255), fill=st.nothing()),
    st.floats(0.2, 1),
    st.integers(0, 255),
    st.sampled_from([0, 1]),
)
def test_levels_of_grey_give_the_same_ink_as_the_brightness_of_each_pixel(levels, share, paper, margin):
    plain = np.arange(levels.size).reshape(levels.shape) % 100 < 100 * share
    levels[plain] = paper
    if margin:  # of one grey, as paper has around a drawing
        levels[0] = levels[-1] = levels[:, 0] = levels[:, -1] = paper
    try:
        expected = find_ink(levels / np.float32(255))
    except BlankImageError:
        with pytest.raises(BlankImageError):
            find_ink(levels)
        return
    ink = find_ink(levels)
    assert (ink.dark, ink.clean, ink.threshold) == (expected.dark, expected.clean, expected.threshold)
    assert np.array_equal(ink.amount, expected.amount)
    for amount in (0.03, 0.5, 1.0):
        assert np.array_equal(ink.above(amount), expected.amount > amount)


@pytest.mark.parametrize("seed", range(10))
def test_what_lies_on_strokes_sums_up_as_if_cropped_from_the_whole_to_the_last_bit(seed):
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 256, (280, 280), np.uint8)
    ink = Ink(rng.random(256, np.float32), levels, threshold=0.03, dark=True, clean=True, evened=levels)
    strokes = rng.random(levels.shape) < 0.7
    whole, part = slice(0, 280), slice(3, 203)
    for box in ((part, slice(5, 160)), (whole, slice(20, 76)), (part, whole), (slice(4, 5), part)):
        cropped = (ink.amount * strokes)[box]
        on = ink.on(strokes[box], box)
        assert np.array_equal(on, cropped)
        assert on.sum() == cropped.sum()


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("lowest_light", [1.0, 0.6, 0.35])
def test_uneven_light_is_evened_out(dark, lowest_light):
    light = np.linspace(lowest_light, 1, 200)[None, :] * np.linspace(1, 0.9, 200)[:, None]
    reflected = 0.9 - 0.7 * INK if dark else 0.15 + 0.7 * INK
    ink = find_ink(noisy(reflected * light))
    assert not ink.clean
    assert ink.dark is dark
    assert np.abs(ink.amount - INK).mean() < 0.02


def test_a_shadow_with_an_edge_across_the_digit_is_no_ink():
    y, x = np.mgrid[:200, :200]
    light = np.where(x + y > 190, 0.55, 1.0)
    ink = find_ink(noisy((0.9 - 0.7 * INK) * light))
    assert np.abs(ink.amount - INK).mean() < 0.04


@pytest.mark.parametrize("sigma", [0.0, 0.01])
def test_an_overexposed_photograph_is_not_taken_for_a_clean_drawing(sigma):
    x = np.linspace(0, 1, 200)[None, :]
    light = np.clip(0.6 + x, 0, 1.05)  # more than half of the paper is clipped to white
    ink = find_ink(noisy((0.98 - 0.7 * INK) * light, sigma))
    assert not ink.clean
    assert np.abs(ink.amount - INK).mean() < 0.04


def test_ripples_that_smooth_scaling_leaves_are_not_taken_for_light():
    small = Image.fromarray(SEVEN[40:164, 50:146]).resize((24, 31), Image.Resampling.BOX)
    large = np.asarray(small.resize((240, 310), Image.Resampling.LANCZOS), np.float32) / 255
    assert find_ink(large).clean


@pytest.mark.parametrize(
    "picture",
    [
        np.ones((50, 50)),
        np.zeros((50, 50)),
        np.full((50, 50), 0.5) + np.linspace(0, 0.001, 50),
        noisy(np.full((120, 120), 0.6)),
        noisy(np.full((120, 120), 0.6) * np.linspace(0.5, 1, 120)),
    ],
)
def test_empty_paper_is_blank(picture):
    with pytest.raises(BlankImageError):
        find_ink(picture.astype(np.float32))


@pytest.mark.parametrize(
    ("paper", "pen"),
    [
        ((255, 255, 255), (0, 0, 0)),
        ((255, 255, 255), (255, 240, 60)),  # yellow is nearly as bright as white
        ((30, 110, 40), (160, 50, 40)),  # red on green: equally bright
        ((255, 190, 200), (200, 20, 40)),
        ((20, 30, 90), (120, 200, 255)),
    ],
)
def test_any_two_colours_give_the_same_ink(paper, pen):
    drawing = drawn_eight(120, 9)[:, :, None] / 255.0
    coloured = Image.fromarray(np.round(drawing * paper + (1 - drawing) * pen).astype(np.uint8))
    ink = find_ink(grey_of(coloured))
    assert np.abs(ink.amount - (1 - drawing[:, :, 0])).max() < 0.04


def test_grey_pictures_in_colour_modes_are_weighed_as_pillow_does():
    picture = Image.fromarray(SEVEN)
    assert np.allclose(grey_of(picture.convert("RGB")), grey_of(picture), atol=1e-5)
