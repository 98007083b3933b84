"""PNG and JPEG files are chains of labelled pieces; here they are walked and cleaned before a decoder sees them.

The walk gives the picture's size before anything is decoded, finds damage that decoders overlook, and drops
everything but the picture itself (text, colour profiles, thumbnails, animation), so that no bomb or broken
metadata can reach the decoder. The EXIF orientation is kept as a number.

Sources: PNG (W3C Recommendation, third edition), section 5; JPEG (ITU-T T.81), annex B; Exif 2.32, section 4.6.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

from mnistweb.imaging.errors import BrokenImageError, UnsupportedImageError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"

_MAX_UNPACKED_TEXT = 1 << 20  # bytes; honest texts and colour profiles are far smaller
_MAX_JPEG_SCANS = 64  # a progressive picture has about 10; each costs a pass over all pixels, however short it is

_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_JPEG_KEPT_APPS = (0xE0, 0xEE)  # JFIF and Adobe say how the colours are stored
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
_JPEG_START_OF_SCAN = re.compile(rb"\xff+\xda")


@dataclass(frozen=True)
class Container:
    """A picture file taken apart: `data` holds nothing but the picture; `orientation` is 1 to 8 as EXIF has it."""

    width: int
    height: int
    orientation: int
    data: bytes


def png_size(data: bytes) -> tuple[int, int]:
    """(width, height) from the PNG's header. Raises BrokenImageError when there is none."""
    if len(data) < 33 or data[8:16] != b"\0\0\0\rIHDR":
        raise BrokenImageError("the PNG is cut off or damaged: it does not begin with its header")
    width, height = struct.unpack_from(">II", data, 16)
    if not width or not height:
        raise BrokenImageError(f"the PNG is damaged: it claims a size of {width}x{height} pixels")
    return width, height


def open_png(data: bytes) -> Container:
    """Walk all chunks of a PNG, check their checksums, and keep those that make the picture.

    Raises BrokenImageError for damage or a text that unpacks to more than 1 MB, and UnsupportedImageError
    for an animation. Bytes after the end are ignored, as PNG readers do.
    """
    width, height = png_size(data)
    view = memoryview(data)
    kept: list[bytes | memoryview] = [PNG_SIGNATURE]
    orientation = 1
    position, kind = len(PNG_SIGNATURE), b""
    while kind != b"IEND":
        if position + 12 > len(data):
            raise BrokenImageError("the PNG is cut off: it ends before its end chunk")
        length = int.from_bytes(view[position : position + 4])
        kind = data[position + 4 : position + 8]
        end = position + 12 + length
        if end > len(data):
            raise BrokenImageError(
                f"the PNG is cut off or damaged: a chunk claims {length} bytes, {len(data) - position - 12} are left"
            )
        body = view[position + 8 : end - 4]
        if zlib.crc32(view[position + 4 : end - 4]) != int.from_bytes(view[end - 4 : end]):
            raise BrokenImageError("the PNG is damaged: a chunk does not match its checksum")
        if kind in _PNG_KEPT:
            kept.append(view[position:end])
        elif kind == b"acTL":
            raise UnsupportedImageError("an animated PNG was sent; a still PNG or JPEG is wanted")
        elif kind in (b"zTXt", b"iCCP", b"iTXt"):
            _refuse_bomb(kind, bytes(body))
        elif kind == b"eXIf":
            orientation = _exif_orientation(bytes(body))
        position = end
    return Container(width, height, orientation, b"".join(kept))


def _refuse_bomb(kind: bytes, body: bytes) -> None:
    """Raise BrokenImageError when the packed part of a text or profile chunk unpacks to more than 1 MB."""
    head, _, rest = body.partition(b"\0")
    if kind == b"iTXt":
        if rest[:1] != b"\1":
            return  # not packed
        rest = rest[1:].split(b"\0", 2)[-1]  # language tag and translated keyword come first
    try:
        unpacked = zlib.decompressobj().decompress(rest[1:], _MAX_UNPACKED_TEXT + 1)
    except zlib.error:
        return  # a text that nobody reads may be broken
    if len(unpacked) > _MAX_UNPACKED_TEXT:
        raise BrokenImageError(f"the PNG carries a packed text of more than {_MAX_UNPACKED_TEXT} bytes")


