"""The same digit comes out of every picture of it, and nothing comes out of a picture without one.

Guards: `_on_white_paper` for what is see-through, paper.py for light and polarity, parts.py for what is no
digit.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageCms, ImageDraw, ImageFilter

from mnistweb.data.catalogue import MNIST
from mnistweb.data.finding import find_file
from mnistweb.data.idx import read_idx
from mnistweb.imaging.decode import decode_image
from mnistweb.imaging.errors import BlankImageError, ImageError, ImageTooSmallError
from mnistweb.imaging.preprocess import preprocess
from tests.imaging.pictures import drawn_eight, drawn_seven, jpeg, png

SEVEN = drawn_seven()


def difference(image, expected=None) -> float:
    """The mean absolute difference of the 28x28 pixels to those of the plain 7.

    Digits are placed by whole pixels, so a hair's breadth can move one by a pixel: the best of nine places
    counts.
    """
    expected = preprocess(SEVEN).pixels if expected is None else expected
    pixels = preprocess(image).pixels
    shifts = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return min(float(np.abs(np.roll(pixels, shift, axis=(0, 1)) - expected).mean()) for shift in shifts)


def coloured(paper, pen, drawing=SEVEN) -> Image.Image:
    share = drawing[:, :, None] / 255.0
    return Image.fromarray(np.round(share * paper + (1 - share) * pen).astype(np.uint8))


def photographed(drawing, light=1.0, *, contrast=0.6, noise=4.0) -> np.ndarray:
    reflected = 0.9 - contrast * (1 - drawing / 255.0)
    grain = np.random.default_rng(0).normal(0, noise, drawing.shape)
    return np.clip(reflected * light * 255 + grain, 0, 255).astype(np.uint8)


def test_the_digit_is_20_pixels_long_bright_and_centred():
    result = preprocess(SEVEN)
    assert result.pixels.shape == (28, 28)
    assert result.pixels.dtype == np.float32
    assert result.pixels.min() == 0
    assert result.pixels.max() == 1
    rows, columns = np.nonzero(result.pixels)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    assert abs((result.pixels.sum(1) @ np.arange(28)) / result.pixels.sum() - 14) <= 0.5
    assert abs((result.pixels.sum(0) @ np.arange(28)) / result.pixels.sum() - 14) <= 0.5


def test_the_steps_are_returned_in_order_when_asked_for():
    assert preprocess(SEVEN).steps == ()
    steps = preprocess(coloured((255, 255, 0), (0, 0, 80)), keep_steps=True).steps
    assert [step.name for step in steps] == [
        "composite", "grey", "light", "ink", "clean", "crop", "scale", "centre",
    ]  # fmt: skip
    for step in steps:
        assert step.pixels.dtype == np.uint8
        assert step.pixels.ndim in (2, 3)
        assert step.title
    assert steps[0].pixels.shape == (280, 280, 3)
    assert steps[-1].pixels.shape == (28, 28)


def test_where_the_ink_was_is_told_in_pixels_of_the_input():
    for scale in (1, 4):  # the larger one is reduced first
        picture = np.full((280 * scale, 280 * scale), 255, np.uint8)
        picture[50 * scale : 250 * scale, 100 * scale : 120 * scale] = 0
        result = preprocess(picture)
        box = (100 * scale, 50 * scale, 120 * scale, 250 * scale)
        assert result.ink_box == pytest.approx(box, abs=2 * scale)
        assert result.centre_of_mass == pytest.approx((110 * scale, 150 * scale), abs=scale)
        assert result.polarity == "dark_on_light"


def test_white_on_black_gives_exactly_the_same_digit():
    assert preprocess(255 - SEVEN).polarity == "light_on_dark"
    assert difference(255 - SEVEN) < 1e-6


@pytest.mark.parametrize(
    ("paper", "pen"),
    [
        ((255, 255, 255), (200, 0, 0)),
        ((255, 255, 255), (255, 230, 0)),
        ((128, 128, 128), (0, 0, 0)),
        ((128, 128, 128), (255, 255, 255)),
        ((250, 200, 210), (20, 20, 160)),
        ((20, 60, 40), (240, 240, 230)),
    ],
)
def test_coloured_ink_on_coloured_paper_gives_the_same_digit(paper, pen):
    assert difference(coloured(paper, pen)) < 0.005


def test_a_see_through_background_gives_the_same_digit():
    ink = Image.fromarray(255 - SEVEN)
    black = Image.new("L", ink.size, 0)
    for picture in (Image.merge("LA", (black, ink)), Image.merge("RGBA", (black, black, black, ink))):
        assert difference(decode_image(png(picture))) < 0.001


@pytest.mark.parametrize("opacity", [255, 254, 200])
def test_a_canvas_in_grey_gives_what_its_pasting_on_paper_in_colour_gives(opacity):
    opaque = Image.fromarray(SEVEN).convert("RGBA")
    opaque.putalpha(opacity)
    paper = Image.new("RGB", opaque.size, "white")
    paper.paste(opaque.convert("RGB"), mask=opaque.getchannel("A"))
    assert np.array_equal(preprocess(opaque).pixels, preprocess(paper).pixels)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_canvas_with_one_colour_is_not_taken_for_grey(channel):
    pixels = np.asarray(Image.fromarray(np.full_like(SEVEN, 200)).convert("RGBA")).copy()
    pixels[:, :, channel] = SEVEN  # in grey but for the ink
    assert difference(Image.fromarray(pixels)) < 0.005


def test_every_mode_of_pillow_gives_the_same_digit():
    for mode in ("L", "RGB", "RGBA", "LA", "P", "CMYK", "YCbCr", "HSV", "LAB", "RGBX", "F"):
        assert difference(in_mode(mode)) < 0.005, mode
    sixteen_bits = Image.fromarray(SEVEN.astype(np.uint16) * 257)
    assert sixteen_bits.mode == "I;16"
    assert difference(sixteen_bits) < 0.001


def in_mode(mode: str) -> Image.Image:
    picture = Image.fromarray(SEVEN).convert("RGB")
    if mode == "LAB":
        to_lab = ImageCms.buildTransform(
            ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
        )
        return ImageCms.applyTransform(picture, to_lab)
    return picture.convert("L").convert("F") if mode == "F" else picture.convert(mode)


def test_arrays_of_bytes_and_of_floats_give_the_same_digit():
    assert difference(SEVEN / 255) == 0
    assert difference((SEVEN / 255).astype(np.float32)[:, :, None]) == 0
    assert difference(np.repeat(SEVEN[:, :, None], 3, axis=2)) < 0.001


@pytest.mark.parametrize(("size", "brush"), [(28, 2), (64, 4), (150, 10), (1000, 64)])
def test_the_size_of_the_picture_hardly_matters(size, brush):
    assert difference(drawn_seven(size, brush)) < 0.03


def test_the_place_in_the_picture_does_not_matter():
    assert difference(np.roll(SEVEN, (-50, 40), axis=(0, 1))) == 0


@pytest.mark.parametrize("eight", [False, True])
@pytest.mark.parametrize("inverted", [False, True])
def test_uneven_light_and_a_shadowed_corner_give_nearly_the_same_digit(eight, inverted):
    drawing = drawn_eight() if eight else SEVEN
    y, x = np.mgrid[:280, :280] / 280
    slope, corner = 0.5 + 0.5 * x, np.where(x + y > 1.45, 0.5, 1.0)
    vignette = 1 - 0.4 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)
    for light in (slope, corner, vignette):
        photo = photographed(255 - drawing if inverted else drawing, light)
        assert difference(photo, preprocess(drawing).pixels) < 0.03


def test_a_jpeg_of_a_photograph_gives_nearly_the_same_digit():
    assert difference(decode_image(jpeg(photographed(SEVEN, contrast=0.3), quality=60))) < 0.03


def test_a_large_photograph_of_a_small_digit_gives_nearly_the_same_digit():
    page = np.full((3000, 4000), 255, np.uint8)
    page[1000:2120, 1500:2620] = np.asarray(Image.fromarray(SEVEN).resize((1120, 1120)))
    photo = decode_image(jpeg(Image.fromarray(photographed(page, noise=8)), quality=80))
    assert difference(photo) < 0.03


def test_squared_paper_gives_nearly_the_same_digit():
    page = SEVEN.astype(int)
    page[::24] -= 90
    page[:, ::24] -= 90
    assert difference(np.clip(page, 0, 255).astype(np.uint8)) < 0.03
    assert difference(photographed(np.clip(page, 0, 255))) < 0.03


@pytest.mark.parametrize("thickness", [3, 12, 40])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_frame_gives_nearly_the_same_digit(thickness, inverted):
    framed = np.zeros_like(SEVEN)
    inside = slice(thickness, -thickness)
    framed[inside, inside] = SEVEN[inside, inside]
    assert difference(255 - framed if inverted else framed) < 0.03
    assert difference(photographed(255 - framed if inverted else framed)) < 0.03


def test_a_sheet_lying_askew_on_a_table_gives_nearly_the_same_digit():
    table = Image.new("RGB", (600, 500), (70, 45, 30))
    table.paste(Image.fromarray(SEVEN).convert("RGB"), (150, 100))
    assert difference(table) < 0.02
    askew = np.asarray(table.rotate(5, fillcolor=(70, 45, 30))) + np.random.default_rng(0).normal(
        0, 3, (500, 600, 1)
    )
    turned = preprocess(Image.fromarray(SEVEN).rotate(5, fillcolor=255)).pixels
    assert difference(np.clip(askew, 0, 255).astype(np.uint8), turned) < 0.03


def test_specks_give_the_same_digit():
    specked = SEVEN.copy()
    specked[4:9, 4:9] = specked[270:275, 20:26] = specked[30:38, 262:270] = 0
    assert difference(specked) == 0


def test_a_scan_of_16_pixels_gives_nearly_the_same_digit_at_any_scale():
    box = Image.fromarray(SEVEN[60:230, 75:205]).resize((12, 16), Image.Resampling.BOX)
    scan = Image.new("L", (16, 16), 255)
    scan.paste(box, (2, 0))
    expected = preprocess(scan).pixels
    assert np.abs(expected - preprocess(SEVEN).pixels).mean() < 0.05
    for method in (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC):
        assert difference(scan.resize((160, 160), method), expected) < 0.04


def test_the_ring_of_a_coarse_zero_is_no_sheet_of_paper():
    big = Image.new("L", (280, 280), 30)
    ImageDraw.Draw(big).rounded_rectangle([60, 12, 220, 268], radius=55, outline=220, width=50)
    blurred = big.filter(ImageFilter.GaussianBlur(10)).resize((16, 16), Image.Resampling.BOX)
    zero = preprocess(blurred.resize((180, 180), Image.Resampling.BICUBIC)).pixels
    assert zero[4:24, 4:24].any(axis=0).sum() >= 11
    assert zero[13:15, 13:15].max() < 0.1, "the paper within the ring"
    assert zero[13:15, 7:12].max() > 0.5


def picture_of(name: str) -> np.ndarray:
    blank = np.full((280, 280), 255, np.uint8)
    y, x = np.mgrid[:280, :280]
    grain = np.random.default_rng(0).normal(0, 4, blank.shape)
    if name == "black":
        blank[:] = 0
    if name == "grey":
        blank[:] = 128
    if name == "dot":
        blank[(x - 100) ** 2 + (y - 90) ** 2 < 81] = 0
    if name == "thin frame":
        blank[:3] = blank[-3:] = blank[:, :3] = blank[:, -3:] = 0
    if name == "inner frame":
        blank[20:260, 20:260] = 0
        blank[23:257, 23:257] = 255
    if name == "squared paper":
        blank[::28] = blank[:, ::28] = 120
    if name == "noise":
        blank = np.clip(180 + grain, 0, 255).astype(np.uint8)
    if name == "shaded paper":
        blank = np.clip(150 + 0.15 * x + grain, 0, 255).astype(np.uint8)
    return blank


@pytest.mark.parametrize(
    "name",
    ["white", "black", "grey", "dot", "thin frame", "inner frame", "squared paper", "noise", "shaded paper"],
)
@pytest.mark.parametrize("inverted", [False, True])
def test_a_picture_without_a_digit_is_blank(name, inverted):
    picture = picture_of(name)
    with pytest.raises(BlankImageError, match="blank"):
        preprocess(255 - picture if inverted else picture)


def test_a_wholly_see_through_picture_is_blank():
    with pytest.raises(BlankImageError):
        preprocess(Image.new("RGBA", (100, 100), (0, 0, 0, 0)))


@pytest.mark.parametrize("shape", [(5, 100), (1, 1), (100, 7, 3)])
def test_small_arrays_are_refused(shape):
    with pytest.raises(ImageTooSmallError, match="at least 8"):
        preprocess(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(784), "shape"),
        (np.zeros((2, 28, 28, 1)), "shape"),
        (np.zeros((28, 28, 2)), "shape"),
        (np.zeros((28, 28), int), "int64"),
        (np.zeros((0, 28)), "empty"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(array, message):
    with pytest.raises(ImageError, match=message):
        preprocess(array)


@settings(max_examples=100, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(8, 40), st.integers(8, 40))), st.integers(1, 9))
def test_any_picture_gives_a_digit_in_form_or_is_blank(picture, growth):
    grown = np.kron(picture, np.ones((growth, growth), np.uint8))
    try:
        pixels = preprocess(grown).pixels
    except BlankImageError:
        return
    assert pixels.shape == (28, 28)
    assert np.isfinite(pixels).all()
    assert pixels.min() >= 0
    assert pixels.max() == 1


def test_the_input_is_left_alone_and_equal_inputs_give_equal_pixels():
    photo = photographed(SEVEN)
    before = photo.copy()
    first, second = preprocess(photo).pixels, preprocess(photo).pixels
    assert np.array_equal(first, second)
    assert np.array_equal(photo, before)


def test_mnist_itself_comes_out_nearly_unchanged(real_data_dir):
    images = read_idx(find_file([real_data_dir], MNIST, MNIST.part("test")[0]))[:1000]
    changes = np.array([np.abs(preprocess(image).pixels - image / 255).mean() for image in images])
    # A few have specks, which MNIST's makers left in; without them the digit is a little larger.
    assert changes.mean() < 0.001
    assert (changes < 0.001).mean() > 0.99
