"""The public data sets that the program knows: their files, checksums, addresses, class names and credits."""

from __future__ import annotations

from dataclasses import dataclass

from mnistweb.data.dataset import DIGIT_NAMES


@dataclass(frozen=True)
class DataFile:
    """One file of a public data set.

    name: what it is called in a data folder; other_names: what else it may be called there.
    md5: of the unpacked bytes, because mirrors wrap the same content in different gzip. MD5 guards against
    accidents, which is what it is still good for, and it is what the publishers state.
    urls: where it is, the best address first. ``#member`` after the address of a ZIP archive names the file
    in it.
    """

    name: str
    md5: str
    urls: tuple[str, ...]
    other_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class KnownDataset:
    """A public data set; one of pictures has four files: training pictures, their labels, and so for test."""

    name: str
    title: str
    files: tuple[DataFile, ...]
    credit: str
    licence: str
    folder: str = ""  # its own folder inside the data folder
    label_names: tuple[str, ...] = DIGIT_NAMES

    def part(self, split: str) -> tuple[DataFile, DataFile]:
        """The files with the pictures and the labels of ``"train"`` or ``"test"``."""
        train_images, train_labels, test_images, test_labels = self.files
        return (train_images, train_labels) if split == "train" else (test_images, test_labels)


def _idx_files(mirrors: tuple[str, ...], *md5s: str) -> tuple[DataFile, ...]:
    stems = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    names = [f"{stem}-ubyte.gz" for stem in stems]
    return tuple(
        DataFile(
            name,
            md5,
            urls=tuple(mirror + name for mirror in mirrors),
            # Unpacked, and both with the dot that some archives have: "train-images.idx3-ubyte".
            other_names=(name[:-3], name.replace("-idx", ".idx"), name[:-3].replace("-idx", ".idx")),
        )
        for name, md5 in zip(names, md5s, strict=True)
    )


MNIST = KnownDataset(
    name="mnist",
    title="MNIST",
    folder="mnist",
    files=_idx_files(
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ),
    credit="Y. LeCun, C. Cortes, C. J. C. Burges: The MNIST database of handwritten digits, 1998",
    licence="CC BY-SA 3.0",
)

FASHION_MNIST = KnownDataset(
    name="fashion-mnist",
    title="Fashion-MNIST",
    folder="fashion-mnist",
    files=_idx_files(
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    ),
    credit="H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST, Zalando Research, 2017",
    licence="MIT",
    label_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
)

STROKES = KnownDataset(
    name="strokes",
    title="Pen-Based Recognition of Handwritten Digits, original strokes of the 30 training writers",
    files=(
        DataFile(
            "pendigits-train.unipen.gz",
            "28e269fb7eaf8cb51af3f561743a0de5",
            urls=(
                "https://archive.ics.uci.edu/static/public/81/"
                "pen+based+recognition+of+handwritten+digits.zip#pendigits-orig.tra.Z",
                "https://archive.ics.uci.edu/ml/machine-learning-databases/pendigits/pendigits-orig.tra.Z",
            ),
            other_names=("pendigits-train.unipen", "pendigits-orig.tra", "pendigits-orig.tra.Z"),
        ),
    ),
    credit="E. Alpaydin, F. Alimoglu: Pen-Based Recognition of Handwritten Digits, UCI, 1998",
    licence="CC BY 4.0",
)

# Sets of pictures, which load_dataset reads by name; and everything that can be fetched.
KNOWN_DATASETS = {known.name: known for known in (MNIST, FASHION_MNIST)}
FETCHABLE = KNOWN_DATASETS | {STROKES.name: STROKES}
