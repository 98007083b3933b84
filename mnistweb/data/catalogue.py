"""The public data sets the program knows: their files, checksums, mirrors, class names and credits."""

from __future__ import annotations

from dataclasses import dataclass

from mnistweb.data.dataset import DIGIT_NAMES


@dataclass(frozen=True)
class DataFile:
    """One file of a public data set.

    md5 is that of the unpacked bytes: mirrors wrap the same content in different gzip. It guards against
    accidents, which is what MD5 is still good for, and it is what the publishers state.
    """

    name: str
    md5: str


@dataclass(frozen=True)
class KnownDataset:
    """A public data set of 28x28 pictures in four IDX files; mirrors are the folders that hold them."""

    name: str
    title: str
    train_images: DataFile
    train_labels: DataFile
    test_images: DataFile
    test_labels: DataFile
    mirrors: tuple[str, ...]
    label_names: tuple[str, ...]
    credit: str

    @property
    def files(self) -> tuple[DataFile, ...]:
        """The four files, in the order they are fetched."""
        return (self.train_images, self.train_labels, self.test_images, self.test_labels)

    def part(self, split: str) -> tuple[DataFile, DataFile]:
        """The files with the pictures and the labels of ``"train"`` or ``"test"``."""
        if split == "train":
            return self.train_images, self.train_labels
        return self.test_images, self.test_labels


MNIST = KnownDataset(
    name="mnist",
    title="MNIST",
    train_images=DataFile("train-images-idx3-ubyte.gz", "6bbc9ace898e44ae57da46a324031adb"),
    train_labels=DataFile("train-labels-idx1-ubyte.gz", "a25bea736e30d166cdddb491f175f624"),
    test_images=DataFile("t10k-images-idx3-ubyte.gz", "2646ac647ad5339dbf082846283269ea"),
    test_labels=DataFile("t10k-labels-idx1-ubyte.gz", "27ae3e4e09519cfbb04c329615203637"),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    label_names=DIGIT_NAMES,
    credit="Y. LeCun, C. Cortes, C. J. C. Burges: The MNIST database of handwritten digits",
)

KNOWN_DATASETS = {dataset.name: dataset for dataset in (MNIST,)}
