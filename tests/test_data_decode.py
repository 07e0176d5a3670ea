import io
import struct
import threading
import time
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from pictures import encode, every_format, make_pixels, orientation_exif
from tellapart.data.decode import Decoded, decode, upright
from tellapart.data.jpeg import read_jpeg_header
from tellapart.data.pillow import PIXEL_LIMIT, quiet_pillow
from tellapart.errors import PictureError

FORMATS = every_format()
PLAIN = Image.fromarray(make_pixels(1))


def difference(first, second):
    return np.abs(first.astype(int) - np.asarray(second).astype(int))


@pytest.mark.parametrize("name", ["png", "bmp", "tiff", "ppm", "tga"])
def test_decode__lossless_format_is_exact_and_plain(name):
    decoded = decode(FORMATS[name], at_least=32)
    assert difference(decoded.pixels, PLAIN).max() == 0
    assert (decoded.notes, decoded.orientation) == ((), 1)


@pytest.mark.parametrize("name", ["jpeg", "jpeg progressive", "webp", "jpeg 2000"])
def test_decode__lossy_format_is_near(name):
    decoded = decode(FORMATS[name], at_least=32)
    assert difference(decoded.pixels, PLAIN).mean() < 6
    assert decoded.notes == ()


@pytest.mark.parametrize("name", ["jpeg grey", "png grey", "png 1 bit"])
def test_decode__grey_is_repeated_and_counts_as_used(name):
    decoded = decode(FORMATS[name], at_least=32)
    assert np.ptp(decoded.pixels, axis=2).max() == 0
    assert decoded.pixels.std() > 10
    assert decoded.notes == ()


def test_decode__palette_is_looked_up():
    decoded = decode(FORMATS["png palette"], at_least=32)
    assert difference(decoded.pixels, PLAIN.quantize(16).convert("RGB")).max() == 0
    assert decoded.notes == ()


def test_decode__alpha_is_laid_on_white():
    image = Image.new("RGBA", (8, 8), (200, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 4, 8))
    for file_format in ("PNG", "TIFF"):
        decoded = decode(encode(image, file_format), at_least=8)
        assert decoded.pixels[0, 0].tolist() == [255, 255, 255]
        assert decoded.pixels[0, 7].tolist() == [200, 0, 0]
        assert decoded.notes == ("transparency laid on white",)


def test_decode__opaque_alpha_is_no_conversion():
    decoded = decode(encode(PLAIN.convert("RGBA"), "PNG"), at_least=8)
    assert difference(decoded.pixels, PLAIN).max() == 0
    assert decoded.notes == ()


@pytest.mark.parametrize("file_format", ["PNG", "GIF"])
def test_decode__transparent_palette_entry_is_white(file_format):
    image = Image.new("P", (8, 8), 1)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.paste(0, (0, 0, 4, 8))
    decoded = decode(encode(image, file_format, transparency=0), at_least=8)
    assert decoded.pixels[0, 0].tolist() == [255, 255, 255]
    assert decoded.pixels[0, 7].tolist() == [40, 50, 60]
    assert decoded.notes == ("transparency laid on white",)


def test_decode__transparent_colour_of_rgb_png_is_white():
    image = Image.new("RGB", (8, 8), (1, 2, 3))
    decoded = decode(encode(image, "PNG", transparency=(1, 2, 3)), at_least=8)
    assert (decoded.pixels == 255).all()


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_decode__16_bit_is_divided_by_257(file_format):
    values = np.array([[0, 128, 129, 257, 32896, 65535]] * 4, np.uint16)
    decoded = decode(encode(values, file_format), at_least=8)
    assert decoded.pixels[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]
    assert decoded.notes == ("16 bit scaled to 8",)


def test_decode__16_bit_rgb_png_is_told():
    decoded = decode(rgb_png_16_bit(np.full((3, 4, 3), 0x80FF, ">u2")), at_least=8)
    assert decoded.pixels.tolist() == [[[0x80] * 3] * 4] * 3
    assert decoded.notes == ("16 bit scaled to 8",)


def test_decode__float_is_scaled_by_its_own_range():
    values = np.array([[-1.0, 0.0, 1.0, np.nan, -np.inf]], np.float32)
    values[0, 3:4].view(np.uint32)[:] = 0x7F800001  # a signalling NaN, which warns when it is converted
    decoded = decode(encode(values, "TIFF"), at_least=8)
    assert decoded.pixels[0, :, 0].tolist() == [0, 128, 255, 0, 0]
    assert decoded.notes == ("scaled by its own minimum and maximum",)


