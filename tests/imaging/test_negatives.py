"""Pictures of no digit: every kind comes out as a picture, follows its seed, and keeps clear of digits."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pytest

from mnistweb.imaging.doodles import DOODLES, doodle, scribble, smooth
from mnistweb.imaging.errors import ImageError
from mnistweb.imaging.negatives import GLYPHS, KINDS, Material, negative_picture
from mnistweb.imaging.preprocess import preprocess
from mnistweb.imaging.strokes import render_strokes
from mnistweb.imaging.textures import texture

FONTS = tuple(sorted((Path(matplotlib.get_data_path()) / "fonts" / "ttf").glob("DejaVuSans*.ttf")))


def bars() -> np.ndarray:
    """Ten stand-ins for digits: an upright bar and a bar across it at another height each."""
    ink = np.zeros((10, 28, 28), np.uint8)
    for digit, picture in enumerate(ink):
        picture[4:24, 12:16] = 255
        picture[4 + 2 * digit : 6 + 2 * digit, 6:22] = 255
    return ink


def material() -> Material:
    return Material(FONTS, bars(), np.arange(10))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_picture_with_something_on_it(kind: str) -> None:
    for seed in range(6):
        picture, said = negative_picture(np.random.default_rng(seed), material(), kind=kind, size=140)
        assert said == kind
        assert picture.dtype == np.uint8
        assert picture.shape == (140, 140)
        assert np.ptp(picture) > 40


@pytest.mark.parametrize("kind", KINDS)
def test_equal_seeds_give_equal_pictures(kind: str) -> None:
    first, again, other = (
        negative_picture(np.random.default_rng(seed), material(), kind=kind, size=140)[0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "texture"])
def test_ink_stays_clear_of_the_edges_so_that_it_is_not_taken_for_a_frame(kind: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        picture, _ = negative_picture(rng, material(), kind=kind, size=140)
        edges = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        assert edges.min() == 255


def test_most_of_them_pass_through_the_preprocessing() -> None:
    rng, passed = np.random.default_rng(0), 0
    for _ in range(60):
        try:
            pixels = preprocess(negative_picture(rng, material())[0]).pixels
        except ImageError:
            continue
        assert pixels.shape == (28, 28)
        passed += 1
    assert passed >= 50


def test_all_kinds_are_drawn_about_as_often_as_they_should_be() -> None:
    rng = np.random.default_rng(0)
    drawn = [negative_picture(rng, material(), size=56)[1] for _ in range(300)]
    assert set(drawn) == set(KINDS)
    assert drawn.count("doodle") > drawn.count("texture")


def test_without_fonts_and_digits_their_kinds_are_left_out() -> None:
    bare = Material()
    assert bare.kinds == ("doodle", "scribble", "texture")
    rng = np.random.default_rng(0)
    assert {negative_picture(rng, bare, size=56)[1] for _ in range(60)} == set(bare.kinds)
    with pytest.raises(ValueError, match="'glyph' is not among what this material gives"):
        negative_picture(rng, bare, kind="glyph")


def test_strokes_are_varied_by_what_is_handed_in() -> None:
    asked = []

    def vary(strokes, rng):
        asked.append(len(strokes))
        return [stroke * 2 for stroke in strokes]

    negative_picture(np.random.default_rng(0), Material(vary=vary), kind="doodle")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("digits", "labels", "words"),
    [
        (bars(), None, "must be given together"),
        (bars().astype(np.float32), np.arange(10), r"must be uint8 \(N, H, W\), got float32"),
        (bars()[0], np.arange(28), r"must be uint8 \(N, H, W\)"),
        (bars(), np.arange(9), "each digit needs a label"),
        (bars(), np.zeros(10, int), "each of 0 to 9 a digit"),
    ],
)
def test_material_that_does_not_fit_is_refused(digits, labels, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Material((), digits, labels)


def test_no_printed_character_is_a_digit_or_its_twin() -> None:
    assert not set(GLYPHS) & set("0123456789OoQDlI|iJjZzSsBbGgqaryc&$!()[]{}/\\")
    assert len(set(GLYPHS)) == len(GLYPHS)


def test_a_font_without_the_characters_is_passed_over(tmp_path: Path) -> None:
    symbols = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "cmex10.ttf"
    rng = np.random.default_rng(0)
    for _ in range(10):
        picture, _ = negative_picture(rng, Material((symbols, FONTS[0])), kind="glyph", size=140)
        assert picture.min() < 100


@pytest.mark.parametrize("name", DOODLES)
def test_every_doodle_is_drawn_inside_its_own_size(name: str) -> None:
    strokes = doodle(name)
    points = np.concatenate(strokes)
    assert points.dtype == np.float32
    assert np.ptp(points, axis=0).max() < 1.3
    assert (render_strokes(strokes, size=56, brush=2) < 128).sum() > 4


def test_doodles_cannot_be_changed_by_those_who_borrow_them() -> None:
    with pytest.raises(ValueError, match="read-only"):
        doodle("house")[0][0, 0] = 5


def test_a_smooth_curve_passes_through_its_points() -> None:
    points = np.array([[0, 0], [1, 2], [3, 1], [4, 4]], float)
    curve = smooth(points, parts=5)
    assert curve.shape == (16, 2)
    np.testing.assert_allclose(curve[::5], points, atol=1e-6)


def test_scribbles_have_more_path_than_a_digit() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        (stroke,) = scribble(rng)
        length = np.hypot(*np.diff(stroke, axis=0).T).sum()
        assert length > 4 * np.ptp(stroke, axis=0).max()


def test_textures_are_of_many_sorts() -> None:
    rng = np.random.default_rng(0)
    pictures = [texture(56, rng) for _ in range(40)]
    assert all(picture.dtype == np.uint8 and picture.shape == (56, 56) for picture in pictures)
    assert len({picture.tobytes() for picture in pictures}) == 40
