"""Pictures that the tests of this room are made of, drawn here so that none has to be stored."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageDraw

INK, PAPER = 0, 255


def drawn_seven(size: int = 280, brush: int = 18) -> np.ndarray:
    """A 7 in black on white, anti-aliased, as the canvas shows it: uint8 (size, size)."""
    big = Image.new("L", (size * 4, size * 4), PAPER)
    points = [(0.3, 0.25), (0.68, 0.25), (0.45, 0.78)]
    pen = ImageDraw.Draw(big)
    pen.line([(x * size * 4, y * size * 4) for x, y in points], fill=INK, width=brush * 4, joint="curve")
    return np.asarray(big.resize((size, size), Image.Resampling.BOX))


def drawn_eight(size: int = 280, brush: int = 18) -> np.ndarray:
    """An 8 of two rings in black on white, uint8 (size, size)."""
    big = Image.new("L", (size * 4, size * 4), PAPER)
    pen = ImageDraw.Draw(big)
    for top, bottom, left, right in ((0.2, 0.48, 0.38, 0.62), (0.42, 0.78, 0.34, 0.66)):
        pen.ellipse([size * 4 * v for v in (left, top, right, bottom)], outline=INK, width=brush * 4)
    return np.asarray(big.resize((size, size), Image.Resampling.BOX))


def png(image: Image.Image | np.ndarray, **options: object) -> bytes:
    return _saved(image, "PNG", options)


def jpeg(image: Image.Image | np.ndarray, **options: object) -> bytes:
    return _saved(image, "JPEG", options)


def _saved(image: Image.Image | np.ndarray, kind: str, options: dict) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)


def png_header(width: int, height: int, depth: int = 8, colour: int = 0) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)


def interlaced_png(pixels: np.ndarray) -> bytes:
    """A PNG of (H, W) uint8 in the seven passes of Adam7 (PNG specification, section 8)."""
    height, width = pixels.shape
    rows = bytearray()
    passes = (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    )
    for top, left, down, right in passes:
        for row in pixels[top::down, left::right]:
            rows += b"\0" + row.tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)
    return png_of_chunks((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b""))


def with_chunk_before_data(data: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG file with one more chunk just before its picture data."""
    place = data.index(b"IDAT") - 4
    return data[:place] + png_chunk(kind, body) + data[place:]


def chunk_places(data: bytes) -> list[tuple[int, int]]:
    """(start, end) of each chunk of a sound PNG file."""
    places, position = [], 8
    while position < len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4])
        places.append((position, end))
        position = end
    return places


def with_repaired_checksums(data: bytes) -> bytes:
    """A PNG file, changed inside its chunks, with checksums that fit again."""
    repaired = bytearray(data)
    for start, end in chunk_places(data):
        repaired[end - 4 : end] = struct.pack(">I", zlib.crc32(data[start + 4 : end - 4]))
    return bytes(repaired)
