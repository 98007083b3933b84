"""Things that people draw and that are no digits, as pen strokes: letters, signs, little drawings, scribbles.

All are in units of their own size, about 1, with y pointing down. What a hasty hand makes like a digit is
left out on purpose: the letters B D G I J O Q S Z and a b c g i j l o q r s v x y z, rings, bars, crescents.
"""

from __future__ import annotations

from functools import cache

import numpy as np

Strokes = tuple[np.ndarray, ...]

# One stroke after the other, divided by "|". A stroke is a list of points that are joined by straight lines,
# by a smooth curve after "~", or the ellipse "o centre radii".
_LETTERS = {
    "A": "0,1 .4,0 .8,1 | .15,.6 .65,.6",
    "C": "~ .75,.15 .45,0 .1,.25 .05,.6 .3,.95 .75,.85",
    "E": ".7,0 .1,0 .1,1 .7,1 | .1,.5 .6,.5",
    "F": ".7,0 .1,0 .1,1 | .1,.45 .55,.45",
    "H": ".05,0 .05,1 | .7,0 .7,1 | .05,.5 .7,.5",
    "K": ".1,0 .1,1 | .7,0 .1,.55 .7,1",
    "L": ".1,0 .1,1 .7,1",
    "M": "0,1 .1,0 .45,.6 .8,0 .9,1",
    "N": ".05,1 .05,0 .75,1 .75,0",
    "P": ".1,1 .1,0 | ~ .1,0 .6,.05 .65,.35 .1,.5",
    "R": ".1,1 .1,0 | ~ .1,0 .6,.05 .65,.35 .1,.5 | .2,.5 .7,1",
    "T": "0,0 .9,0 | .45,0 .45,1",
    "U": "~ .05,0 .05,.7 .4,1 .75,.7 .75,0",
    "V": "0,0 .4,1 .8,0",
    "W": "0,0 .25,1 .5,.35 .75,1 1,0",
    "X": "0,0 .75,1 | .75,0 0,1",
    "Y": "0,0 .4,.45 .8,0 | .4,.45 .4,1",
    "d": ".65,0 .65,1 | ~ .65,.5 .35,.35 .05,.65 .3,1 .65,.8",
    "e": "~ .05,.6 .7,.5 .4,.15 .05,.5 .3,.95 .75,.8",
    "f": "~ .7,.1 .5,0 .35,.25 .3,1 | .1,.4 .6,.4",
    "h": ".1,0 .1,1 | ~ .1,.6 .4,.4 .65,.6 .65,1",
    "k": ".1,0 .1,1 | .55,.35 .1,.65 .6,1",
    "m": ".05,.3 .05,1 | ~ .05,.5 .25,.3 .4,.5 .4,1 | ~ .4,.5 .65,.3 .8,.5 .8,1",
    "n": ".05,.3 .05,1 | ~ .05,.55 .35,.3 .65,.5 .65,1",
    "p": ".1,.2 .1,1.2 | ~ .1,.35 .5,.2 .65,.5 .4,.8 .1,.65",
    "t": ".35,0 .35,.8 .6,1 | .05,.3 .7,.3",
    "u": "~ .05,.3 .05,.8 .35,1 .65,.8 | .65,.3 .65,1",
    "w": "~ 0,.3 .2,.9 .45,.5 .7,.9 .9,.3",
}

_SIGNS = {
    "plus": ".4,0 .4,.8 | 0,.4 .8,.4",
    "minus": "0,.5 .9,.5",
    "equals": "0,.3 .8,.3 | 0,.6 .8,.6",
    "times": "0,0 .6,.6 | .6,0 0,.6",
    "divided": "0,.5 .8,.5 | .4,.15 .41,.16 | .4,.85 .41,.86",
    "hash": ".3,0 .2,1 | .7,0 .6,1 | 0,.3 .9,.3 | 0,.7 .9,.7",
    "star of lines": ".4,0 .4,.8 | .05,.2 .75,.6 | .75,.2 .05,.6",
    "percent": ".8,0 .1,1 | o .15,.2 .15,.15 | o .75,.8 .15,.15",
    "question mark": "~ .05,.25 .35,0 .65,.2 .35,.5 .33,.7 | .33,.95 .34,.96",
    "root": "0,.5 .15,.45 .35,1 .7,0 1.2,0",
    "pi": "0,.1 .9,.1 | .25,.1 .2,.9 | .65,.1 .7,.9",
    "infinity": "~ .5,.5 .15,.2 0,.5 .15,.8 .5,.5 .85,.2 1,.5 .85,.8 .5,.5",
    "at": "~ .65,.4 .4,.3 .35,.6 .65,.6 .7,.3 .75,.65 .95,.5 .8,.1 .3,.05 .05,.5 .3,.95 .8,.9",
    "arrow right": "0,.4 1,.4 | .7,.15 1,.4 .7,.65",
    "arrow up": ".4,1 .4,0 | .15,.3 .4,0 .65,.3",
    "arrow both": "0,.4 1,.4 | .75,.2 1,.4 .75,.6 | .25,.2 0,.4 .25,.6",
    "tick": "0,.55 .3,.95 .9,0",
    "triangle": "0,.9 .5,0 1,.9 0,.9",
    "dots": "0,.5 .01,.51 | .4,.5 .41,.51 | .8,.5 .81,.51",
    "colon": ".5,.2 .51,.21 | .5,.8 .51,.81",
    "peace": "o .5,.5 .5,.5 | .5,0 .5,1 | .5,.5 .15,.85 | .5,.5 .85,.85",
    "no entry": "o .5,.5 .5,.5 | .15,.5 .85,.5",
    "crossed ring": "o .5,.5 .5,.5 | .15,.15 .85,.85 | .85,.15 .15,.85",
}

