"""Pictures of no digit to measure finished models by: of other kinds than those that models learn to doubt.

The letters are of a typeface that no training uses, the drawings, scribbles and textures come from generators
of their own, and nothing is cut from anybody's data: digits, where they are needed, are the twenty that ship
with the program. So every machine draws the same set, and its pictures may be shown.

Each picture is the file that a person would send and goes the public way; see `evaluation_pictures`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnistweb.data.strokes import warp_strokes
from mnistweb.imaging.doodles import smooth
from mnistweb.imaging.strokes import render_strokes
from mnistweb.inference.drawings import drawn_digits
from mnistweb.recipes.evaluation_pictures import as_seen, png
from mnistweb.recipes.evaluation_textures import BLANKS, TEXTURES

NEGATIVES_SEED = 104
_SIDE = 280

# Without those that a hasty hand makes like a digit: B D I J O S Z b c g i l o q s z.
_LETTERS = "ACEFHKLMNPRTUVWXYadefhkmnprtuvwxyjQG"
_SIGNS = '#%+=*?@~^<±&$©{}[]!:;"«»_'

# Strokes of points joined by straight lines, or by a smooth curve after "~"; none is among the training's.
_FIGURES = (
    "~ .8,.2 .5,0 .15,.2 .4,.4 .8,.6 .85,.85 .5,1 .1,.8 | .5,-.15 .5,1.15",  # dollar
    "~ .9,.15 .6,0 .3,.3 .25,.7 .6,1 .9,.85 | .05,.4 .7,.4 | .05,.6 .65,.6",  # euro
    "0,0 1,0 0,1 1,1 0,0",  # hourglass
    ".5,0 1,.5 .5,1 0,.5 .5,0 | 0,.5 1,.5",  # cut diamond
    "0,1 0,.75 .25,.75 .25,.5 .5,.5 .5,.25 .75,.25 .75,0 1,0",  # stairs
    ".6,0 .2,.55 .5,.55 .3,1 .85,.4 .5,.4 .6,0",  # lightning
    ".5,.1 .5,1 | .3,.3 .7,.3 | ~ .05,.65 .2,.9 .5,1 .8,.9 .95,.65",  # anchor
    "0,0 1,0 1,1 0,1 0,0 | .5,0 .5,1 | 0,.5 1,.5",  # window
    "0,.3 .3,.3 .3,0 .7,0 .7,.3 1,.3 1,.7 .7,.7 .7,1 .3,1 .3,.7 0,.7 0,.3",  # Swiss cross
    ".25,0 .75,0 1,.45 .75,.9 .25,.9 0,.45 .25,0 | .25,0 .75,.9 | .75,0 .25,.9",  # hexagon with diagonals
    "~ 0,.5 .1,.1 .5,0 .9,.1 1,.5 | 0,.5 1,.5 | .4,.5 .35,1 .65,1 .6,.5",  # mushroom
    "0,1 .2,.2 .4,.7 .5,0 .6,.7 .8,.2 1,1 0,1",  # crown
    ".3,.35 .2,0 .4,.3 | .6,.3 .8,0 .7,.35 | ~ .5,.3 .1,.5 .2,.95 .5,1 .8,.95 .9,.5 .5,.3",  # rabbit
    ".5,0 .3,.3 .3,.8 .7,.8 .7,.3 .5,0 | .3,.6 .1,.95 .3,.8 | .7,.6 .9,.95 .7,.8",  # rocket
    ".1,.4 .9,.4 .8,1 .2,1 .1,.4 | ~ .2,.4 .3,0 .7,0 .8,.4 | .35,.55 .4,.9 | .65,.55 .6,.9",  # basket
    "0,0 0,1 1,1 | 0,.8 .3,.4 .55,.6 .95,.1",  # a curve on its axes
    "~ 0,.2 .25,0 .4,.3 .6,.05 .95,.2 | ~ 0,.6 .25,.4 .4,.7 .6,.45 .95,.6 | 0,.95 1,.9",  # two waves
    ".1,0 .1,1 | .3,0 .3,1 | .5,0 .5,1 | .7,0 .7,1 | -.05,.8 .9,.2",  # five tallies
    "0,.2 .25,0 | 0,.2 .25,.4 | 1,.2 .75,0 | 1,.2 .75,.4 | 0,.2 1,.2 | 0,.8 1,.8",  # arrow over a line
    ".5,.05 .51,.06 | .1,.9 .11,.91 | .9,.9 .91,.91 | .5,.55 .51,.56",  # four dots
)


def draw_negatives(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pictures as a network sees them, float32 (N, 28, 28), and the index of each one's kind, int64 (N,).

    The kinds take turns. A picture that the preprocessing refused as blank is all zeros.
    """
    images = np.stack([as_seen(negative_file(number)) for number in numbers.tolist()])
    return images, numbers.astype(np.int64) % len(KINDS)


