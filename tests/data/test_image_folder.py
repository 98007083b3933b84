"""Folders of pictures by label, read through the preprocessing that predictions use."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnistweb.data import DataError, MissingDataError, load_dataset, read_image_folder
from mnistweb.imaging.decode import decode_image
from mnistweb.imaging.preprocess import preprocess


def decode(data: bytes) -> np.ndarray:
    return preprocess(decode_image(data, max_pixels=10**6)).pixels


def drawn(folder: Path, label: str, count: int, form: str = "png") -> None:
    (folder / label).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture = Image.new("L", (60, 60), 255)
        pen = ImageDraw.Draw(picture)
        if label == "0":
            pen.ellipse((15, 8, 40 + number, 52), outline=0, width=5)
        else:
            pen.line((30 + number, 8, 28, 52), fill=0, width=5)
        buffer = io.BytesIO()
        picture.save(buffer, {"png": "PNG", "jpg": "JPEG"}[form])
        (folder / label / f"{number:02}.{form}").write_bytes(buffer.getvalue())


def test_the_folder_a_picture_lies_in_is_its_label(tmp_path: Path) -> None:
    drawn(tmp_path, "0", 3)
    drawn(tmp_path, "7", 2, "jpg")
    (tmp_path / "7" / "notes.txt").write_text("not a picture")
    (tmp_path / "7" / "._00.jpg").write_bytes(b"\0\5\x16\7what macOS notes of a file")
    dataset = read_image_folder(tmp_path, decode=decode)
    assert dataset.labels.tolist() == [0, 0, 0, 7, 7]
    assert dataset.label_names == tuple("0123456789")
    zero = dataset.images[0, :, :, 0]
    assert zero.max() > 0.9
    assert zero[14, 14] < 0.1 < zero[:, 14].max()  # a ring: empty in its middle


def test_other_folder_names_are_classes_of_their_own(tmp_path: Path) -> None:
    drawn(tmp_path, "stroke", 2)
    drawn(tmp_path, "0", 2)
    dataset = read_image_folder(tmp_path, decode=decode)
    assert dataset.label_names == ("0", "stroke")
    assert dataset.labels.tolist() == [0, 0, 1, 1]


def test_a_folder_without_a_test_part_gives_a_tenth_of_itself(tmp_path: Path) -> None:
    drawn(tmp_path, "0", 10)
    drawn(tmp_path, "1", 10)
    train = load_dataset(tmp_path, "train", decode=decode)
    test = load_dataset(tmp_path, "test", decode=decode)
    assert (len(train), test.class_counts[:2].tolist()) == (18, [1, 1])
    assert test.sha256 == load_dataset(tmp_path, "test", decode=decode).sha256


def test_a_folder_with_train_and_test_parts_gives_each(tmp_path: Path) -> None:
    drawn(tmp_path / "train", "0", 3)
    drawn(tmp_path / "test", "0", 2)
    assert len(load_dataset(tmp_path, "train", decode=decode)) == 3
    assert len(load_dataset(tmp_path, "test", decode=decode)) == 2


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    drawn(tmp_path, "0", 2)
    (tmp_path / "0" / "01.png").write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match=r"0/01\.png: "):
        read_image_folder(tmp_path, decode=decode)


def test_a_decoder_of_another_size_is_refused(tmp_path: Path) -> None:
    drawn(tmp_path, "0", 1)
    with pytest.raises(DataError, match=r"must be decoded to \(28, 28\), got \(60, 60\)"):
        read_image_folder(tmp_path, decode=lambda data: np.zeros((60, 60)))


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    with pytest.raises(DataError, match="no subfolders with PNG or JPEG files"):
        read_image_folder(tmp_path, decode=decode)
    with pytest.raises(MissingDataError, match="no pictures by label"):
        load_dataset(tmp_path, decode=decode)


def test_pictures_without_a_decoder_are_asked_for_one(tmp_path: Path) -> None:
    drawn(tmp_path, "0", 1)
    with pytest.raises(DataError, match="given as decode"):
        load_dataset(tmp_path)