_DRAWINGS = {
    "house": ".1,.45 .1,1 .9,1 .9,.45 | 0,.5 .5,0 1,.5 | .4,1 .4,.7 .6,.7 .6,1",
    "face": "o .5,.5 .5,.5 | .32,.35 .33,.37 | .67,.35 .68,.37 | ~ .25,.6 .5,.8 .75,.6",
    "heart": "~ .5,.95 .05,.45 .1,.1 .35,.05 .5,.3 .65,.05 .9,.1 .95,.45 .5,.95",
    "star": ".5,0 .8,1 0,.35 1,.35 .2,1 .5,0",
    "wave": "~ 0,.5 .1,.3 .2,.5 .3,.7 .4,.5 .5,.3 .6,.5 .7,.7 .8,.5 .9,.3 1,.5",
    "zigzag": "0,.7 .15,.3 .3,.7 .45,.3 .6,.7 .75,.3 .9,.7",
    "stick figure": "o .5,.15 .14,.15 | .5,.3 .5,.65 | .2,.45 .8,.45 | .5,.65 .25,1 | .5,.65 .75,1",
    "tree": ".45,1 .45,.6 | .6,1 .6,.6 | ~ .45,.6 .1,.5 .15,.2 .5,0 .9,.2 .9,.5 .6,.6",
    "fir": ".5,0 .2,.4 .8,.4 .5,0 | .5,.3 .1,.8 .9,.8 .5,.3 | .5,.8 .5,1",
    "sun": "o .5,.5 .25,.25 | .5,.15 .5,0 | .5,.85 .5,1 | .15,.5 0,.5 | .85,.5 1,.5 | .25,.25 .12,.12"
    " | .75,.75 .88,.88 | .75,.25 .88,.12 | .25,.75 .12,.88",
    "fish": "~ 0,.5 .3,.2 .7,.5 1,.25 | ~ 0,.5 .3,.8 .7,.5 1,.75 | 1,.25 1,.75 | .2,.42 .21,.43",
    "cup": ".1,.2 .15,1 .65,1 .7,.2 .1,.2 | ~ .7,.35 .95,.4 .9,.7 .67,.7",
    "flower": "o .5,.3 .1,.1 | o .5,.1 .1,.1 | o .7,.3 .1,.1 | o .3,.3 .1,.1 | o .5,.5 .1,.1 | .5,.6 .5,1",
    "envelope": "0,.2 1,.2 1,.8 0,.8 0,.2 .5,.55 1,.2",
    "cat": "o .5,.6 .4,.38 | .2,.35 .15,0 .4,.25 | .6,.25 .85,0 .8,.35 | .35,.5 .36,.52 | .65,.5 .66,.52"
    " | .5,.65 .5,.75",
    "boat": "0,.7 .2,1 .8,1 1,.7 0,.7 | .5,.7 .5,0 .85,.55 .5,.55",
    "car": "0,.7 0,.45 .25,.4 .35,.15 .7,.15 .8,.4 1,.45 1,.7 0,.7 | o .25,.75 .12,.12 | o .75,.75 .12,.12",
    "cloud": "~ .1,.7 0,.5 .2,.4 .3,.15 .6,.15 .7,.35 .95,.4 .95,.65 .8,.7 .1,.7",
    "umbrella": "~ 0,.5 .15,.1 .5,0 .85,.1 1,.5 | 0,.5 1,.5 | .5,.5 .5,.9 | ~ .5,.9 .4,1 .3,.9",
    "ladder": ".2,0 .2,1 | .7,0 .7,1 | .2,.2 .7,.2 | .2,.45 .7,.45 | .2,.7 .7,.7",
    "noughts and crosses": ".33,0 .33,1 | .67,0 .67,1 | 0,.33 1,.33 | 0,.67 1,.67",
    "eye": "~ 0,.5 .5,.2 1,.5 .5,.8 0,.5 | o .5,.5 .15,.2",
    "key": "o .2,.5 .2,.2 | .4,.5 1,.5 | .8,.5 .8,.7 | .95,.5 .95,.7",
    "glasses": "o .2,.5 .2,.2 | o .8,.5 .2,.2 | ~ .4,.5 .5,.42 .6,.5",
    "fence": ".1,0 .1,1 | .4,0 .4,1 | .7,0 .7,1 | 0,.3 .9,.3 | 0,.65 .9,.65",
    "table": "0,.3 1,.3 | .15,.3 .15,1 | .85,.3 .85,1",
    "note": "o .2,.85 .15,.1 | .35,.85 .35,.1 .85,0 .85,.7 | o .7,.72 .15,.1",
    "mountains": "0,.9 .3,.2 .5,.6 .7,.1 1,.9",
}

