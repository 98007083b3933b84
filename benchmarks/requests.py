"""The bodies that are sent: numbers as a program sends them, and a drawing as a canvas does."""

from __future__ import annotations

import io
import json

import numpy as np
from PIL import Image, ImageDraw

MODEL = "mlp-128-64"


def pixels_body() -> bytes:
    """JSON with 784 numbers, a fifth of them ink."""
    rng = np.random.default_rng(5)
    pixels = np.where(rng.random(784) < 0.2, rng.integers(1, 256, 784), 0) / 255
    return json.dumps({"pixels": [round(value, 4) for value in pixels.tolist()], "model": MODEL}).encode()


def png_body(side: int = 280) -> bytes:
    """A drawn seven."""
    picture = Image.new("L", (side, side), 255)
    places = [(0.28 * side, 0.25 * side), (0.72 * side, 0.25 * side), (0.43 * side, 0.8 * side)]
    ImageDraw.Draw(picture).line(places, fill=0, width=max(2, side // 14), joint="curve")
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
