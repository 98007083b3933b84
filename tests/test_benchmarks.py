"""The benchmarks' own parts that need no peer: the table, the page, and the environment."""

import json
import os

import pytest

from benchmarks import kernels, report
from benchmarks.curves import Curve
from benchmarks.timing import Row, race, repeated, table


def test_a_row_has_the_ratio_of_ours_to_theirs():
    assert table([Row("a step", "a peer", 3.0, 4.0, 0.9)]).endswith(
        "| a step | a peer | 3 ms | 4 ms | 0.75 | 0.9 |"
    )


def test_contenders_take_turns_and_the_first_turn_does_not_count():
    calls = []
    medians = race({name: repeated(lambda name=name: calls.append(name)) for name in "ab"}, rounds=2, times=2)
    assert "".join(calls) == "aabb" * 3
    assert medians.keys() == {"a", "b"}


def test_what_was_measured_goes_into_the_page_and_leaves_the_rest(tmp_path):
    page = tmp_path / "performance.md"
    page.write_text(
        "before\n<!-- measured: ratios -->\nold\n<!-- end -->\n"
        "after\n<!-- measured: instructions -->\n<!-- end -->\n"
    )
    rows = [Row("a step", "a peer", 3.0, 4.0, 0.9)]
    curve = Curve("batch", "milliseconds", "ours", [(1, 2.0), (2, 3.0)])
    report.write(tmp_path, {"date": "today"}, rows, [curve], {"one picture": 88.0})
    text = page.read_text()
    assert text.startswith("before\n<!-- measured: ratios -->\n* date: today\n")
    assert "old" not in text
    assert "after\n" in text
    assert "| one picture | 88 |" in text
    assert json.loads((tmp_path / "performance.json").read_text())["rows"][0]["ratio"] == 0.75
    assert (tmp_path / "performance.png").read_bytes().startswith(b"\x89PNG")


def test_a_page_without_its_place_is_refused(tmp_path):
    (tmp_path / "performance.md").write_text("nothing here")
    with pytest.raises(ValueError, match="measured: ratios"):
        report.write(tmp_path, {}, [], [], {})


def test_libraries_choose_their_kernels_in_a_process_without_the_variables(monkeypatch):
    begun = []
    monkeypatch.setattr(os, "execve", lambda path, words, environment: begun.append(environment))
    for name in kernels.FORCING:
        monkeypatch.delenv(name, raising=False)
    kernels.let_libraries_choose()
    assert not begun
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    kernels.let_libraries_choose()
    assert "OPENBLAS_CORETYPE" not in begun[0]
    assert begun[0]["PATH"] == os.environ["PATH"]
