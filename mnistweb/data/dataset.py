"""A data set is a stack of pictures and the right answer for each of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mnistweb.data.errors import DataError

DIGIT_NAMES = tuple("0123456789")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Pictures with labels, checked once here so that nothing behind has to check again.

    images: float32 (N, 28, 28, 1) in [0, 1], ink bright. labels: int64 (N,), each an index into label_names.
    Raises DataError, which names the first offender, when an array is anything else.
    """

    images: np.ndarray
    labels: np.ndarray
    name: str
    label_names: tuple[str, ...] = DIGIT_NAMES

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != np.float32 or images.ndim != 4 or images.shape[1:] != (28, 28, 1):
            raise DataError(
                f"{self.name}: images must be float32 (N, 28, 28, 1), got {images.dtype} {images.shape}"
            )
        if labels.dtype != np.int64 or labels.shape != (len(images),):
            raise DataError(
                f"{self.name}: {len(images):,} images need int64 labels of shape ({len(images)},), "
                f"got {labels.dtype} {labels.shape}"
            )
        if not len(images):
            raise DataError(f"{self.name}: there are no pictures in it")
        if not (images.min() >= 0 and images.max() <= 1):  # written so that NaN fails as well
            raise DataError(f"{self.name}: pixels must lie in 0..1, found {images.min()} to {images.max()}")
        wrong = np.flatnonzero((labels < 0) | (labels >= len(self.label_names)))
        if wrong.size:
            label, highest = labels[wrong[0]], len(self.label_names) - 1
            raise DataError(f"{self.name}: label {label} of picture {wrong[0]} is not in 0..{highest}")

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of pixels and labels, 64 hex digits: the same for the same content in any file."""
        digest = hashlib.sha256(f"{self.images.shape}".encode())
        digest.update(np.ascontiguousarray(self.images, dtype="<f4").data)
        digest.update(np.ascontiguousarray(self.labels, dtype="<i8").data)
        return digest.hexdigest()

    @property
    def class_counts(self) -> np.ndarray:
        """How many pictures there are of each class, int64 (classes,)."""
        return np.bincount(self.labels, minlength=len(self.label_names))

    def take(self, indices: np.ndarray, *, name: str | None = None) -> Dataset:
        """The pictures at `indices`, as a data set of their own."""
        return Dataset(self.images[indices], self.labels[indices], name or self.name, self.label_names)

    def split(self, validation: int | float, seed: int) -> tuple[Dataset, Dataset]:
        """Divide into (training, validation), every class in proportion; the same seed divides alike.

        `validation` is a number of pictures, or a fraction when it is a float below 1. Both parts keep the
        order of the pictures. Raises DataError when one part would be empty.
        """
        if isinstance(validation, float) and 0 < validation < 1:
            validation = round(validation * len(self))
        if int(validation) != validation or not 0 < validation < len(self):
            raise DataError(
                f"{self.name}: validation must be 1 to {len(self) - 1:,} pictures or a fraction in 0..1, "
                f"got {validation}"
            )
        rng = np.random.default_rng(seed)
        # Shuffled, then sorted by class: chosen evenly over that order, every class gives its share.
        shuffled = rng.permutation(len(self))
        by_class = shuffled[np.argsort(self.labels[shuffled], kind="stable")]
        count = int(validation)
        evenly = (np.arange(count) * len(self) + rng.integers(len(self))) // count
        chosen = np.zeros(len(self), bool)
        chosen[by_class[evenly]] = True
        return (
            self.take(np.flatnonzero(~chosen), name=f"{self.name}, training part"),
            self.take(np.flatnonzero(chosen), name=f"{self.name}, validation part"),
        )


def from_pixels(
    images: np.ndarray,
    labels: np.ndarray,
    name: str,
    label_names: Sequence[str] = DIGIT_NAMES,
    *,
    white: int | None = None,
) -> Dataset:
    """Make a Dataset from numbers 0..`white` of shape (N, 28, 28) or (N, 784) and whole labels (N,).

    white: 1 or 255; by default 1 if no number is larger, as in pictures that have been scaled already.
    Raises DataError when the shapes do not fit or a value is out of range.
    """
    if images.ndim not in (2, 3) or images.shape[1:] not in ((28, 28), (784,)):
        raise DataError(f"{name}: pictures must be 28x28 pixels, got an array of shape {images.shape}")
    if labels.ndim != 1 or len(labels) != len(images):
        raise DataError(f"{name}: {len(images):,} pictures do not go with labels of shape {labels.shape}")
    if white is None:
        white = 1 if images.size and images.max() <= 1 else 255
    # Written so that NaN fails as well.
    if images.dtype != np.uint8 and images.size and not (images.min() >= 0 and images.max() <= white):
        raise DataError(f"{name}: pixels must lie in 0..{white}, found {images.min()} to {images.max()}")
    whole = np.asarray(labels).astype(np.int64)
    broken = np.flatnonzero(whole != labels)
    if broken.size:
        raise DataError(f"{name}: label {labels[broken[0]]} of picture {broken[0]} is not a whole number")
    pixels = images.reshape(-1, 28, 28, 1).astype(np.float32)
    if white != 1:
        pixels /= np.float32(white)
    return Dataset(pixels, whole, name, tuple(label_names))
