"""From the bytes of a file to a picture: only still PNG and JPEG, known by their content and never by a name.

The size is judged before anything is decoded, large pictures come back reduced, and whatever is wrong with
the bytes becomes an ImageError.
"""

from __future__ import annotations

import io
import threading
from contextlib import AbstractContextManager, nullcontext

import numpy as np
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from mnistweb.imaging import containers
from mnistweb.imaging.errors import (
    BrokenImageError,
    ImageError,
    ImageTooLargeError,
    ImageTooSmallError,
    UnsupportedImageError,
)

MAX_PIXELS = 25_000_000  # telephones make 12 and 24 megapixels
MIN_SIDE = 8  # pixels; the smallest scans of digits in use are 8x8
REDUCED_SIDE = 800  # pixels that the longer side keeps at least when a large picture is reduced

# Larger pictures are decoded one at a time in a process: some take 200 MB, and a server has many threads.
_LARGE_PIXELS = 2_000_000
_one_large_picture = threading.Lock()

_PLAIN = ("L", "LA", "RGB", "RGBA")  # modes, of 8 bits a channel

_BAND = 1 << 20  # pixels converted at a time, so that the memory needed stays near the decoder's own

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_WRITTEN_HEADS = (
    (b"GIF8", "a GIF picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"BM", "a BMP picture"),
    (b"\0\0\1\0", "an icon file"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"8BPS", "a Photoshop file"),
    (b"%!PS", "an EPS or PostScript file"),
    (b"%PDF", "a PDF file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x7fELF", "a program"),
    (b"version https://git-lfs", "a Git LFS pointer"),
)


def decode_image(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode a PNG or JPEG file.

    data: the whole file. max_pixels: the largest width x height that is taken.

    Returns a picture of mode L, LA, RGB or RGBA with 8 bits a channel, turned upright as its EXIF orientation
    says. 16-bit greys are scaled, palettes and CMYK converted. From twice REDUCED_SIDE on, the picture is
    reduced by averaging.

    Raises UnsupportedImageError for anything but a still PNG or JPEG (also for an animated PNG),
    ImageTooLargeError and ImageTooSmallError by the size in the header, before any decoding, and
    BrokenImageError when the bytes are damaged.
    """
    reader: type[ImageFile.ImageFile]
    if data.startswith(containers.PNG_SIGNATURE):
        turn_to_decode = _turn_for(containers.png_size(data), max_pixels)
        container = containers.open_png(data)
        reader = PngImageFile
    elif data.startswith(containers.JPEG_SIGNATURE):
        turn_to_decode = _turn_for(containers.jpeg_size(data), max_pixels)
        container = containers.open_jpeg(data)
        reader = JpegImageFile
    else:
        raise UnsupportedImageError(f"{looks_like(data)} was sent; a PNG or JPEG picture is wanted")
    try:
        # The readers are called by name: Image.open would try other formats too, and warn of large pictures.
        with turn_to_decode, reader(io.BytesIO(container.data)) as image:
            scale = REDUCED_SIDE / max(image.size)
            image.draft(None, (int(image.width * scale), int(image.height * scale)))  # a no-op for PNG
            image.load()
            if reader is PngImageFile and _may_lack_rows(image):
                containers.check_png_is_whole(container.data)
            picture = _plain_and_reduced(image)
    except ImageError:
        raise
    except Exception as error:  # damaged bytes make decoders raise nearly anything
        raise BrokenImageError(f"the {reader.format} is damaged: its pixels cannot be decoded") from error
    turn = _TURNS.get(container.orientation)
    return picture if turn is None else picture.transpose(turn)


def looks_like(data: bytes) -> str:
    """Name in a few words what these bytes seem to be, for the message that refuses them."""
    if not data:
        return "an empty file"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "a WebP picture"
    if data[4:8] == b"ftyp":
        pictures = (b"heic", b"heix", b"mif1", b"avif", b"avis")
        return "a HEIC or AVIF picture" if data[8:12] in pictures else "a video"
    for head, name in _WRITTEN_HEADS:
        if data.startswith(head):
            return name
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        return "an SVG picture"
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")):
        return "an HTML page"
    if start.startswith(b"<"):
        return "an XML or HTML file"
    if data[0] == 0x80 and data[1:2] <= b"\x05":
        return "a Python pickle"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in data[:512]):
        return "a text"
    return "a file of an unknown kind"


def _turn_for(size: tuple[int, int], max_pixels: int) -> AbstractContextManager[object]:
    """What to wait for before a picture of this size is decoded. Raises ImageTooLargeError and
    ImageTooSmallError."""
    width, height = size
    if width * height > max_pixels:
        raise ImageTooLargeError(
            f"the picture is {width}x{height} = {width * height:,} pixels; at most {max_pixels:,} are taken"
        )
    if min(width, height) < MIN_SIDE:
        raise ImageTooSmallError(
            f"the picture is {width}x{height} pixels; each side must have at least {MIN_SIDE}"
        )
    return _one_large_picture if width * height > _LARGE_PIXELS else nullcontext()


def _may_lack_rows(image: Image.Image) -> bool:
    """Whether a decoded PNG may have ended too soon: its last row is 0, as rows that never came are."""
    if image.info.get("interlace"):
        return True
    row = image.height - 1
    if image.getpixel((0, row)) not in (0, (0,) * len(image.getbands())):  # as paper is
        return False
    return not np.asarray(image.crop((0, row, *image.size))).any()


def _plain_and_reduced(image: Image.Image) -> Image.Image:
    """The picture in one of the four plain modes, reduced when it is large, a band of rows at a time."""
    factor = max(1, max(image.size) // REDUCED_SIDE)
    if factor == 1:
        return image if image.mode in _PLAIN and "transparency" not in image.info else plain(image)
    rows = max(1, _BAND // (image.width * factor)) * factor
    bands = [
        plain(image.crop((0, top, image.width, min(top + rows, image.height)))).reduce(factor)
        for top in range(0, image.height, rows)
    ]
    whole = Image.new(bands[0].mode, (bands[0].width, sum(band.height for band in bands)))
    top = 0
    for band in bands:
        whole.paste(band, (0, top))
        top += band.height
    return whole


def plain(image: Image.Image) -> Image.Image:
    """A copy of the picture as L, LA, RGB or RGBA, 8 bits a channel, see-through where the picture is."""
    if image.mode.startswith("I"):
        return _from_16_bit_grey(image)
    if "transparency" in image.info:  # one colour, or some of the palette's, is see-through
        return image.convert("RGBA")
    if image.mode in _PLAIN:
        return image.crop((0, 0, *image.size))  # a copy that has let go of the file
    if image.mode in ("1", "F"):
        return image.convert("L")
    return image.convert("RGBA" if image.mode.endswith(("A", "a")) else "RGB")


def _from_16_bit_grey(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.uint32)
    grey = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if "transparency" not in image.info:
        return grey
    opaque = Image.fromarray(np.where(values == image.info["transparency"], 0, 255).astype(np.uint8))
    return Image.merge("LA", (grey, opaque))
