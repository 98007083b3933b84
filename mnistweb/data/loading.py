"""Reading a data set by its name or from wherever it lies, in any of the usual forms."""

from __future__ import annotations

import os
from codecs import BOM_UTF8
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mnistweb.data.arff import read_arff
from mnistweb.data.cache import cached, fingerprint
from mnistweb.data.catalogue import KNOWN_DATASETS, MNIST
from mnistweb.data.compression import open_unpacked
from mnistweb.data.dataset import DIGIT_NAMES, Dataset, from_pixels
from mnistweb.data.errors import DataError, MissingDataError
from mnistweb.data.finding import data_folders, default_data_folder, find_file, instance_data_folder
from mnistweb.data.idx import read_idx
from mnistweb.data.image_folder import picture_files, read_image_folder
from mnistweb.data.mnist_pickle import read_mnist_pickle
from mnistweb.data.tables import read_csv

__all__ = ["SPLITS", "default_data_folder", "load_dataset"]

SPLITS = ("train", "test")
LABELS = "labels.txt"  # beside IDX files, whose classes are numbers
_MOST_CHARACTERS = 40  # of a class's name; a weights file takes no longer one

# OpenML's mnist_784 holds both parts of MNIST, the test part at its end.
_MNIST_ROWS, _MNIST_TRAINING_ROWS = 70_000, 60_000
_TEST_SHARE = 0.1
_TEST_SEED = 0


def load_dataset(
    source: str | os.PathLike[str],
    split: str = "train",
    *,
    data_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    load_pickle: Callable[[bytes], Any] | None = None,
    decode: Callable[[bytes], np.ndarray] | None = None,
) -> Dataset:
    """Read one part of a data set, ``"train"`` or ``"test"``.

    source: a known name (``"mnist"``), looked for in `data_dir` and its subfolders, by default in the folder
    MNISTWEB_DATA_DIR names and in the instance's; or the path of
    - a folder with four IDX files named like MNIST's, of ten classes, which a file labels.txt may name, one a
      line,
    - a folder of pictures in subfolders by label, or with such folders in its subfolders train and test,
    - an ARFF or CSV file, or an mnist.pkl.gz.
    Where a source has no test part, a tenth of each class is it, always the same, and train is the rest.
    cache_dir: where the processed copy is kept, by default in the instance folder.
    load_pickle, decode: see `read_mnist_pickle` and `read_image_folder`; needed for those two forms.

    Raises MissingDataError when the files are not there, DataError when they are damaged or something else.
    """
    if split not in SPLITS:
        raise DataError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
    if source in KNOWN_DATASETS:
        found = _known(str(source), split, data_dir)
    elif os.path.isfile(source):
        found = _file(Path(source), split, load_pickle)
    elif os.path.isdir(source):
        found = _folder(Path(source), split, decode)
    else:
        names = ", ".join(KNOWN_DATASETS)
        raise MissingDataError(f"{source}: neither a file, nor a folder, nor a known data set ({names})")
    if not found.cacheable:
        return found.read()
    cache_folder = Path(cache_dir) if cache_dir is not None else instance_data_folder() / "cache"
    return cached(cache_folder / f"{found.name.replace('/', '-')}.npz", fingerprint(found.files), found.read)


@dataclass(frozen=True)
class _Found:
    """One part of a data set: the files it comes from, and how to read it from them."""

    name: str
    files: list[Path]
    read: Callable[[], Dataset]
    cacheable: bool = True


def _known(name: str, split: str, data_dir: str | os.PathLike[str] | None) -> _Found:
    known = KNOWN_DATASETS[name]
    folders = [Path(data_dir)] if data_dir is not None else data_folders()
    images, labels = (find_file(folders, known, wanted) for wanted in known.part(split))
    return _idx_pair(f"{name}/{split}", images, labels, known.label_names)


def _idx_pair(name: str, images: Path, labels: Path, label_names: tuple[str, ...]) -> _Found:
    def read() -> Dataset:
        return from_pixels(read_idx(images), read_idx(labels), name, label_names)

    return _Found(name, [images, labels], read)


def _class_names(path: Path) -> tuple[str, ...]:
    """What the ten classes are called, of a file with a name a line."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text in UTF-8") from error
    names = tuple(line.strip() for line in lines if line.strip())
    if not len(names) == len(set(names)) == len(DIGIT_NAMES):
        twice = next((f", {name!r:.60} twice" for name in names if names.count(name) > 1), "")
        raise DataError(
            f"{path}: wanted are {len(DIGIT_NAMES)} different names, one a line; got {len(names)}{twice}"
        )
    for name in names:
        if len(name) > _MOST_CHARACTERS or not name.isprintable():
            raise DataError(f"{path}: {name!r:.60} is not a name of 1 to {_MOST_CHARACTERS} characters")
    return names


def _file(path: Path, split: str, load_pickle: Callable[[bytes], Any] | None) -> _Found:
    with open_unpacked(path) as file:
        head = file.read(64).removeprefix(BOM_UTF8)
    name = f"{path.name}/{split}"
    if head[:1] in (b"\x80", b"("):  # how pickles of all protocols that hold a tuple begin
        if load_pickle is None:
            raise DataError(f"{path}: reading a pickle needs a safe reader, given as load_pickle")
        return _Found(name, [path], lambda: read_mnist_pickle(path, split, load=load_pickle))
    if head[:2] == b"\0\0":
        raise DataError(f"{path}: one IDX file is half of a data set; name the folder that has all four")
    read = read_arff if head.lstrip()[:1] in (b"%", b"@") else read_csv
    return _Found(name, [path], lambda: _part(read(path), split, name))


def _folder(folder: Path, split: str, decode: Callable[[bytes], np.ndarray] | None) -> _Found:
    name = f"{folder.resolve().name}/{split}"
    # Any set in IDX form uses MNIST's file names.
    pair = [_existing(folder, (wanted.name, *wanted.other_names)) for wanted in MNIST.part(split)]
    if pair[0] and pair[1]:
        names = folder / LABELS
        found = _idx_pair(name, pair[0], pair[1], _class_names(names) if names.exists() else DIGIT_NAMES)
        return replace(found, files=[*found.files, names]) if names.exists() else found
    divided = (folder / "train").is_dir() and (folder / "test").is_dir()
    pictures = folder / split if divided else folder
    if not picture_files(pictures):
        raise MissingDataError(f"{pictures}: no IDX files named like MNIST's, no pictures by label")
    if decode is None:
        raise DataError(f"{folder}: reading pictures needs a way to decode them, given as decode")

    def read() -> Dataset:
        dataset = read_image_folder(pictures, decode=decode)
        return dataset if divided else _part(dataset, split, name)

    # Not cached: what the pictures become depends on `decode`, which no fingerprint of the files knows.
    return _Found(name, [], read, cacheable=False)


def _part(whole: Dataset, split: str, name: str) -> Dataset:
    if len(whole) == _MNIST_ROWS:
        rows = np.arange(_MNIST_ROWS)
        chosen = rows[:_MNIST_TRAINING_ROWS] if split == "train" else rows[_MNIST_TRAINING_ROWS:]
        return whole.take(chosen, name=name)
    if len(whole) < 2:
        raise DataError(f"{whole.name}: only one picture; wanted are some to learn from and some to test by")
    train, test = whole.split(max(1, round(_TEST_SHARE * len(whole))), _TEST_SEED)
    return replace(train if split == "train" else test, name=name)


def _existing(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)
