"""The pictures that a recipe trains on, chooses by and is measured on at the end."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mnistweb.data.catalogue import KNOWN_DATASETS, STROKES
from mnistweb.data.compression import read_unpacked
from mnistweb.data.dataset import Dataset
from mnistweb.data.finding import data_folders, find_file
from mnistweb.data.unipen import StrokeDigit, read_unipen
from mnistweb.recipes.datasets import load_dataset
from mnistweb.recipes.drawings import canvas_picture, in_mnist_form, varied_canvas_picture
from mnistweb.recipes.errors import RecipeError
from mnistweb.recipes.mixing import Source
from mnistweb.recipes.progress import Progress
from mnistweb.recipes.recipe import DataSettings
from mnistweb.recipes.renderings import rendered
from mnistweb.recipes.stand_ins import stand_in
from mnistweb.resources import instance_folder

# Not the recipe's seed: every recipe chooses by the same pictures, so their validation accuracies compare.
_SPLIT_SEED = 5000
_TRAINING_SEED, _VALIDATION_SEED = 7, 11
_VALIDATION_PHOTOS = 1000
OWN, DRAWINGS, PHOTOS = "validation", "drawings", "photos"


@dataclass(frozen=True, eq=False)
class TrainingData:
    """sources and shares: for MixedBatches, the dataset's own pictures first.

    validation: what to choose by, under the names OWN, DRAWINGS and PHOTOS, as far as the recipe has them.
    test is measured once, after everything has been chosen. facts go into the weights file.
    """

    sources: list[Source]
    shares: list[float]
    validation: dict[str, Dataset]
    test: Dataset
    facts: dict[str, Any]

    @property
    def label_names(self) -> tuple[str, ...]:
        return self.test.label_names


def load_training_data(
    settings: DataSettings, *, data_dir: Path | None = None, progress: Progress | None = None
) -> TrainingData:
    """Read and draw everything that `settings` name.

    Raises MissingDataError when a file is not there, DataError when it is damaged, RecipeError when the
    settings do not fit the data.
    """
    progress = progress or Progress()
    train = load_dataset(settings.dataset, "train", data_dir=data_dir)
    if settings.validation >= len(train):
        raise RecipeError(
            f"data.validation must be below the {len(train):,} training images, got {settings.validation}"
        )
    training, validation = train.split(settings.validation, _SPLIT_SEED)
    progress.note(f"{train.name}: {len(training):,} images to learn from, {len(validation):,} to choose by")
    data = TrainingData(
        sources=[_as_source(training)],
        shares=[settings.mix.dataset],
        validation={OWN: validation},
        test=load_dataset(settings.dataset, "test", data_dir=data_dir),
        facts={"data": settings.dataset, "data_sha256": train.sha256},
    )
    if settings.mix.strokes or settings.mix.photos:
        path = find_strokes_file(data_dir)
        digits = read_unipen(path)
        data.facts["strokes_sha256"] = hashlib.sha256(read_unpacked(path)).hexdigest()
        learned, held_out = split_writers(digits, settings.validation_writers)
        if settings.mix.strokes:
            _add_strokes(data, settings, learned, held_out, progress)
        if settings.mix.photos:
            _add_photos(data, settings, learned, held_out, progress)
    return data


def datasets_needed(settings: DataSettings) -> list[str]:
    """The names of the public data sets that a recipe needs, as `mnistweb.data.download.fetch` takes them."""
    needed = [settings.dataset] if settings.dataset in KNOWN_DATASETS else []
    return needed + ([STROKES.name] if settings.mix.strokes or settings.mix.photos else [])


def load_test(dataset: str = "mnist", *, data_dir: Path | None = None) -> Dataset:
    """The test images of `dataset`."""
    return load_dataset(dataset, "test", data_dir=data_dir)


def load_validation(dataset: str = "mnist", *, data_dir: Path | None = None) -> Dataset:
    """The training images of `dataset` that the recipes keep aside unless they say otherwise."""
    train = load_dataset(dataset, "train", data_dir=data_dir)
    return train.split(DataSettings().validation, _SPLIT_SEED)[1]


def load_drawings(*, data_dir: Path | None = None) -> Dataset:
    """The digits of the writers kept aside unless a recipe says otherwise, drawn on the canvas."""
    digits = read_unipen(find_strokes_file(data_dir))
    return held_out_drawings(split_writers(digits, DataSettings().validation_writers)[1])


def _add_strokes(
    data: TrainingData,
    settings: DataSettings,
    learned: list[StrokeDigit],
    held_out: list[StrokeDigit],
    progress: Progress,
) -> None:
    images, labels = rendered(
        "pen strokes",
        draw_varied,
        len(learned) * settings.renderings,
        [learned],
        key=_key(data, settings),
        folder=renderings_folder(),
        progress=progress,
    )
    progress.note(
        f"pen strokes: {len(images):,} drawings of {len(learned):,} digits to learn from, "
        f"{len(held_out):,} digits of {len(settings.validation_writers)} other writers to choose by"
    )
    data.sources.append(Source("strokes", images, labels))
    data.shares.append(settings.mix.strokes)
    data.validation[DRAWINGS] = held_out_drawings(held_out)


def _add_photos(
    data: TrainingData,
    settings: DataSettings,
    learned: list[StrokeDigit],
    held_out: list[StrokeDigit],
    progress: Progress,
) -> None:
    training, validation = data.sources[0], _as_source(data.validation[OWN])
    images, labels = rendered(
        "photographs",
        draw_stand_ins,
        settings.photos,
        [learned, training.images, training.labels, _TRAINING_SEED],
        key=_key(data, settings),
        folder=renderings_folder(),
        progress=progress,
    )
    chosen_by = rendered(
        "photographs to choose by",
        draw_stand_ins,
        _VALIDATION_PHOTOS,
        [held_out, validation.images, validation.labels, _VALIDATION_SEED],
        key=_key(data, settings),
        folder=renderings_folder(),
        progress=progress,
    )
    progress.note(
        f"stand-ins for photographs: {len(images):,} to learn from, {_VALIDATION_PHOTOS:,} to choose by"
    )
    data.sources.append(Source("photographs", images, labels))
    data.shares.append(settings.mix.photos)
    data.validation[PHOTOS] = Dataset(as_inputs(chosen_by[0]), chosen_by[1], "stand-ins for photographs")


def _key(data: TrainingData, settings: DataSettings) -> str:
    """What the drawn pictures depend on, beside the code that draws them."""
    return f"{data.facts} {settings.validation} {settings.validation_writers}"


def split_writers(
    digits: list[StrokeDigit], held_out: tuple[int, ...]
) -> tuple[list[StrokeDigit], list[StrokeDigit]]:
    """The digits of all other writers, and those of `held_out`. Raises RecipeError if one is unknown."""
    writers = {digit.writer for digit in digits}
    if unknown := set(held_out) - writers:
        raise RecipeError(
            f"data.validation_writers: the stroke file has no writer {min(unknown)}, it has {sorted(writers)}"
        )
    learned = [digit for digit in digits if digit.writer not in held_out]
    chosen_by = [digit for digit in digits if digit.writer in held_out]
    if not learned or not chosen_by:
        raise RecipeError("data.validation_writers: both parts need at least one writer")
    return learned, chosen_by


def find_strokes_file(data_dir: Path | None = None) -> Path:
    """The file of pen strokes. Raises MissingDataError when it is not there, DataError when it is damaged."""
    folders = data_folders() if data_dir is None else [data_dir]
    return find_file(folders, STROKES, STROKES.files[0])


def renderings_folder() -> Path:
    """Where drawn pictures are kept for the next training."""
    return instance_folder() / "data" / "renderings"


def draw_varied(numbers: np.ndarray, digits: list[StrokeDigit]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of varied digits: picture n shows digit n modulo the number of digits."""
    images, labels = np.empty((len(numbers), 28, 28), np.uint8), np.empty(len(numbers), np.int64)
    for place, number in enumerate(numbers.tolist()):
        digit = digits[number % len(digits)]
        rng = np.random.default_rng([_TRAINING_SEED, number])
        images[place] = in_mnist_form(varied_canvas_picture(digit, rng))
        labels[place] = digit.label
    return images, labels


