"""PNG files with faults that a checksum would hide: chunks and packed pixels are changed, then packed again.

A PNG is a chain of chunks, each with a CRC of its own; the pixels are one zlib stream, cut into IDAT chunks,
with a checksum as well. A mutant that leaves those wrong is refused at the door and tries nothing behind it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import cache
from random import Random

import numpy as np
from PIL import Image

from tests.fuzz.changes import change_bytes, telling_number
from tests.imaging.pictures import (
    chunk_places,
    drawn_seven,
    interlaced_png,
    png,
    png_chunk,
    png_header,
    png_of_chunks,
    with_chunk_before_data,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LARGE = 0.001  # of the mutants are large; each takes as long as hundreds of others

Chunks = list[tuple[bytes, bytes]]

KINDS = (
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM iCCP sBIT sRGB bKGD hIST pHYs sPLT tIME tEXt zTXt iTXt eXIf acTL "
    b"fcTL fdAT cICP oFFs abcd"
).split()
BODIES = (
    b"",
    b"\0",
    bytes(6),
    b"\xff" * 8,
    bytes(range(256)) * 3,
    b"a\0\0" + zlib.compress(bytes(2_000_000)),
    b"a\0\1\0en\0a\0" + zlib.compress(bytes(2_000_000)),
    b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\3\0\0\0\1\0\x06\0\0\0\0\0\0",  # EXIF: lying on its side
    b"II*\0\x08\0\0\0\xff\xff",
    struct.pack(">II", 2, 0),
)


@cache
def seeds() -> tuple[bytes, ...]:
    """Small sound files of every mode, plain and interlaced, with and without further chunks."""
    seven = Image.fromarray(drawn_seven(40, 4))
    grey16 = np.asarray(seven).astype(np.uint16) * 257
    header, rows = png_header(40, 40, depth=1, colour=3), (b"\0" + bytes([0, 255, 0, 0, 0])) * 40
    return (
        *(png(seven.convert("RGB").convert(mode)) for mode in ("1", "L", "LA", "RGB", "RGBA", "P")),
        png(grey16),
        png(seven.convert("RGB").convert("P"), transparency=b"\x10" * 40),
        png(seven.convert("RGB"), transparency=(255, 255, 255)),
        with_chunk_before_data(png(grey16), b"tRNS", b"\xff\xff"),
        with_chunk_before_data(png(seven), b"zTXt", b"Title\0\0" + zlib.compress(b"seven")),
        with_chunk_before_data(png(seven), b"eXIf", BODIES[7]),
        interlaced_png(np.asarray(seven)),
        png_of_chunks(header, (b"PLTE", bytes(6)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")),
    )


def mutant(rng: Random) -> bytes:
    """A sound file with one to four changes; most of the mutants have right checksums all the same."""
    chunks = _large(rng) if rng.random() < LARGE else taken_apart(rng.choice(seeds()))
    for _ in range(rng.choice((1, 1, 2, 4))):
        chunks = rng.choice(CHANGES)(chunks, rng)
    data = SIGNATURE + b"".join(png_chunk(kind, body) for kind, body in chunks)
    return change_bytes(data, rng) if rng.random() < 0.15 else data


def taken_apart(data: bytes) -> Chunks:
    """(kind, body) of each chunk of a sound file."""
    return [(data[start + 4 : start + 8], data[start + 8 : end - 4]) for start, end in chunk_places(data)]


def _change_header(chunks: Chunks, rng: Random) -> Chunks:
    kind, body = chunks[0]
    place = rng.choice((0, 4, 8, 9, 10, 11, 12))
    length = 4 if place < 8 else 1
    value = (
        telling_number(rng, length) if length == 4 else bytes([rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))])
    )
    return [(kind, body[:place] + value + body[place + length :]), *chunks[1:]]


def _change_body(chunks: Chunks, rng: Random) -> Chunks:
    if not chunks:
        return chunks
    place = rng.randrange(len(chunks))
    kind, body = chunks[place]
    return [*chunks[:place], (kind, change_bytes(body, rng)), *chunks[place + 1 :]]


def _change_pixels(chunks: Chunks, rng: Random) -> Chunks:
    """Unpack the pixels, change them, and pack them another way, in several chunks."""
    places = [place for place, (kind, _) in enumerate(chunks) if kind == b"IDAT"]
    if not places:
        return chunks
    unpacker = zlib.decompressobj()
    try:
        rows = unpacker.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"), 1_000_000)
    except zlib.error:
        return chunks
    if unpacker.unconsumed_tail:  # a large one stays as it is
        return chunks
    for _ in range(rng.randrange(4)):
        rows = change_bytes(rows, rng)
    packer = zlib.compressobj(rng.choice((0, 1, 9)), zlib.DEFLATED, rng.choice((9, 15)), 9, rng.randrange(5))
    packed = packer.compress(rows) + packer.flush()
    cuts = sorted(rng.randint(0, len(packed)) for _ in range(rng.randrange(4)))
    pieces = [packed[start:end] for start, end in zip([0, *cuts], [*cuts, len(packed)], strict=True)]
    others = [chunk for chunk in chunks[places[0] :] if chunk[0] != b"IDAT"]
    return [*chunks[: places[0]], *((b"IDAT", piece) for piece in pieces), *others]


def _large(rng: Random) -> Chunks:
    """A picture of the largest size that is taken, or a little more, in any mode; whole, or half of it."""
    width, height = rng.choice(((5000, 5000), (5000, 5000), (25_000, 1000), (1000, 25_000), (5001, 5000)))
    depth, colour = rng.choice(((1, 0), (8, 0), (16, 0), (8, 2), (16, 2), (8, 3), (8, 4), (8, 6), (16, 6)))
    row = b"\0" + bytes(-(-width * depth * {2: 3, 4: 2, 6: 4}.get(colour, 1) // 8))
    packer = zlib.compressobj(1)
    packed = [packer.compress(row) for _ in range(rng.choice((height, height, height // 2)))]
    pixels = b"".join([*packed, packer.flush()])
    return [png_header(width, height, depth, colour), (b"PLTE", bytes(30)), (b"IDAT", pixels), (b"IEND", b"")]


def _drop(chunks: Chunks, rng: Random) -> Chunks:
    place = rng.randint(0, len(chunks))
    return chunks[:place] + chunks[place + 1 :]


def _repeat(chunks: Chunks, rng: Random) -> Chunks:
    place = rng.randint(0, len(chunks))
    return chunks[:place] + chunks[place : place + 1] * rng.choice((2, 2, 300)) + chunks[place + 1 :]


def _shuffle(chunks: Chunks, rng: Random) -> Chunks:
    return rng.sample(chunks, len(chunks))


def _insert(chunks: Chunks, rng: Random) -> Chunks:
    place = rng.randint(0, len(chunks))
    return [*chunks[:place], (rng.choice(KINDS), rng.choice(BODIES)), *chunks[place:]]


def _borrow(chunks: Chunks, rng: Random) -> Chunks:
    other = taken_apart(rng.choice(seeds()))
    place = rng.randint(0, len(chunks))
    return [*chunks[:place], rng.choice(other), *chunks[place + rng.randrange(2) :]]


CHANGES: list[Callable[[Chunks, Random], Chunks]] = [
    _change_header, _change_header, _change_body, _change_body, _change_pixels, _change_pixels,
    _change_pixels, _drop, _repeat, _shuffle, _insert, _insert, _borrow,
]  # fmt: skip
