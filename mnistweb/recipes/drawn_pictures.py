"""For one recipe, the pictures that no file holds: drawn when they are first asked for, and kept."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np

from mnistweb.data.compression import read_unpacked
from mnistweb.data.dataset import Dataset
from mnistweb.data.unipen import read_unipen
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
from mnistweb.recipes.mixing import Source
from mnistweb.recipes.negatives import material
from mnistweb.recipes.progress import Progress
from mnistweb.recipes.recipe import DataSettings
from mnistweb.recipes.renderings import rendered
from mnistweb.recipes.straight_ones import draw_straight_ones
from mnistweb.resources import instance_folder

_VALIDATION_PHOTOS, _VALIDATION_NEGATIVES = 1000, 2000


class DrawnPictures:
    """What is drawn from the pen strokes and from both parts of a dataset, for training and to choose by.

    The pictures to choose by show no digit, writer or font that the others show.
    """

    def __init__(
        self,
        settings: DataSettings,
        training: Dataset,
        validation: Dataset,
        *,
        data_dir: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Raises MissingDataError or DataError for the strokes, RecipeError when a writer does not exist."""
        path = find_strokes_file(data_dir)
        self.settings = settings
        self.learned, self.held_out = split_writers(read_unipen(path), settings.validation_writers)
        self.strokes_sha256 = hashlib.sha256(read_unpacked(path)).hexdigest()
        self._training, self._validation = as_source(training), as_source(validation)
        self._draw = partial(rendered, folder=renderings_folder(), progress=progress or Progress())
        # What the pictures depend on, beside the code that draws them.
        self._of_strokes = f"{self.strokes_sha256} {settings.validation_writers}"
        self._of_both = f"{self._of_strokes} {training.sha256} {validation.sha256}"

    def strokes(self) -> Source:
        """The digits of the writers who are learned from, each drawn several times, varied."""
        count = len(self.learned) * self.settings.renderings
        images, labels = self._draw("pen strokes", draw_varied, count, [self.learned], key=self._of_strokes)
        return Source("pen strokes", images, labels)

    def straight_ones(self) -> Source:
        """Ones that are nothing but a straight line, to learn from."""
        count = self.settings.straight_ones
        images, labels = self._draw("straight ones", draw_straight_ones, count, [TRAINING_SEED], key="")
        return Source("straight ones", images, labels)

    def drawings_to_choose_by(self) -> Dataset:
        """The digits of the writers kept aside, as they drew them."""
        return held_out_drawings(self.held_out)

    def photos(self) -> Source:
        """Stand-ins for photographs and scans to learn from."""
        arguments = [self.learned, self._training.images, self._training.labels, TRAINING_SEED]
        images, labels = self._draw(
            "photographs", draw_stand_ins, self.settings.photos, arguments, key=self._of_both
        )
        return Source("photographs", images, labels)

    def photos_to_choose_by(self) -> Dataset:
        """Stand-ins for photographs and scans of digits kept aside."""
        arguments = [self.held_out, self._validation.images, self._validation.labels, VALIDATION_SEED]
        images, labels = self._draw(
            "photographs to choose by", draw_stand_ins, _VALIDATION_PHOTOS, arguments, key=self._of_both
        )
        return Dataset(as_inputs(images), labels, "stand-ins for photographs")

    def negatives(self) -> Source:
        """Pictures of no digit to learn from."""
        of = material(self.learned, self._training.images, self._training.labels, held_out=False)
        key = f"{self._of_both} {of.fonts}"
        count = self.settings.negatives
        images, labels = self._draw("negatives", draw_negatives, count, [of, TRAINING_SEED], key=key)
        return Source("negatives", images, labels)

    def negatives_to_choose_by(self) -> np.ndarray:
        """Pictures of no digit, made from digits and fonts kept aside, uint8 (N, 28, 28)."""
        of = material(self.held_out, self._validation.images, self._validation.labels, held_out=True)
        key = f"{self._of_both} {of.fonts}"
        arguments = [of, VALIDATION_SEED]
        return self._draw(
            "negatives to choose by", draw_negatives, _VALIDATION_NEGATIVES, arguments, key=key
        )[0]


def as_source(dataset: Dataset) -> Source:
    """A data set as a source of batches, with pixels in bytes."""
    return Source(dataset.name, np.rint(dataset.images[..., 0] * 255).astype(np.uint8), dataset.labels)


def renderings_folder() -> Path:
    """Where drawn pictures are kept for the next training."""
    return instance_folder() / "data" / "renderings"
