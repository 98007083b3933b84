"""Reading a data set by its name or its folder."""

from __future__ import annotations

import os
from pathlib import Path

from mnistweb.data.cache import cached, fingerprint
from mnistweb.data.catalogue import KNOWN_DATASETS, DataFile
from mnistweb.data.dataset import Dataset, from_bytes
from mnistweb.data.errors import DataError, MissingDataError
from mnistweb.data.finding import data_folders, default_data_folder, find_file, instance_data_folder
from mnistweb.data.idx import read_idx

__all__ = ["SPLITS", "default_data_folder", "load_dataset"]

SPLITS = ("train", "test")


def load_dataset(
    source: str | os.PathLike[str],
    split: str = "train",
    *,
    data_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Read one part of a data set.

    source: a known name (``"mnist"``), looked for in `data_dir` and its subfolders, by default in the folder
    MNISTWEB_DATA_DIR names and in the instance's; or the path of a folder with the four IDX files of any set
    of the same form. split: ``"train"`` or ``"test"``.
    cache_dir: where the processed copy is kept, by default in the instance folder.

    Raises MissingDataError when the files are not there, DataError when they are damaged or something else.
    """
    if split not in SPLITS:
        raise DataError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
    if source in KNOWN_DATASETS:
        known = KNOWN_DATASETS[str(source)]
        folders = [Path(data_dir)] if data_dir is not None else data_folders()
        images, labels = (find_file(folders, known, wanted) for wanted in known.part(split))
        name, label_names = f"{known.name}/{split}", known.label_names
    else:
        folder = Path(source)
        if not folder.is_dir():
            names = ", ".join(KNOWN_DATASETS)
            raise MissingDataError(f"{source}: neither a folder nor one of the known data sets ({names})")
        # Any set of this form uses MNIST's file names.
        images, labels = (_existing(folder, wanted) for wanted in KNOWN_DATASETS["mnist"].part(split))
        name, label_names = f"{folder.name}/{split}", ()

    def make() -> Dataset:
        pixels, answers = read_idx(images), read_idx(labels)
        classes = max(int(answers.max(initial=0)) + 1, 10)
        return from_bytes(pixels, answers, name, label_names or tuple(map(str, range(classes))))

    cache_folder = Path(cache_dir) if cache_dir is not None else instance_data_folder() / "cache"
    return cached(cache_folder / f"{name.replace('/', '-')}.npz", fingerprint([images, labels]), make)


def _existing(folder: Path, wanted: DataFile) -> Path:
    for name in (wanted.name, *wanted.other_names):
        if (folder / name).is_file():
            return folder / name
    raise MissingDataError(f"{folder}: there is no {wanted.name}, packed or unpacked, in this folder")
