"""Two models on the same pictures. Guards: mnistweb/recipes/comparison.py and set_pictures.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnistweb.data.errors import DataError, MissingDataError
from mnistweb.recipes.comparison import Mistake, compare, mistakes
from mnistweb.recipes.set_pictures import _maker, set_picture
from mnistweb.recipes.sources import load_test

FIRST = {"total": 10, "mistakes": [[2, 7, 1, 0.6], [5, 4, 9, 0.9], [8, 3, 5, 0.7]]}
SECOND = {"total": 10, "mistakes": [[5, 4, 9, 0.8], [8, 3, 2, 0.95], [1, 0, 6, 0.5], [9, 9, None, 0.0]]}


def test_a_comparison_by_hand():
    found = compare(FIRST, SECOND)
    assert (found.total, found.both_right, found.both_wrong) == (10, 5, 2)
    assert (found.test.only_first, found.test.only_second) == (2, 1)  # 1 and 9; 2


def test_disagreements_are_what_was_read_differently_those_first_that_one_read_right():
    found = compare(FIRST, SECOND).disagreements
    assert [each.index for each in found] == [2, 1, 9, 8]  # 5 was read as a 9 by both
    assert (found[0].truth, found[0].first, found[0].second) == (7, Mistake(2, 7, 1, 0.6), None)
    assert found[3].first is not None
    assert found[3].second is not None


def test_a_model_agrees_with_itself():
    found = compare(FIRST, FIRST)
    assert (found.disagreements, found.test.p_value) == ((), 1)


def test_different_pictures_are_not_compared():
    with pytest.raises(ValueError, match="got 10 and 11"):
        compare(FIRST, {"total": 11, "mistakes": []})


def test_mistakes_come_surest_first():
    assert [each.index for each in mistakes(SECOND)] == [8, 5, 1, 9]


def test_a_picture_of_a_set_is_that_of_the_whole_set(real_data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MNISTWEB_DATA_DIR", str(real_data_dir))
    _maker.cache_clear()
    set_picture.cache_clear()
    images = load_test(data_dir=real_data_dir).images
    np.testing.assert_array_equal(set_picture("mnist", 7), np.rint(images[7, :, :, 0] * 255))
    with pytest.raises(DataError, match="no picture 10000"):
        set_picture("mnist", 10_000)


def test_data_that_are_missing_are_said_to_be_so_and_found_once_they_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MNISTWEB_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(tmp_path))
    _maker.cache_clear()
    set_picture.cache_clear()
    with pytest.raises(MissingDataError, match="mnistweb data fetch"):
        set_picture("mnist", 0)
    assert set_picture("negatives", 0).shape == (28, 28)  # needs no data at all
