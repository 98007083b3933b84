"""PNG and JPEG files are chains of labelled pieces; here they are walked and cleaned before they are decoded.

The walk tells the picture's size before anything is unpacked, finds damage that decoders overlook, and drops
all but the picture itself (text, colour profiles, thumbnails), so that neither a bomb nor broken metadata can
reach the decoder. The EXIF orientation is kept as a number.

Sources: PNG (W3C Recommendation, third edition), section 5; JPEG (ITU-T T.81), annex B; Exif 2.32, chapter
4.6.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from mnistweb.imaging.errors import BrokenImageError, ImageTooLargeError, UnsupportedImageError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"

_MAX_PIECES = 50_000  # chunks or segments; the largest pictures have some 10,000
_MAX_UNPACKED_TEXT = 1 << 20  # bytes; honest texts and colour profiles are far smaller
# A JPEG in several scans is held in memory whole, two bytes a sample, and each scan is a pass over all of it.
_MAX_SAMPLES_HELD = 80_000_000
_MAX_SAMPLES_PASSED = 1_200_000_000  # about two seconds

_CHUNK_HEAD = struct.Struct(">I4s")  # length of the body, kind
_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_JPEG_METADATA = frozenset({*range(0xE0, 0xF0), 0xFE}) - {0xE0, 0xEE}  # JFIF and Adobe tell of the colours
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
_JPEG_START_OF_SCAN = re.compile(rb"\xff+\xda")


@dataclass(frozen=True)
class Container:
    """A picture file taken apart: `data` holds nothing but the picture, `orientation` is EXIF's, 1 to 8."""

    orientation: int
    data: bytes


def png_size(data: bytes) -> tuple[int, int]:
    """(width, height) from the PNG's header. Raises BrokenImageError when there is none."""
    if len(data) < 33 or data[8:16] != b"\0\0\0\rIHDR":
        raise BrokenImageError("the PNG is cut off or damaged: it does not begin with its header")
    width, height = struct.unpack_from(">II", data, 16)
    return _plausible("PNG", width, height)


def open_png(data: bytes) -> Container:
    """Walk all chunks of a PNG, check their checksums, and keep those that make the picture.

    Bytes after the end are ignored, as PNG readers do. Raises BrokenImageError for damage and for texts that
    unpack to more than 1 MB, UnsupportedImageError for an animation.
    """
    kept: list[bytes | memoryview] = [PNG_SIGNATURE]
    orientation = 1
    text_left = _MAX_UNPACKED_TEXT
    for kind, chunk in _png_chunks(data):
        body = chunk[8:-4]
        if kind == b"IHDR" and len(kept) > 1:  # decoders believe the last one, whose size nobody has judged
            raise BrokenImageError("the PNG is damaged: it has two headers")
        if kind in _PNG_KEPT:
            kept.append(chunk)
        elif kind == b"acTL":
            raise UnsupportedImageError("an animated PNG was sent; a still PNG or JPEG picture is wanted")
        elif kind in (b"zTXt", b"iCCP", b"iTXt"):
            text_left -= _unpacked_length(kind, bytes(body), text_left + 1)
            if text_left < 0:
                raise BrokenImageError(f"the PNG carries packed texts of over {_MAX_UNPACKED_TEXT:,} bytes")
        elif kind == b"eXIf":
            orientation = _exif_orientation(bytes(body))
    return Container(orientation, b"".join(kept))


def check_png_is_whole(data: bytes) -> None:
    """Raises BrokenImageError when a sound chain of chunks holds fewer rows of pixels than its header claims.

    Decoders leave the missing rows black and say nothing. This unpacks all pixels to count them, which takes
    most of the time that decoding takes, so it is for pictures that look as if rows were missing.
    """
    chunks = [(kind, chunk[8:-4]) for kind, chunk in _png_chunks(data)]
    wanted = _packed_length(bytes(chunks[0][1]))
    unpacker = zlib.decompressobj()
    packed = b"".join(body for kind, body in chunks if kind == b"IDAT")
    came = 0
    while packed and came < wanted:
        came += len(unpacker.decompress(packed, 1 << 20))
        packed = unpacker.unconsumed_tail
    if came < wanted:
        raise BrokenImageError(f"the PNG is cut off: {came:,} of {wanted:,} bytes of pixels are there")


