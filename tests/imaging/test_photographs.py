"""Stand-ins for photographs look like photographs, and the digit can still be read from them."""

from __future__ import annotations

import numpy as np
import pytest

from mnistweb.imaging.decode import decode_image
from mnistweb.imaging.photographs import DARK_MEDIA, LIGHT_MEDIA, PAPERS, photograph
from mnistweb.imaging.preprocess import preprocess
from tests.imaging.pictures import drawn_eight, drawn_seven

INK = 255 - drawn_eight(200, 14)
PAIRS = [
    (medium, paper)
    for paper, sheet in PAPERS.items()
    for medium in (LIGHT_MEDIA if sheet.dark else DARK_MEDIA)
]


def test_equal_seeds_give_equal_files():
    first, second = (photograph(INK, np.random.default_rng(5)) for _ in range(2))
    assert first == second
    assert first != photograph(INK, np.random.default_rng(6))


@pytest.mark.parametrize(("medium", "paper"), PAIRS)
def test_the_digit_survives_every_medium_on_every_paper(medium, paper):
    expected = preprocess(INK).pixels
    file = photograph(INK, np.random.default_rng(8), medium=medium, paper=paper, side=240)
    result = preprocess(decode_image(file))
    assert result.polarity == ("light_on_dark" if PAPERS[paper].dark else "dark_on_light")
    assert np.corrcoef(result.pixels.ravel(), expected.ravel())[0, 1] > 0.75  # it is tilted, blurred, shaded


def test_the_side_asked_for_is_the_longer_one():
    assert decode_image(photograph(INK[:, 50:150], np.random.default_rng(1), side=160)).size == (80, 160)


def test_floats_and_bytes_of_the_same_ink_give_the_same_file():
    first, second = (photograph(ink, np.random.default_rng(2)) for ink in (INK, INK / 255))
    assert first == second


def test_what_is_left_open_varies():
    rng = np.random.default_rng(4)
    pictures = [decode_image(photograph(255 - drawn_seven(60, 4), rng)) for _ in range(40)]
    assert len({picture.size for picture in pictures}) > 20
    brightness = [np.asarray(picture).mean() for picture in pictures]
    assert min(brightness) < 70
    assert max(brightness) > 180


def test_a_medium_that_does_not_show_on_the_paper_is_refused():
    with pytest.raises(KeyError):
        photograph(INK, np.random.default_rng(1), medium="chalk", paper="white")
    with pytest.raises(KeyError):
        photograph(INK, np.random.default_rng(1), paper="parchment")
