import numpy as np

from pictures import encode, make_pixels, orientation_exif
from tellapart.data.thumbnail import SIDE, Miniature, small_picture


def test_miniature__comes_back_from_its_bytes():
    made = Miniature.of(make_pixels(1, width=64, height=64))
    read = Miniature.from_bytes(made.to_bytes())
    assert read.digest == made.digest
    np.testing.assert_array_equal(read.pixels, made.pixels)
    assert made.pixels.shape == (SIDE, SIDE, 3)


def test_miniature__other_bytes_are_none():
    content = Miniature.of(make_pixels(1)).to_bytes()
    assert Miniature.from_bytes(b"") is None
    assert Miniature.from_bytes(content[:-1]) is None
    assert Miniature.from_bytes(content + b"\0") is None


def test_miniature__the_digest_is_of_the_pixels():
    pixels = make_pixels(1)
    other = pixels.copy()
    other[3, 4, 1] ^= 1
    assert Miniature.of(pixels).digest == Miniature.of(pixels.copy()).digest != Miniature.of(other).digest


def test_small_picture__upright_and_bounded_and_never_enlarged():
    content = encode(make_pixels(0, width=800, height=400), "JPEG", exif=orientation_exif(6))
    assert small_picture(content, longest=150).size == (75, 150)
    assert small_picture(content, longest=900).size == (400, 800)
    shown = small_picture(np.zeros((10, 20), np.uint8), longest=5)
    assert (shown.mode, shown.size) == ("RGB", (5, 2))
