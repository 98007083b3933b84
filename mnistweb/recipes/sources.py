"""The pictures that a recipe trains on, chooses by and is measured on at the end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mnistweb.data.catalogue import KNOWN_DATASETS, STROKES
from mnistweb.data.dataset import DIGIT_NAMES, Dataset
from mnistweb.data.unipen import read_unipen
from mnistweb.recipes.datasets import load_dataset
from mnistweb.recipes.drawn_pictures import DrawnPictures, as_source
from mnistweb.recipes.drawn_sources import find_strokes_file, held_out_drawings, split_writers
from mnistweb.recipes.errors import RecipeError
from mnistweb.recipes.framing import frame_facts
from mnistweb.recipes.mixing import Source
from mnistweb.recipes.progress import Progress
from mnistweb.recipes.recipe import DataSettings, MixSettings
from mnistweb.weights import WeightsError
from mnistweb.weights.document import check_labels

# Not the recipe's seed: every recipe chooses by the same pictures, so their validation accuracies compare.
_SPLIT_SEED = 5000
OWN, DRAWINGS, PHOTOS = "validation", "drawings", "photos"


@dataclass(eq=False)
class TrainingData:
    """sources and shares: for MixedBatches, the dataset's own pictures first.

    validation: what to choose by, under the names OWN, DRAWINGS and PHOTOS, as far as the recipe has them.
    negatives: pictures of no digit, uint8 (N, 28, 28), to see whether the model doubts them. test is measured
    once, after everything has been chosen. facts go into the weights file.
    """

    sources: list[Source]
    shares: list[float]
    validation: dict[str, Dataset]
    test: Dataset
    facts: dict[str, Any]
    negatives: np.ndarray | None = None

    def add(self, source: Source, share: float) -> None:
        """Mix in one more source."""
        self.sources.append(source)
        self.shares.append(share)

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
    try:
        check_labels(train.label_names)  # now, and not when a whole training is to be written down
    except WeightsError as problem:
        raise RecipeError(f"{train.name} has {len(train.label_names)} classes: {problem}") from problem
    if settings.validation >= len(train):
        raise RecipeError(
            f"data.validation must be below the {len(train):,} training images, got {settings.validation}"
        )
    training, validation = _split(train, settings.validation)
    progress.note(f"{train.name}: {len(training):,} images to learn from, {len(validation):,} to choose by")
    data = TrainingData(
        sources=[as_source(training)],
        shares=[settings.mix.dataset],
        validation={OWN: validation},
        test=load_dataset(settings.dataset, "test", data_dir=data_dir),
        facts={"data": settings.dataset, "data_sha256": train.sha256},
    )
    if data.label_names != DIGIT_NAMES:
        data.facts |= frame_facts(training.images)
    mix = settings.mix
    if mix.is_drawn:
        if data.label_names != DIGIT_NAMES:
            raise RecipeError(f"data.mix: pen strokes show digits, {train.name} shows other things")
        drawn = DrawnPictures(settings, training, validation, data_dir=data_dir, progress=progress)
        _add_drawn(data, mix, drawn, progress)
    return data


def datasets_needed(settings: DataSettings) -> list[str]:
    """The names of the public data sets that a recipe needs, as `mnistweb.data.download.fetch` takes them."""
    needed = [settings.dataset] if settings.dataset in KNOWN_DATASETS else []
    return needed + ([STROKES.name] if settings.mix.is_drawn else [])


def load_test(dataset: str = "mnist", *, data_dir: Path | None = None) -> Dataset:
    """The test images of `dataset`."""
    return load_dataset(dataset, "test", data_dir=data_dir)


def load_validation(dataset: str = "mnist", *, data_dir: Path | None = None) -> Dataset:
    """The training images of `dataset` that the recipes keep aside unless they say otherwise."""
    return _split(load_dataset(dataset, "train", data_dir=data_dir))[1]


def load_drawn(*, data_dir: Path | None = None, progress: Progress | None = None) -> DrawnPictures:
    """The pictures that are drawn for a recipe with the usual settings for MNIST."""
    training, validation = _split(load_dataset("mnist", "train", data_dir=data_dir))
    return DrawnPictures(DataSettings(), training, validation, data_dir=data_dir, progress=progress)


def load_drawings(*, data_dir: Path | None = None) -> Dataset:
    """The digits of the writers kept aside unless a recipe says otherwise, drawn on the canvas."""
    digits = read_unipen(find_strokes_file(data_dir))
    return held_out_drawings(split_writers(digits, DataSettings().validation_writers)[1])


def _split(dataset: Dataset, validation: int = DataSettings().validation) -> tuple[Dataset, Dataset]:
    return dataset.split(validation, _SPLIT_SEED)


def _add_drawn(data: TrainingData, mix: MixSettings, drawn: DrawnPictures, progress: Progress) -> None:
    """Add what is mixed in of strokes, stand-ins for photographs, and negatives."""
    data.facts["strokes_sha256"] = drawn.strokes_sha256
    if mix.strokes:
        data.add(drawn.strokes(), mix.strokes)
        data.validation[DRAWINGS] = drawn.drawings_to_choose_by()
        progress.note(
            f"pen strokes: {len(data.sources[-1]):,} drawings of {len(drawn.learned):,} digits to learn "
            f"from, {len(drawn.held_out):,} digits of other writers to choose by"
        )
    if mix.straight_ones:
        data.add(drawn.straight_ones(), mix.straight_ones)
        progress.note(f"straight ones: {len(data.sources[-1]):,} to learn from")
    if mix.photos:
        data.add(drawn.photos(), mix.photos)
        data.validation[PHOTOS] = drawn.photos_to_choose_by()
        count, chosen_by = len(data.sources[-1]), len(data.validation[PHOTOS])
        progress.note(f"stand-ins for photographs: {count:,} to learn from, {chosen_by:,} to choose by")
    if mix.negatives:
        data.add(drawn.negatives(), mix.negatives)
        data.negatives = drawn.negatives_to_choose_by()
        count, chosen_by = len(data.sources[-1]), len(data.negatives)
        progress.note(f"pictures of no digit: {count:,} to learn from, {chosen_by:,} to choose by")
