"""Pen strokes as people would have drawn them on the paint screen, brought into MNIST form.

The canvas picture goes through the same preprocessing that serves requests, so the network learns from
exactly what it will be asked about.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from mnistweb.data.strokes import warp_strokes
from mnistweb.data.unipen import StrokeDigit
from mnistweb.imaging.preprocess import preprocess
from mnistweb.imaging.strokes import render_strokes, widths_by_speed

CANVAS = 280  # pixels, the side of the paint screen
_THINNEST, _THICKEST = 0.03 * CANVAS, 0.12 * CANVAS


def canvas_picture(digit: StrokeDigit, rng: np.random.Generator) -> np.ndarray:
    """`digit` as its writer drew it, anywhere on the canvas, uint8 (280, 280).

    The brush is 10 to 26 pixels wide, the digit 35 to 80 % of the canvas large.
    """
    return render_strokes(
        digit.strokes,
        size=CANVAS,
        brush=rng.uniform(10, 26),
        extent=rng.uniform(0.35, 0.8),
        center=(rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)),
    )


def varied_brush(rng: np.random.Generator) -> float:
    """A width in pixels, 3 to 12 % of the canvas, more often thin than thick."""
    return math.exp(rng.uniform(math.log(_THINNEST), math.log(_THICKEST)))


def varied_canvas_picture(digit: StrokeDigit, rng: np.random.Generator) -> np.ndarray:
    """`digit` as somebody else might have drawn it: bent, turned, slanted; uint8 (280, 280).

    The brush is 3 to 12 % of the canvas wide, more often thin than thick; some hands thin the line by speed.
    """
    strokes = warp_strokes(digit.strokes, rng, label=digit.label, rotation_degrees=7)
    widths = widths_by_speed(strokes, rng.uniform(0, 1)) if rng.random() < 0.4 else None
    return render_strokes(
        strokes,
        size=CANVAS,
        brush=varied_brush(rng),
        extent=rng.uniform(0.33, 0.85),
        center=(rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)),
        widths=widths,
    )


def in_mnist_form(picture: np.ndarray | Image.Image) -> np.ndarray:
    """What the preprocessing makes of a picture, uint8 (28, 28). Raises ImageError when it is blank."""
    return np.rint(preprocess(picture).pixels * 255).astype(np.uint8)