DOODLES = (*_LETTERS, *_SIGNS, *_DRAWINGS)


@cache
def doodle(name: str) -> Strokes:
    """The strokes of one of DOODLES, each float32 (P, 2). Raises KeyError for another name."""
    text = (_LETTERS | _SIGNS | _DRAWINGS)[name]
    strokes = tuple(_stroke(part.split()) for part in text.split("|"))
    for stroke in strokes:
        stroke.flags.writeable = False  # it is shared by all callers
    return strokes


def scribble(rng: np.random.Generator) -> Strokes:
    """A tangle, a coil, a hatching or a spiral, with too many turns for any digit."""
    ways = (_tangle, _coil, _hatching, _spiral, _knot)
    stroke = ways[rng.integers(len(ways))](rng)
    turn = rng.uniform(0, 2 * np.pi)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return ((stroke @ matrix).astype(np.float32),)


def _stroke(words: list[str]) -> np.ndarray:
    if words[0] == "o":
        (x, y), (radius_x, radius_y) = (_point(word) for word in words[1:])
        angle = np.linspace(-np.pi / 2, 1.5 * np.pi, 25)
        ellipse = np.stack([x + radius_x * np.cos(angle), y + radius_y * np.sin(angle)], axis=1)
        return ellipse.astype(np.float32)
    if words[0] == "~":
        return smooth(np.array([_point(word) for word in words[1:]]))
    return np.array([_point(word) for word in words], np.float32)


def _point(word: str) -> tuple[float, float]:
    x, y = word.split(",")
    return float(x), float(y)


def smooth(points: np.ndarray, parts: int = 6) -> np.ndarray:
    """A curve through `points` (P, 2), `parts` pieces from each to the next: float32 (parts * (P-1) + 1, 2).

    E. Catmull, R. Rom, "A class of local interpolating splines", 1974.
    """
    before = np.concatenate([points[:1], points[:-2]])  # each (P - 1, 2)
    here, there = points[:-1], points[1:]
    after = np.concatenate([points[2:], points[-1:]])
    t = (np.arange(parts) / parts)[None, :, None]
    curve = 0.5 * (
        2 * here[:, None]
        + (there - before)[:, None] * t
        + (2 * before - 5 * here + 4 * there - after)[:, None] * t**2
        + (3 * here - before - 3 * there + after)[:, None] * t**3
    )  # (P - 1, parts, 2)
    return np.concatenate([curve.reshape(-1, 2), points[-1:]]).astype(np.float32)


def _tangle(rng: np.random.Generator) -> np.ndarray:
    return smooth(rng.uniform(0, 1, (int(rng.integers(12, 30)), 2)))


def _coil(rng: np.random.Generator) -> np.ndarray:
    turns = rng.integers(5, 10)
    angle = np.linspace(0, 2 * np.pi * turns, 20 * turns)
    radius = rng.uniform(0.2, 0.35)
    return np.stack([angle / angle[-1] + radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _hatching(rng: np.random.Generator) -> np.ndarray:
    count = int(rng.integers(7, 20))
    ends = np.stack([np.linspace(0, 1, count), np.arange(count) % 2], axis=1)
    return ends + rng.normal(0, 0.06, ends.shape)


def _spiral(rng: np.random.Generator) -> np.ndarray:
    turns = rng.uniform(2.5, 6)
    angle = np.linspace(0, 2 * np.pi * turns, int(24 * turns))
    radius = 0.05 + 0.45 * angle / angle[-1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _knot(rng: np.random.Generator) -> np.ndarray:
    across, down = ((2, 3), (3, 4), (3, 5), (2, 5))[rng.integers(4)]
    angle = np.linspace(0, 2 * np.pi, 120)
    return np.stack([np.sin(across * angle + rng.uniform(0, np.pi)), np.sin(down * angle)], axis=1) / 2
