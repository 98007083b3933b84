"""A folder of pictures sorted by label: ``7/first.png`` is a seven."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mnistweb.data.dataset import DIGIT_NAMES, Dataset, from_pixels
from mnistweb.data.errors import DataError

_SUFFIXES = {".png", ".jpg", ".jpeg"}


def picture_files(folder: str | os.PathLike[str]) -> dict[str, list[Path]]:
    """The PNG and JPEG files of each subfolder that has any, by the subfolder's name, both in order.

    Hidden ones are passed over: macOS puts a "._7.png" that is no picture beside each 7.png it copies.
    """
    found = {}
    for subfolder in sorted(path for path in Path(folder).iterdir() if path.is_dir()):
        if subfolder.name.startswith("."):
            continue
        files = [path for path in subfolder.iterdir() if path.suffix.lower() in _SUFFIXES]
        if shown := sorted(path for path in files if not path.name.startswith(".")):
            found[subfolder.name] = shown
    return found


def read_image_folder(folder: str | os.PathLike[str], *, decode: Callable[[bytes], np.ndarray]) -> Dataset:
    """Read all pictures below `folder`; the name of the subfolder each lies in is its label.

    Subfolders ``0`` to ``9``, or some of them, are the digits; of any other names, each is a class, in order.
    decode: turns the bytes of a PNG or JPEG file into pixels (28, 28) in [0, 1], ink bright. Give it the
    preprocessing that predictions use, so that training sees what they see.
    Raises DataError naming the file when `decode` refuses it with a ValueError.
    """
    files = picture_files(folder)
    if not files:
        raise DataError(f"{folder}: there are no subfolders with PNG or JPEG files in it")
    label_names = DIGIT_NAMES if set(files) <= set(DIGIT_NAMES) else tuple(files)
    images, labels = [], []
    for label_name, paths in files.items():
        for path in paths:
            images.append(_decoded(path, decode))
            labels.append(label_names.index(label_name))
    return from_pixels(np.stack(images), np.array(labels), Path(folder).name, label_names, white=1)


def _decoded(path: Path, decode: Callable[[bytes], np.ndarray]) -> np.ndarray:
    try:
        pixels = np.asarray(decode(path.read_bytes()), np.float32)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    if pixels.shape != (28, 28):
        raise DataError(f"{path}: pictures must be decoded to (28, 28), got {pixels.shape}")
    return pixels
