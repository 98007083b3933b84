"""A processed copy of a data set, so that the second start need not unpack and parse the files again."""

from __future__ import annotations

import contextlib
import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mnistweb.data.dataset import Dataset
from mnistweb.data.errors import DataError
from mnistweb.files import remove_leftovers, write_atomically

_VERSION = 2  # one more whenever the same files are read as something else


def fingerprint(paths: list[Path]) -> str:
    """SHA-256 over the bytes of the given files: whatever changes in them, the cache is made anew."""
    digest = hashlib.sha256(f"version {_VERSION}".encode())
    for path in paths:
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def cached(cache_file: Path | None, key: str, make: Callable[[], Dataset]) -> Dataset:
    """The data set in `cache_file` if it was made under `key`, else what `make` returns, kept for next time.

    A cache that is missing, stale or damaged is replaced; one that cannot be written (read-only folder,
    full disk) is done without. With `cache_file` None, nothing is cached.
    """
    if cache_file is None:
        return make()
    found = _read(cache_file, key)
    if found is not None:
        return found
    dataset = make()
    with contextlib.suppress(OSError):  # the cache only saves time: the data set itself is whole
        remove_leftovers(cache_file.parent)
        write_atomically(cache_file, _pack(dataset, key))
    return dataset


def _pack(dataset: Dataset, key: str) -> bytes:
    # Pixels that came from bytes go back to bytes: a quarter of the size, and x / 255 gives the same floats.
    as_bytes = np.rint(dataset.images * 255).astype(np.uint8)
    exact = np.array_equal(as_bytes.astype(np.float32) / np.float32(255), dataset.images)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        key=np.array(key),
        name=np.array(dataset.name),
        label_names=np.array(dataset.label_names),
        images=as_bytes if exact else dataset.images,
        labels=dataset.labels,
    )
    return buffer.getvalue()


def _read(cache_file: Path, key: str) -> Dataset | None:
    try:
        # Opened here, because np.load leaves a damaged file open.
        with open(cache_file, "rb") as file, np.load(file, allow_pickle=False) as stored:
            if str(stored["key"]) != key:
                return None
            images = stored["images"]
            if images.dtype == np.uint8:
                images = images.astype(np.float32)
                images /= np.float32(255)
            names = tuple(str(name) for name in stored["label_names"])
            return Dataset(images, stored["labels"], str(stored["name"]), names)
    except (OSError, DataError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