def test_decode__32_bit_integers_are_scaled_and_a_flat_one_is_black():
    assert decode(encode(np.array([[5, 105]], np.int32), "TIFF"), at_least=8).pixels[0, :, 0].tolist() == [0, 255]
    assert decode(encode(np.full((2, 2), 7, np.int32), "TIFF"), at_least=8).pixels.max() == 0


def test_decode__float_without_numbers_is_unreadable():
    with pytest.raises(PictureError, match="no finite number"):
        decode(encode(np.full((2, 2), np.nan, np.float32), "TIFF"), at_least=8)


def test_decode__cmyk_is_converted_as_pillow_does():
    decoded = decode(FORMATS["jpeg cmyk"], at_least=8)
    assert difference(decoded.pixels, Image.open(io.BytesIO(FORMATS["jpeg cmyk"])).convert("RGB")).max() == 0
    assert decoded.notes == ("CMYK converted to RGB",)


def test_decode__of_several_frames_the_first():
    decoded = decode(FORMATS["gif animated"], at_least=8)
    assert difference(decoded.pixels, PLAIN).mean() < 8
    assert decoded.notes[0] == "first frame of several"


@pytest.mark.parametrize(
    ("side", "divisor"), [(799, 1), (800, 2), (1599, 2), (1600, 4), (3199, 4), (3200, 8), (6400, 8)]
)
def test_decode__jpeg_is_scaled_by_powers_of_two_down_to_twice_the_target(side, divisor):
    content = encode(Image.new("RGB", (side, side + 3), "green"), "JPEG")
    decoded = decode(content, at_least=200)
    assert decoded.pixels.shape == (-(-(side + 3) // divisor), -(-side // divisor), 3)


def test_decode__very_large_picture_is_reduced():
    content = encode(Image.new("L", (6000, 4000), 77), "PNG")
    decoded = decode(content, at_least=224)
    assert decoded.pixels.shape == (500, 462, 3)  # both sides at least 448
    assert (decoded.pixels == 77).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_upright__agrees_with_pillow(orientation, file_format):
    options = {"lossless": True} if file_format == "WEBP" else {}
    content = encode(PLAIN, file_format, exif=orientation_exif(orientation), **options)
    decoded = decode(content, at_least=48)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
    turned = upright(decoded.pixels, decoded.orientation)
    assert turned.shape == np.asarray(expected).shape
    assert difference(turned, expected).max() <= 4  # simplejpeg and Pillow round differently
    assert turned.flags.c_contiguous


@pytest.mark.parametrize("order", ["<", ">"])
def test_read_jpeg_header__orientation_both_byte_orders(order):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    tiff = mark + struct.pack(f"{order}IHHHIHH", 8, 1, 0x0112, 3, 1, 8, 0)
    assert read_jpeg_header(b"\xff\xd8\xff\xe1\0\x22Exif\0\0" + tiff).orientation == 8


@pytest.mark.parametrize(
    "tiff", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"XX*\0" + bytes(20), b"II*\0\x08\0\0\0\xff\xff"]
)
def test_read_jpeg_header__orientation_nonsense_is_1(tiff):
    assert read_jpeg_header(b"\xff\xd8\xff\xe1\0\x22Exif\0\0" + tiff).orientation == 1


def with_segment(content, body):
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + content[2:]


XMP = b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
UNUSUAL = {
    "32 bits, little-endian": b"Exif\0\0II*\0" + struct.pack("<IHHHIII", 8, 1, 0x0112, 4, 1, 6, 0),
    "32 bits, big-endian": b"Exif\0\0MM\0*" + struct.pack(">IHHHIII", 8, 1, 0x0112, 4, 1, 6, 0),
    "XMP": b"http://ns.adobe.com/xap/1.0/\0" + XMP,
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_decode__orientation_stored_in_unusual_ways_is_that_of_pillow(name):
    content = with_segment(encode(PLAIN, "JPEG", quality=95), UNUSUAL[name])
    with Image.open(io.BytesIO(content)) as image:
        expected = ImageOps.exif_transpose(image).convert("RGB")
    decoded = decode(content, at_least=48)
    assert decoded.orientation == 6
    assert difference(upright(decoded.pixels, 6), expected).max() <= 4
    both = with_segment(content, b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 3, 0, 0))
    assert decode(both, at_least=48).orientation == 3  # EXIF counts before XMP, and the first before the second


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 1}])
def test_decode__a_jpeg_that_lacks_only_its_end_marker(options):
    whole = encode(Image.fromarray(make_pixels(7, width=160, height=120, blotches=60)), "JPEG", **options)
    decoded = decode(whole[:-2], at_least=160)
    assert np.array_equal(decoded.pixels, decode(whole, at_least=160).pixels)
    assert decoded.notes == ("end marker added",)
    scans = [place for place in range(len(whole) - 1) if whole[place : place + 2] == b"\xff\xda"]
    for cut in (len(whole) - 8, len(whole) // 2, *scans[1:]):
        with pytest.raises(PictureError, match="truncated"):
            decode(whole[:cut], at_least=160)


@pytest.mark.parametrize("name", ["jpeg", "jpeg progressive", "jpeg cmyk", "png", "webp", "gif"])
def test_decode__truncated_is_unreadable(name):
    content = FORMATS[name]
    with pytest.raises(PictureError) as caught:
        decode(content[: len(content) * 2 // 3], at_least=8)
    assert "0x" not in caught.value.what
    if "jpeg" in name:
        assert caught.value.what == "truncated"


def test_decode__jpeg_with_garbage_inside_is_converted():
    content = FORMATS["jpeg"].replace(b"\xff\xc0", b"\0\0\0\xff\xc0", 1)
    decoded = decode(content, at_least=48)
    assert decoded.notes == ("damaged JPEG data stepped over",)
    assert difference(decoded.pixels, PLAIN).mean() < 6


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"<html>not found</html>", "not a picture in any format known here"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture in any format known here"),
        (b"\xff\xd8\xff\xe0", None),
    ],
)
def test_decode__no_picture_has_a_reason(content, reason):
    with pytest.raises(PictureError) as caught:
        decode(content, at_least=8)
    assert reason in (None, caught.value.what)


def test_decode__bomb_is_refused_by_its_header():
    claimed = jpeg_claiming(20000, progressive=True) + bytes(1_000_000)
    png = rgb_png_16_bit(np.zeros((1, 1, 3), ">u2"), claimed=(20000, 20000))
    for content in (claimed, png):
        with pytest.raises(PictureError, match=r"20000 x 20000 pixels would take [\d,]+ MB to decode, more than 768"):
            decode(content, at_least=8)
    bmp = encode(Image.new("L", (8, 8)), "BMP")
    with pytest.raises(PictureError, match="more than 800,000,000 pixels"):
        decode(bmp[:18] + struct.pack("<ii", 32000, 32000) + bmp[26:], at_least=8)


def test_decode__jpeg_too_short_for_what_it_announces_is_not_begun():
    began = time.process_time()
    with pytest.raises(PictureError, match="truncated"):
        decode(jpeg_claiming(65000), at_least=8)
    assert time.process_time() - began < 0.5


def jpeg_claiming(side, **options):
    content = bytearray(encode(Image.new("L", (8, 8)), "JPEG", **options))
    start = content.index(b"\xff\xc2" if options else b"\xff\xc0")
    content[start + 5 : start + 9] = struct.pack(">HH", side, side)
    return bytes(content)


def test_decode__picture_that_pillow_would_warn_of_is_read_quietly():
    content = encode(Image.new("1", (10000, 9500)), "PNG")
    assert 89_478_485 < 10000 * 9500 < PIXEL_LIMIT
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        decode(content, at_least=100)
    assert caught == []


def test_quiet_pillow__leaves_everything_as_it_was():
    filters, limit = list(warnings.filters), Image.MAX_IMAGE_PIXELS
    inside, go = threading.Barrier(3), threading.Event()

    def work():
        with quiet_pillow():
            inside.wait()
            go.wait()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    inside.wait()
    assert Image.MAX_IMAGE_PIXELS == PIXEL_LIMIT
    go.set()
    for thread in threads:
        thread.join()
    assert (list(warnings.filters), Image.MAX_IMAGE_PIXELS) == (filters, limit)


@given(data=st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
def test_decode__mutated_bytes_give_a_picture_or_a_reason(data):
    content = bytearray(FORMATS[data.draw(st.sampled_from(sorted(FORMATS)))])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, min(len(content), 600) - 1))
        content[place] = data.draw(st.integers(0, 255))
    end = data.draw(st.sampled_from([len(content), len(content), len(content) // 2]))
    assert_picture_or_reason(bytes(content[:end]))


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_decode__any_bytes_give_a_picture_or_a_reason(content):
    assert_picture_or_reason(content)


def assert_picture_or_reason(content):
    """Anything but Decoded or PictureError fails, warnings too."""
    try:
        outcome = decode(content, at_least=16)
    except PictureError as error:
        outcome = error
    if isinstance(outcome, Decoded):
        assert (outcome.pixels.dtype, outcome.pixels.ndim, outcome.pixels.shape[2]) == (np.uint8, 3, 3)
    else:
        assert outcome.what.strip()
        assert "\n" not in str(outcome)


def rgb_png_16_bit(values, *, claimed=None):
    """A 16-bit RGB PNG by hand, since Pillow cannot write one."""
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    header = struct.pack(">IIBBBBB", *(claimed or (width, height)), 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
