"""How the pictures of a set lie in their 28x28, so that pictures that come later can be laid the same way.

MNIST's digits are 20 pixels long and centred by their mass. Clothes fill the picture and stand in its middle;
a network that learned from them takes a smaller or shifted one for something that it does not know.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FAINTEST_INK = 0.1  # of the brightest in the picture


def frame_facts(images: np.ndarray) -> dict[str, Any]:
    """longer_side (pixels, 1..28) and centred_by ("mass" or "box") of pictures (N, 28, 28, 1) in [0, 1].

    The longer side is the one that half of the pictures exceed; of the two centres it is the one that strays
    less from picture to picture.
    """
    pixels = images[..., 0]
    mass = pixels.sum(axis=(1, 2))
    pixels, mass = pixels[mass > 0], mass[mass > 0]
    if not len(pixels):
        return {}
    inked = pixels > _FAINTEST_INK * pixels.max(axis=(1, 2), keepdims=True)
    places = np.arange(pixels.shape[1]) + 0.5
    sides, strays = [], {"mass": 0.0, "box": 0.0}
    for across in (1, 2):
        first, last = _ends(inked.any(axis=across))
        sides.append(last - first)
        centres = {"mass": pixels.sum(axis=across) @ places / mass, "box": (first + last) / 2}
        for name, centre in centres.items():
            strays[name] += float(((centre - pixels.shape[1] / 2) ** 2).mean())
    longer = np.maximum(*sides)
    by = min(strays, key=lambda name: strays[name])
    return {"longer_side": round(float(np.median(longer))), "centred_by": by}


def _ends(inked: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The first True of each row of (N, 28), and the place behind the last."""
    return inked.argmax(axis=1), inked.shape[1] - inked[:, ::-1].argmax(axis=1)
