"""The pictures that a recipe trains on, chooses by and is measured on at the end."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mnistweb.data.catalogue import KNOWN_DATASETS, STROKES
from mnistweb.data.compression import read_unpacked
from mnistweb.data.dataset import DIGIT_NAMES, Dataset
from mnistweb.data.unipen import read_unipen
from mnistweb.recipes.datasets import load_dataset
from mnistweb.recipes.drawn_sources import (
    TRAINING_SEED,
    VALIDATION_SEED,
    as_inputs,
    draw_negatives,
    draw_stand_ins,
    draw_varied,
    find_strokes_file,
    held_out_drawings,
    split_writers,
)
from mnistweb.recipes.errors import RecipeError
from mnistweb.recipes.mixing import Source
from mnistweb.recipes.negatives import material
from mnistweb.recipes.progress import Progress
from mnistweb.recipes.recipe import DataSettings
from mnistweb.recipes.renderings import rendered
from mnistweb.resources import instance_folder

# Not the recipe's seed: every recipe chooses by the same pictures, so their validation accuracies compare.
_SPLIT_SEED = 5000
_VALIDATION_PHOTOS, _VALIDATION_NEGATIVES = 1000, 2000
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
    mix = settings.mix
    if mix.strokes or mix.photos or mix.negatives:
        if data.label_names != DIGIT_NAMES:
            raise RecipeError(f"data.mix: pen strokes show digits, {train.name} shows other things")
        _add_drawn(data, settings, data_dir, progress)
    return data


def datasets_needed(settings: DataSettings) -> list[str]:
    """The names of the public data sets that a recipe needs, as `mnistweb.data.download.fetch` takes them."""
    needed = [settings.dataset] if settings.dataset in KNOWN_DATASETS else []
    mix = settings.mix
    return needed + ([STROKES.name] if mix.strokes or mix.photos or mix.negatives else [])


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


def _add_drawn(data: TrainingData, settings: DataSettings, data_dir: Path | None, progress: Progress) -> None:
    """Add what `settings` mix in of strokes, stand-ins for photographs, and negatives."""
    path = find_strokes_file(data_dir)
    digits = read_unipen(path)
    learned, held_out = split_writers(digits, settings.validation_writers)
    strokes_hash = hashlib.sha256(read_unpacked(path)).hexdigest()
    data.facts["strokes_sha256"] = strokes_hash
    # What the pictures depend on, beside the code that draws them.
    of_strokes = f"{strokes_hash} {settings.validation_writers}"
    of_both = f"{of_strokes} {data.facts['data_sha256']} {settings.validation}"
    mix, (training, validation) = settings.mix, (data.sources[0], _as_source(data.validation[OWN]))
    draw = partial(rendered, folder=renderings_folder(), progress=progress)

    if mix.strokes:
        count = len(learned) * settings.renderings
        images, labels = draw("pen strokes", draw_varied, count, [learned], key=of_strokes)
        data.sources.append(Source("pen strokes", images, labels))
        data.shares.append(mix.strokes)
        data.validation[DRAWINGS] = held_out_drawings(held_out)
        progress.note(
            f"pen strokes: {count:,} drawings of {len(learned):,} digits to learn from, "
            f"{len(held_out):,} digits of {len(settings.validation_writers)} other writers to choose by"
        )
    if mix.photos:
        arguments = [learned, training.images, training.labels, TRAINING_SEED]
        images, labels = draw("photographs", draw_stand_ins, settings.photos, arguments, key=of_both)
        data.sources.append(Source("photographs", images, labels))
        data.shares.append(mix.photos)
        arguments = [held_out, validation.images, validation.labels, VALIDATION_SEED]
        images, labels = draw(
            "photographs to choose by", draw_stand_ins, _VALIDATION_PHOTOS, arguments, key=of_both
        )
        data.validation[PHOTOS] = Dataset(as_inputs(images), labels, "stand-ins for photographs")
        progress.note(
            f"photograph stand-ins: {settings.photos:,} to learn from, {len(images):,} to choose by"
        )
    if mix.negatives:
        made_from = material(learned, training.images, training.labels, held_out=False)
        key = f"{of_both} {made_from.fonts}"
        images, labels = draw(
            "negatives", draw_negatives, settings.negatives, [made_from, TRAINING_SEED], key=key
        )
        data.sources.append(Source("negatives", images, labels))
        data.shares.append(mix.negatives)
        made_from = material(held_out, validation.images, validation.labels, held_out=True)
        data.negatives, _ = draw(
            "negatives to choose by",
            draw_negatives,
            _VALIDATION_NEGATIVES,
            [made_from, VALIDATION_SEED],
            key=f"{of_both} {made_from.fonts}",
        )
        progress.note(
            f"pictures of no digit: {len(images):,} to learn from, {len(data.negatives):,} to choose by"
        )


def renderings_folder() -> Path:
    """Where drawn pictures are kept for the next training."""
    return instance_folder() / "data" / "renderings"


def _as_source(dataset: Dataset) -> Source:
    return Source(dataset.name, np.rint(dataset.images[..., 0] * 255).astype(np.uint8), dataset.labels)