def draw_as_written(numbers: np.ndarray, digits: list[StrokeDigit]) -> tuple[np.ndarray, np.ndarray]:
    """Canvas pictures of digits just as their writers drew them, in MNIST form."""
    images, labels = np.empty((len(numbers), 28, 28), np.uint8), np.empty(len(numbers), np.int64)
    for place, number in enumerate(numbers.tolist()):
        rng = np.random.default_rng([_VALIDATION_SEED, number])
        images[place] = in_mnist_form(canvas_picture(digits[number], rng))
        labels[place] = digits[number].label
    return images, labels


def draw_stand_ins(
    numbers: np.ndarray, digits: list[StrokeDigit], images: np.ndarray, labels: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Stand-ins for photographs of the digits and of the dataset's own images, in MNIST form."""
    drawn = [
        stand_in(digits, images, labels, np.random.default_rng([seed, number])) for number in numbers.tolist()
    ]
    return np.stack([picture for picture, _ in drawn]), np.array([label for _, label in drawn], np.int64)


def held_out_drawings(digits: list[StrokeDigit]) -> Dataset:
    """The digits of the writers kept aside, drawn on the canvas, as a data set in MNIST form."""
    images, labels = draw_as_written(np.arange(len(digits)), digits)
    return Dataset(as_inputs(images), labels, "pen strokes of held-out writers")


def as_inputs(images: np.ndarray) -> np.ndarray:
    """uint8 (N, 28, 28) as the networks take them: float32 (N, 28, 28, 1) in [0, 1]."""
    inputs = images[..., np.newaxis].astype(np.float32)
    inputs /= np.float32(255)
    return inputs


def _as_source(dataset: Dataset) -> Source:
    return Source(dataset.name, np.rint(dataset.images[..., 0] * 255).astype(np.uint8), dataset.labels)
