"""Finding a data set on this disk and reading it, whichever of the usual forms it comes in."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from mnistweb.data.cache import cached, fingerprint
from mnistweb.data.catalogue import KNOWN_DATASETS, DataFile, KnownDataset
from mnistweb.data.compression import read_unpacked
from mnistweb.data.dataset import Dataset, from_bytes
from mnistweb.data.errors import DataError, MissingDataError
from mnistweb.data.idx import read_idx
from mnistweb.resources import instance_folder

SPLITS = ("train", "test")


def default_data_folder() -> Path:
    """Where data is looked for by default: ``MNISTWEB_DATA_DIR``, else ``data`` in the instance folder."""
    named = os.environ.get("MNISTWEB_DATA_DIR")
    return Path(named).expanduser() if named else instance_folder() / "data"


def default_cache_folder() -> Path:
    """Where processed copies are kept; always in the instance folder, a folder of data files is only read."""
    return instance_folder() / "data" / "cache"


def load_dataset(
    source: str | os.PathLike[str],
    split: str = "train",
    *,
    data_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Read one part of a data set.

    source: a known name (``"mnist"``), looked for in `data_dir` and its subfolders, or the path of a folder
    with the four IDX files of any set of the same form. split: ``"train"`` or ``"test"``.
    cache_dir: where the processed copy is kept, by default in the instance folder.

    Raises MissingDataError when the files are not there, DataError when they are damaged or something else.
    """
    if split not in SPLITS:
        raise DataError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
    cache_folder = Path(cache_dir) if cache_dir is not None else default_cache_folder()
    if source in KNOWN_DATASETS:
        known = KNOWN_DATASETS[str(source)]
        folder = Path(data_dir) if data_dir is not None else default_data_folder()
        images, labels = (find_file(folder, known, wanted) for wanted in known.part(split))
        name, label_names = f"{known.name}/{split}", known.label_names
    else:
        folder = Path(source)
        if not folder.is_dir():
            names = ", ".join(KNOWN_DATASETS)
            raise MissingDataError(f"{source}: neither a folder nor one of the known data sets ({names})")
        prefix = "train" if split == "train" else "t10k"
        images, labels = (
            _first_existing(folder, f"{prefix}-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1")
        )
        name, label_names = f"{folder.name}/{split}", None

    def make() -> Dataset:
        pixels, answers = read_idx(images), read_idx(labels)
        names = label_names or tuple(str(label) for label in range(max(int(answers.max(initial=0)) + 1, 10)))
        return from_bytes(pixels, answers, name, names)

    return cached(cache_folder / f"{name.replace('/', '-')}.npz", fingerprint([images, labels]), make)


def find_file(folder: Path, known: KnownDataset, wanted: DataFile) -> Path:
    """The file of a known data set in `folder` or a subfolder, told by its checksum.

    MNIST and Fashion-MNIST use the same file names, so a name alone does not say which one it is.
    Raises MissingDataError when there is none, DataError when there are only files with other content.
    """
    others = []
    for path in _candidates(folder, known, wanted.name):
        if hashlib.md5(read_unpacked(path), usedforsecurity=False).hexdigest() == wanted.md5:
            return path
        others.append(path)
    if others:
        raise DataError(f"{others[0]}: not the {wanted.name} of {known.title}, its checksum is another")
    raise MissingDataError(
        f"{known.title}: no {wanted.name} in {folder}; fetch it with `mnistweb data fetch {known.name}` "
        "or name the folder that has it with MNISTWEB_DATA_DIR"
    )


def _candidates(folder: Path, known: KnownDataset, name: str) -> Iterator[Path]:
    # The data set's own folder first, then the folder itself, then any other a level or two below.
    names = _spellings(name)
    seen = set()
    for pattern in (f"{known.name}/", "", "*/", "*/*/"):
        for spelling in names:
            for path in sorted(folder.glob(pattern + spelling)):
                if path not in seen and path.is_file():
                    seen.add(path)
                    yield path


def _first_existing(folder: Path, name: str) -> Path:
    for spelling in _spellings(name):
        if (folder / spelling).is_file():
            return folder / spelling
    raise MissingDataError(f"{folder}: there is no {name}, packed or unpacked, in this folder")


def _spellings(name: str) -> list[str]:
    # As published, unpacked, and both with the dot that some archives have ("train-images.idx3-ubyte").
    plain = name.removesuffix(".gz")
    dotted = plain.replace("-idx", ".idx")
    return [f"{plain}.gz", plain, f"{dotted}.gz", dotted]
