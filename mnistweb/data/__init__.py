"""Data sets: reading them from their files, fetching them, and varying them for training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mnistweb.data.errors import DataError, DownloadError, MissingDataError
from mnistweb.lazy import names_from

if TYPE_CHECKING:
    from mnistweb.data.arff import read_arff
    from mnistweb.data.augmentation import Augmentation
    from mnistweb.data.dataset import Dataset
    from mnistweb.data.download import fetch
    from mnistweb.data.idx import read_idx
    from mnistweb.data.image_folder import read_image_folder
    from mnistweb.data.loading import load_dataset
    from mnistweb.data.mnist_pickle import read_mnist_pickle
    from mnistweb.data.strokes import warp_strokes
    from mnistweb.data.tables import read_csv
    from mnistweb.data.unipen import StrokeDigit, read_unipen

__all__ = [
    "Augmentation",
    "DataError",
    "Dataset",
    "DownloadError",
    "MissingDataError",
    "StrokeDigit",
    "fetch",
    "load_dataset",
    "read_arff",
    "read_csv",
    "read_idx",
    "read_image_folder",
    "read_mnist_pickle",
    "read_unipen",
    "warp_strokes",
]

__getattr__ = names_from(
    __name__,
    augmentation="Augmentation",
    dataset="Dataset",
    unipen="StrokeDigit read_unipen",
    download="fetch",
    loading="load_dataset",
    arff="read_arff",
    tables="read_csv",
    idx="read_idx",
    image_folder="read_image_folder",
    mnist_pickle="read_mnist_pickle",
    strokes="warp_strokes",
)