def _packed_length(header: bytes) -> int:
    """The bytes that the rows of a picture have, each with the number of its filter before it."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * {2: 3, 4: 2, 6: 4}.get(colour, 1)  # colours, grey with alpha, colours with alpha
    whole = ((0, 0, 1, 1),)
    passes = (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    )
    total = 0
    for left, top, right, down in passes if interlaced else whole:
        columns, rows = -(-(width - left) // right), -(-(height - top) // down)
        total += rows * (1 + -(-columns * bits // 8)) if columns > 0 else 0
    return total


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield (kind, whole chunk) up to and with the end chunk; a chunk is length, kind, body and checksum."""
    view = memoryview(data)
    position = len(PNG_SIGNATURE)
    for _ in range(_MAX_PIECES):
        left = len(data) - position - 12
        if left < 0:
            raise BrokenImageError("the PNG is cut off: it ends before its end chunk")
        length, kind = _CHUNK_HEAD.unpack_from(data, position)
        if length > left:
            raise BrokenImageError(f"the PNG is cut off: a chunk claims {length} bytes, {left} are left")
        chunk = view[position : position + 12 + length]
        if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:]):
            raise BrokenImageError("the PNG is damaged: a chunk does not match its checksum")
        yield kind, chunk
        if kind == b"IEND":
            return
        position += len(chunk)
    raise BrokenImageError(f"the PNG has more than {_MAX_PIECES:,} chunks")


def _unpacked_length(kind: bytes, body: bytes, most: int) -> int:
    """The length, at most `most`, of what is packed in a text or colour profile chunk."""
    packed = body.partition(b"\0")[2][1:]  # after the keyword and the method, in iTXt the flag "is packed"
    if kind == b"iTXt":
        packed = packed[1:].split(b"\0", 2)[-1]  # after the method, the language and the translated keyword
    try:
        return len(zlib.decompressobj().decompress(packed, most))
    except zlib.error:
        return 0  # not packed, or broken: nobody reads it


def jpeg_size(data: bytes) -> tuple[int, int]:
    """(width, height) from the JPEG's frame header. Raises BrokenImageError when there is none."""
    width, height, _ = _jpeg_frame(data)
    return _plausible("JPEG", width, height)


def open_jpeg(data: bytes) -> Container:
    """Walk the segments of a JPEG up to its first scan and keep those that make the picture.

    Raises BrokenImageError for damage, ImageTooLargeError when its many scans would take too much memory or
    time.
    """
    orientation = 1
    kept: list[bytes | memoryview] = [b"\xff\xd8"]
    scan = len(data)
    frames = 0
    for marker, position, body in _jpeg_segments(data):
        frames += marker in _JPEG_FRAMES
        if frames > 1:  # decoders believe the last one, whose size nobody has judged
            raise BrokenImageError("the JPEG is damaged: it has two frame headers")
        if marker == 0xDA:
            scan = position
        elif marker == 0xE1 and bytes(body[:6]) == b"Exif\0\0":
            orientation = _exif_orientation(bytes(body[6:]))
        elif marker not in _JPEG_METADATA:
            kept += [bytes((0xFF, marker)), (len(body) + 2).to_bytes(2), body]
    _refuse_costly_scans(data, scan)
    kept.append(memoryview(data)[scan:])
    return Container(orientation, b"".join(kept))


def _refuse_costly_scans(data: bytes, first_scan: int) -> None:
    # Within a scan 0xFF is always followed by 0 or a restart marker, so each match is a true scan.
    scans = sum(1 for _ in _JPEG_START_OF_SCAN.finditer(data, first_scan))
    width, height, layers = _jpeg_frame(data)
    samples = width * height * layers
    if scans > 1 and (samples > _MAX_SAMPLES_HELD or samples * scans > _MAX_SAMPLES_PASSED):
        raise ImageTooLargeError(
            f"the JPEG has {width}x{height} pixels of {layers} colours in {scans} scans, more than is taken;"
            " save it without progressive coding"
        )


def _jpeg_frame(data: bytes) -> tuple[int, int, int]:
    """(width, height, colours) as the frame header has them."""
    for marker, _, body in _jpeg_segments(data):
        if marker in _JPEG_FRAMES and len(body) >= 6:
            height, width, layers = struct.unpack_from(">HHB", body, 1)
            return width, height, layers
    raise BrokenImageError("the JPEG is damaged: it has no frame header")


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, memoryview]]:
    """Yield (marker, position, body without its length) up to and with the header of the first scan."""
    view = memoryview(data)
    position = 2
    for _ in range(_MAX_PIECES):
        if position + 4 > len(data) or data[position + 1] == 0xD9:
            raise BrokenImageError("the JPEG is cut off: it ends before the picture begins")
        if data[position] != 0xFF:
            raise BrokenImageError("the JPEG is damaged: a segment does not begin with a marker")
        marker = data[position + 1]
        if marker == 0xFF or marker in _JPEG_WITHOUT_LENGTH:
            position += 1 if marker == 0xFF else 2  # padding before a marker; a marker alone
            continue
        end = position + 2 + int.from_bytes(view[position + 2 : position + 4])
        if not position + 4 <= end <= len(data):
            raise BrokenImageError("the JPEG is cut off or damaged: a segment is longer than what is left")
        yield marker, position, view[position + 4 : end]
        if marker == 0xDA:
            return
        position = end
    raise BrokenImageError(f"the JPEG has more than {_MAX_PIECES:,} segments")


def _plausible(kind: str, width: int, height: int) -> tuple[int, int]:
    if not width or not height:
        raise BrokenImageError(f"the {kind} is damaged: it claims a size of {width}x{height} pixels")
    return width, height


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
