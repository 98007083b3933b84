"""Loading data sets of every form: the data room's reader, given what it may not import itself.

Pickles go through the reader that runs no code, pictures through the preprocessing that serves requests.
"""

from __future__ import annotations

import os
from functools import partial

import numpy as np

import mnistweb.data.loading
from mnistweb.data.compression import MAX_UNPACKED_BYTES
from mnistweb.data.dataset import Dataset
from mnistweb.imaging.decode import decode_image
from mnistweb.imaging.preprocess import preprocess
from mnistweb.weights import read_pickle


def load_dataset(
    source: str | os.PathLike[str], split: str = "train", *, data_dir: str | os.PathLike[str] | None = None
) -> Dataset:
    """One part of a data set, by name or from a file or folder of any form; see `data.load_dataset`."""
    return mnistweb.data.loading.load_dataset(
        source,
        split,
        data_dir=data_dir,
        load_pickle=partial(read_pickle, max_bytes=MAX_UNPACKED_BYTES),
        decode=_digit_pixels,
    )


def _digit_pixels(content: bytes) -> np.ndarray:
    return preprocess(decode_image(content)).pixels
