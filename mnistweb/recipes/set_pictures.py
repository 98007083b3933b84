"""Single pictures of the evaluation sets, to show which ones a model got wrong.

`load_evaluation_set` draws a whole set, which takes minutes the first time. A page wants a few dozen pictures
at once, so they are made one by one here, and those of late are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from mnistweb.data.errors import DataError
from mnistweb.recipes.evaluation_pictures import as_seen
from mnistweb.recipes.evaluation_sets import file_maker
from mnistweb.recipes.sources import load_test

_KEPT = 2000  # pictures of 784 bytes


@lru_cache(maxsize=_KEPT)
def set_picture(name: str, index: int) -> np.ndarray:
    """Picture `index` of the set of that name as a network sees it, uint8 (28, 28), ink bright; read only.

    Raises MissingDataError, which says how to get it, when a data file is not there; DataError when it is
    damaged or there is no such picture.
    """
    try:
        pixels = _maker(name)(index)
    except IndexError as error:
        raise DataError(f"the set {name!r} has no picture {index}") from error
    pixels.flags.writeable = False
    return pixels


@lru_cache(maxsize=8)
def _maker(name: str) -> Callable[[int], np.ndarray]:
    if name == "mnist":
        images = np.rint(load_test().images[..., 0] * 255).astype(np.uint8)  # a quarter of the memory
        return lambda index: images[index].copy()
    make_file = file_maker(name)
    return lambda index: np.rint(as_seen(make_file(index)) * 255).astype(np.uint8)
