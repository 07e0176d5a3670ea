"""A picture costs at most 768 MB and 5 s, whatever its format says of it, and good ones are read as before."""

import io
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from format_kinds import with_alpha
from hostile_pictures import chunk, flat_jpeg, hostile, icns, ico, many_scans, png, tiff, with_frame, zeros
from pictures import encode, make_pixels, orientation_exif
from tellapart.data import bounds
from tellapart.data.bounds import check_bounds
from tellapart.data.decode import brightest, decode
from tellapart.data.duration import SECONDS, seconds_to_decode
from tellapart.data.formats import format_of
from tellapart.data.jpeg import read_jpeg_header, seconds_to_decode_jpeg
from tellapart.data.media_boxes import read_items
from tellapart.data.memory import MEMORY_LIMIT
from tellapart.errors import PictureError

COSTS = Path(__file__).parent / "picture_costs.py"
PICTURE = Image.fromarray(make_pixels(1))
# Costly, but within the bounds; or not costly any more.
READ = {
    "jpeg, 40000 x 40000",
    "jpeg, progressive in CMYK",
    "jpeg, fill bytes before the first table",
    "jpeg, large comments in CMYK",
    "png, RGB, 6000 x 6000",
    "png, grey with alpha",
    "png, RGB with a transparent colour",
    "png, EXIF",
    "png, a text of 256 MB",
    "png, a broken text and zeros behind the end",
    "tiff, grey, 12300 x 12300",
    "tiff, RGB, 6000 x 6000",
    "tiff, 32 bit, 9700 x 9700",
    "tiff, float, 6000 x 6000",
    "tiff, 16 bit, 6000 x 6000",
    "tiff, 200,000 pages",
    "tiff, itself as next page",
    "tiff, jpeg of many scans",
    "ppm, plain",
    "ppm, of an odd depth",
    "pgm, of 16 bit",
    "qoi",
    "dds",
    "webp, lossless",
    "avif, 3000 x 3000",
    "heic, 2000 x 2000",
    "png, black and white, 15000 x 15000",
}


def child(what):
    command = [sys.executable, str(COSTS), what]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def test_decode__no_hostile_picture_costs_more_than_it_may():
    pytest.importorskip("pillow_heif", reason="the extra heif is not installed")
    done = child("hostile")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert {each["name"] for each in found} == set(hostile())
    assert [each for each in found if each["seconds"] > 5 or each["bytes"] > MEMORY_LIMIT] == []
    assert {each["name"] for each in found if each["outcome"] == "picture"} == READ


def test_decode__mutants_of_every_format_stay_within_time_and_memory():
    pytest.importorskip("pillow_heif", reason="the extra heif is not installed")
    done = child("mutants")
    assert done.returncode == 0, done.stderr[-3000:]


def refused(content, reason, *, at_least=64):
    with pytest.raises(PictureError, match=reason):
        decode(content, at_least=at_least)


def as_pillow_has_it(content):
    with Image.open(io.BytesIO(content)) as image:
        white = Image.new("RGBA", image.size, "white")
        return np.asarray(Image.alpha_composite(white, image.convert("RGBA")).convert("RGB"))


@pytest.mark.parametrize("side", [16, 256])
@pytest.mark.parametrize("bitmap_format", ["png", "bmp"])
def test_decode__sound_icon_is_what_pillow_makes_of_it(side, bitmap_format):
    image = PICTURE.resize((side, side))
    content = encode(image, "ICO", sizes=[(side, side)], bitmap_format=bitmap_format)
    assert (decode(content, at_least=64).pixels == as_pillow_has_it(content)).all()
    large = encode(PICTURE.resize((1024, 1024)).convert("RGBA"), "ICNS")
    assert decode(large, at_least=1024).pixels.shape == (1024, 1024, 3)


def test_decode__icon_is_bounded_by_what_is_in_it():
    inside = png(8, 8)
    assert decode(ico(inside), at_least=8).pixels.shape == (8, 8, 3)
    for content in (ico(png(4096, 4096, bits=1)), icns(b"ic10", png(4096, 4096, bits=1))):
        refused(content, "an icon of 4096 x 4096 pixels, larger than icons are; save it as PNG")


def test_decode__progressive_jpeg_of_an_encoder_is_read_and_one_of_many_scans_is_not():
    content = encode(PICTURE, "JPEG", progressive=True, quality=95, subsampling=0)
    assert np.abs(decode(content, at_least=64).pixels.astype(int) - as_pillow_has_it(content)).max() <= 4
    assert decode(many_scans(800, 800, 20), at_least=64).pixels.shape[2] == 3
    refused(many_scans(800, 800, 70), "JPEG of more than 64 scans; save it anew, not progressive")


