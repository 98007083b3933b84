"""UNIPEN stroke files: read with y turned down, and broken ones refused with the line that is wrong."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mnistweb.data import DataError
from mnistweb.data.unipen import read_unipen

GOOD = """\
.LEXICON "0" "1" "2" "3" "4" "5" "6" "7" "8" "9"
.HIERARCHY      DIGIT

.SEGMENT DIGIT    0 ? "4"
.COMMENT 4 12  224
.PEN_DOWN
 100  300
 110  250
.PEN_UP
.DT 100
.PEN_DOWN
 130  310
.PEN_UP

.SEGMENT DIGIT    0 ? "1"
.PEN_DOWN
 5 5
 5 0
.PEN_UP
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "strokes.unipen"
    path.write_text(text)
    return path


def test_strokes_start_at_their_corner_and_y_points_down(tmp_path: Path) -> None:
    four, one = read_unipen(written(tmp_path, GOOD))
    assert (four.label, four.writer, one.label, one.writer) == (4, 12, 1, -1)
    assert [stroke.tolist() for stroke in four.strokes] == [[[0, 10], [10, 60]], [[30, 0]]]
    assert [stroke.tolist() for stroke in one.strokes] == [[[0, 0], [0, 5]]]
    assert four.strokes[0].dtype == np.float32


def test_a_packed_file_reads_like_an_unpacked_one(tmp_path: Path) -> None:
    path = tmp_path / "packed"
    path.write_bytes(gzip.compress(GOOD.encode()))
    assert [digit.label for digit in read_unipen(path)] == [4, 1]


def test_the_real_file_holds_thirty_writers(real_data_dir: Path) -> None:
    digits = read_unipen(real_data_dir / "pendigits-train.unipen.gz")
    assert len(digits) == 7494
    assert set(Counter(digit.writer for digit in digits)) == set(range(1, 31))
    assert min(Counter(digit.label for digit in digits).values()) > 700


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (" 110  250\n", " 110  abc\n", "line 8: a point must be two numbers, got '110  abc'"),
        (" 110  250\n", " 110\n", "line 8: a point must be two numbers"),
        (" 110  250\n", " 110 250 3\n", "line 8: a point must be two numbers"),
        (" 110  250\n", " nan 250\n", "line 8: a coordinate must lie within"),
        (" 110  250\n", " 1e30 250\n", "line 8: a coordinate must lie within"),
        (".DT 100\n", " 3 4\n", "line 10: '3 4' stands outside a stroke"),
        ('"1"\n', '"x"\n', "line 15: a segment must end in its label"),
        ('"1"\n', "\n", "line 15: a segment must end in its label"),
        (".PEN_UP\n.DT 100\n", ".DT 100\n", "line 10: a stroke begins inside another one"),
        (".PEN_UP\n\n.SEGMENT", "\n.SEGMENT", "line 14: the digit ends inside a stroke"),
        (" 130  310\n", "", "line 12: the stroke that ends here has no points"),
        (".DT 100\n", ".PEN_UP\n", r"line 10: .PEN_UP without a .PEN_DOWN"),
        (" 5 0\n.PEN_UP\n", " 5 0\n", "line 18: the digit ends inside a stroke"),
        ('.SEGMENT DIGIT    0 ? "4"\n', "", r"line 5: a stroke begins before the first .SEGMENT"),
        (
            ".PEN_DOWN\n 5 5\n 5 0\n.PEN_UP\n",
            "",
            "line 15: the digit opened in line 15 has no strokes",
        ),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(DataError, match=f"strokes.unipen: {words}"):
        read_unipen(written(tmp_path, GOOD.replace(old, new)))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"PK\x03\x04\0\0archive", "ZIP archive"),
        (b"just a note\n", "line 1: 'just a note' stands outside a stroke"),
        (b".LEXICON 1\n", "line 1: the file ends without a single .SEGMENT"),
        (gzip.compress(GOOD.encode())[:-20], "cut off"),
    ],
)
def test_what_is_no_stroke_file_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_unipen(path)
