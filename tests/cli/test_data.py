"""`mnistweb data fetch` and `data info`: what they print, where, and with which exit code.

Guard: mnistweb/cli turns each DataError into one line and exit code 1; the messages come from mnistweb/data.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from mnistweb.cli.data import data
from mnistweb.data import catalogue
from mnistweb.data.catalogue import DataFile, KnownDataset
from tests.data.mirrors import running_mirror
from tests.data.test_idx import idx_bytes
from tests.data.test_loading import write_idx_set

CONTENT = b"the content of a tiny file"
PACKED = gzip.compress(CONTENT, mtime=0)


@pytest.fixture(autouse=True)
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance folder of its own, so that a test finds only what it has put there."""
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(tmp_path / "instance"))
    for variable in ("MNISTWEB_DATA_DIR", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path / "instance"


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(data, [str(word) for word in words])


def know(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    file = DataFile(f"{name}.gz", hashlib.md5(CONTENT).hexdigest(), (url,))
    known = KnownDataset(name, name, (file,), credit=f"the makers of {name}", licence="CC0")
    monkeypatch.setitem(catalogue.FETCHABLE, name, known)


def test_fetch_downloads_says_where_and_credits(monkeypatch: pytest.MonkeyPatch, instance: Path) -> None:
    with running_mirror(PACKED) as mirror:
        know(monkeypatch, "tiny", mirror.url)
        result = run("fetch", "tiny")
    assert result.exit_code == 0
    assert result.stdout == f"tiny: 1 file in {instance / 'data'}\n  the makers of tiny; licence: CC0\n"
    assert result.stderr == f"fetching tiny.gz, {len(PACKED)} bytes\n"
    assert (instance / "data" / "tiny.gz").read_bytes() == PACKED


def test_fetch_again_says_the_same_without_fetching(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with running_mirror(PACKED) as mirror:
        know(monkeypatch, "tiny", mirror.url)
        first, again = run("fetch", "tiny", "--to", tmp_path), run("fetch", "tiny", "--to", tmp_path)
    assert first.stdout == again.stdout
    assert again.stderr == ""


def test_a_set_that_cannot_be_had_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, instance: Path
) -> None:
    with running_mirror(b"<!doctype html>") as lying, running_mirror(PACKED) as good:
        know(monkeypatch, "gone", lying.url)
        know(monkeypatch, "tiny", good.url)
        result = run("fetch", "gone", "tiny")
    assert result.exit_code == 1
    errors = [line for line in result.stderr.splitlines() if not line.startswith("fetching")]
    assert len(errors) == 1
    assert errors[0].startswith("Error: gone.gz could not be fetched: 127.0.0.1:")
    assert "a web page" in errors[0]
    assert [path.name for path in (instance / "data").iterdir()] == ["tiny.gz"]


def test_fetch_copies_from_a_folder(real_data_dir: Path, tmp_path: Path) -> None:
    result = run("fetch", "mnist", "strokes", "--from", real_data_dir, "--to", tmp_path / "here")
    assert result.exit_code == 0
    assert "mnist: 4 files in" in result.stdout
    assert "licence: CC BY 4.0" in result.stdout
    shown = run("info", "strokes", "--data-dir", tmp_path / "here")
    assert shown.exit_code == 0
    assert "  digits     7,494\n  writers    30\n" in shown.stdout


def test_a_folder_without_the_files_is_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run("fetch", "--from", tmp_path / "empty")
    assert result.exit_code == 1
    assert "no train-images-idx3-ubyte.gz in" in result.stderr


@pytest.mark.parametrize(
    "words", [["fetch", "imagenet"], ["fetch", "--from", "/nowhere/at/all"], ["info", "--split", "x"]]
)
def test_a_wrong_command_line_is_exit_code_2(words: list[str]) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert "Error: Invalid value" in result.stderr


def test_info_shows_the_real_mnist(real_data_dir: Path) -> None:
    result = run("info", "mnist", "--split", "test", "--data-dir", real_data_dir)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "mnist/test"
    assert "  pictures   10,000" in lines
    assert "  shape      10000x28x28x1" in lines
    assert lines[-9] == f"  1    1,135  {'#' * 40}"
    assert lines[-5].split()[:2] == ["5", "892"]


def test_info_as_json_is_data(tmp_path: Path) -> None:
    write_idx_set(tmp_path / "mine", count=30)
    result = run("info", tmp_path / "mine", "--json")
    assert result.exit_code == 0
    train, test = json.loads(result.stdout)
    assert (train["name"], test["name"]) == ("mine/train", "mine/test")
    assert train["pictures"] == sum(train["classes"].values()) == 30
    assert len(train["sha256"]) == 64


def test_info_of_what_is_missing_says_how_to_get_it() -> None:
    result = run("info", "fashion-mnist")
    assert result.exit_code == 1
    assert "fetch it with `mnistweb data fetch fashion-mnist`" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_info_of_a_broken_file_names_it(tmp_path: Path) -> None:
    (tmp_path / "digits.csv").write_text("1,2,3\n")
    result = run("info", tmp_path / "digits.csv")
    assert result.exit_code == 1
    assert "digits.csv: line 1: 3 columns, wanted 785" in result.stderr


PIXELS, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        (PIXELS, lambda packed: packed[:-100], "the gzip data is cut off"),
        (PIXELS, lambda packed: packed[:-6] + b"\0\0" + packed[-4:], "the gzip data is damaged"),
        (PIXELS, lambda packed: packed[2:], "not an IDX file"),
        (PIXELS, lambda packed: gzip.compress(gzip.decompress(packed)[:9]), "cut off inside the IDX header"),
        (PIXELS, lambda packed: gzip.compress(b"\1" + gzip.decompress(packed)[1:]), "not an IDX file"),
        (PIXELS, lambda packed: gzip.compress(gzip.decompress(packed)[:-1]), "the IDX header claims"),
        (PIXELS, lambda packed: gzip.compress(gzip.decompress(packed) + bytes(99_000_000), 1), "holds more"),
        (PIXELS, lambda packed: b"\0\0\x08\3\x7f\xff\xff\xff\0\0\0\x1c\0\0\0\x1c", "at most 268,435,456"),
        (PIXELS, lambda packed: gzip.compress(idx_bytes(np.zeros((30, 32, 32), np.uint8))), "must be 28x28"),
        (LABELS, lambda packed: gzip.compress(idx_bytes(np.full(30, 10, np.uint8))), "label 10 of picture 0"),
        (LABELS, lambda packed: gzip.compress(idx_bytes(np.zeros(29, np.uint8))), "pictures do not go with"),
    ],
)
def test_a_damaged_file_is_one_line_and_exit_code_1(tmp_path: Path, name: str, damage, words: str) -> None:
    write_idx_set(tmp_path / "mine", count=30)
    path = tmp_path / "mine" / name
    path.write_bytes(damage(path.read_bytes()))
    result = run("info", tmp_path / "mine")
    assert result.exit_code == 1
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""
