"""Loading a data set: found by content, cached, and the real MNIST is the real one."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from mnistweb.data import DataError, MissingDataError, load_dataset
from mnistweb.data.dataset import DIGIT_NAMES
from mnistweb.data.finding import checksum
from tests.data.test_idx import idx_bytes


def write_idx_set(folder: Path, count: int = 30, seed: int = 0, packed: bool = True) -> None:
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for prefix in ("train", "t10k"):
        for kind, array in (
            ("images-idx3", rng.integers(0, 256, (count, 28, 28)).astype(np.uint8)),
            ("labels-idx1", rng.integers(0, 10, count).astype(np.uint8)),
        ):
            content = idx_bytes(array)
            name = f"{prefix}-{kind}-ubyte"
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)


def test_real_mnist_is_found_and_whole(real_data_dir: Path, tmp_path: Path) -> None:
    test = load_dataset("mnist", "test", data_dir=real_data_dir, cache_dir=tmp_path)
    assert test.images.shape == (10_000, 28, 28, 1)
    np.testing.assert_array_equal(test.class_counts, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])


def test_the_second_start_reads_the_cache_and_gets_the_same(tmp_path: Path) -> None:
    write_idx_set(tmp_path / "mine")
    first = load_dataset(tmp_path / "mine", cache_dir=tmp_path / "cache")
    (stored,) = (tmp_path / "cache").iterdir()
    written = stored.stat().st_mtime_ns
    again = load_dataset(tmp_path / "mine", cache_dir=tmp_path / "cache")
    assert stored.stat().st_mtime_ns == written
    assert again.sha256 == first.sha256
    assert again.name == first.name == "mine/train"


def test_a_cache_whose_source_changed_is_made_anew(tmp_path: Path) -> None:
    write_idx_set(tmp_path / "mine", seed=1)
    first = load_dataset(tmp_path / "mine", cache_dir=tmp_path / "cache")
    write_idx_set(tmp_path / "mine", seed=2)
    assert load_dataset(tmp_path / "mine", cache_dir=tmp_path / "cache").sha256 != first.sha256


@pytest.mark.parametrize("damage", ["empty", "cut", "noise", "gone"])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, damage: str) -> None:
    write_idx_set(tmp_path / "mine")
    first = load_dataset(tmp_path / "mine", cache_dir=tmp_path / "cache")
    (stored,) = (tmp_path / "cache").iterdir()
    good = stored.read_bytes()
    stored.write_bytes({"empty": b"", "cut": good[:5000], "noise": bytes(5000), "gone": good}[damage])
    if damage == "gone":
        stored.unlink()
    assert load_dataset(tmp_path / "mine", cache_dir=tmp_path / "cache").sha256 == first.sha256
    assert len(stored.read_bytes()) == len(good)


def test_a_cache_folder_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    write_idx_set(tmp_path / "mine")
    (tmp_path / "cache").write_text("not a folder")
    assert len(load_dataset(tmp_path / "mine", cache_dir=tmp_path / "cache")) == 30


def test_unpacked_files_are_read_like_packed_ones(tmp_path: Path) -> None:
    write_idx_set(tmp_path / "packed")
    write_idx_set(tmp_path / "plain", packed=False)
    packed = load_dataset(tmp_path / "packed", "test", cache_dir=tmp_path)
    plain = load_dataset(tmp_path / "plain", "test", cache_dir=tmp_path)
    assert packed.sha256 == plain.sha256


def test_files_of_the_right_name_and_other_content_are_not_taken_for_mnist(tmp_path: Path) -> None:
    write_idx_set(tmp_path / "mnist")
    with pytest.raises(DataError, match=r"not the train-images-idx3-ubyte\.gz of MNIST"):
        load_dataset("mnist", data_dir=tmp_path, cache_dir=tmp_path)


def test_files_of_another_known_set_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx_set(tmp_path / "mnist")
    found = {checksum(path.read_bytes(), path.name) for path in (tmp_path / "mnist").iterdir()}
    monkeypatch.setattr("mnistweb.data.finding._KNOWN_CHECKSUMS", found)
    with pytest.raises(MissingDataError, match="mnistweb data fetch fashion-mnist"):
        load_dataset("fashion-mnist", data_dir=tmp_path, cache_dir=tmp_path)


def test_a_file_beside_the_idx_files_names_the_classes(tmp_path: Path) -> None:
    write_idx_set(tmp_path / "shapes")
    assert load_dataset(tmp_path / "shapes", cache_dir=tmp_path).label_names == DIGIT_NAMES
    names = ["circle", "square", "cross", "star", "ring", "heart", "moon", "arrow", "wave", "tall hat"]
    (tmp_path / "shapes" / "labels.txt").write_text("\n".join(names) + "\n\n")
    assert load_dataset(tmp_path / "shapes", cache_dir=tmp_path).label_names == tuple(names)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"one\ntwo\n", "wanted are 10 different names, one a line; got 2"),
        (b"a\n" * 10, "10 different names, one a line; got 10, 'a' twice"),
        ("\n".join("abcdefghi").encode() + b"\n" + b"x" * 41, "is not a name of 1 to 40 characters"),
        ("\n".join("abcdefghi").encode() + b"\nj\x1b[1m", "is not a name"),
        (b"\xff", "cannot be read as text"),
    ],
)
def test_names_that_cannot_be_used_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    write_idx_set(tmp_path)
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(DataError, match=words):
        load_dataset(tmp_path, cache_dir=tmp_path)


def test_missing_mnist_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"no train-images.* in .*mnistweb data fetch mnist"):
        load_dataset("mnist", data_dir=tmp_path)


def test_the_environment_names_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNISTWEB_DATA_DIR", str(tmp_path / "elsewhere"))
    with pytest.raises(MissingDataError, match="elsewhere"):
        load_dataset("mnist")


def test_unknown_sources_and_splits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="neither a file, nor a folder, nor a known data set"):
        load_dataset("imagenet")
    with pytest.raises(DataError, match="split must be one of train, test; got 'dev'"):
        load_dataset("mnist", "dev")
    with pytest.raises(MissingDataError, match="no IDX files named like MNIST's, no pictures by label"):
        load_dataset(tmp_path)


def test_a_csv_file_gives_a_tenth_of_itself_for_testing(tmp_path: Path) -> None:
    rows = [",".join([str(number % 10), *["7"] * 783, "255"]) for number in range(50)]
    (tmp_path / "digits.csv").write_text("\n".join(rows))
    train = load_dataset(tmp_path / "digits.csv", "train", cache_dir=tmp_path / "cache")
    test = load_dataset(tmp_path / "digits.csv", "test", cache_dir=tmp_path / "cache")
    assert (len(train), len(test)) == (45, 5)
    assert train.name == "digits.csv/train"
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [
        "digits.csv-test.npz",
        "digits.csv-train.npz",
    ]


@pytest.mark.parametrize("count", [2, 4, 5])
def test_a_small_file_gives_one_picture_for_testing(tmp_path: Path, count: int) -> None:
    rows = [",".join([str(number), *["7"] * 783, "255"]) for number in range(count)]
    (tmp_path / "digits.csv").write_text("\n".join(rows))
    parts = [load_dataset(tmp_path / "digits.csv", split, cache_dir=tmp_path) for split in ("train", "test")]
    assert list(map(len, parts)) == [count - 1, 1]


def test_a_single_picture_is_too_few(tmp_path: Path) -> None:
    (tmp_path / "digits.csv").write_text(
        "label" + ",".join(map("p{}".format, range(785))) + "\n3" + ",255" * 784
    )
    with pytest.raises(DataError, match=r"digits.csv: only one picture; wanted"):
        load_dataset(tmp_path / "digits.csv", cache_dir=tmp_path)


@pytest.mark.parametrize(("dtype", "code"), [(np.float32, 0x0D), (np.uint8, 0x08)])
def test_idx_pictures_from_zero_to_one_are_not_scaled_again(tmp_path: Path, dtype: type, code: int) -> None:
    write_idx_set(tmp_path / "mine", packed=False)
    pixels = np.random.default_rng(0).random((30, 28, 28)).astype(np.float32).round().astype(dtype)
    (tmp_path / "mine" / "train-images-idx3-ubyte").write_bytes(idx_bytes(pixels, code))
    images = load_dataset(tmp_path / "mine", cache_dir=tmp_path / "cache").images
    np.testing.assert_array_equal(images[..., 0], pixels)


def test_one_idx_file_is_half_of_a_data_set(tmp_path: Path) -> None:
    write_idx_set(tmp_path)
    with pytest.raises(DataError, match="name the folder that has all four"):
        load_dataset(tmp_path / "train-images-idx3-ubyte.gz")
