"""Pictures that are no digits, for teaching a network to say so and for testing that it does.

Letters and signs, drawn and printed; little drawings; scribbles; two digits side by side or over each other;
parts of digits, and parts put together wrongly; noise and textures. Each is a picture as the canvas or a
camera would give it, so it passes through the same preprocessing as everything else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnistweb.imaging.doodles import DOODLES, Strokes, doodle, scribble
from mnistweb.imaging.strokes import render_strokes, widths_by_speed
from mnistweb.imaging.textures import texture

# Printed characters that nobody takes for a digit in any ordinary typeface.
GLYPHS = "ACEFHKLMNPRTUVWXYdefhkmnptuvwx#%+=*?@~^<×÷±←→↑↓↔★☆♥♣♠♦♪♫☺√∞≈≠≤≥ΓΔΛΞΠΦΨΩλπψωЖИЛПФЦШЮЯ"

# How often each kind is drawn, if its material is there.
_SHARES = {
    "doodle": 0.3,
    "glyph": 0.18,
    "word": 0.06,
    "scribble": 0.14,
    "two digits": 0.12,
    "overlaid digits": 0.05,
    "part of a digit": 0.05,
    "texture": 0.1,
}
KINDS = tuple(_SHARES)

Vary = Callable[[Strokes, np.random.Generator], Sequence[np.ndarray]]


@dataclass(frozen=True, eq=False)
class Material:
    """What negatives are made from; without fonts or digits, the kinds that need them are not drawn.

    fonts: paths of TrueType or OpenType files. digits: uint8 (N, H, W), ink bright, with labels (N,).
    vary: bends and slants strokes as other hands would; without it, drawings are drawn as they are defined.
    """

    fonts: tuple[str | os.PathLike[str], ...] = ()
    digits: np.ndarray | None = None
    labels: np.ndarray | None = None
    vary: Vary | None = None

    def __post_init__(self) -> None:
        if (self.digits is None) != (self.labels is None):
            raise ValueError("negatives: digits and their labels must be given together")
        if self.digits is not None and self.labels is not None:
            kind, shape = self.digits.dtype, self.digits.shape
            if kind != np.uint8 or len(shape) != 3:
                raise ValueError(f"negatives: digits must be uint8 (N, H, W), got {kind} {shape}")
            if self.labels.shape != shape[:1] or not set(range(10)) <= set(self.labels.tolist()):
                raise ValueError("negatives: each digit needs a label, and each of 0 to 9 a digit")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that can be drawn from this."""
        missing = [] if self.fonts else ["glyph", "word"]
        missing += [] if self.digits is not None else list(_OF_DIGITS)
        return tuple(kind for kind in KINDS if kind not in missing)


def negative_picture(
    rng: np.random.Generator, material: Material, *, kind: str | None = None, size: int = 280
) -> tuple[np.ndarray, str]:
    """One picture of no digit, uint8 (size, size), dark ink on white unless it is a texture, and its kind.

    kind: one of `material.kinds`; by default a random one. Equal states of `rng` give equal pictures.
    Raises ValueError for a kind that cannot be drawn.
    """
    if kind is None:
        shares = np.array([_SHARES[kind] for kind in material.kinds])
        kind = material.kinds[rng.choice(len(shares), p=shares / shares.sum())]
    if kind not in material.kinds:
        raise ValueError(f"negatives: {kind!r} is not among what this material gives: {material.kinds}")
    if kind == "doodle":
        strokes = doodle(DOODLES[rng.integers(len(DOODLES))])
        return _drawn(strokes, material.vary, size, rng, thickest=0.11), kind
    if kind == "scribble":  # thin, for a coil drawn with a broad brush is a blob
        return _drawn(scribble(rng), material.vary, size, rng, thickest=0.06), kind
    if kind == "texture":
        return texture(size, rng), kind
    if material.digits is not None and material.labels is not None and kind in _OF_DIGITS:
        ink = _OF_DIGITS[kind](material.digits, material.labels, rng)
    else:
        ink = _print(material.fonts, 1 if kind == "glyph" else int(rng.integers(2, 5)), rng)
    return 255 - _placed(ink, size, rng), kind


