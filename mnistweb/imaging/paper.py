"""Paper is what most of a picture shows; ink is what differs from it. Here the two are told apart, softly.

A clean drawing has paper of one exact grey. A photograph's paper is lit unevenly and noisy: its brightness is
estimated at every place, and what darkens it there is ink, on a scale where 1 is a full stroke.

A grey picture is (H, W): uint8 where it has but 256 levels of grey, or float32 in [0, 1]. How much ink a
pixel of a clean drawing has follows from its grey alone, so with levels that is computed 256 times and not
for every pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnistweb.imaging.errors import BlankImageError, ImageTooSmallError
from mnistweb.imaging.filters import Plane, box_mean, closing, dilated, median, resized

_COARSE_SIDE = 100  # pixels of the longer side when colours and polarity are judged
_PAPER_SIDE = 200  # pixels of the longer side when the paper's brightness is: shadows have edges
_CLEAN_SHARE = 0.2  # of a clean drawing's pixels, at least, have the paper's grey
_CLEAN_TOLERANCE = 0.02  # of that grey, for what smooth scaling leaves around strokes
_LEAST_CONTRAST = 0.04  # between ink and paper, of the full scale from black to white
_TONES = np.arange(256, dtype=np.float32) / np.float32(255)  # the brightness of each level of grey
_DARKNESS = 0.1  # added to a brightness before dividing by it, so that noise in the dark is not blown up

Grey = NDArray  # of uint8 or float32
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Ink:
    """Ink on its paper.

    amounts: float32, 0 paper, 1 a full stroke: of each pixel (H, W), or of each level of grey (256,).
    levels: in that case (H, W) uint8, the level of each pixel. threshold: amounts above it hang together as
    strokes. dark: whether the ink is darker than its paper. clean: whether the paper was of one exact grey.
    evened: (H, W), the grey picture with the light evened out.
    """

    amounts: NDArray[np.float32]
    levels: NDArray[np.uint8] | None
    threshold: float
    dark: bool
    clean: bool
    evened: Grey

    @property
    def amount(self) -> Plane:
        """(H, W): the amount of each pixel."""
        return self.amounts if self.levels is None else np.take(self.amounts, self.levels)

    def above(self, amount: float) -> Mask:
        """(H, W): where there is more ink than that."""
        return _where(self.amounts > amount, self.levels)

    def on(self, strokes: Mask, box: tuple[slice, slice]) -> Plane:
        """The amount of each pixel on these strokes, 0 elsewhere, cropped to the box as they are."""
        amount = self.amounts[box] if self.levels is None else np.take(self.amounts, self.levels[box])
        height, width = strokes.shape
        # As if cropped from the whole, with something between the rows unless they are whole ones: NumPy adds
        # row by row then, and a sum is rounded otherwise when it runs through all.
        cropped = np.empty((height, min(width + 1, self.evened.shape[1])), np.float32)[:, :width]
        return np.multiply(amount, strokes, out=cropped)


def grey_of(picture: Image.Image) -> Grey:
    """A picture of mode L or RGB as (H, W), 0 black: uint8 when it is grey, float32 in [0, 1] if coloured.

    A coloured picture is looked at along the colour in which its pixels differ most from their neighbours
    (the first principal component of the differences), which leads from paper to ink: red chalk may be as
    bright as the green board behind it, and yellow ink nearly as bright as white paper.
    """
    if picture.mode == "L":
        return np.asarray(picture)
    small = np.asarray(picture.reduce(max(1, max(picture.size) // _COARSE_SIDE)), np.float32)
    if max(np.abs(small[:, :, 0] - small[:, :, other]).max() for other in (1, 2)) <= 2:  # there is no colour
        return np.asarray(picture.convert("L"))
    across, down = np.diff(small, axis=1).reshape(-1, 3), np.diff(small, axis=0).reshape(-1, 3)
    principal = np.linalg.eigh(across.T @ across + down.T @ down)[1][:, -1]
    weights = principal * (1 if principal.sum() >= 0 else -1)
    weights = (weights / np.abs(weights).sum()).astype(np.float32)
    red, green, blue = (np.asarray(channel, np.float32) for channel in picture.split())
    grey = weights[0] * red + weights[1] * green + weights[2] * blue - 255 * np.minimum(weights, 0).sum()
    return grey / np.float32(255)


def find_ink(grey: Grey) -> Ink:
    """Tell ink from paper in a grey picture (H, W), uint8 or float32 in [0, 1].

    Raises BlankImageError when nothing stands out from the paper, ImageTooSmallError when an unevenly lit
    picture is so narrow that its light cannot be judged.
    """
    clean = _clean_ink(grey)
    if clean is not None:
        return clean
    if grey.dtype == np.uint8:
        grey = np.asarray(grey, np.float32) / np.float32(255)
    return _photographed_ink(grey)


def _clean_ink(grey: Grey) -> Ink | None:
    """Ink on paper of one exact grey, or None when the picture is not of that kind."""
    levels = grey if grey.dtype == np.uint8 else None
    paper = _paper_tone(grey)
    difference = (grey if levels is None else _TONES) - paper  # of each pixel, or of each level
    lowest, highest = (float(tone - paper) for tone in _tones_of(np.array((grey.min(), grey.max()))))
    dark, contrast = -lowest > highest, max(-lowest, highest)
    near_paper = _where(np.abs(difference) < _CLEAN_TOLERANCE, levels)
    if np.count_nonzero(near_paper) < _CLEAN_SHARE * grey.size:
        return None
    if contrast < _LEAST_CONTRAST:
        raise BlankImageError("the picture is blank: nothing on it differs from its background")
    if min(-lowest, highest) > 0.25 * contrast:
        return None  # darker and lighter than the paper: shaded or framed
    amounts = np.clip(difference * np.float32((-1 if dark else 1) / contrast), 0, 1)
    ink = Ink(amounts, levels, threshold=0.03, dark=dark, clean=True, evened=grey)
    faint, strong = ink.above(0.02), ink.above(0.5)
    if np.count_nonzero(faint) > 1.5 * np.count_nonzero(strong):
        # Either the edges of strokes are soft, or there is noise or shade far from them.
        near = dilated(strong, round(0.15 * max(grey.shape)))
        if np.count_nonzero(faint & ~near) > 0.01 * grey.size:
            return None
    return ink


def _paper_tone(grey: Grey) -> np.float32:
    """The median brightness of the picture's edge."""
    border = np.concatenate((grey[0], grey[-1], grey[:, 0], grey[:, -1]))
    if border.min() == border.max():  # as in most drawings; finding a median takes longer
        return _tones_of(border[:1])[0]
    return np.float32(median(_tones_of(border)))


