"""What is printed or lies about is taken out; what is drawn stays."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from mnistweb.imaging.components import connected_components
from mnistweb.imaging.lines import without_lines
from mnistweb.imaging.parts import find_sheet, is_dot, parts_of_digit
from tests.imaging.pictures import drawn_eight, drawn_seven

SEVEN = drawn_seven(200, 14) < 128
EIGHT = drawn_eight(200, 14) < 128


def left_of(mask: np.ndarray) -> np.ndarray:
    parts = connected_components(mask)
    return parts.mask_of(parts_of_digit(parts, strong=mask))


def moved_up(mask: np.ndarray, rows: int) -> np.ndarray:
    """The mask as far as it stays within the picture."""
    moved = np.zeros_like(mask)
    moved[:-rows] = mask[rows:]
    return moved


def with_lines(mask: np.ndarray, angle: float = 0.0) -> np.ndarray:
    printed = Image.new("L", (400, 400))
    pen = ImageDraw.Draw(printed)
    for place in range(0, 400, 33):
        pen.line([(place, 0), (place, 400)], fill=255, width=2)
        pen.line([(0, place), (400, place)], fill=255, width=2)
    turned = np.asarray(printed.rotate(angle, Image.Resampling.BILINEAR).crop((100, 100, 300, 300))) > 127
    return mask | turned


def test_squared_paper_is_taken_out_and_the_digit_stays():
    for angle in (0, 2.5, -6):
        cleaned = left_of(without_lines(with_lines(EIGHT, angle)))
        assert (cleaned & ~EIGHT).sum() < 0.05 * EIGHT.sum()
        assert (cleaned & EIGHT).sum() > 0.9 * EIGHT.sum()


def test_a_drawn_bar_of_80_percent_of_the_canvas_is_no_printed_line():
    mask = np.zeros((200, 200), bool)
    mask[20:180, 97:103] = True
    mask[:6, 20:40] = mask[-6:, 150:170] = True  # something else is at the edges
    assert np.array_equal(without_lines(mask), mask)


def test_a_picture_without_lines_is_not_touched():
    assert np.array_equal(without_lines(SEVEN), SEVEN)


def test_specks_are_dropped_and_the_parts_of_a_digit_kept():
    two_strokes = SEVEN.copy()
    two_strokes[70:74] = False  # the pen was lifted
    assert np.array_equal(left_of(two_strokes), two_strokes)
    specked = two_strokes.copy()
    specked[5:8, 5:8] = specked[190:194, 60:65] = specked[150:159, 20:29] = True
    assert np.array_equal(left_of(specked), two_strokes)


def test_frames_thin_and_thick_are_dropped():
    for place, width in ((0, 4), (0, 16), (8, 2)):
        framed = SEVEN.copy()
        inside = slice(place + width, -place - width)
        ring = np.zeros_like(framed)
        ring[place : 200 - place, place : 200 - place] = True
        ring[inside, inside] = False
        assert np.array_equal(left_of(framed | ring), SEVEN)
        assert not left_of(ring).any()


def test_a_shadow_in_a_corner_and_a_table_at_the_side_are_dropped():
    y, x = np.mgrid[:200, :200]
    assert np.array_equal(left_of(SEVEN | (x + y > 340)), SEVEN)
    assert np.array_equal(left_of(SEVEN | (x < 25)), SEVEN)


def test_a_shadow_is_dropped_also_beside_a_digit_that_leaves_the_picture():
    y, x = np.mgrid[:200, :200]
    mask = moved_up(EIGHT, 43)
    assert mask[0].any()
    assert np.array_equal(left_of(mask | (x + y > 330)), mask)


def test_writing_that_comes_in_from_beside_is_dropped():
    beside = SEVEN.copy()
    beside[100:106, 170:] = True
    assert np.array_equal(left_of(beside), SEVEN)


def test_a_digit_that_leaves_the_picture_is_kept():
    mask = moved_up(SEVEN, 46)
    assert mask[0].any()
    assert np.array_equal(left_of(mask), mask)


def test_a_smudge_without_strong_ink_is_dropped():
    smudge = np.zeros_like(SEVEN)
    smudge[20:180, 10:20] = True
    parts = connected_components(SEVEN | smudge)
    assert np.array_equal(parts.mask_of(parts_of_digit(parts, strong=SEVEN)), SEVEN)


def test_a_sheet_is_found_also_askew_but_a_fat_digit_is_none():
    for angle in (0, 4, -7):
        sheet = Image.new("L", (300, 300))
        sheet.paste(Image.fromarray(drawn_seven(160, 11)).rotate(angle, expand=True), (60, 60))
        mask = np.asarray(sheet) > 127
        parts = connected_components(mask)
        left, top, right, bottom = find_sheet(parts, parts.areas == parts.areas.max(), mask)
        assert min(left, top) >= 60
        assert max(left, top) <= 61
        assert 160 <= right - left <= 185
        assert 160 <= bottom - top <= 185
    for fat in (drawn_eight(280, 34), drawn_seven(280, 34)):
        parts = connected_components(fat < 128)
        assert find_sheet(parts, np.ones(len(parts), bool), fat < 128) is None


def test_a_dot_is_small_round_and_filled():
    y, x = np.mgrid[:20, :20] - 9.5
    disc = x**2 + y**2 <= 100
    assert is_dot(disc, picture_side=280)
    assert not is_dot(disc, picture_side=100)  # too large for a dot
    assert not is_dot(disc & ~(x**2 + y**2 <= 60), picture_side=280)  # a little 0
    assert not is_dot(np.ones((20, 6), bool), picture_side=280)  # a little 1