def _drawn(
    strokes: Strokes, vary: Vary | None, size: int, rng: np.random.Generator, thickest: float
) -> np.ndarray:
    varied = vary(strokes, rng) if vary else strokes
    return render_strokes(
        varied,
        size=size,
        brush=size * np.exp(rng.uniform(np.log(0.03), np.log(thickest))),
        extent=rng.uniform(0.35, 0.85),
        center=(rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)),
        widths=widths_by_speed(varied, rng.uniform(0, 0.8)) if rng.random() < 0.3 else None,
    )


def _placed(ink: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Bright ink of any size, cropped, scaled and turned a little, somewhere on a black canvas."""
    picture = Image.fromarray(ink).rotate(rng.normal(0, 6), Image.Resampling.BICUBIC, expand=True)
    box = picture.getbbox()
    if box is None:
        return np.zeros((size, size), np.uint8)
    picture = picture.crop(box)
    scale = size * rng.uniform(0.35, 0.85) / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    canvas = Image.new("L", (size, size))
    margin = size // 25  # what touches the edge of a picture is taken for a shadow or a frame, not for ink
    left, top = (int(rng.integers(margin, size - side - margin + 1)) for side in (width, height))
    canvas.paste(picture.resize((width, height), Image.Resampling.BICUBIC), (left, top))
    return np.asarray(canvas)


@lru_cache(maxsize=64)
def _font(path: str) -> tuple[ImageFont.FreeTypeFont, str]:
    """The font at `path`, and those of GLYPHS that it has."""
    font = ImageFont.truetype(path, 120)
    unknown = bytes(font.getmask("\U0010ffff"))  # no font has this one: it shows what stands for the missing
    return font, "".join(glyph for glyph in GLYPHS if bytes(font.getmask(glyph)) not in (unknown, b""))


def _print(fonts: Sequence[str | os.PathLike[str]], length: int, rng: np.random.Generator) -> np.ndarray:
    for place in rng.permutation(len(fonts)):
        font, glyphs = _font(os.fspath(fonts[place]))
        if glyphs:
            break
    else:
        raise ValueError("negatives: none of the fonts has any of the characters that are printed")
    text = "".join(glyphs[rng.integers(len(glyphs))] for _ in range(length))
    left, top, right, bottom = font.getbbox(text)
    picture = Image.new("L", (round(right - left) + 8, round(bottom - top) + 8))
    ImageDraw.Draw(picture).text((4 - left, 4 - top), text, fill=255, font=font)
    return np.asarray(picture)


def _one(digits: np.ndarray, labels: np.ndarray, rng: np.random.Generator, of: Sequence[int]) -> np.ndarray:
    return digits[rng.choice(np.flatnonzero(np.isin(labels, of)))]


def _side_by_side(digits: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    first, second = (_trimmed(digits[place]) for place in rng.integers(len(digits), size=2))
    height = max(len(first), len(second))
    gap = np.zeros((height, int(rng.integers(1, 2 + height // 4))), np.uint8)
    bottoms = [np.pad(ink, ((height - len(ink), 0), (0, 0))) for ink in (first, second)]
    return np.concatenate([bottoms[0], gap, bottoms[1]], axis=1)


def _over_each_other(digits: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two different digits, one mirrored. Without ones: they would pass for a stroke of the other."""
    first, second = rng.choice([0, 2, 3, 4, 5, 6, 7, 8, 9], 2, replace=False)
    return np.maximum(_one(digits, labels, rng, [first]), _one(digits, labels, rng, [second])[:, ::-1])


def _part(digits: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The lower half of a 2, 3 or 5, or a digit whose quarters have changed places.

    Parts of other digits are digits: half of an 8 is a 0, half of a 4 a 1. So are the quarters of a 1.
    """
    if rng.random() < 0.5:
        ink = _trimmed(_one(digits, labels, rng, [2, 3, 5]))
        return ink[len(ink) // 2 :]
    ink = _trimmed(_one(digits, labels, rng, [0, 2, 3, 4, 5, 6, 7, 8, 9]))
    return np.roll(ink, (len(ink) // 2, ink.shape[1] // 2), axis=(0, 1))


_OF_DIGITS = {"two digits": _side_by_side, "overlaid digits": _over_each_other, "part of a digit": _part}


def _trimmed(ink: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(ink.max(axis=1) > 40), np.flatnonzero(ink.max(axis=0) > 40)
    if not rows.size:
        return ink
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