def _tones_of(grey: Grey) -> Plane:
    """The brightness of pixels whose grey is a level, or their brightness already."""
    return _TONES[grey] if grey.dtype == np.uint8 else grey


def _where(chosen: Mask, levels: NDArray[np.uint8] | None) -> Mask:
    """(H, W): which pixels are chosen when these levels are, which lie side by side; or these pixels."""
    if levels is None:
        return chosen
    first, count = int(chosen.argmax()), int(np.count_nonzero(chosen))
    if first == 0:
        return levels < count
    return levels - np.uint8(first) < count  # levels below the first wrap around to large numbers


def _photographed_ink(grey: Plane) -> Ink:
    coarse = _shape_within(grey.shape, _COARSE_SIDE)
    if min(coarse) < 2:  # no edge can be seen across a single row
        raise ImageTooSmallError(
            f"the picture, or the sheet on it, is over {_COARSE_SIDE / 1.5:.0f} times as long as wide;"
            " no digit fits on it"
        )
    dark = _ink_is_dark(resized(grey, coarse))
    lit = grey if dark else 1 - grey
    paper = resized(_paper_brightness(resized(lit, _shape_within(grey.shape, _PAPER_SIDE))), grey.shape)
    light = paper if dark else 1 - paper
    raw = (paper - lit) / (light + _DARKNESS)
    smooth = box_mean(raw, 1)
    # What a mean over nine pixels takes away is mostly noise, of which about half stays; 1.5 median absolute
    # deviations are about one standard deviation.
    noise = 0.5 * 1.5 * float(median(np.abs(raw - smooth)))
    darkening = smooth if max(grey.shape) >= 100 else raw

    # NumPy finds a percentile in half the time in what is sorted.
    strongest = float(np.percentile(np.sort(darkening, axis=None), 99.7))
    full = float(median(darkening[darkening >= 0.5 * strongest]))
    if full < max(_LEAST_CONTRAST, 3.5 * noise):
        raise BlankImageError("the picture is blank: nothing on it stands out from its background")
    floor = max(0.2 * full, 2.5 * noise)
    amount = np.clip((darkening - floor) / (0.85 * full - floor), 0, 1).astype(np.float32)
    evened = np.clip(1 - darkening if dark else darkening, 0, 1)
    return Ink(amount, None, threshold=0.35, dark=dark, clean=False, evened=evened)


def _shape_within(shape: tuple[int, int], side: int) -> tuple[int, int]:
    factor = max(1, max(shape) / side)
    return max(1, round(shape[0] / factor)), max(1, round(shape[1] / factor))


def _ink_is_dark(coarse: Plane) -> bool:
    """Whether the edges in a coarse picture lie on the dark side of the paper's brightness.

    The paper's brightness is a quadratic surface fitted to the picture by least squares, again and again,
    with less weight each time for what is far from it (Holland and Welsch, Robust regression using
    iteratively reweighted least-squares, 1977).
    """
    height, width = coarse.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    values = coarse.ravel().astype(float)
    border = np.concatenate((coarse[0], coarse[-1], coarse[:, 0], coarse[:, -1]))
    rest = values - median(border)
    weighted = np.empty_like(basis)
    for _ in range(8):
        scale = max(1.5 * median(np.abs(rest)), 0.01)
        weights = 1 / (1 + (rest / scale) ** 2) ** 2
        np.multiply(basis, weights[:, None], out=weighted)
        surface = np.linalg.lstsq(weighted.T @ basis, weighted.T @ values, rcond=None)[0]
        rest = values - basis @ surface
    slope_y, slope_x = np.gradient(coarse)
    return float((rest.reshape(coarse.shape) * (slope_x**2 + slope_y**2)).sum()) <= 0


def _paper_brightness(lit: Plane) -> Plane:
    """The brightness of paper under dark ink: a closing fills the strokes but keeps the edges of shadows."""
    side = min(lit.shape)
    size = max(3, side // 3 | 1)  # wider than any stroke
    beyond = size // 4  # a shadow goes on beyond the picture, so one that is cut off counts as wider
    smooth = box_mean(lit, 1) if side >= 30 else lit
    filled = closing(np.pad(smooth, beyond, mode="edge"), size)
    filled = filled[beyond : beyond + lit.shape[0], beyond : beyond + lit.shape[1]]
    # Noise lifts a greatest value above the mean; the places that are surely paper tell by how much.
    ratio = smooth / np.maximum(filled, 0.01)
    surely = ratio[ratio > 0.85]
    return filled * np.float32(median(surely) if len(surely) else 1)
