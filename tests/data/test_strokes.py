"""Warped strokes: the same digit by another hand, decided by the rng alone."""

from __future__ import annotations

import numpy as np
import pytest

from mnistweb.data.strokes import warp_strokes

STILL = dict.fromkeys(
    ("rotation_degrees", "log_scale", "shear", "bend", "jitter", "ends", "gap", "join", "crossbar"), 0.0
)
CIRCLE = np.stack([np.cos(np.linspace(0, 6, 40)), np.sin(np.linspace(0, 6, 40))], axis=1)
SEVEN = np.array([[x, 0] for x in range(0, 60, 10)] + [[60 - 3 * i, 10 * i] for i in range(11)], float)
BAR = np.array([[25.0, 50], [45, 52], [65, 50]])


def test_with_every_strength_zero_strokes_are_only_normalised() -> None:
    (path,) = warp_strokes([CIRCLE * 50 + 300], np.random.default_rng(0), **STILL)
    assert path.dtype == np.float32
    assert np.ptp(path, axis=0).max() == pytest.approx(1, abs=1e-5)
    expected = CIRCLE - (CIRCLE.min(axis=0) + CIRCLE.max(axis=0)) / 2
    np.testing.assert_allclose(path, expected / np.ptp(CIRCLE, axis=0).max(), atol=1e-5)


def test_equal_seeds_warp_alike_and_the_input_stays_as_it_was() -> None:
    before = CIRCLE.copy()
    first, again, other = (warp_strokes([CIRCLE, BAR], np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(CIRCLE, before)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[0], other[0])


def test_rotation_turns_by_the_standard_deviation_asked_for() -> None:
    rng = np.random.default_rng(0)
    line = np.array([[-1.0, 0], [1, 0]])
    angles = []
    for _ in range(400):
        (path,) = warp_strokes([line], rng, **{**STILL, "rotation_degrees": 10.0})
        angles.append(np.degrees(np.arctan2(*(path[1] - path[0])[::-1])))
    assert np.std(angles) == pytest.approx(10, rel=0.15)


def test_bending_moves_neighbouring_points_together() -> None:
    (path,) = warp_strokes([CIRCLE], np.random.default_rng(3), **{**STILL, "bend": 0.05})
    (still,) = warp_strokes([CIRCLE], np.random.default_rng(3), **STILL)
    moved = path - still
    assert np.abs(moved).mean() > 0.02
    assert np.abs(np.diff(moved, axis=0)).mean() < np.abs(moved).mean() / 3


def test_ends_open_and_close_a_stroke_along_its_direction() -> None:
    line = np.stack([np.linspace(0, 100, 21), np.zeros(21)], axis=1)
    lengths = [
        np.ptp(warp_strokes([line], np.random.default_rng(seed), **{**STILL, "ends": 0.05})[0][:, 0])
        for seed in range(50)
    ]
    assert min(lengths) < 0.95
    assert max(lengths) > 1.05


def test_a_gap_divides_the_longest_stroke_and_a_join_connects_two() -> None:
    rng = np.random.default_rng(0)
    divided = warp_strokes([BAR, CIRCLE], rng, **{**STILL, "gap": 1.0})
    assert len(divided[0]) == 3
    assert sum(len(path) for path in divided[1:]) == 40
    assert len(divided) == 3
    assert [len(path) for path in warp_strokes([BAR, CIRCLE], rng, **{**STILL, "join": 1.0})] == [43]


def test_a_seven_gets_a_bar_or_loses_it_and_other_digits_do_not() -> None:
    rng = np.random.default_rng(0)
    always = {**STILL, "crossbar": 1.0}
    crossed = warp_strokes([SEVEN], rng, label=7, **always)
    assert len(crossed) == 2
    stem_x = crossed[0][np.argmin(np.abs(crossed[0][8:, 1] - crossed[1][1, 1])) + 8, 0]
    assert crossed[1][0, 0] < stem_x < crossed[1][-1, 0]
    assert len(warp_strokes([SEVEN, BAR], rng, label=7, **always)) == 1
    assert len(warp_strokes([SEVEN], rng, label=1, **always)) == 1


def test_a_dot_stays_a_dot() -> None:
    for seed in range(20):
        (path,) = warp_strokes([[[5.0, 5.0]]], np.random.default_rng(seed))
        assert path.shape == (1, 2)
        assert np.isfinite(path).all()


@pytest.mark.parametrize("strokes", [[], [np.zeros((0, 2))], [np.zeros(4)], [np.zeros((3, 3))]])
def test_what_is_no_stroke_is_refused(strokes: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="expected strokes of shape"):
        warp_strokes(strokes, np.random.default_rng(0))
