"""base64 and picture files as they come in: what is wrong with them is answered with the right status.

What the decoder does with each kind of file is tested in tests/imaging; here is the way from there on.

Guards: decode_base64 and PixelBudget in mnistweb/web/incoming.py, and errors.py, which gives each kind of
ImageError its status.
"""

from __future__ import annotations

import base64
import io
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from tests.inference.test_pictures import drawn_seven, png
from tests.web.conftest import as_base64, make_app, post_json, problem


def header_of_png(width: int, height: int, bit_depth: int = 1, colour: int = 0) -> bytes:
    """A PNG whose header claims a size; a little data follows."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bit_depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def saved_as(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


BAD_BASE64 = {
    "characters outside the alphabet": ("iVBOR*w0KGgo", 400, "broken_base64"),
    "spaces": ("iVBO Rw0K Ggo=", 400, "broken_base64"),
    "line breaks": ("iVBO\nRw0K", 400, "broken_base64"),
    "the alphabet of URLs": ("-_-_", 400, "broken_base64"),
    "missing padding": ("iVBORw0KG", 400, "broken_base64"),
    "too much padding": ("iVBORw0K====", 400, "broken_base64"),
    "padding in the middle": ("iV==BORw", 400, "broken_base64"),
    "beyond ASCII": ("iVBORw0é", 400, "broken_base64"),
    "beyond the first plane": ("\U0001f600", 400, "broken_base64"),
    "empty": ("", 400, "broken_base64"),
    "an empty data URL": ("data:image/png;base64,", 400, "broken_base64"),
    "no comma": ("data:image/png;base64", 400, "broken_base64"),
    "url-encoded": ("data:image/png,%89PNG", 400, "broken_base64"),
    "percent signs in base64": ("data:image/png;base64,iVBO%3D", 400, "broken_base64"),
    "a GIF's type": ("data:image/gif;base64,R0lGODlh", 415, "unsupported_media_type"),
    "a text's type": ("data:text/html;base64,PGI+", 415, "unsupported_media_type"),
    "no type": ("data:;base64,iVBORw0K", 415, "unsupported_media_type"),
    "base64 of a text": (as_base64(b"hello, world"), 415, "unsupported_image"),
    "half a PNG": (as_base64(png(drawn_seven())[:200]), 400, "broken_image"),
}

small = Image.new("L", (40, 40), 255)
other = Image.new("L", (40, 40), 0)

OTHER_FILES = {
    "GIF": saved_as(drawn_seven(), "GIF"),
    "animated GIF": saved_as(small, "GIF", save_all=True, append_images=[other]),
    "animated PNG": saved_as(small, "PNG", save_all=True, append_images=[other]),
    "WebP": saved_as(drawn_seven(), "WEBP"),
    "TIFF": saved_as(drawn_seven(), "TIFF"),
    "BMP": saved_as(drawn_seven(), "BMP"),
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "HTML": b"<!doctype html><script>alert(1)</script>",
    "ZIP": b"PK\x03\x04" + bytes(100),
    "pickle": pickle.dumps({"a": 1}),
    "empty": b"",
    "text": b"seven",
}


def as_png(client: FlaskClient, data: bytes):  # type: ignore[no-untyped-def]
    return client.post(
        "/predict", data=data, content_type="image/png", environ_overrides={"CONTENT_LENGTH": str(len(data))}
    )


@pytest.mark.parametrize("name", BAD_BASE64)
def test_bad_base64_is_told(client: FlaskClient, name: str) -> None:
    text, status, code = BAD_BASE64[name]
    problem(post_json(client, "/predict", {"image": text}), status, code)


@pytest.mark.parametrize("name", OTHER_FILES)
def test_only_png_and_jpeg_are_taken_whatever_the_name_says(client: FlaskClient, name: str) -> None:
    problem(as_png(client, OTHER_FILES[name]), 415, "unsupported_image")
    if OTHER_FILES[name]:
        files = {"image": (io.BytesIO(OTHER_FILES[name]), "seven.png", "image/png")}
        problem(client.post("/predict", data=files), 415, "unsupported_image")


@pytest.mark.parametrize(
    ("width", "height"), [(30_000, 30_000), (10_000, 10_000), (9_400, 9_400), (2**31 - 1, 1)]
)
def test_too_many_pixels_are_refused_by_the_header(client: FlaskClient, width: int, height: int) -> None:
    found = problem(as_png(client, header_of_png(width, height)), 413, "image_too_large")
    assert "25,000,000" in found["detail"]


def test_the_limit_of_pixels_can_be_set(weights: Path, instance: Path, seven: bytes) -> None:
    client = make_app(weights, MAX_IMAGE_PIXELS=280 * 280 - 1).test_client()
    problem(as_png(client, seven), 413, "image_too_large")
    client = make_app(weights, MAX_IMAGE_PIXELS=280 * 280).test_client()
    assert as_png(client, seven).status_code == 200


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1)])
def test_pictures_too_small_for_a_digit_are_422(client: FlaskClient, size: tuple[int, int]) -> None:
    problem(as_png(client, saved_as(Image.new("L", size, 255), "PNG")), 422, "image_too_small")


def test_a_strip_of_noise_is_422(client: FlaskClient) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (26, 3000)).astype(np.uint8)
    problem(as_png(client, png(Image.fromarray(noise))), 422, "image_too_small")


@pytest.mark.parametrize("kept", [9, 20, 33, 50, 200, -30, -13, -5])
def test_a_truncated_png_is_400(client: FlaskClient, seven: bytes, kept: int) -> None:
    problem(as_png(client, seven[:kept]), 400, "broken_image")


@pytest.mark.parametrize("kept", [3, 4, 30, 300, -400])
def test_a_truncated_jpeg_is_400(client: FlaskClient, kept: int) -> None:
    data = saved_as(drawn_seven(), "JPEG")[:kept]
    response = client.post("/predict", data=data, content_type="image/jpeg")
    assert response.status_code == 400
    problem(response, 400, "broken_image")


def test_any_flipped_byte_of_a_png_is_answered_and_never_500(client: FlaskClient) -> None:
    original = saved_as(drawn_seven(60), "PNG")
    for place in range(len(original)):
        damaged = bytearray(original)
        damaged[place] ^= 0xFF
        response = as_png(client, bytes(damaged))
        assert response.status_code in (200, 400, 413, 415, 422), (place, response.text)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_one_plain_colour_is_blank(client: FlaskClient, level: int) -> None:
    problem(as_png(client, saved_as(Image.new("L", (280, 280), level), "PNG")), 422, "blank_image")


def test_white_on_black_is_the_same_digit(client: FlaskClient, seven: bytes) -> None:
    inverted = Image.fromarray(255 - np.asarray(drawn_seven()))
    first, second = as_png(client, seven).json, as_png(client, png(inverted)).json
    assert first["prediction"] == second["prediction"]
    assert first["confidence"] == pytest.approx(second["confidence"], abs=0.02)


def test_what_stands_after_a_pngs_end_is_never_served_again(client: FlaskClient, seven: bytes) -> None:
    script = b"<script>alert(document.cookie)</script>"
    with_script = seven + script
    assert as_png(client, with_script).json == as_png(client, seven).json
    debug = client.post("/debug-image", data=with_script, content_type="image/png").json
    stored = client.get(f"/debug-image/{debug['saved_debug_image']}", buffered=True)
    assert stored.status_code == 200
    assert script not in stored.data
    page = client.post("/upload", data={"image": (io.BytesIO(with_script), "seven.png")})
    assert page.status_code == 200
    for url in page.text.split('src="data:image/png;base64,')[1:]:
        assert script not in base64.b64decode(url.split('"')[0])
