"""Rendered strokes: compared with the plain definition, every pixel against every line."""

from __future__ import annotations

import numpy as np
import pytest

from mnistweb.imaging.strokes import render_strokes, widths_by_speed

HOOK = np.array([[20.0, 30], [90, 35], [60, 110]])


def plainly_drawn(path: np.ndarray, radii: np.ndarray, size: int) -> np.ndarray:
    """The definition: shade by the distance from each pixel's centre to the nearest point of any line."""
    y, x = np.mgrid[:size, :size] + 0.5
    field = np.full((size, size), np.inf)
    for a, b, radius_a, radius_b in zip(path[:-1], path[1:], radii[:-1], radii[1:], strict=True):
        along = ((x - a[0]) * (b - a)[0] + (y - a[1]) * (b - a)[1]) / max(((b - a) ** 2).sum(), 1e-9)
        along = np.clip(along, 0, 1)
        distance = np.hypot(x - a[0] - along * (b - a)[0], y - a[1] - along * (b - a)[1])
        field = np.minimum(field, distance - radius_a - along * (radius_b - radius_a))
    return np.rint(np.clip(field + 0.5, 0, 1) * 255)


@pytest.mark.parametrize("brush", [1.0, 7.5, 34.0])
def test_the_picture_is_that_of_the_plain_definition(brush: float) -> None:
    picture = render_strokes([HOOK], size=128, brush=brush, extent=None)
    assert picture.dtype == np.uint8
    expected = plainly_drawn(HOOK, np.full(3, brush / 2), 128)
    np.testing.assert_allclose(picture.astype(float), expected, atol=1)


def test_widths_change_the_line_from_point_to_point() -> None:
    factors = np.array([0.5, 1.5, 1.0], np.float32)
    picture = render_strokes([HOOK], size=128, brush=12, extent=None, widths=[factors])
    np.testing.assert_allclose(picture.astype(float), plainly_drawn(HOOK, factors * 6, 128), atol=6)


@pytest.mark.parametrize("shift", [(-60, 0), (70, 40), (0, -90), (45, 90), (-500, 0)])
def test_what_leaves_the_canvas_is_cut_at_its_edge(shift: tuple[int, int]) -> None:
    moved = HOOK + np.array(shift)
    picture = render_strokes([moved], size=128, brush=20, extent=None)
    np.testing.assert_allclose(picture.astype(float), plainly_drawn(moved, np.full(3, 10), 128), atol=1)


def test_strokes_are_scaled_and_placed_as_asked() -> None:
    picture = render_strokes([HOOK * 37 - 5000], size=200, brush=10, extent=0.5, center=(0.4, 0.6))
    rows, columns = np.nonzero(picture < 128)
    assert np.ptp(rows) + 1 == pytest.approx(0.5 * 200 + 10, abs=1)  # the hook is taller than wide
    assert (rows.min() + rows.max() + 1) / 2 == pytest.approx(0.6 * 200, abs=1)
    assert (columns.min() + columns.max() + 1) / 2 == pytest.approx(0.4 * 200, abs=1)


@pytest.mark.parametrize("center", [(0, 0), (1, 1), (0, 1), (-3, 0.5)])
def test_ink_is_moved_back_inside_the_canvas(center: tuple[float, float]) -> None:
    picture = render_strokes([HOOK], brush=30, extent=0.6, center=center)
    edges = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert edges.min() == 255
    middle = render_strokes([HOOK], brush=30, extent=0.6)
    assert np.abs((255.0 - picture).sum() - (255.0 - middle).sum()) < 255 * 60


def test_a_tap_of_the_pen_is_a_round_dot() -> None:
    picture = render_strokes([[[3.0, 3.0]]], brush=20)
    assert (255.0 - picture).sum() / 255 == pytest.approx(np.pi * 10**2, rel=0.01)
    np.testing.assert_array_equal(picture, picture[::-1])
    np.testing.assert_array_equal(picture, picture.T)


def test_fast_parts_are_thinner_and_the_strength_zero_changes_nothing() -> None:
    slow_then_fast = np.concatenate([np.linspace(0, 10, 11), np.linspace(20, 110, 10)])
    path = np.stack([slow_then_fast, np.zeros(21)], axis=1)
    (widths,) = widths_by_speed([path], 1.0)
    assert widths.shape == (21,)
    assert widths[2] > 1.2 > 0.8 > widths[-3]
    (same,) = widths_by_speed([path], 0.0)
    np.testing.assert_array_equal(same, 1)
    assert [len(each) for each in widths_by_speed([path[:1], path[:2]], 1.0)] == [1, 2]


@pytest.mark.parametrize(
    ("strokes", "words"),
    [
        ([], "at least one stroke"),
        ([np.zeros((0, 2))], r"shape \(P, 2\)"),
        ([np.zeros((4, 3))], r"shape \(P, 2\)"),
        ([np.array([[0, np.nan]])], "not finite"),
    ],
)
def test_what_is_no_stroke_is_refused(strokes: list[np.ndarray], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        render_strokes(strokes)


def test_a_number_of_widths_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="argument"):
        render_strokes([HOOK], widths=[])
