"""Only still PNG and JPEG pictures come in, in every mode they have; everything else is refused in words.

Guards: mnistweb/imaging/decode.py for kind, size and mode; containers.py for damage, bombs and metadata.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import struct
import threading
import tracemalloc
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageOps

from mnistweb.imaging.decode import MAX_PIXELS, decode_image
from mnistweb.imaging.errors import (
    BrokenImageError,
    ImageError,
    ImageTooLargeError,
    ImageTooSmallError,
    UnsupportedImageError,
)
from mnistweb.imaging.preprocess import preprocess
from tests.imaging.pictures import (
    chunk_places,
    drawn_seven,
    interlaced_png,
    jpeg,
    png,
    png_chunk,
    png_header,
    png_of_chunks,
    with_chunk_before_data,
)

SEVEN = drawn_seven(64, 6)


def grey(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L")).astype(int)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P"])
def test_png_of_every_mode_shows_the_same_picture(mode):
    decoded = decode_image(png(Image.fromarray(SEVEN).convert("RGB").convert(mode)))
    assert decoded.mode in ("L", "LA", "RGB", "RGBA")
    assert np.abs(grey(decoded) - SEVEN).mean() < (12 if mode == "1" else 1)


@pytest.mark.parametrize("file", [png(SEVEN), jpeg(SEVEN)])
def test_a_picture_has_let_go_of_its_file(file):
    decoded = decode_image(file)
    assert getattr(decoded, "fp", None) is None
    decoded.putpixel((0, 0), 7)
    assert decoded.copy().getpixel((0, 0)) == 7


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_of_every_mode_shows_the_same_picture(mode):
    decoded = decode_image(jpeg(Image.fromarray(SEVEN).convert("RGB").convert(mode), quality=95))
    assert decoded.mode == ("L" if mode == "L" else "RGB")
    assert np.abs(grey(decoded) - SEVEN).mean() < 3


def test_16_bit_grey_is_scaled_not_clipped():
    values = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    assert np.array_equal(grey(decode_image(png(values))), np.round(values / 257).astype(int))


def test_16_bit_grey_with_a_see_through_value_keeps_it_see_through():
    values = np.full((16, 16), 40000, np.uint16)
    values[:8] = 1000
    transparent = with_chunk_before_data(png(values), b"tRNS", struct.pack(">H", 1000))
    decoded = decode_image(transparent)
    assert decoded.mode == "LA"
    assert decoded.getpixel((0, 0)) == (4, 0)
    assert decoded.getpixel((0, 15)) == (156, 255)


def test_palette_with_transparency_becomes_rgba():
    picture = Image.fromarray((SEVEN > 127).astype(np.uint8))
    picture.putpalette([200, 10, 10, 0, 0, 0])
    decoded = decode_image(png(picture, transparency=b"\xff\x00"))
    assert decoded.mode == "RGBA"
    assert decoded.getpixel((0, 0))[3] == 0
    assert decoded.getpixel((32, 16)) == (200, 10, 10, 255)


def test_one_see_through_colour_of_rgb_becomes_rgba():
    decoded = decode_image(png(Image.new("RGB", (16, 16), (1, 2, 3)), transparency=(1, 2, 3)))
    assert decoded.getpixel((5, 5)) == (1, 2, 3, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("save", [png, jpeg])
def test_exif_orientation_is_applied(orientation, save):
    marked = np.full((40, 60), 255, np.uint8)
    marked[:8, :24] = 0
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = save(marked, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert np.array_equal(grey(decode_image(data)), grey(upright))


def test_orientation_6_turns_the_first_row_into_the_right_column():
    marked = np.full((40, 60), 255, np.uint8)
    marked[0] = 0
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = grey(decode_image(png(marked, exif=exif)))
    assert decoded.shape == (60, 40)
    assert not decoded[:, -1].any()


@pytest.mark.parametrize(
    "exif", [b"", b"II*\0", b"MM\0*\0\0\0\x08\xff\xff", b"II*\0\xff\xff\xff\xff\0\0", b"x" * 99]
)
def test_broken_exif_leaves_the_picture_as_it_is(exif):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode_image(with_chunk_before_data(png(SEVEN), b"eXIf", exif)).size == (64, 64)
        body = b"Exif\0\0" + exif
        sound = jpeg(SEVEN)
        marked = sound[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + sound[2:]
        assert decode_image(marked).size == (64, 64)


def test_a_large_photograph_comes_back_reduced():
    assert decode_image(jpeg(Image.new("RGB", (4000, 3000), "grey"))).size == (1000, 750)
    assert decode_image(png(Image.new("L", (4000, 3000), "grey"))).size == (800, 600)


def test_reducing_in_bands_equals_reducing_at_once():
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (1801, 1703, 3), dtype=np.uint8))
    assert np.array_equal(
        np.asarray(decode_image(png(picture, compress_level=1))), np.asarray(picture.reduce(2))
    )


@pytest.mark.parametrize(("width", "height"), [(30000, 30000), (10000, 10000), (9400, 9400), (2**31, 2**31)])
def test_too_many_pixels_are_refused_before_any_decoding(width, height):
    header_alone = png_of_chunks(png_header(width, height, depth=1), (b"IDAT", b""), (b"IEND", b""))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageTooLargeError, match=f"{width}x{height}"):
            decode_image(header_alone)


def test_too_many_pixels_of_a_jpeg_are_refused_before_any_decoding():
    data = bytearray(jpeg(SEVEN))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 60000, 60000)
    with pytest.raises(ImageTooLargeError, match="60000x60000"):
        decode_image(bytes(data))


@pytest.mark.parametrize(("width", "height"), [(30000, 30000), (64, 64)])
def test_a_second_header_is_broken(width, height):
    """Guards: the looks for one in open_png and open_jpeg; Pillow believes the last, unlimited in size."""
    data = png(SEVEN)
    second = png_chunk(*png_header(width, height, depth=1))
    with pytest.raises(BrokenImageError, match="two headers"):
        decode_image(data[:33] + second + data[33:])
    data = jpeg(SEVEN)
    start = data.index(b"\xff\xc0")
    end = start + 2 + int.from_bytes(data[start + 2 : start + 4])
    frame = bytearray(data[start:end])
    frame[5:9] = struct.pack(">HH", height, width)
    with pytest.raises(BrokenImageError, match="two frame headers"):
        decode_image(data[:end] + bytes(frame) + data[end:])


def test_the_limit_of_pixels_can_be_set():
    with pytest.raises(ImageTooLargeError, match="at most 4,095"):
        decode_image(png(SEVEN), max_pixels=4095)
    assert decode_image(png(SEVEN), max_pixels=4096).size == (64, 64)


def test_a_picture_of_the_largest_size_takes_less_than_200_megabytes():
    side = int(MAX_PIXELS**0.5)
    data = png(Image.new("L", (side, side), 77), compress_level=1)
    tracemalloc.start()  # sees NumPy's memory; Pillow's own is the picture, one byte a pixel
    assert decode_image(data).getpixel((0, 0)) == 77
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak + side * side < 200_000_000


def test_a_jpeg_of_too_many_scans_is_refused():
    data = jpeg(Image.new("RGB", (640, 480)), progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(ImageTooLargeError, match="scans"):
        decode_image(data[:-2] + scan * 2000 + data[-2:])


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 5000), (5000, 1), (7, 28)])
def test_pictures_too_small_for_a_digit_are_refused(width, height):
    with pytest.raises(ImageTooSmallError, match=f"{width}x{height}"):
        decode_image(png(Image.new("L", (width, height))))


@pytest.mark.parametrize("save", [png, jpeg])
def test_a_file_cut_off_anywhere_is_broken_or_unsupported(save):
    data = save(SEVEN)
    for end in range(8, len(data) - (0 if save is png else 2)):
        with pytest.raises(BrokenImageError):
            decode_image(data[:end])


def test_every_flipped_bit_of_a_png_is_noticed():
    data = png(drawn_seven(16, 2))
    for place in range(8, len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        with pytest.raises((BrokenImageError, ImageTooLargeError, ImageTooSmallError)):
            decode_image(bytes(damaged))


def test_too_little_picture_data_is_broken():
    short = png_of_chunks(png_header(64, 64), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    with pytest.raises(BrokenImageError, match="cannot be decoded"):
        decode_image(short)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P", "16-bit", "interlaced"])
@pytest.mark.parametrize("missing", [1, 20])
def test_rows_of_a_png_that_never_came_are_noticed(mode, missing):
    """Guard: check_png_is_whole; Pillow takes what ends with a row for whole, and leaves the rest black."""
    picture = SEVEN[:63]  # of an odd height, so that the last row of an interlaced one is not sent last
    if mode == "interlaced":
        whole = interlaced_png(picture)
    else:
        colours = Image.fromarray(picture).convert("RGB")
        whole = png(picture.astype(np.uint16) * 257 if mode == "16-bit" else colours.convert(mode))
    assert np.abs(grey(decode_image(whole)) - picture).mean() < 12
    chunks = [
        (whole[start + 4 : start + 8], whole[start + 8 : end - 4]) for start, end in chunk_places(whole)
    ]
    rows = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    length = 65 if mode == "interlaced" else len(rows) // 63
    others = [chunk for chunk in chunks if chunk[0] not in (b"IDAT", b"IEND")]
    packed = zlib.compress(rows[: -missing * length])
    with pytest.raises(BrokenImageError, match=r"the PNG is cut off: .* bytes of pixels are there"):
        decode_image(png_of_chunks(*others, (b"IDAT", packed), (b"IEND", b"")))


@pytest.mark.parametrize("mode", ["L", "RGBA", "interlaced"])
def test_a_png_with_a_black_last_row_is_whole_all_the_same(mode):
    black = 255 - SEVEN
    data = interlaced_png(black) if mode == "interlaced" else png(Image.fromarray(black).convert(mode))
    assert np.array_equal(grey(decode_image(data)), black)


@pytest.mark.parametrize("head", [b"a\0\0", b"a\0\1\0en\0a\0"])
def test_a_text_bomb_is_broken(head):
    bomb = zlib.compress(b"\0" * 64_000_000, 9)
    data = with_chunk_before_data(png(SEVEN), b"zTXt" if len(head) == 3 else b"iTXt", head + bomb)
    tracemalloc.start()
    with pytest.raises(BrokenImageError, match="packed text"):
        decode_image(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_many_small_text_bombs_are_broken_together():
    data = png(SEVEN)
    for _ in range(3):
        data = with_chunk_before_data(data, b"iCCP", b"a\0\0" + zlib.compress(b"\0" * 500_000))
    with pytest.raises(BrokenImageError, match="packed text"):
        decode_image(data)


def test_texts_and_colour_profiles_of_an_honest_size_are_ignored():
    data = with_chunk_before_data(png(SEVEN), b"zTXt", b"Title\0\0" + zlib.compress(b"a seven"))
    data = with_chunk_before_data(data, b"iTXt", b"Title\0\0\0en\0\0plain")
    assert np.array_equal(grey(decode_image(data)), SEVEN)


def test_pictures_that_claim_no_size_are_broken():
    for width, height in ((0, 16), (16, 0)):
        with pytest.raises(BrokenImageError, match=f"{width}x{height}"):
            decode_image(png_of_chunks(png_header(width, height), (b"IDAT", b""), (b"IEND", b"")))
        data = bytearray(jpeg(SEVEN))
        frame = data.index(b"\xff\xc0")
        data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
        with pytest.raises(BrokenImageError, match=f"{width}x{height}"):
            decode_image(bytes(data))


@pytest.mark.parametrize("shape", [(10, 1250), (1250, 10)])
def test_a_strip_too_narrow_to_judge_its_light_is_too_small(shape):
    """Guard: the look at the coarse shape in _photographed_ink; there are no edges across a single row."""
    noise = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    with pytest.raises(ImageTooSmallError, match="no digit fits"):
        preprocess(decode_image(png(noise)))


def test_a_jpeg_whose_frame_header_is_too_short_is_broken():
    with pytest.raises(BrokenImageError, match="no frame header"):
        decode_image(b"\xff\xd8\xff\xc0\0\x04\x08\0\xff\xda\0\x02rest")


def test_endless_chains_of_empty_pieces_are_broken():
    chunks = png_of_chunks(png_header(16, 16)) + png_chunk(b"tEXt", b"") * 60_000
    with pytest.raises(BrokenImageError, match="more than 50,000 chunks"):
        decode_image(chunks)
    with pytest.raises(BrokenImageError, match="more than 50,000 segments"):
        decode_image(b"\xff\xd8" + b"\xff\xfe\0\x02" * 60_000)


def test_a_script_after_the_end_is_ignored():
    assert np.array_equal(grey(decode_image(png(SEVEN) + b"<script>alert(1)</script>")), SEVEN)


def test_an_animated_png_is_unsupported():
    frames = [Image.new("L", (16, 16), shade) for shade in (0, 255)]
    data = png(frames[0], save_all=True, append_images=frames[1:])
    with pytest.raises(UnsupportedImageError, match="animated"):
        decode_image(data)


def saved_as(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "an empty file"),
        (saved_as("GIF"), "a GIF"),
        (saved_as("WEBP"), "a WebP"),
        (saved_as("TIFF"), "a TIFF"),
        (saved_as("BMP"), "a BMP"),
        (saved_as("EPS"), "an EPS"),
        (saved_as("ICO"), "an icon"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG"),
        (b"\n<!DOCTYPE html><title>x</title>", "an HTML page"),
        (b"PK\x03\x04rest", "a ZIP archive"),
        (pickle.dumps({"a": 1}), "a Python pickle"),
        (b"\0\0\0\x18ftypheic", "a HEIC"),
        (b"just words", "a text"),
        (bytes(range(128, 256)), "a file of an unknown kind"),
    ],
)
def test_other_content_is_named_and_unsupported(data, name):
    with pytest.raises(UnsupportedImageError, match=f"^{name}.* was sent; a PNG or JPEG picture is wanted"):
        decode_image(data)


def test_the_errors_are_value_errors_with_codes_of_their_own():
    kinds = ImageError.__subclasses__()
    assert issubclass(ImageError, ValueError)
    assert len({kind.code for kind in kinds}) == len(kinds) >= 5


@pytest.mark.parametrize(("side", "most_at_once"), [(1500, 1), (1000, 3)])
def test_large_pictures_are_decoded_one_at_a_time(
    side: int, most_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server has many threads, and each such picture may need 200 MB."""
    at_once, seen = 0, []
    all_there = threading.Barrier(3)

    def reduce(image: Image.Image) -> Image.Image:
        nonlocal at_once
        at_once += 1
        with contextlib.suppress(threading.BrokenBarrierError):
            all_there.wait(0.2)
        seen.append(at_once)
        at_once -= 1
        return Image.new("L", (28, 28))

    monkeypatch.setattr("mnistweb.imaging.decode._plain_and_reduced", reduce)
    data = png(Image.new("1", (side, side), 1))
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(decode_image, [data] * 3))
    assert max(seen) == most_at_once
    with pytest.raises(BrokenImageError):
        decode_image(data[:-100])
    assert decode_image(data).size == (28, 28), "what is damaged holds up nobody"
