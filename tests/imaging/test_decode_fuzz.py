"""Whatever bytes come, decode_image returns a picture or raises an ImageError; nothing else gets out.

`python -m tests.fuzz.images` and `python -m tests.fuzz.guided_images` are the long runs.
"""

from __future__ import annotations

import warnings

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnistweb.imaging.decode import decode_image
from mnistweb.imaging.errors import ImageError
from tests.fuzz import images
from tests.fuzz.batches import feed_mutants
from tests.imaging.pictures import chunk_places, drawn_seven, jpeg, png, with_repaired_checksums

_SEVEN = Image.fromarray(drawn_seven(24, 3))
PNGS = [
    png(_SEVEN),
    png(_SEVEN.convert("P"), transparency=b"\x10" * 9),
    png(_SEVEN.convert("RGBA")),
    png(_SEVEN.convert("1")),
    png(np.arange(24 * 24, dtype=np.uint16).reshape(24, 24) * 100),
]
JPEGS = [jpeg(_SEVEN), jpeg(_SEVEN.convert("RGB"), progressive=True), jpeg(_SEVEN.convert("CMYK"))]

Edits = list[tuple[float, int]]
edits = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6)


def decode_or_refuse(data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning of the decoder's would be a leak
        try:
            image = decode_image(data, max_pixels=1_000_000)
        except ImageError:
            return
    assert image.mode in ("L", "LA", "RGB", "RGBA")


def edited(data: bytes, changes: Edits) -> bytes:
    result = bytearray(data)
    for place, value in changes:
        result[int(place * len(result))] = value
    return bytes(result)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_only_raise_image_errors(data):
    decode_or_refuse(data)
    decode_or_refuse(b"\x89PNG\r\n\x1a\n" + data)
    decode_or_refuse(b"\xff\xd8\xff" + data)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PNGS), edits)
def test_changed_pngs_with_repaired_checksums_only_raise_image_errors(data, changes):
    places = chunk_places(data)
    result = bytearray(data)
    for place, value in changes:
        start, end = places[int(place * len(places))]
        body = range(start + 8, end - 4)
        if body:
            result[body[int(place * 7919 % 1 * len(body))]] = value
    decode_or_refuse(with_repaired_checksums(bytes(result)))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(JPEGS), edits)
def test_changed_jpegs_only_raise_image_errors(data, changes):
    decode_or_refuse(edited(data, changes))


@settings(deadline=None)
@given(st.sampled_from(PNGS + JPEGS), st.sampled_from(PNGS + JPEGS), st.floats(0, 1), st.floats(0, 1))
def test_halves_of_two_files_only_raise_image_errors(one, other, first, second):
    decode_or_refuse(one[: int(first * len(one))] + other[int(second * len(other)) :])


def test_mutants_with_right_checksums_are_read_or_refused():
    outcomes = feed_mutants(images.mutant, images.feed, seed=0, count=800)
    assert outcomes["read"] > 100
    assert outcomes["broken_image"] > outcomes["read"]


def test_the_files_that_mutants_are_made_of_are_sound():
    outcomes = [images.feed(seed) for seed in images.seeds()]
    assert outcomes.count("read") == len(outcomes) - 1
    assert outcomes.count("blank_image") == 1  # stripes