def negative_file(number: int) -> bytes:
    """Picture `number` of the set, of the kind `number` modulo how many there are, as a PNG or JPEG file."""
    rng = np.random.default_rng([NEGATIVES_SEED, number])
    picture = _KINDS[KINDS[number % len(KINDS)]](rng)
    if rng.random() < 0.25:
        picture = 255 - picture
    if rng.random() < 0.7:
        return png(picture)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=int(rng.integers(50, 95)))
    return file.getvalue()


def _letter(rng: np.random.Generator) -> np.ndarray:
    return _printed(_LETTERS[rng.integers(len(_LETTERS))], rng)


def _sign(rng: np.random.Generator) -> np.ndarray:
    return _printed(_SIGNS[rng.integers(len(_SIGNS))], rng)


def _word(rng: np.random.Generator) -> np.ndarray:
    letters = _LETTERS.lower()
    return _printed("".join(letters[rng.integers(len(letters))] for _ in range(rng.integers(2, 6))), rng)


def _figure(rng: np.random.Generator) -> np.ndarray:
    strokes = []
    for part in _FIGURES[rng.integers(len(_FIGURES))].split("|"):
        words = part.split()
        points = np.array([[float(value) for value in word.split(",")] for word in words if word != "~"])
        strokes.append(smooth(points) if words[0] == "~" else points)
    return _drawn(warp_strokes(strokes, rng, gap=0, ends=0.02), rng, thickest=22)


def _scribble(rng: np.random.Generator) -> np.ndarray:
    """A closed curve of many waves, a pen that turns at random, many short strokes, or a pointed star."""
    way = rng.integers(4)
    if way == 0:
        angle = np.linspace(0, 2 * np.pi, 200)[:, None]
        waves = np.arange(2, 9)
        parts = rng.normal(0, 1, (2, 2, len(waves))) / waves**0.5
        curve = np.sin(angle * waves) @ parts[0].T + np.cos(angle * waves) @ parts[1].T  # (200, 2)
        strokes = [curve]
    elif way == 1:
        turns = np.cumsum(rng.normal(0, 0.5, 260)) * 0.5 + rng.uniform(0, 7)
        strokes = [np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1), axis=0)]
    elif way == 2:
        starts = rng.random((int(rng.integers(6, 14)), 1, 2))
        strokes = list(starts + np.concatenate([np.zeros_like(starts), rng.normal(0, 0.3, starts.shape)], 1))
    else:
        corners, step = ((7, 2), (7, 3), (9, 4), (8, 3), (11, 4))[rng.integers(5)]
        angle = np.arange(corners + 1) * step * 2 * np.pi / corners
        strokes = [np.stack([np.cos(angle), np.sin(angle)], axis=1)]
    return _drawn(strokes, rng, thickest=14)


def _several_digits(rng: np.random.Generator) -> np.ndarray:
    """Two or three digits beside each other, or one over another as a fraction is written."""
    digits = [_digit(rng) for _ in range(int(rng.integers(2, 4)))]
    strokes, edge = [], 0.0
    stacked = rng.random() < 0.25
    for digit in digits[:2] if stacked else digits:
        points = np.concatenate(digit)
        low, high = points.min(axis=0), points.max(axis=0)
        shift = -(low + high) / 2  # centred on the axis that they share, one after the other on the other
        axis = 1 if stacked else 0
        shift[axis] = edge - low[axis]
        edge += float(high[axis] - low[axis]) + rng.uniform(0.1, 0.35)
        strokes += [path + shift.astype(np.float32) for path in digit]
    if stacked:
        width = rng.uniform(0.4, 0.6)
        middle = edge / 2
        strokes.append(np.array([[-width, middle], [width, middle]], np.float32))
    return _drawn(strokes, rng, thickest=14)


