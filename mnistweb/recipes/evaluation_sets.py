"""The sets that finished models are measured by: what each shows, whose it is, and how to get it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

import mnistweb.inference.drawings
from mnistweb.data.catalogue import MNIST, STROKES
from mnistweb.data.dataset import Dataset
from mnistweb.data.errors import DataError
from mnistweb.data.unipen import StrokeDigit, read_unipen
from mnistweb.recipes import evaluation_negatives, evaluation_pictures, evaluation_textures
from mnistweb.recipes.drawn_pictures import as_source, renderings_folder
from mnistweb.recipes.drawn_sources import find_strokes_file, split_writers
from mnistweb.recipes.evaluation import NEGATIVES
from mnistweb.recipes.progress import Progress
from mnistweb.recipes.recipe import DataSettings
from mnistweb.recipes.renderings import rendered
from mnistweb.recipes.sources import load_test

_PHOTOS, _SCANS, _NEGATIVES = 1500, 1500, 1800
_CODE = (evaluation_pictures,)
_CODE_OF_NEGATIVES = (*_CODE, evaluation_negatives, evaluation_textures, mnistweb.inference.drawings)


@dataclass(frozen=True)
class EvaluationSet:
    """title: a few words. shows: one sentence. source: who made what it is made of. licence: of that."""

    title: str
    shows: str
    source: str
    licence: str


_OURS = "drawn by this program"
EVALUATION_SETS = {
    "mnist": EvaluationSet(
        "MNIST test", "The 10,000 test images of MNIST, as they are.", MNIST.credit, MNIST.licence
    ),
    "writers": EvaluationSet(
        "Pen drawings",
        "The digits of six writers that no model learned from, drawn on a canvas of 280x280 pixels with a "
        "brush of 10 to 26 pixels, 35 to 80 % of the canvas large, anywhere on it.",
        STROKES.credit,
        STROKES.licence,
    ),
    "photos": EvaluationSet(
        "Photographs (stand-ins)",
        "Pen drawings of those writers and MNIST test images as a telephone sees them on paper: pencil, "
        "ballpoint, felt pen, print, chalk and white pen, on white, grey, coloured, ruled and dark sheets.",
        f"{STROKES.credit}; {MNIST.credit}",
        f"{STROKES.licence}; {MNIST.licence}",
    ),
    "scans": EvaluationSet(
        "Coarse scans (stand-ins)",
        "Pen drawings of those writers as a scanner of 16x16 pixels gives them, tightly cropped, then scaled "
        "up; some grey, some black and white, a quarter with noise.",
        STROKES.credit,
        STROKES.licence,
    ),
    NEGATIVES: EvaluationSet(
        "No digit",
        "Letters, signs, words, drawings, scribbles, several digits, crossed-out digits, textures and blank "
        "sheets, of other kinds than those that models learn to doubt.",
        _OURS,
        "MIT",
    ),
}


def load_evaluation_set(
    name: str, *, data_dir: Path | None = None, progress: Progress | None = None
) -> Dataset:
    """The set of that name, always the same pictures in the same order.

    Images that the preprocessing refused as blank are all zeros: they never reach a network. The labels of
    `negatives` are kinds of picture, not digits. What is drawn is kept for the next time.

    Raises MissingDataError, which says how to get it, when a data file is not there; DataError when it is
    damaged or there is no set of that name.
    """
    if name not in EVALUATION_SETS:
        raise DataError(f"there is no evaluation set {name!r}; there are {', '.join(EVALUATION_SETS)}")
    if name == "mnist":
        return load_test(data_dir=data_dir)
    title = EVALUATION_SETS[name].title
    if name == NEGATIVES:
        images, labels = _draw(name, evaluation_negatives.draw_negatives, _NEGATIVES, [], "", progress)
        return Dataset(images[..., np.newaxis], labels, title, evaluation_negatives.KINDS)
    held_out = _held_out(data_dir)
    # The file's content is known by its checksum; what else the pictures depend on is which writers are kept.
    key = f"{STROKES.files[0].md5} {DataSettings().validation_writers}"
    if name == "photos":
        mnist = load_test(data_dir=data_dir)
        source = as_source(mnist)
        arguments = [held_out, source.images, source.labels]
        key = f"{key} {mnist.sha256}"
        images, labels = _draw(name, evaluation_pictures.draw_photos, _PHOTOS, arguments, key, progress)
    elif name == "scans":
        images, labels = _draw(name, evaluation_pictures.draw_scans, _SCANS, [held_out], key, progress)
    else:
        count = len(held_out)
        images, labels = _draw(name, evaluation_pictures.draw_writers, count, [held_out], key, progress)
    return Dataset(images[..., np.newaxis], labels, title)


def file_maker(name: str, *, data_dir: Path | None = None) -> Callable[[int], bytes]:
    """For a drawn set, the function from a picture's number to the bytes of the file that was sent.

    Raises as `load_evaluation_set`; DataError also for `mnist`, whose pictures are not files.
    """
    if name not in EVALUATION_SETS or name == "mnist":
        raise DataError(f"the pictures of {name!r} are not drawn")
    if name == NEGATIVES:
        return evaluation_negatives.negative_file
    held_out = _held_out(data_dir)
    if name == "photos":
        source = as_source(load_test(data_dir=data_dir))
        make = partial(
            evaluation_pictures.photo_file, digits=held_out, images=source.images, labels=source.labels
        )
    else:
        files = {"scans": evaluation_pictures.scan_file, "writers": evaluation_pictures.writers_file}
        make = partial(files[name], digits=held_out)
    return lambda number: make(number)[0]


def _held_out(data_dir: Path | None) -> list[StrokeDigit]:
    """The digits of the writers that no recipe learns from unless it says otherwise."""
    return split_writers(read_unipen(find_strokes_file(data_dir)), DataSettings().validation_writers)[1]


def _draw(
    name: str, draw: Callable, count: int, arguments: list, key: str, progress: Progress | None
) -> tuple[np.ndarray, np.ndarray]:
    return rendered(
        f"evaluation {name}",
        draw,
        count,
        arguments,
        key=f"evaluation {key}",
        folder=renderings_folder(),
        progress=progress or Progress(),
        code=_CODE_OF_NEGATIVES if name == NEGATIVES else _CODE,
    )