def jpeg_size(data: bytes) -> tuple[int, int]:
    """(width, height) from the JPEG's frame header. Raises BrokenImageError when there is none."""
    for marker, _, body in _jpeg_segments(data):
        if marker in _JPEG_FRAMES:
            if len(body) < 6:
                break
            height, width = struct.unpack_from(">HH", body, 1)
            if not width or not height:
                raise BrokenImageError(f"the JPEG is damaged: it claims a size of {width}x{height} pixels")
            return width, height
    raise BrokenImageError("the JPEG is cut off or damaged: it has no frame header")


def open_jpeg(data: bytes) -> Container:
    """Walk the segments of a JPEG up to its first scan and keep those that make the picture.

    Raises BrokenImageError for damage, and for more scans than any encoder writes.
    """
    width, height = jpeg_size(data)
    orientation = 1
    kept: list[bytes | memoryview] = [b"\xff\xd8"]
    scan = 0
    for marker, position, body in _jpeg_segments(data):
        if marker == 0xDA:
            scan = position
            break
        if marker == 0xE1 and bytes(body[:6]) == b"Exif\0\0":
            orientation = _exif_orientation(bytes(body[6:]))
        is_metadata = 0xE0 <= marker <= 0xEF or marker == 0xFE
        if marker in _JPEG_KEPT_APPS or not is_metadata:
            kept += [bytes((0xFF, marker)), (len(body) + 2).to_bytes(2), body]
    if not scan:
        raise BrokenImageError("the JPEG is cut off: it ends before the picture begins")
    # Within a scan 0xFF is always followed by 0 or a restart marker, so each match is a true scan.
    if sum(1 for _ in _JPEG_START_OF_SCAN.finditer(data, scan)) > _MAX_JPEG_SCANS:
        raise BrokenImageError(f"the JPEG has more than {_MAX_JPEG_SCANS} scans")
    kept.append(memoryview(data)[scan:])
    return Container(width, height, orientation, b"".join(kept))


def _jpeg_segments(data: bytes):  # type: ignore[no-untyped-def]
    """Yield (marker, position, body without its length) for each segment up to and with the first scan's header."""
    view = memoryview(data)
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            raise BrokenImageError("the JPEG is damaged: a segment does not begin with a marker")
        marker = data[position + 1]
        if marker == 0xFF:  # padding
            position += 1
            continue
        if marker in _JPEG_WITHOUT_LENGTH:
            position += 2
            continue
        if marker == 0xD9:
            break
        length = int.from_bytes(view[position + 2 : position + 4])
        if length < 2 or position + 2 + length > len(data):
            raise BrokenImageError("the JPEG is cut off or damaged: a segment is longer than what is left")
        yield marker, position, view[position + 4 : position + 2 + length]
        if marker == 0xDA:
            return
        position += 2 + length
    raise BrokenImageError("the JPEG is cut off: it ends before the picture begins")


def _exif_orientation(tiff: bytes) -> int:
    """The orientation (1 to 8) from an EXIF block; 1, upright, when the block is broken or silent."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 10:
        return 1
    (directory,) = struct.unpack_from(order + "I", tiff, 4)
    if directory + 2 > len(tiff):
        return 1
    (entries,) = struct.unpack_from(order + "H", tiff, directory)
    for entry in range(directory + 2, min(directory + 2 + 12 * entries, len(tiff) - 11), 12):
        tag, kind, count, value = struct.unpack_from(order + "HHIH", tiff, entry)
        if tag == 0x0112:
            return value if kind == 3 and count == 1 and 1 <= value <= 8 else 1
    return 1
