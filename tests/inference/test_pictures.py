"""Anything that holds a picture becomes 28x28 pixels, or is refused in words before a network sees it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnistweb.imaging.errors import BlankImageError, ImageTooLargeError
from mnistweb.inference import PixelsError, mnist_pixels, prepare


def drawn_seven(side: int = 280) -> Image.Image:
    image = Image.new("L", (side, side), 255)
    scale = side / 280
    stroke = [(80, 60), (200, 60), (120, 230)]
    ImageDraw.Draw(image).line([(x * scale, y * scale) for x, y in stroke], fill=0, width=round(20 * scale))
    return image


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_bytes_path_picture_and_array_give_the_same_pixels(tmp_path: Path) -> None:
    image = drawn_seven()
    path = tmp_path / "seven.png"
    path.write_bytes(png(image))
    forms = (
        png(image),
        bytearray(png(image)),
        path,
        str(path),
        image,
        np.asarray(image),
        np.asarray(image) / 255,
    )
    first, *others = (prepare(form).pixels for form in forms)
    assert first.shape == (28, 28)
    assert first.dtype == np.float32
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_a_picture_as_it_is_is_only_checked() -> None:
    values = np.random.default_rng(1).random((28, 28))
    prepared = prepare(values, as_it_is=True)
    np.testing.assert_array_equal(prepared.pixels, values.astype(np.float32))
    assert prepared.steps == ()


def test_centre_of_mass_and_ink_box_of_one_inked_pixel_by_hand() -> None:
    values = np.zeros((28, 28))
    values[5, 20] = 1
    prepared = prepare(values, as_it_is=True)
    assert prepared.centre_of_mass == (20.5, 5.5)
    assert prepared.ink_box == (20, 5, 21, 6)


@pytest.mark.parametrize("shape", [(784,), (28, 28), (28, 28, 1)])
def test_784_numbers_are_taken_in_any_of_their_shapes(shape: tuple[int, ...]) -> None:
    values = np.linspace(0, 1, 784).reshape(shape)
    np.testing.assert_array_equal(mnist_pixels(values).ravel(), np.linspace(0, 1, 784).astype(np.float32))


def test_bytes_from_0_to_255_become_0_to_1() -> None:
    values = np.zeros(784, np.uint8)
    values[3] = 255
    assert mnist_pixels(values)[0, 3] == 1.0


@pytest.mark.parametrize("count", [0, 1, 783, 785])
def test_another_number_of_pixels_is_refused(count: int) -> None:
    with pytest.raises(PixelsError, match=rf"shape \({count},\); wanted are 784"):
        mnist_pixels(np.zeros(count))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -1e-9, 1.0001, 255.0, 1e308])
@pytest.mark.parametrize("as_it_is", [True, False])
def test_a_value_that_is_no_brightness_is_named_by_its_index(bad: float, as_it_is: bool) -> None:
    values = np.full((28, 28), 0.5)
    values[10, 17] = bad
    with pytest.raises(PixelsError, match="pixel 297 is") as caught:
        prepare(values, as_it_is=as_it_is)
    assert caught.value.index == 10 * 28 + 17


@pytest.mark.parametrize(
    "values", [np.full(784, "1"), np.full(784, True), np.full(784, None), np.full(784, 1j)]
)
def test_what_is_no_number_is_refused(values: np.ndarray) -> None:
    with pytest.raises(PixelsError, match="got pixels of type"):
        mnist_pixels(values)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_blank_picture_is_refused_before_the_network(level: float) -> None:
    with pytest.raises(BlankImageError):
        prepare(np.full((28, 28), level), as_it_is=True)
    with pytest.raises(BlankImageError):
        prepare(np.full((280, 280), level))


def test_the_limit_of_pixels_reaches_the_decoder() -> None:
    with pytest.raises(ImageTooLargeError):
        prepare(png(drawn_seven(280)), max_pixels=280 * 279)


def test_steps_are_kept_when_asked_for() -> None:
    assert len(prepare(drawn_seven(), keep_steps=True).steps) > 3
    assert prepare(drawn_seven()).steps == ()
