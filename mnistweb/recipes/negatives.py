"""Pictures of no digit, from which a network learns to doubt: scribbles, letters, signs, pairs, textures.

Signs that a person could take for a digit (O, I, l, Z, S, B and their like) are left out on purpose: to teach
doubt about them would be to teach doubt about digits.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnistweb.data.strokes import warp_strokes
from mnistweb.data.unipen import StrokeDigit
from mnistweb.imaging.errors import ImageError
from mnistweb.imaging.strokes import render_strokes
from mnistweb.recipes.drawings import CANVAS, in_mnist_form

_LETTERS = "ACEFGHJKLMNPRTUVWXYacdefhjkmnprtuvwxy&%@#?*+=<>~^{}$€ßäñωπΣΔ£§"
_FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "C:/Windows/Fonts")
_MOST_FONTS = 40
_TRIES = 50

# Signs as a pen draws them, x and y in 0..1 with y down; one list of points a stroke.
_SIGNS: tuple[tuple[tuple[tuple[float, float], ...], ...], ...] = (
    (((0, 1), (0.5, 0), (1, 1)), ((0.2, 0.6), (0.8, 0.6))),  # A
    (((1, 0), (0, 0), (0, 1), (1, 1)), ((0, 0.5), (0.8, 0.5))),  # E
    (((0.9, 0), (0, 0), (0, 1)), ((0, 0.5), (0.7, 0.5))),  # F
    (((0, 0), (0, 1)), ((1, 0), (1, 1)), ((0, 0.5), (1, 0.5))),  # H
    (((0, 0), (0, 1)), ((0.9, 0), (0, 0.55), (0.9, 1))),  # K
    (((0, 1), (0, 0), (0.5, 0.6), (1, 0), (1, 1)),),  # M
    (((0, 1), (0, 0), (1, 1), (1, 0)),),  # N
    (((0, 0), (0, 1)), ((0, 0), (0.8, 0.05), (0.8, 0.45), (0, 0.5)), ((0.1, 0.5), (0.9, 1))),  # R
    (((0, 0), (0.05, 0.8), (0.5, 1), (0.95, 0.8), (1, 0)),),  # U
    (((0, 0), (0.25, 1), (0.5, 0.4), (0.75, 1), (1, 0)),),  # W
    (((0, 0), (1, 1)), ((1, 0), (0, 1))),  # X
    (((0.5, 0), (0.5, 1)), ((0, 0.5), (1, 0.5))),  # +
    (((0, 0.3), (1, 0.3)), ((0, 0.7), (1, 0.7))),  # =
    (((0, 0.5), (1, 0.5)), ((0.7, 0.2), (1, 0.5), (0.7, 0.8))),  # arrow
    (((0.5, 0), (1, 1), (0, 1), (0.5, 0)),),  # triangle
    (((0, 0), (1, 0), (1, 1), (0, 1), (0, 0)), ((0, 0), (1, 1))),  # crossed square
    (((0, 0.6), (0.3, 1), (1, 0)),),  # tick
    (((0.2, 1), (0.5, 0), (0.8, 1), (0, 0.4), (1, 0.4), (0.2, 1)),),  # star
    (
        (
            (0.5, 1),
            (0, 0.4),
            (0.1, 0.1),
            (0.35, 0.05),
            (0.5, 0.3),
            (0.65, 0.05),
            (0.9, 0.1),
            (1, 0.4),
            (0.5, 1),
        ),
    ),
    (((0, 0.5), (0.15, 0.2), (0.3, 0.5), (0.45, 0.8), (0.6, 0.5), (0.75, 0.2), (0.9, 0.5)),),  # wave
    (((0.1, 0), (0.1, 1)), ((0.4, 0), (0.4, 1)), ((0.7, 0), (0.7, 1)), ((1, 0), (1, 1))),  # bars
    (((0, 0), (0.2, 1), (0.4, 0), (0.6, 1), (0.8, 0), (1, 1)),),  # zigzag
    (((0.3, 0), (0.2, 1)), ((0.8, 0), (0.7, 1)), ((0, 0.35), (1, 0.3)), ((0, 0.7), (1, 0.65))),  # hash
)


def negative(digits: list[StrokeDigit], rng: np.random.Generator) -> np.ndarray:
    """One picture of no digit in MNIST form, uint8 (28, 28); `digits` lend their strokes to some."""
    for _ in range(_TRIES):
        try:
            return in_mnist_form(_picture(digits, rng))
        except ImageError:  # a texture that the preprocessing takes for empty paper, for instance
            continue
    raise AssertionError(f"{_TRIES} negatives in a row came out blank")


def _picture(digits: list[StrokeDigit], rng: np.random.Generator) -> np.ndarray | Image.Image:
    match rng.choice(
        ["scribble", "letter", "sign", "several", "piece", "blot", "texture"],
        p=[0.1, 0.25, 0.2, 0.2, 0.05, 0.1, 0.1],
    ):
        case "scribble":
            return _scribble(rng)
        case "letter":
            return _letter(rng)
        case "sign":
            return _sign(rng)
        case "several":
            return _several(digits, rng)
        case "piece":
            return _piece(digits, rng)
        case "blot":
            return _blot(rng)
    return _texture(rng)


def _drawn(strokes: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    brush = CANVAS * math.exp(rng.uniform(math.log(0.025), math.log(0.12)))
    return render_strokes(strokes, size=CANVAS, brush=brush, extent=rng.uniform(0.35, 0.9))


def _scribble(rng: np.random.Generator) -> np.ndarray:
    """A pen that wanders: several slow waves along each axis, more of them than any digit has."""
    along = np.linspace(0, 2 * np.pi, 120)
    paths = []
    for _ in range(rng.integers(1, 4)):
        frequencies, phases = rng.uniform(1.5, 7, (2, 3)), rng.uniform(0, 2 * np.pi, (2, 3))
        weights = rng.normal(0, 1, (2, 3))
        waves = weights[:, :, None] * np.sin(
            frequencies[:, :, None] * along + phases[:, :, None]
        )  # (2, 3, P)
        paths.append((waves.sum(axis=1).T + rng.normal(0, 1, 2)).astype(np.float32))
    return _drawn(paths, rng)


def _sign(rng: np.random.Generator) -> np.ndarray:
    strokes = [np.array(stroke, np.float32) for stroke in _SIGNS[rng.integers(len(_SIGNS))]]
    # More points on each line, for the warp to bend it.
    strokes = [_denser(stroke) * np.array([rng.uniform(0.5, 1), 1], np.float32) for stroke in strokes]
    return _drawn(list(warp_strokes(strokes, rng, rotation_degrees=8)), rng)


def _letter(rng: np.random.Generator) -> Image.Image:
    """A printed letter or sign in some font, sometimes two or three of them."""
    text = "".join(rng.choice(list(_LETTERS), 1 if rng.random() < 0.8 else rng.integers(2, 4)))
    size = float(rng.uniform(60, 200))
    fonts = font_files()
    path = fonts[rng.integers(len(fonts))] if fonts else None
    font = ImageFont.truetype(path, size) if path else ImageFont.load_default(size)
    picture = Image.new("L", (CANVAS, CANVAS), 255)
    ImageDraw.Draw(picture).text(
        (CANVAS / 2, CANVAS / 2), text, fill=int(rng.integers(0, 80)), font=font, anchor="mm"
    )
    return picture.rotate(rng.normal(0, 8), Image.Resampling.BILINEAR, fillcolor=255)


def _several(digits: list[StrokeDigit], rng: np.random.Generator) -> np.ndarray:
    """Two or three digits side by side, or one above another."""
    across = rng.random() < 0.85
    strokes: list[np.ndarray] = []
    edge = 0.0
    for _ in range(2 if rng.random() < 0.75 else 3):
        digit = digits[rng.integers(len(digits))]
        warped = warp_strokes(digit.strokes, rng, label=digit.label, rotation_degrees=7)
        points = np.concatenate(warped)
        low, high = points.min(axis=0), points.max(axis=0)
        axis = 0 if across else 1
        move = np.zeros(2, np.float32)
        move[axis] = edge - low[axis]
        strokes += [stroke + move for stroke in warped]
        edge += float(high[axis] - low[axis]) + rng.uniform(0.1, 0.5)
    return _drawn(strokes, rng)


def _piece(digits: list[StrokeDigit], rng: np.random.Generator) -> np.ndarray:
    """A digit of which only a window is seen, as when a crop or a page's edge cut it."""
    digit = digits[rng.integers(len(digits))]
    while digit.label in (1, 7):  # a piece of these is often one of these
        digit = digits[rng.integers(len(digits))]
    brush = CANVAS * math.exp(rng.uniform(math.log(0.05), math.log(0.12)))
    whole = render_strokes(warp_strokes(digit.strokes, rng), size=CANVAS, brush=brush, extent=0.9)
    piece = np.full_like(whole, 255)
    side = int(CANVAS * rng.uniform(0.3, 0.45))
    ink = np.argwhere(whole < 128)
    top, left = np.clip(ink[rng.integers(len(ink))] - side // 2, 0, CANVAS - side)
    piece[top : top + side, left : left + side] = whole[top : top + side, left : left + side]
    return piece


def _blot(rng: np.random.Generator) -> Image.Image:
    """A filled shape: a polygon, an ellipse that is no zero's hole, a half disc."""
    picture = Image.new("L", (CANVAS, CANVAS), 255)
    draw = ImageDraw.Draw(picture)
    left, top = rng.uniform(20, 110, 2)
    right, bottom = left + rng.uniform(80, 150), top + rng.uniform(80, 150)
    match rng.integers(3):
        case 0:
            corners = rng.uniform(30, 250, (rng.integers(3, 8), 2))
            draw.polygon([tuple(corner) for corner in corners.tolist()], fill=0)
        case 1:
            draw.ellipse((left, top, right, bottom), fill=0)
        case _:
            draw.pieslice((left, top, right, bottom), rng.uniform(0, 360), rng.uniform(0, 360), fill=0)
    return picture.rotate(rng.uniform(0, 360), Image.Resampling.BILINEAR, fillcolor=255)


def _texture(rng: np.random.Generator) -> np.ndarray:
    """Noise of some grain, stripes or checks, in a patch of the canvas."""
    side = int(rng.integers(80, 240))
    if rng.random() < 0.6:
        cells = int(rng.integers(4, 30))
        noise = rng.random((cells, cells)) < rng.uniform(0.2, 0.7)
        patch = np.asarray(
            Image.fromarray(np.uint8(noise) * 255).resize((side, side), Image.Resampling.BICUBIC)
        )
    else:
        y, x = np.mgrid[:side, :side] / side
        angle, waves = rng.uniform(0, np.pi), rng.uniform(3, 12)
        stripes = np.sin(2 * np.pi * waves * (x * np.cos(angle) + y * np.sin(angle)))
        if rng.random() < 0.5:
            stripes = stripes * np.sin(2 * np.pi * waves * (y * np.cos(angle) - x * np.sin(angle)))
        patch = (stripes > rng.uniform(-0.3, 0.5)).astype(np.uint8) * 255
    canvas = np.full((CANVAS, CANVAS), 255, np.uint8)
    top, left = rng.integers(0, CANVAS - side, 2)
    canvas[top : top + side, left : left + side] = 255 - patch
    return canvas


def _denser(stroke: np.ndarray, *, points: int = 12) -> np.ndarray:
    knots = np.linspace(0, len(stroke) - 1, points * (len(stroke) - 1) + 1)
    whole = np.arange(len(stroke))
    return np.stack([np.interp(knots, whole, stroke[:, axis]) for axis in (0, 1)], axis=1).astype(np.float32)


@cache
def font_files() -> list[str]:
    """Fonts of this machine that have Latin letters, in a fixed order; empty where there are none."""
    found = []
    for folder in _FONT_FOLDERS:
        for path in sorted(Path(folder).rglob("*.[ot]tf")):
            try:
                font = ImageFont.truetype(str(path), 40)
            except OSError:
                continue
            # A font without these letters shows one and the same box for each.
            if len({bytes(font.getmask(letter)) for letter in "ARag"}) == 4:
                found.append(str(path))
    return found[:: max(1, len(found) // _MOST_FONTS)][:_MOST_FONTS]
