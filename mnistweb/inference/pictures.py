"""Whatever a caller has - a file, its bytes, a picture, an array - as the 28x28 pixels of the network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from mnistweb.imaging.decode import decode_image
from mnistweb.imaging.errors import BlankImageError
from mnistweb.imaging.placement import MNIST_FRAME, Frame
from mnistweb.imaging.preprocess import Preprocessed, preprocess
from mnistweb.inference.errors import PixelsError

SIDE = 28
_BLANK_CONTRAST = 0.05  # a picture whose brightest and darkest pixel differ by less has nothing on it

Picture = bytes | bytearray | memoryview | str | os.PathLike[str] | Image.Image | NDArray[np.generic]


def prepare(
    picture: Picture,
    *,
    as_it_is: bool = False,
    keep_steps: bool = False,
    max_pixels: int | None = None,
    frame: Frame = MNIST_FRAME,
) -> Preprocessed:
    """Bring one picture into MNIST form.

    picture: the bytes of a PNG or JPEG file, a path to one, a PIL picture, or an array (uint8, or float
    in [0, 1]).
    as_it_is: the picture is in MNIST form already (28x28, ink bright) and is only checked.
    keep_steps: also keep the picture after each step. max_pixels: the largest picture that is decoded.
    frame: how the model has learned to see things lie; see `DigitClassifier.frame`.

    Raises PixelsError for an array that is no picture, OSError for a path that cannot be read, and the
    ImageErrors of `mnistweb.imaging`, BlankImageError among them: a picture with nothing on it never reaches
    a network.
    """
    if isinstance(picture, str | os.PathLike):
        picture = Path(picture).read_bytes()
    if isinstance(picture, bytes | bytearray | memoryview):
        limit = {} if max_pixels is None else {"max_pixels": max_pixels}
        picture = decode_image(bytes(picture), **limit)
    if not as_it_is:
        if not isinstance(picture, Image.Image):
            _check_range(np.asarray(picture))
        return preprocess(picture, keep_steps=keep_steps, frame=frame)
    pixels = mnist_pixels(np.asarray(picture.convert("L")) if isinstance(picture, Image.Image) else picture)
    return Preprocessed(
        pixels=pixels,
        steps=(),
        polarity="light_on_dark",
        ink_box=_ink_box(pixels),
        find_centre=lambda: _centre_of_mass(pixels),
    )


def mnist_pixels(values: ArrayLike) -> NDArray[np.float32]:
    """Check numbers that are in MNIST form already: (28, 28) float32 in [0, 1], ink bright.

    values: 784 numbers or 28 rows of 28, row-major; floats in [0, 1], or uint8 in 0..255.

    Raises PixelsError, with the index of the first value that is out of range, and BlankImageError.
    """
    array = np.asarray(values)
    if array.size != SIDE * SIDE or array.shape not in ((SIDE * SIDE,), (SIDE, SIDE), (SIDE, SIDE, 1)):
        raise PixelsError(
            f"got pixels of shape {array.shape}; wanted are {SIDE * SIDE} numbers or {SIDE} rows of {SIDE}"
        )
    lowest, highest = _check_range(array)
    if array.dtype == np.uint8:
        array, lowest, highest = array / 255, lowest / 255, highest / 255
    if highest - lowest < _BLANK_CONTRAST:
        raise BlankImageError("the picture is blank: its pixels are all the same")
    return array.astype(np.float32).reshape(SIDE, SIDE)


def _check_range(array: NDArray[Any]) -> tuple[float, float]:
    """The smallest and the largest value. Raises PixelsError for what is neither uint8 nor from 0 to 1."""
    if array.dtype.kind not in "fiu":
        raise PixelsError(f"got pixels of type {array.dtype}; wanted are numbers from 0 to 1")
    if array.size == 0:
        raise PixelsError(f"got pixels of shape {array.shape}, that is none at all")
    lowest, highest = float(array.min()), float(array.max())
    if array.dtype != np.uint8 and not (lowest >= 0 and highest <= 1):  # written so that NaN is caught too
        flat = array.reshape(-1)
        index = int(np.flatnonzero(~((flat >= 0) & (flat <= 1)))[0])
        raise PixelsError(f"pixel {index} is {flat[index]!s}; wanted is a number from 0 to 1", index)
    return lowest, highest


def _ink_box(pixels: NDArray[np.float32]) -> tuple[int, int, int, int]:
    inked = pixels > 0
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _centre_of_mass(pixels: NDArray[np.float32]) -> tuple[float, float]:
    centres = np.arange(SIDE) + 0.5
    total = pixels.sum()
    return float(pixels.sum(axis=0) @ centres / total), float(pixels.sum(axis=1) @ centres / total)
