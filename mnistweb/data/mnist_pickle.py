"""`mnist.pkl.gz`, the form in which the Theano tutorials and Nielsen's book pass MNIST on.

It is a pickle of ((images, labels), (images, labels), (images, labels)): 50,000 for training, 10,000 for
validation and 10,000 for testing; images float32 (N, 784), in steps of 1/256.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from mnistweb.data.compression import read_unpacked
from mnistweb.data.dataset import Dataset, from_pixels
from mnistweb.data.errors import DataError


def read_mnist_pickle(
    path: str | os.PathLike[str], split: str = "train", *, load: Callable[[bytes], Any]
) -> Dataset:
    """Read one part of an `mnist.pkl.gz`: ``"train"`` (training and validation together) or ``"test"``.

    load: turns the bytes of a pickle into plain data. Pickles can run code when they are loaded: give
    `mnistweb.weights.read_pickle`, which runs none, never `pickle.loads`.
    Raises DataError when the file is not of this form, or `load` refuses it with a ValueError.
    """
    try:
        content = load(read_unpacked(path))
    except DataError:
        raise
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    parts = _pairs(content)
    if parts is None:
        raise DataError(f"{path}: wanted three pairs of images (N, 784) and labels (N,), got something else")
    chosen = parts[:2] if split == "train" else parts[2:]
    images, labels = (np.concatenate(arrays) for arrays in zip(*chosen, strict=True))
    return from_pixels(images, labels, f"{os.path.basename(path)}/{split}", white=1)


def _pairs(content: Any) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """The three pairs of arrays, or None if `content` is anything else."""
    if not isinstance(content, (tuple, list)) or len(content) != 3:
        return None
    for pair in content:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            return None
        if not all(isinstance(array, np.ndarray) and array.dtype.kind in "fiu" for array in pair):
            return None
        if pair[0].ndim != 2 or pair[1].ndim != 1:
            return None
    return [(images, labels) for images, labels in content]