def test_seconds_to_decode_jpeg__large_photos_are_within_bounds():
    ImageFile.MAXBLOCK, kept = 1 << 22, ImageFile.MAXBLOCK
    try:
        for options in ({}, {"progressive": True}):
            content = encode(Image.fromarray(make_pixels(1, width=1000, height=1000)), "JPEG", quality=92, **options)
            header = read_jpeg_header(content)
            seconds = seconds_to_decode_jpeg(content, header, divisor=1)
            assert 120 * seconds < SECONDS  # of 120 megapixels
            assert header.size == (1000, 1000)
    finally:
        ImageFile.MAXBLOCK = kept


def test_seconds_to_decode_jpeg__goes_by_blocks_scans_and_bytes():
    flat = flat_jpeg(8000, 8000)
    header = read_jpeg_header(flat)
    small, full = (seconds_to_decode_jpeg(flat, header, divisor=divisor) for divisor in (8, 1))
    assert 0 < small < full < 1
    assert seconds_to_decode_jpeg(flat + bytes(1 << 26), header, divisor=1) > full + 0.5
    few, many = (many_scans(4000, 4000, scans) for scans in (4, 40))
    ratio = seconds_to_decode_jpeg(many, read_jpeg_header(many), divisor=8) / seconds_to_decode_jpeg(
        few, read_jpeg_header(few), divisor=8
    )
    assert 5 < ratio < 10
    arithmetic = with_frame(flat, b"\xff\xc0", 8000, 8000, becomes=0xC9)
    assert seconds_to_decode_jpeg(arithmetic, read_jpeg_header(arithmetic), divisor=1) > 1.9


def test_decode__jpeg_with_large_metadata_is_read():
    profile = b"".join(
        b"\xff\xe2\xff\xff" + b"ICC_PROFILE\0" + bytes([number, 20]) + bytes(65519) for number in range(1, 21)
    )
    for mode in ("RGB", "CMYK"):
        content = encode(PICTURE.convert(mode), "JPEG", exif=orientation_exif(6))
        longer = content[:2] + profile + content[2:]
        assert (decode(longer, at_least=64).pixels == decode(content, at_least=64).pixels).all()


def test_decode__png_with_all_that_editors_write_is_read():
    extras = [chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(500_000))), chunk(b"tEXt", b"Comment\0" + bytes(100_000))]
    sound = encode(PICTURE, "PNG")
    start, end = sound.index(b"IDAT") - 4, len(sound) - 12
    data = sound[start + 8 : start + 8 + struct.unpack_from(">I", sound, start)[0]]
    pieces = b"".join(chunk(b"IDAT", data[place : place + 7]) for place in range(0, len(data), 7))
    content = sound[:33] + b"".join(extras) + pieces + sound[end:]
    assert (decode(content, at_least=64).pixels == np.asarray(PICTURE)).all()


def test_decode__png_of_a_bomb_is_never_loaded_before_it_is_refused(monkeypatch):
    """Pillow loads a PNG to look for its EXIF, which comes after the pixels where it comes at all."""
    monkeypatch.setattr(ImageFile.ImageFile, "load_prepare", lambda _: pytest.fail("it was loaded"))
    refused(png(16000, 16000, colour=2), "16000 x 16000 pixels would take 1,024 MB to decode")


def test_decode__anything_longer_than_65535_pixels_is_refused():
    refused(png(66_000, 1), "66000 x 1 pixels, a side of more than 65,535; save it in parts")
    assert decode(png(65_535, 1, bits=1), at_least=8).pixels.shape == (1, 65_535, 3)


@pytest.mark.parametrize(
    "header", [b"P6\n# made by hand\n%d %d\n# and more\n255\n", b"P6 %d\t%d 255 ", b"P6\r\n#a\r#b\n%d\n%d\n255\n"]
)
def test_decode__ppm_with_comments_is_read(header):
    content = header % PICTURE.size + PICTURE.tobytes()
    assert (decode(content, at_least=64).pixels == np.asarray(PICTURE)).all()


def test_decode__tiff_of_a_row_a_strip_and_of_large_tiles_is_read():
    pixels = np.asarray(PICTURE.convert("L"))
    height, width = pixels.shape
    basic = {256: (4, [width]), 257: (4, [height]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1]), 277: (3, [1])}
    rows = {273: (4, [8 + width * row for row in range(height)]), 278: (4, [1]), 279: (4, [width] * height)}
    assert (decode(tiff(basic | rows, data=pixels.tobytes()), at_least=64).pixels[..., 0] == pixels).all()
    padded = np.zeros((1024, 1024), np.uint8)
    padded[:height, :width] = pixels
    data = zlib.compress(padded.tobytes())
    tiles = {322: (4, [1024]), 323: (4, [1024]), 324: (4, [8]), 325: (4, [len(data)]), 259: (3, [8])}
    assert (decode(tiff(basic | tiles, data=data), at_least=64).pixels[..., 0] == pixels).all()


