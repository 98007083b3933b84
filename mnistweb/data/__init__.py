"""Data sets: reading them from their files, fetching them, and varying them for training."""

from __future__ import annotations

from mnistweb.data.dataset import Dataset
from mnistweb.data.errors import DataError, DownloadError, MissingDataError
from mnistweb.data.idx import read_idx
from mnistweb.data.loading import load_dataset

__all__ = ["DataError", "Dataset", "DownloadError", "MissingDataError", "load_dataset", "read_idx"]
