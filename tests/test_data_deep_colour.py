"""Colour of 16 bit: 10-bit data in it is as bright as 8 bit would be, by the rule for grey."""

import struct
import zlib
from functools import partial

import numpy as np
import pytest
from PIL import Image

from pictures import make_pixels
from tellapart.commands.predict import predict
from tellapart.commands.train import train
from tellapart.data.decode import decode
from tellapart.data.depth import white_of
from tellapart.data.scan import index_of_paths
from tellapart.progress import Silent


def png(values, *, interlace=0, extra=b""):
    """A PNG of uint16 [H, W, C]; each row has another filter."""
    height, width, channels = values.shape
    raw = values.astype(">u2").tobytes()
    stride = 2 * width * channels
    rows = bytearray()
    before = bytes(stride)
    for number in range(height):
        row = raw[number * stride : (number + 1) * stride]
        rows += b"\2" + bytes((a - b) & 255 for a, b in zip(row, before, strict=True)) if number % 2 else b"\0" + row
        before = row
    colour = {2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")


def chunk(kind, content=b""):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def tiff(values, *, order="<", largest=None):
    """An uncompressed TIFF of uint16 [H, W, C]."""
    height, width, channels = values.shape
    data = values.astype(f"{order}u2").tobytes()
    bits_at = 8 + len(data)
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, channels, bits_at), (259, 3, 1, 1), (262, 3, 1, 2)]
    tags += [(273, 4, 1, 8), (277, 3, 1, channels), (278, 4, 1, height), (279, 4, 1, len(data))]
    tags += [] if largest is None else [(281, 3, 1, largest)]
    tags += [(338, 3, 1, 2)] if channels == 4 else []
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, kind, count)
        + (struct.pack(f"{order}HH", value, 0) if (kind, count) == (3, 1) else struct.pack(f"{order}I", value))
        for tag, kind, count, value in tags
    )
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", bits_at + 2 * channels)
    depths = struct.pack(f"{order}{channels}H", *[16] * channels)
    return start + data + depths + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


def ppm(values):
    return b"P6\n%d %d\n65535\n" % (values.shape[1], values.shape[0]) + values.astype(">u2").tobytes()


WRITERS = {"png": png, "tiff": tiff, "big-endian tiff": partial(tiff, order=">"), "ppm": ppm}


def plain(seed=1, *, kind=0, channels=3):
    pixels = make_pixels(seed, kind=kind, width=40, height=48, blotches=50)
    opaque = np.full((48, 40, 1), 255, np.uint8)
    return np.concatenate([pixels, opaque], axis=2) if channels == 4 else pixels


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("bits", [10, 12])
def test_decode__deep_colour_is_what_eight_bits_would_be(kind, bits):
    white = 2**bits - 1
    content = WRITERS[kind](plain().astype(int) * white // 255)
    decoded = decode(content, at_least=48, white=white)
    np.testing.assert_allclose(decoded.pixels.astype(int), plain().astype(int), atol=1)
    assert decoded.notes == ("16 bit scaled to 8",)
    assert decode(content, at_least=48).pixels.max() < 17


@pytest.mark.parametrize("kind", WRITERS)
def test_decode__every_bit_of_a_value_counts(kind):
    values = np.arange(48 * 40 * 3).reshape(48, 40, 3) % 1024
    pixels = decode(WRITERS[kind](values), at_least=48, white=1023).pixels
    np.testing.assert_array_equal(pixels, np.rint(values * (255 / 1023)))


@pytest.mark.parametrize("writer", [png, tiff])
@pytest.mark.parametrize("opaque", [1023, 65535])
def test_decode__an_alpha_channel_may_have_either_range(writer, opaque):
    values = plain(channels=4).astype(int) * 1023 // 255
    values[..., 3], values[:5, :5, 3] = opaque, 0
    decoded = decode(writer(values), at_least=48, white=1023)
    expected = plain().astype(int)
    expected[:5, :5] = 255
    np.testing.assert_allclose(decoded.pixels.astype(int), expected, atol=1)
    assert "transparency laid on white" in decoded.notes


def test_decode__grey_with_alpha_too():
    grey = plain()[..., :1].astype(int) * 4095 // 255
    decoded = decode(png(np.concatenate([grey, np.full_like(grey, 65535)], axis=2)), at_least=48, white=4095)
    np.testing.assert_allclose(decoded.pixels.astype(int), np.repeat(plain()[..., :1], 3, axis=2), atol=1)


def test_decode__the_transparent_colour_of_a_deep_png_is_told_by_all_of_its_bits():
    values = plain().astype(int) * 1023 // 255
    values[:5], values[5:9] = (1, 2, 3), (1, 2, 2)
    content = png(values, extra=chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3)))
    pixels = decode(content, at_least=48, white=1023).pixels
    assert pixels[:5].min() == 255
    assert pixels[5:9].max() < 2


def test_decode__a_tiff_that_states_its_largest_value_is_believed():
    content = tiff(plain().astype(int) * 4, largest=1020)
    np.testing.assert_allclose(decode(content, at_least=48).pixels.astype(int), plain().astype(int), atol=1)
    np.testing.assert_array_equal(decode(content, at_least=48, white=65535).pixels, decode(content, at_least=48).pixels)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize(("bits", "expected"), [(10, 1023), (12, 4095), (16, 65535)])
def test_white_of__colour_counts_with_grey(kind, bits, expected, tmp_path):
    suffix = kind.split()[-1]
    for number in range(3):
        values = plain(number).astype(int) * 2**bits // 256 // (1 + 3 * (number > 0))
        (tmp_path / f"{number}.{suffix}").write_bytes(WRITERS[kind](values))
    assert white_of(index_of_paths([tmp_path]).pictures, threads=1, progress=Silent()) == expected


def test_decode__what_goes_beyond_white_is_said():
    content = png(plain().astype(int) * 16)
    assert "brighter than the white of 1023" in decode(content, at_least=48, white=1023).notes
    assert decode(content, at_least=48, white=4095).notes == ("16 bit scaled to 8",)


def test_train__on_ten_bit_colour_is_as_good_as_on_eight_and_tells_of_what_is_too_bright(tmp_path):
    for kind, name in enumerate(("cat", "dog")):
        for number in range(12):
            for folder, content in (
                ("deep", png(plain(number, kind=kind).astype(int) * 1023 // 255)),
                ("plain", None),
            ):
                path = tmp_path / folder / name / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(plain(number, kind=kind)).save(path) if content is None else path.write_bytes(content)
    folder, metrics = train(tmp_path / "deep", out=tmp_path / "run", size=64)
    assert metrics["test"]["accuracy"]["value"] == 1.0
    paths = sorted((tmp_path / "deep").rglob("*.png"))
    together = predict(folder / "model.tellapart", paths).probabilities
    np.testing.assert_allclose(predict(folder / "model.tellapart", paths[:1]).probabilities, together[:1], atol=1e-3)
    given = predict(folder / "model.tellapart", sorted((tmp_path / "plain").rglob("*.png"))).probabilities
    np.testing.assert_allclose(given, together, atol=0.02)
    notes = []
    listener = type("Listening", (Silent,), {"note": lambda _, message: notes.append(message)})()
    (tmp_path / "bright.png").write_bytes(png(plain(3, kind=1).astype(int) * 200))
    predict(folder / "model.tellapart", [tmp_path / "bright.png"], progress=listener)
    assert any("1 picture goes beyond what is white" in note for note in notes)