def test_decode__large_pictures_are_reduced_strip_by_strip_to_the_same():
    """Above 16 megapixels: 32 bit without a sign, and grey with alpha."""
    pixels = np.tile(np.arange(5000, dtype=np.uint32), (4000, 1))
    deep = {256: (4, [5000]), 257: (4, [4000]), 258: (3, [32]), 259: (3, [8]), 262: (3, [1]), 277: (3, [1])}
    data = zlib.compress((pixels + np.uint32(3_000_000_000)).tobytes(), 1)
    content = tiff(deep | {339: (3, [1]), 273: (4, [8]), 278: (4, [4000]), 279: (4, [len(data)])}, data=data)
    row = decode(content, at_least=100).pixels[0, :, 0].astype(int)
    expected = pixels[0].reshape(200, 25).mean(axis=1)
    assert np.abs(row - expected / expected.max() * 255).max() <= 2
    image = Image.merge("LA", [Image.new("L", (5000, 4000), 100), Image.linear_gradient("L").resize((5000, 4000))])
    flat = Image.new("RGBA", (250, 200), "white")
    flat.alpha_composite(image.reduce((20, 20)).convert("RGBA"))
    seen = decode(encode(image, "PNG", compress_level=1), at_least=100).pixels
    assert (seen == np.asarray(flat.convert("RGB").resize(seen.shape[1::-1]))).mean() > 0.9


def test_brightest__is_the_value_of_rank_999_in_1000():
    values = np.random.default_rng(0).integers(0, 4000, (300, 301)).astype(np.uint16)
    flat = np.sort(values.ravel())
    assert brightest(encode(values, "PNG")) == flat[len(flat) - 1 - len(flat) // 1000]
    assert brightest(encode(np.full((1, 1), 77, np.uint16), "PNG")) == 77


def test_format_of__knows_what_is_written_here_and_nothing_that_starts_another_program():
    for name in ("JPEG", "PNG", "GIF", "TIFF", "JPEG2000", "BMP", "PPM", "PCX", "SGI", "DDS", "TGA", "WEBP", "AVIF"):
        assert format_of(encode(PICTURE, name)) == name
    assert format_of(encode(PICTURE.resize((16, 16)), "ICO")) == "ICO"
    for start in (b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\xd7\xcd\xc6\x9a" + bytes(30), b"\x0e\x03\x13\x01" + bytes(30), b""):
        assert format_of(start) is None
    refused(b"8BPS\0\1" + bytes(100), r"Photoshop \(PSD\), which is not read here; save it as PNG")


@pytest.mark.parametrize("name", sorted(bounds._CHECKS))
def test_check_bounds__header_cut_anywhere_is_left_to_the_decoder(name):
    content = {"ICO": ico(png(8, 8)), "CUR": b"\0\0\2\0" + ico(png(8, 8))[4:], "ICNS": icns(b"ic10", png(8, 8))}.get(
        name
    )
    content = content or encode(PICTURE, name)
    check_bounds(content, name)
    for end in range(0, min(len(content), 400), 7):
        try:
            check_bounds(content[:end], name)
        except PictureError as error:
            assert error.what  # noqa: PT017  any reason will do, any other exception will not


def test_seconds_to_decode__goes_by_size_depth_and_length():
    common = {"file_format": "PNG", "bands": 3, "bits": 8, "length": 0}
    assert seconds_to_decode(10_000, 10_000, **common) < 2.5
    assert seconds_to_decode(10_000, 10_000, **common | {"bits": 16}) > seconds_to_decode(10_000, 10_000, **common)
    jpeg_2000 = common | {"file_format": "JPEG2000"}
    assert seconds_to_decode(4000, 3000, **jpeg_2000 | {"length": 12_000_000}) < SECONDS
    assert seconds_to_decode(5000, 5000, **jpeg_2000 | {"length": 60_000_000}) > SECONDS
    assert zlib.decompress(zeros(5 << 20)) == bytes(5 << 20)


def test_read_items__what_is_decoded_is_the_picture_and_its_transparency():
    items = read_items(encode(with_alpha(), "AVIF"))
    assert len(items.primary) == len(items.added) == 1
    assert set(items.kinds.values()) == {b"av01"}
    foreign = encode(with_alpha(), "AVIF").replace(b"av01", b"unci")
    refused(foreign, "a picture with a part of the kind 'unci', which is not read here; save it as PNG")
