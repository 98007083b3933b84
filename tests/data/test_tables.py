"""CSV and ARFF: the label found, both scales read, and the wrong line named."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from mnistweb.data import DataError, Dataset, load_dataset, read_arff, read_csv

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (12, 784)) * (RNG.random((12, 784)) < 0.3)
PIXELS[:, [0, -1]] = 0
LABELS = np.arange(12) % 10
HEADER = ",".join(f"pixel{number}" for number in range(784))


def rows_of(pixels: np.ndarray, label_first: bool) -> list[str]:
    columns = [LABELS[:, None], pixels] if label_first else [pixels, LABELS[:, None]]
    return [",".join(f"{value:g}" for value in row) for row in np.hstack(columns)]


def written(tmp_path: Path, lines: list[str], name: str = "table.csv") -> Path:
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n")
    return path


def arff_lines(label: str = "@ATTRIBUTE class {0,1,2,3,4,5,6,7,8,9}") -> list[str]:
    attributes = [f"@ATTRIBUTE pixel{number} real" for number in range(784)]
    return ["% a comment", "@RELATION digits", "", *attributes, label, "", "@DATA", *rows_of(PIXELS, False)]


def assert_right(dataset: Dataset) -> None:
    np.testing.assert_array_equal(dataset.labels, LABELS)
    np.testing.assert_allclose(dataset.images.reshape(12, 784), PIXELS / 255, atol=1e-6)


@pytest.mark.parametrize("label_first", [True, False])
def test_the_label_is_found_without_a_header(tmp_path: Path, label_first: bool) -> None:
    assert_right(read_csv(written(tmp_path, rows_of(PIXELS, label_first))))


@pytest.mark.parametrize(
    ("header", "label_first"),
    [(f"label,{HEADER}", True), (f"{HEADER},class", False), (f'"Label",{HEADER}', True)],
)
def test_the_header_says_which_column_is_the_label(tmp_path: Path, header: str, label_first: bool) -> None:
    assert_right(read_csv(written(tmp_path, [header, *rows_of(PIXELS, label_first)])))


@pytest.mark.parametrize("header", [f"label,{HEADER}", f"label,{','.join(map(str, range(784)))}", None])
def test_what_a_spreadsheet_puts_before_a_file_hides_no_row(tmp_path: Path, header: str | None) -> None:
    lines = [header] * (header is not None) + rows_of(PIXELS, True)
    lines[0] = f"\ufeff{lines[0]}"
    assert_right(read_csv(written(tmp_path, lines)))


@pytest.mark.parametrize("column", [0, 400, 784])
def test_a_first_row_with_a_fault_is_no_header(tmp_path: Path, column: int) -> None:
    first, *rest = rows_of(PIXELS, True)
    cells = first.split(",")
    cells[column] = ""
    with pytest.raises(DataError, match=f"line 1: column {column + 1} is '', not a number"):
        read_csv(written(tmp_path, [",".join(cells), *rest]))


@pytest.mark.parametrize(("separator", "word"), [(";", "semicolons"), ("\t", "tabs")])
def test_columns_that_something_else_separates_are_told_apart(
    tmp_path: Path, separator: str, word: str
) -> None:
    lines = [line.replace(",", separator) for line in rows_of(PIXELS, True)]
    with pytest.raises(DataError, match=f"1 columns, wanted 785; they are separated by {word}"):
        read_csv(written(tmp_path, lines))


def test_the_caller_may_say_which_column_is_the_label(tmp_path: Path) -> None:
    path = written(tmp_path, rows_of(PIXELS, True))
    assert_right(read_csv(path, label="first"))
    with pytest.raises(DataError, match='label must be "first" or "last", got \'middle\''):
        read_csv(path, label="middle")


def test_pixels_from_zero_to_one_are_not_scaled_again(tmp_path: Path) -> None:
    assert_right(read_csv(written(tmp_path, rows_of(PIXELS / 255, True))))


def test_a_packed_csv_with_blank_lines_is_read(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(gzip.compress("\r\n\r\n".join(rows_of(PIXELS, False)).encode()))
    assert_right(read_csv(path))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (",".join(["1"] * 784), "line 5: 784 columns, wanted 785"),
        (",".join(["1"] * 786), "line 5: 786 columns, wanted 785"),
        (",".join(["1"] * 784 + ["x"]), "line 5: column 785 is 'x', not a number"),
        (",".join(["1"] * 400 + [""] + ["1"] * 384), "line 5: column 401 is '', not a number"),
        (",".join(["1"] * 784 + ["1_0"]), "line 5: column 785 is '1_0', not a number"),
        ("Traceback (most recent call last):", "line 5: 1 columns, wanted 785"),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, line: str, words: str) -> None:
    lines = rows_of(PIXELS, True)
    lines[4] = line
    with pytest.raises(DataError, match=f"table.csv: {words}"):
        read_csv(written(tmp_path, lines))


def test_a_broken_row_far_down_is_named_too(tmp_path: Path) -> None:
    lines = rows_of(PIXELS, True) * 200
    lines[2221] = lines[2221][:300]
    with pytest.raises(DataError, match=r"line 2222: \d+ columns, wanted 785"):
        read_csv(written(tmp_path, lines))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([3, *[0] * 783, 256], r"pixels must lie in 0\.\.255"),
        ([3, *[0] * 782, 255, -1], r"pixels must lie in 0\.\.255"),
        ([3, *[0] * 783, np.nan], r"pixels must lie in 0\.\.255"),
        ([10, *[0] * 783, 255], r"label 10 of picture 0 is not in 0\.\.9"),
        ([2.5, *[0] * 783, 255], r"label 2\.5 of picture 0 is not a whole number"),
    ],
)
def test_values_out_of_range_are_refused(tmp_path: Path, row: list[float], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_csv(written(tmp_path, [",".join(map(str, row))]), label="first")


def test_a_label_that_cannot_be_found_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"neither the first nor the last column holds labels"):
        read_csv(written(tmp_path, [",".join(["77"] * 785)]))
    with pytest.raises(DataError, match='in a header line, or label="first" or "last"'):
        read_csv(written(tmp_path, [",".join(["7"] * 785)]))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"\x89PNG\0\0", "a picture"),
        (b"BZh91AY&SY\0", "bzip2 archive; unpack it"),
        (b"PK\x03\x04\0", "a ZIP archive, or an .npz"),
        ("label,1".encode("utf-16"), "text in UTF-16; save it as UTF-8"),
        (HEADER.encode() + b",label\n", "there are no rows"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_csv(path)


@pytest.mark.parametrize(
    "label",
    [
        "@ATTRIBUTE class {0,1,2,3,4,5,6,7,8,9}",
        "@attribute 'class' {0,1,2,3,4,5,6,7,8,9}",
        "@ATTRIBUTE class numeric",
        "@ATTRIBUTE digit {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}",
    ],
)
def test_arff_is_read_however_its_label_is_declared(tmp_path: Path, label: str) -> None:
    assert_right(read_arff(written(tmp_path, arff_lines(label))))


def test_arff_is_read_as_other_programs_write_it(tmp_path: Path) -> None:
    lines = [
        line.replace("real", "real [0, 255]").replace("@DATA", "@data % from here on")
        for line in arff_lines()
    ]
    path = written(tmp_path, ["\ufeff" + lines[0], *lines[1:]], "digits.arff")
    assert_right(read_arff(path))
    assert len(load_dataset(path, cache_dir=tmp_path)) == 11


def test_arff_labels_may_be_quoted(tmp_path: Path) -> None:
    lines = [f"{line[:-1]}'{line[-1]}'" if line[:1].isdecimal() else line for line in arff_lines()]
    assert_right(read_arff(written(tmp_path, lines)))


def test_arff_with_the_label_first_is_read(tmp_path: Path) -> None:
    lines = arff_lines()
    lines.insert(3, lines.pop(787))
    lines[790:] = rows_of(PIXELS, True)
    assert_right(read_arff(written(tmp_path, lines)))


@pytest.mark.parametrize(
    ("place", "line", "words"),
    [
        (788, "", "there is no @data line"),
        (10, "@ATTRIBUTE", "line 11: '@ATTRIBUTE' is no attribute"),
        (10, "", "784 attributes, wanted 784 pixels and a label"),
        (787, "@ATTRIBUTE last real", "one attribute must be the label, .* found 0"),
        (10, "@ATTRIBUTE pixel {1,2}", "one attribute must be the label, .* found 2"),
        (790, "{3 1, 784 5}", "line 791: a sparse row"),
        (790, "1,2,3", "line 791: 3 columns, wanted 785"),
        (790, ",".join(["?"] * 785), r"line 791: column 1 is '\?', not a number"),
    ],
)
def test_a_broken_arff_is_refused(tmp_path: Path, place: int, line: str, words: str) -> None:
    lines = arff_lines()
    lines[place + (place == 788)] = line
    with pytest.raises(DataError, match=words):
        read_arff(written(tmp_path, lines, "digits.arff"))


def test_a_web_page_is_no_arff(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not an ARFF file; it looks like a web page"):
        read_arff(written(tmp_path, ["<!DOCTYPE html>"]))