def _crossed_out(rng: np.random.Generator) -> np.ndarray:
    """A digit with a cross or a zigzag through it, as people correct themselves."""
    strokes = list(_digit(rng))
    if rng.random() < 0.5:
        ends = np.array([[[-0.55, -0.5], [0.55, 0.5]], [[0.55, -0.5], [-0.55, 0.5]]])
        strokes += list((ends + rng.normal(0, 0.04, ends.shape)).astype(np.float32))
    else:
        count = int(rng.integers(6, 10))
        across = np.stack([np.linspace(-0.5, 0.5, count), (np.arange(count) % 2) - 0.5], axis=1)
        strokes.append((across + rng.normal(0, 0.05, across.shape)).astype(np.float32))
    return _drawn(strokes, rng, thickest=14)


def _texture(rng: np.random.Generator) -> np.ndarray:
    return TEXTURES[rng.integers(len(TEXTURES))](_SIDE, rng)


def _blank(rng: np.random.Generator) -> np.ndarray:
    return BLANKS[rng.integers(len(BLANKS))](_SIDE, rng)


_KINDS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "letter": _letter,
    "sign": _sign,
    "word": _word,
    "drawing": _figure,
    "scribble": _scribble,
    "several digits": _several_digits,
    "crossed-out digit": _crossed_out,
    "texture": _texture,
    "blank": _blank,
}
KINDS = tuple(_KINDS)


def _drawn(strokes: Sequence[np.ndarray], rng: np.random.Generator, thickest: float) -> np.ndarray:
    return render_strokes(
        strokes,
        size=_SIDE,
        brush=rng.uniform(7, thickest),
        extent=rng.uniform(0.4, 0.85),
        center=(rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)),
    )


def _printed(text: str, rng: np.random.Generator) -> np.ndarray:
    """Text in Pillow's own typeface (Aileron), light to bold, slanted, narrow or wide, anywhere."""
    font = _font()
    bold = int(rng.integers(0, 7))
    left, top, right, bottom = font.getbbox(text, stroke_width=bold)
    ink = Image.new("L", (round(right - left) + 4, round(bottom - top) + 4))
    ImageDraw.Draw(ink).text((2 - left, 2 - top), text, fill=255, font=font, stroke_width=bold)
    slant, reach = rng.normal(0, 0.12), ink.height
    ink = ink.transform(
        (ink.width + reach, ink.height),
        Image.Transform.AFFINE,
        (1, slant, -reach / 2 - slant * ink.height / 2, 0, 1, 0),
        Image.Resampling.BICUBIC,
    )
    ink = ink.crop(ink.getbbox())
    scale = _SIDE * rng.uniform(0.4, 0.85) / max(ink.size)
    wide = rng.uniform(0.85, 1.1)
    width, height = max(8, min(250, round(ink.width * scale * wide))), max(8, round(ink.height * scale))
    canvas = Image.new("L", (_SIDE, _SIDE), 255)
    left, top = int(rng.integers(12, _SIDE - width - 11)), int(rng.integers(12, _SIDE - height - 11))
    shade = int(rng.integers(0, 90))
    canvas.paste(shade, (left, top), ink.resize((width, height), Image.Resampling.BICUBIC))
    return np.asarray(canvas)


@cache
def _font() -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(120)
    if not isinstance(font, ImageFont.FreeTypeFont):  # a Pillow that was built without FreeType
        raise RuntimeError("the set of negatives needs a Pillow that has FreeType")
    return font


@cache
def _digits() -> tuple[tuple[np.ndarray, ...], ...]:
    return tuple(tuple(np.array(path, np.float32) for path in strokes) for _, strokes in drawn_digits())


def _digit(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """One of the digits that ship, in another hand, about 1 large, around (0, 0)."""
    every = _digits()
    return warp_strokes(every[rng.integers(len(every))], rng, gap=0, ends=0)
