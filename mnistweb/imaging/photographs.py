"""Stand-ins for photographs: shows the ink of a digit as a telephone's camera would see it on paper.

Real photographs of labelled digits are hard to come by, but what happens between pen and file is well known:
a medium that covers the paper unevenly; paper with a colour, a grain and perhaps printed lines; light from
one side and a shadow over a corner; a tilted camera that blurs, adds noise and saves as JPEG. Each is done
here in that order. All choices come from the generator that is passed in, so equal seeds give equal files.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Medium:
    """What was written with: its colours (RGB in 0..1), how well it covers, and how grainy its stroke is."""

    colours: tuple[Colour, ...]
    coverage: tuple[float, float]  # share of the paper's colour that it hides, at least and at most
    grain: float  # 0: an even film, 1: breaks up on the paper's tooth


@dataclass(frozen=True)
class Paper:
    """What was written on: its colours, whether it is dark, and its lines ("", "squared" or "lined")."""

    colours: tuple[Colour, ...]
    dark: bool = False
    lines: str = ""


_BLACK: Colour = (0.08, 0.08, 0.1)
_BLUE: Colour = (0.1, 0.17, 0.55)
_RED: Colour = (0.72, 0.1, 0.13)
_GREEN: Colour = (0.08, 0.4, 0.2)
_WHITE: Colour = (0.95, 0.95, 0.93)

DARK_MEDIA = {
    "pencil": Medium(((0.25, 0.25, 0.27), (0.33, 0.33, 0.34)), (0.55, 0.9), 0.55),
    "ballpoint": Medium((_BLACK, _BLUE, _RED), (0.75, 0.95), 0.25),
    "felt pen": Medium((_BLACK, _BLUE, _RED, _GREEN, (0.45, 0.15, 0.5)), (0.9, 1.0), 0.0),
    "print": Medium((_BLACK, _BLUE, _RED, _GREEN, (0.85, 0.35, 0.05), (0.5, 0.3, 0.15)), (0.9, 1.0), 0.05),
}
LIGHT_MEDIA = {
    "chalk": Medium((_WHITE, (0.95, 0.88, 0.5), (0.93, 0.7, 0.75), (0.6, 0.8, 0.95)), (0.7, 0.95), 0.6),
    "white pen": Medium((_WHITE, (0.85, 0.8, 0.55)), (0.85, 1.0), 0.1),
}
PAPERS = {
    "white": Paper(((0.95, 0.95, 0.94), (0.97, 0.95, 0.9))),
    "grey": Paper(((0.62, 0.62, 0.61), (0.72, 0.7, 0.66))),
    "pink": Paper(((0.95, 0.72, 0.76), (0.96, 0.82, 0.8))),
    "yellow": Paper(((0.95, 0.9, 0.6), (0.82, 0.75, 0.6))),
    "blue": Paper(((0.7, 0.82, 0.93),)),
    "squared": Paper(((0.95, 0.95, 0.94), (0.93, 0.92, 0.86)), lines="squared"),
    "lined": Paper(((0.95, 0.95, 0.94), (0.95, 0.93, 0.82)), lines="lined"),
    "dark": Paper(((0.1, 0.1, 0.11), (0.16, 0.15, 0.2), (0.3, 0.1, 0.12)), dark=True),
    "board": Paper(((0.12, 0.24, 0.19), (0.15, 0.17, 0.17)), dark=True),
}


def photograph(
    ink: NDArray,
    rng: np.random.Generator,
    *,
    medium: str | None = None,
    paper: str | None = None,
    side: int | None = None,
) -> bytes:
    """A JPEG file that shows the ink as a photograph would.

    ink: (H, W), bright where the pen was, uint8 or float in [0, 1], with paper around it. rng: decides all
    that is left open. medium: a key of DARK_MEDIA or LIGHT_MEDIA; paper: a key of PAPERS, dark for light
    media. side: pixels of the picture's longer side, between 120 and 360 if left open.

    Raises KeyError for a medium or a paper that does not exist or does not go with the other.
    """
    if paper is None:
        light = medium in LIGHT_MEDIA
        fits = [name for name, sheet in PAPERS.items() if medium is None or sheet.dark == light]
        paper = fits[rng.integers(len(fits))]
    sheet = PAPERS[paper]
    media = LIGHT_MEDIA if sheet.dark else DARK_MEDIA
    if medium is None:
        medium = list(media)[rng.integers(len(media))]
    side = int(rng.integers(120, 361)) if side is None else side

    mask = _as_mask(ink, side)
    scene = _drawn(mask, media[medium], _paper(sheet, mask.shape, rng), rng)
    scene = _tilted(scene, rng) * _light(mask.shape, rng)[:, :, None]
    return _camera(scene, rng)


def _as_mask(ink: NDArray, side: int) -> NDArray[np.float32]:
    """The ink as (h, w) float32 in [0, 1], smoothly scaled so that the longer side has `side` pixels."""
    values = np.asarray(ink)
    if values.dtype != np.uint8:
        values = np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
    scale = side / max(values.shape)
    size = (max(1, round(values.shape[1] * scale)), max(1, round(values.shape[0] * scale)))
    grown = np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BICUBIC), np.float32) / 255
    # Scaling up blurs an edge over many pixels; a pen's edge is sharp.
    sharpness = max(1.0, scale / 2)
    return np.clip((grown - 0.5) * sharpness + 0.5, 0, 1)


def _paper(sheet: Paper, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """The empty sheet, (H, W, 3) float32: colour, clouds, fibre, and the printed lines."""
    height, width = shape
    colour = np.asarray(sheet.colours[rng.integers(len(sheet.colours))], np.float32)
    tone = 1 + rng.uniform(0, 0.05) * _clouds(shape, 6, rng)
    tone += rng.uniform(0, 0.03) * _clouds(shape, width // 2, rng)
    page: NDArray[np.float32] = (colour * tone[:, :, None]).astype(np.float32)
    if not sheet.lines:
        return page
    pitch = rng.uniform(0.09, 0.3) * width
    thickness = max(1.0, rng.uniform(0.004, 0.012) * width)
    strength = rng.uniform(0.15, 0.5)
    printed = np.asarray(((0.45, 0.6, 0.8), (0.6, 0.6, 0.62), (0.8, 0.5, 0.5))[rng.integers(3)], np.float32)
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    lines = _near_a_line(rows, pitch, thickness, rng)
    if sheet.lines == "squared":
        lines = np.maximum(lines, _near_a_line(columns, pitch, thickness, rng))
    cover = (strength * np.broadcast_to(lines, shape))[:, :, None]
    return (page * (1 - cover) + printed * cover).astype(np.float32)


def _near_a_line(places: NDArray, pitch: float, thickness: float, rng: np.random.Generator) -> NDArray:
    """1 on lines `pitch` apart, falling to 0 within a pixel."""
    distance = np.abs((places + rng.uniform(0, pitch)) % pitch - pitch / 2)
    return np.clip(thickness / 2 + 0.5 - distance, 0, 1)


def _drawn(
    mask: NDArray[np.float32], medium: Medium, page: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """The ink on the page; pressure varies slowly along the stroke, the paper's tooth quickly."""
    colour = np.asarray(medium.colours[rng.integers(len(medium.colours))], np.float32)
    tooth = _clouds(mask.shape, max(mask.shape) // 2, rng)
    pressure = 1 + 0.12 * _clouds(mask.shape, 5, rng)
    cover = rng.uniform(*medium.coverage) * mask * pressure * (1 - 0.45 * medium.grain * (1 + tooth))
    cover = np.clip(cover, 0, 1)[:, :, None]
    return page * (1 - cover) + colour * cover


def _tilted(scene: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The scene from a camera held a little askew; only what lies within the page is seen."""
    height, width = scene.shape[:2]
    reach = 0.06
    angle = rng.uniform(-0.1, 0.1)
    corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0]], float)  # x, y as Pillow's QUAD has them
    corners += rng.uniform(-reach / 2, reach / 2, corners.shape)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = ((corners - 0.5) @ turn + 0.5) * (width, height)
    pad = 0.12  # the page goes on beyond the picture, so that no corner of the view is empty
    wide, high = round(pad * width), round(pad * height)
    padded = np.pad(scene, ((high, high), (wide, wide), (0, 0)), mode="reflect")
    quad = tuple((corners + np.array((wide, high))).ravel())
    planes = [
        Image.fromarray(padded[:, :, channel]).transform(
            (width, height), Image.Transform.QUAD, quad, Image.Resampling.BILINEAR
        )
        for channel in range(3)
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)


def _light(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """How much light falls where: a slope, darker edges, and sometimes a shadow over one corner."""
    y, x = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0, 0.35) * (x * np.cos(angle) + y * np.sin(angle))
    light *= 1 - rng.uniform(0, 0.15) * (x**2 + y**2)
    if rng.random() < 0.4:
        towards = rng.uniform(0, 2 * np.pi)
        edge = rng.uniform(0.25, 0.95)
        softness = rng.uniform(0.03, 0.25)
        beyond = (x * np.cos(towards) + y * np.sin(towards) - edge) / softness
        light *= 1 - rng.uniform(0.25, 0.6) / (1 + np.exp(-4 * beyond))
    return (light / light.max()).astype(np.float32)


def _camera(scene: NDArray[np.float32], rng: np.random.Generator) -> bytes:
    """Exposure, white balance, blur, noise and JPEG."""
    balance = 1 + rng.uniform(-0.07, 0.07, 3)
    exposed = np.clip(scene * balance * rng.uniform(0.75, 1.1), 0, 1) ** rng.uniform(0.8, 1.2)
    picture = Image.fromarray((exposed * 255).astype(np.uint8))
    blurred = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.006) * picture.width))
    grey_noise = rng.normal(0, rng.uniform(0.5, 7), (*scene.shape[:2], 1))
    colour_noise = rng.normal(0, rng.uniform(0, 3), scene.shape)
    noisy = np.clip(np.asarray(blurred) + grey_noise + colour_noise, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "JPEG", quality=int(rng.integers(40, 95)))
    return file.getvalue()


def _clouds(shape: tuple[int, int], cells: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth random values of mean 0 and about [-1, 1], with some `cells` ups and downs across."""
    cells = max(2, cells)
    coarse = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.BICUBIC))
