"""A Dataset refuses what does not fit, divides fairly, and is known by its content."""

from __future__ import annotations

import numpy as np
import pytest

from mnistweb.data import DataError, Dataset
from mnistweb.data.dataset import from_pixels


def small_dataset(count: int = 200) -> Dataset:
    rng = np.random.default_rng(1)
    return Dataset(rng.random((count, 28, 28, 1), np.float32), rng.integers(0, 10, count), "small")


def test_pixels_of_bytes_become_floats_from_zero_to_one() -> None:
    pixels = np.zeros((2, 28, 28), np.uint8)
    pixels[1, 0, 0] = 255
    dataset = from_pixels(pixels, np.array([3, 7], np.uint8), "two")
    assert dataset.images.dtype == np.float32
    assert dataset.images.shape == (2, 28, 28, 1)
    assert dataset.images[1, 0, 0, 0] == 1.0
    assert dataset.labels.dtype == np.int64
    np.testing.assert_array_equal(dataset.class_counts, [0, 0, 0, 1, 0, 0, 0, 1, 0, 0])


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (np.zeros((2, 28, 28), np.float32), np.zeros(2, np.int64), r"must be float32 \(N, 28, 28, 1\)"),
        (np.zeros((2, 28, 28, 1)), np.zeros(2, np.int64), "got float64"),
        (np.zeros((2, 28, 28, 1), np.float32), np.zeros(3, np.int64), "2 images need int64 labels"),
        (np.zeros((0, 28, 28, 1), np.float32), np.zeros(0, np.int64), "no pictures"),
        (np.full((2, 28, 28, 1), 255, np.float32), np.zeros(2, np.int64), r"pixels must lie in 0\.\.1"),
        (np.full((2, 28, 28, 1), np.nan, np.float32), np.zeros(2, np.int64), r"pixels must lie in 0\.\.1"),
        (np.zeros((2, 28, 28, 1), np.float32), np.array([0, 10]), r"label 10 of picture 1 is not in 0\.\.9"),
        (np.zeros((2, 28, 28, 1), np.float32), np.array([-1, 0]), "label -1 of picture 0"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(images: np.ndarray, labels: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Dataset(images, labels, "bad")


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (np.zeros((2, 32, 32), np.uint8), np.zeros(2, np.uint8), "must be 28x28"),
        (np.zeros((2, 783), np.uint8), np.zeros(2, np.uint8), "must be 28x28"),
        (np.zeros((2, 784), np.uint8), np.zeros(3, np.uint8), "do not go with"),
        (np.full((2, 784), 256), np.zeros(2, np.uint8), r"pixels must lie in 0\.\.255"),
    ],
)
def test_bytes_that_are_no_pictures_are_refused(images: np.ndarray, labels: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        from_pixels(images, labels, "bad")


def test_split_keeps_every_picture_exactly_once() -> None:
    dataset = small_dataset()
    training, validation = dataset.split(50, seed=3)
    assert (len(training), len(validation)) == (150, 50)
    together = np.concatenate([training.images, validation.images])
    key = np.argsort(together[:, 0, 0, 0])
    np.testing.assert_array_equal(together[key], dataset.images[np.argsort(dataset.images[:, 0, 0, 0])])


def test_split_takes_every_class_in_proportion() -> None:
    dataset = small_dataset(1000)
    _, validation = dataset.split(0.2, seed=5)
    assert len(validation) == 200
    assert np.abs(validation.class_counts - dataset.class_counts / 5).max() <= 1


def test_split_follows_its_seed() -> None:
    dataset = small_dataset()
    first, again, other = (dataset.split(40, seed)[1].sha256 for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("validation", [0, 200, -1, 1.5, 0.0, 0.001])
def test_a_split_that_leaves_one_part_empty_is_refused(validation: float) -> None:
    with pytest.raises(DataError, match="validation must be 1 to 199"):
        small_dataset().split(validation, seed=1)


def test_the_hash_changes_with_one_pixel_and_with_one_label() -> None:
    dataset = small_dataset()
    images, labels = dataset.images.copy(), dataset.labels.copy()
    assert Dataset(images, labels, "the name does not count").sha256 == dataset.sha256
    images[7, 7, 7, 0] = 0
    labels[7] = (labels[7] + 1) % 10
    other_pixel, other_label = Dataset(images, dataset.labels, ""), Dataset(dataset.images, labels, "")
    assert len({each.sha256 for each in (dataset, other_pixel, other_label)}) == 3
