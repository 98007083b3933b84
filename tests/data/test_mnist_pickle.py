"""mnist.pkl.gz, read by the safe reader: the parts, and files that are something else or would do harm."""

from __future__ import annotations

import gzip
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnistweb.data import DataError, load_dataset, read_mnist_pickle
from mnistweb.weights import read_pickle


def part(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 256, (count, 784)) / 256).astype(np.float32), rng.integers(0, 10, count)


PARTS = (part(20, 1), part(5, 2), part(7, 3))


def written(tmp_path: Path, value: Any, protocol: int = 2) -> Path:
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(value, protocol)))
    return path


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_training_and_validation_are_the_training_part(tmp_path: Path, protocol: int) -> None:
    path = written(tmp_path, PARTS, protocol)
    train = read_mnist_pickle(path, "train", load=read_pickle)
    test = read_mnist_pickle(path, "test", load=read_pickle)
    assert (len(train), len(test)) == (25, 7)
    np.testing.assert_array_equal(train.images[20:].reshape(5, 784), PARTS[1][0])
    np.testing.assert_array_equal(test.labels, PARTS[2][1])


def test_load_dataset_knows_the_form_by_its_content(tmp_path: Path) -> None:
    path = written(tmp_path, PARTS)
    assert len(load_dataset(path, "test", cache_dir=tmp_path / "c", load_pickle=read_pickle)) == 7
    with pytest.raises(DataError, match="needs a safe reader, given as load_pickle"):
        load_dataset(path, cache_dir=tmp_path / "other")


@pytest.mark.parametrize(
    "value",
    [
        {"train": 1},
        PARTS[:2],
        (PARTS[0], PARTS[1], (PARTS[2][0],)),
        (PARTS[0], PARTS[1], (PARTS[2][0], [1, 2, 3])),
        (PARTS[0], PARTS[1], PARTS[2][::-1]),
        [1, 2, 3],
    ],
)
def test_a_pickle_of_something_else_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(DataError, match=r"mnist\.pkl\.gz: wanted three pairs"):
        read_mnist_pickle(written(tmp_path, value), load=read_pickle)


def test_numbers_out_of_range_are_refused(tmp_path: Path) -> None:
    too_bright = (PARTS[0][0] * 255, PARTS[0][1])
    with pytest.raises(DataError, match=r"pixels must lie in 0\.\.1"):
        read_mnist_pickle(written(tmp_path, (too_bright, *PARTS[1:])), load=read_pickle)


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (os.environ["HARMFUL_FOLDER"],))


def test_a_pickle_that_would_run_code_is_refused_and_runs_none(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HARMFUL_FOLDER", str(tmp_path / "made"))
    path = written(tmp_path, (*PARTS[:2], Harmful()))
    with pytest.raises(DataError, match=r"mnist\.pkl\.gz: "):
        read_mnist_pickle(path, load=read_pickle)
    assert not (tmp_path / "made").exists()


def test_a_pickle_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(PARTS, 2)[:-1000]))
    with pytest.raises(DataError, match=r"mnist\.pkl\.gz: "):
        read_mnist_pickle(path, load=read_pickle)
