"""JPEG files with faults behind their segments' lengths, which are made right again after each change.

A JPEG is a chain of segments, each a marker, a length and a body; behind the header of a scan (SOS) come its
packed pixels, without a length, up to the next marker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from PIL import Image

from tests.fuzz.changes import change_bytes, telling_number
from tests.imaging.pictures import drawn_seven, jpeg

SCAN, END = 0xDA, 0xD9
FRAMES = (0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA)
MARKERS = (
    *FRAMES,
    0xC4,
    0xCC,
    0xD0,
    0xD7,
    0xD8,
    END,
    SCAN,
    0xDB,
    0xDC,
    0xDD,
    0xE0,
    0xE1,
    0xE2,
    0xEE,
    0xFE,
    1,
    0,
)
BODIES = (
    b"",
    b"\0",
    b"\0\1",  # DRI: a restart after every unit
    b"\xff\xff",
    bytes(65),
    b"\0" + bytes([1] * 64),  # a quantisation table
    b"\x10" + bytes([255] * 16) + bytes(range(256)),  # a Huffman table of more codes than there can be
    b"\0" + bytes(16),  # and one of none
    b"JFIF\0\1\2\0\0\1\0\1\0\0",
    b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0",  # lying on its side
    b"Exif\0\0MM\0*\xff\xff\xff\xff",
    b"MPF\0II*\0\x08\0\0\0\1\0\1\xb0\4\0\1\0\0\0\2\0\0\0\0\0\0\0",  # several pictures in one file
    b"ICC_PROFILE\0\1\1" + bytes(200),
    b"Adobe\0\x64\0\0\0\0\2",
    b"Photoshop 3.0\0008BIM\4\x04\0\0\0\0\0\4abcd",
)


@dataclass(frozen=True)
class Segment:
    """A marker, its body, and for a scan the packed pixels behind it."""

    marker: int
    body: bytes
    pixels: bytes = b""

    def __bytes__(self) -> bytes:
        if self.marker in (END, 0xD8, 0, 1) or 0xD0 <= self.marker <= 0xD7:
            return bytes((0xFF, self.marker))
        return bytes((0xFF, self.marker)) + (len(self.body) + 2).to_bytes(3)[-2:] + self.body + self.pixels


Segments = list[Segment]


@cache
def seeds() -> tuple[bytes, ...]:
    """Small sound files: grey, colour, four colours, progressive, with restarts, EXIF and a long comment."""
    seven = Image.fromarray(drawn_seven(40, 4))
    exif = Image.Exif()
    exif[0x0112] = 6
    return (
        jpeg(seven),
        jpeg(seven.convert("RGB"), subsampling="4:2:0"),
        jpeg(seven.convert("RGB"), subsampling="4:4:4", optimize=True),
        jpeg(seven.convert("CMYK")),
        jpeg(seven, progressive=True),
        jpeg(seven.convert("RGB"), progressive=True),
        jpeg(seven.convert("RGB"), restart_marker_blocks=2, comment=b"a seven" * 40),
        jpeg(seven.convert("RGB"), exif=exif, quality=5),
    )


def mutant(rng: Random) -> bytes:
    """A sound file with one to four changes."""
    segments = taken_apart(rng.choice(seeds()))
    for _ in range(rng.choice((1, 1, 2, 4))):
        if segments:
            segments = rng.choice(CHANGES)(segments, rng)
    data = b"\xff\xd8" + b"".join(map(bytes, segments))
    return change_bytes(data, rng) if rng.random() < 0.15 else data


def taken_apart(data: bytes) -> Segments:
    """The segments of a sound file, behind its first marker."""
    segments, position = [], 2
    while position < len(data):
        marker = data[position + 1]
        if marker == END:
            segments.append(Segment(END, b""))
            break
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4])
        body, start = data[position + 4 : end], end
        while marker == SCAN and not (data[end] == 0xFF and data[end + 1] not in (0, *range(0xD0, 0xD8))):
            end += 1
        segments.append(Segment(marker, body, data[start:end]))
        position = end
    return segments


def _change_frame(segments: Segments, rng: Random) -> Segments:
    """Another size, precision, number of colours or way of sampling."""
    for place, segment in enumerate(segments):
        if segment.marker in FRAMES and len(segment.body) >= 6:
            at = rng.choice((0, 1, 3, 5, *range(6, len(segment.body))))
            length = 2 if at in (1, 3) else 1
            value = (
                telling_number(rng, length)
                if at in (1, 3)
                else bytes([rng.choice((0, 1, 3, 4, 8, 0x14, 0x44, 255))])
            )
            body = segment.body[:at] + value + segment.body[at + length :]
            return [*segments[:place], replace(segment, body=body), *segments[place + 1 :]]
    return segments


def _change_body(segments: Segments, rng: Random) -> Segments:
    place = rng.randrange(len(segments))
    changed = replace(segments[place], body=change_bytes(segments[place].body, rng))
    return [*segments[:place], changed, *segments[place + 1 :]]


def _change_pixels(segments: Segments, rng: Random) -> Segments:
    places = [place for place, segment in enumerate(segments) if segment.pixels]
    if not places:
        return segments
    place = rng.choice(places)
    pixels = segments[place].pixels
    if rng.random() < 0.3:
        at = rng.randint(0, len(pixels))
        pixels = pixels[:at] + bytes((0xFF, rng.choice(MARKERS))) + pixels[at:]
    else:
        pixels = change_bytes(pixels, rng)
    return [*segments[:place], replace(segments[place], pixels=pixels), *segments[place + 1 :]]


def _change_marker(segments: Segments, rng: Random) -> Segments:
    place = rng.randrange(len(segments))
    return [*segments[:place], replace(segments[place], marker=rng.choice(MARKERS)), *segments[place + 1 :]]


def _drop(segments: Segments, rng: Random) -> Segments:
    place = rng.randrange(len(segments))
    return segments[:place] + segments[place + 1 :]


def _repeat(segments: Segments, rng: Random) -> Segments:
    place = rng.randrange(len(segments))
    return segments[:place] + [segments[place]] * rng.choice((2, 2, 40)) + segments[place + 1 :]


def _shuffle(segments: Segments, rng: Random) -> Segments:
    return rng.sample(segments, len(segments))


def _insert(segments: Segments, rng: Random) -> Segments:
    place = rng.randint(0, len(segments))
    return [*segments[:place], Segment(rng.choice(MARKERS), rng.choice(BODIES)), *segments[place:]]


def _borrow(segments: Segments, rng: Random) -> Segments:
    other = taken_apart(rng.choice(seeds()))
    place = rng.randint(0, len(segments))
    return [*segments[:place], rng.choice(other), *segments[place + rng.randrange(2) :]]


CHANGES: list[Callable[[Segments, Random], Segments]] = [
    _change_frame, _change_frame, _change_body, _change_body, _change_pixels, _change_pixels, _change_pixels,
    _change_marker, _drop, _repeat, _shuffle, _insert, _insert, _borrow,
]  # fmt: skip
