"""docs/formats.md, row by row: each kind of file becomes what the table there says."""

import builtins
import contextlib
import io
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from format_kinds import LEVELS, PICTURE, heic, huge_jpeg, kinds, orientations, tiff
from pictures import encode, write_classes
from tellapart.backbones.catalogue import load_backbone
from tellapart.data.decode import decode, upright
from tellapart.data.formats import has_picture_ending
from tellapart.data.heif import is_heif
from tellapart.data.jpeg import read_jpeg_header
from tellapart.data.preprocess import Preprocess
from tellapart.data.rgb import stored_as
from tellapart.data.scan import scan
from tellapart.errors import PictureError
from tellapart.features.content import picture_content
from tellapart.features.embed import embed_pictures

KINDS = kinds()
ORIENTED = orientations()
ORIENTED_EXIF = Image.Exif()
ORIENTED_EXIF[0x0112] = 6
EXIF_JPEG = encode(PICTURE, "JPEG", exif=ORIENTED_EXIF)
TABLE = Path(__file__).parents[1] / "docs" / "formats.md"


def becomes(content, *, size=32):
    """What the ledger will say of a file: status and reason."""
    try:
        notes = Preprocess(size=size).apply(content).notes
    except PictureError as error:
        return "skipped", error.what
    return ("converted" if notes else "used"), "; ".join(notes)


def documented():
    """Every row of the tables: kind -> status and reason."""
    rows = re.findall(
        r"^\| ([^|]+) \|[^|]*\| (used|converted|skipped)(?:: `([^`]+)`)? \|$", TABLE.read_text(), re.MULTILINE
    )
    return {kind.strip(): (status, reason) for kind, status, reason in rows}


@pytest.mark.parametrize("name", sorted(KINDS))
def test_decode__each_kind_becomes_what_its_row_says(name):
    kind = KINDS[name]
    if "HEIC" in name:
        pytest.importorskip("pillow_heif", reason="the extra heif is not installed")
    content = kind.make()
    assert becomes(content) == (kind.status, kind.reason) == documented()[name]
    if kind.status == "skipped" or kind.picture is None:
        return
    decoded = decode(content, at_least=64)
    expected = np.asarray(kind.picture.convert("RGB")).astype(int)
    assert decoded.pixels.shape == expected.shape
    difference = np.abs(decoded.pixels - expected)
    assert difference.mean() < 5 if kind.lossy else difference.max() <= (1 if "16 bit colour" in name else 0)


def test_embed__a_folder_with_every_kind_gives_a_ledger_row_for_each_file(tmp_path):
    pytest.importorskip("pillow_heif", reason="the extra heif is not installed")
    write_classes(tmp_path, {"plain": 1})
    expected = {"plain/000.png": ("used", "")}
    (tmp_path / "every").mkdir()
    for name, kind in KINDS.items():
        path = f"every/{name.replace('/', ' ')}.{kind.ending}"
        (tmp_path / path).write_bytes(kind.make())
        expected[path] = kind.status, kind.reason
    index = scan(tmp_path)
    seen = embed_pictures(index, load_backbone("lite0", size=32))
    assert {entry.path: (entry.status, entry.reason) for entry in seen.ledger} == expected
    assert len(seen.features) == sum(status != "skipped" for status, _ in expected.values())
    assert np.isfinite(seen.features).all()


def test_formats__every_row_is_tested():
    elsewhere = {
        "EXIF orientation 2 to 8",
        "HEIC without the extra",
        "name in any script, with spaces, quotes or line breaks",
        "symbolic link to a picture or a folder",
        "second name of a file in the same class",
        "link that leads in a circle or nowhere",
        "hidden file or folder",
        "Thumbs.db, .DS_Store, notes and the like",
        "file without permission to read",
        "pipe, socket or device",
    }
    assert set(documented()) == set(KINDS) | elsewhere


@pytest.mark.parametrize(("file_format", "orientation"), sorted(ORIENTED))
def test_preprocess__every_orientation_comes_out_upright(file_format, orientation):
    content = ORIENTED[file_format, orientation]
    stored = decode(content, at_least=64)
    seen = np.asarray(Image.fromarray(upright(stored.pixels, stored.orientation)))
    turned = {1: (), 2: (0,), 3: (3,), 4: (1,), 5: (5,), 6: (4,), 7: (6,), 8: (2,)}[orientation]
    expected = PICTURE
    for step in turned:
        expected = expected.transpose(Image.Transpose(step))
    assert seen.shape == np.asarray(expected).shape
    assert np.abs(seen.astype(int) - np.asarray(expected)).mean() < (5 if file_format == "JPEG" else 0.01)
    status, reason = becomes(content)
    if orientation == 1:
        assert (status, reason) == ("used", "")
    else:
        assert (status, reason) == ("converted", f"turned upright (EXIF orientation {orientation})")


def test_decode__orientation_behind_a_long_profile_is_found():
    content = encode(PICTURE, "JPEG", exif=ORIENTED_EXIF, icc_profile=bytes(150_000))
    exif = content.index(b"Exif\0\0") - 4
    length = 2 + int.from_bytes(content[exif + 2 : exif + 4], "big")
    segment, without = content[exif : exif + length], content[:exif] + content[exif + length :]
    table = without.index(b"\xff\xdb")
    assert decode(without[:table] + segment + without[table:], at_least=8).orientation == 6


def test_decode__the_word_exif_in_another_segment_is_no_exif():
    content = encode(PICTURE, "JPEG", exif=ORIENTED_EXIF, comment=b"Exif\0\0 in a comment")
    assert decode(content, at_least=8).orientation == 6


def test_decode__heic_is_upright_already_and_its_exif_is_not_applied_again():
    pytest.importorskip("pillow_heif", reason="the extra heif is not installed")
    content = heic(exif=ORIENTED_EXIF.tobytes())
    decoded = decode(content, at_least=8)
    assert (decoded.orientation, decoded.notes) == (1, ())
    turned = PICTURE.transpose(Image.Transpose.ROTATE_270)
    assert decoded.pixels.shape in {(40, 48, 3), (48, 40, 3)}
    expected = np.asarray(PICTURE if decoded.pixels.shape == (40, 48, 3) else turned)
    assert np.abs(decoded.pixels.astype(int) - expected).mean() < 5


def test_decode__dng_is_camera_raw_too():
    content = tiff(LEVELS.copy(), bits=8, more=[(50706, 0x00000401)])
    assert becomes(content) == documented()["camera raw (DNG, NEF, CR2, ARW)"]


def test_decode__heic_without_the_extra_says_how_to_get_it(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "pillow_heif":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    content = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99)
    assert becomes(content) == documented()["HEIC without the extra"]


@pytest.mark.parametrize(
    ("brands", "expected"),
    [
        (b"heic\0\0\0\0mif1", True),
        (b"mif1\0\0\0\0mif1heic", True),
        (b"mif1\0\0\0\0mif1avif", False),
        (b"avif\0\0\0\0mif1", False),
        (b"isom\0\0\0\0mp42", False),
    ],
)
def test_is_heif__goes_by_all_brands(brands, expected):
    content = (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands + bytes(40)
    assert is_heif(content) is expected


def test_decode__a_huge_picture_costs_little_memory_and_keeps_its_grey():
    decoded = decode(huge_jpeg(20_000), at_least=16)
    assert decoded.pixels.shape == (2500, 2500, 3)
    assert np.ptp(decoded.pixels) == 0


@given(content=st.binary(max_size=200), cut=st.integers(0, 700), place=st.integers(0, 650))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_read_jpeg_header__any_bytes_give_a_header(content, cut, place):
    whole = bytearray(EXIF_JPEG)
    whole[place:cut] = content
    for each in (bytes(whole), b"\xff\xd8" + content):
        header = read_jpeg_header(each)
        assert 1 <= header.orientation <= 8
        assert 0 <= header.coefficients <= 4 * 255 * 15 * 15 * 65535**2
        assert 0 <= header.least_bytes < 65536**2 / 512


@pytest.mark.parametrize(
    ("options", "per_pixel"),
    [({}, 0), ({"progressive": True, "subsampling": 0}, 6), ({"progressive": True, "subsampling": 2}, 3)],
)
def test_read_jpeg_header__coefficients_of_a_progressive_picture(options, per_pixel):
    content = encode(PICTURE, "JPEG", **options)
    assert read_jpeg_header(content).coefficients == per_pixel * 48 * 40


@pytest.mark.parametrize(("flags", "bits"), [(0x00, 8), (0x40, 10), (0x60, 12)])
def test_stored_as__avif_says_its_depth_in_a_box(flags, bits):
    """Only the header is looked at: no encoder here writes AVIF of more than 8 bit."""
    content = bytearray(encode(PICTURE, "AVIF"))
    with Image.open(io.BytesIO(bytes(content))) as image:
        content[content.index(b"av1C") + 6] |= flags
        assert stored_as(image, bytes(content)).bits == bits


@given(st.binary(max_size=64))
def test_is_heif__any_bytes_give_an_answer(content):
    assert is_heif(content) in (True, False)
    assert is_heif(b"\0\0\0\x18ftypheic" + content)


@pytest.mark.parametrize("mode", ["1", "P", "LA", "I;16", "YCbCr"])
def test_decode__a_large_picture_of_any_mode_is_reduced_to_the_same_colours(mode):
    """5200 x 3200 pixels, left half darker: strips must join without a seam."""
    dark, light = (0, 255) if mode == "1" else (40, 200)
    grey = Image.new("L", (5200, 3200), light)
    grey.paste(dark, (0, 0, 2600, 3200))
    image = {
        "I;16": lambda: Image.fromarray(np.asarray(grey).astype(np.uint16) * 257),
        "YCbCr": lambda: grey.convert("RGB").convert("YCbCr"),
    }.get(mode, lambda: grey.convert(mode))()
    content = encode(image, "TIFF" if mode == "YCbCr" else "PNG", **({} if mode == "YCbCr" else {"compress_level": 1}))
    pixels = decode(content, at_least=200).pixels
    assert pixels.shape == (400, 400, 3)
    assert np.abs(pixels[:, :199].astype(int) - dark).max() <= 1
    assert np.abs(pixels[:, 201:].astype(int) - light).max() <= 1


def test_picture_content__without_permission_is_a_reason(tmp_path):
    root = write_classes(tmp_path / "data", {"a": 2, "b": 1})
    locked = root / "a" / "001.png"
    locked.chmod(0)
    index = scan(root)
    picture = next(each for each in index.pictures if each.path == "a/001.png")
    with as_nobody(tmp_path), pytest.raises(PictureError) as caught:
        picture_content(index, picture)
    assert ("skipped", caught.value.what) == documented()["file without permission to read"]


@contextlib.contextmanager
def as_nobody(folder):
    """Without root's right to read everything, where the tests run as root."""
    if sys.platform == "win32":
        pytest.skip("Windows has other permissions")
    if os.geteuid() != 0:
        yield
        return
    for each in [folder, *folder.parents][:-2]:  # a way in, for the time of the test
        each.chmod(each.stat().st_mode | 0o001)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_has_picture_ending__every_kind_is_found_by_its_name(name):
    assert has_picture_ending(f"x.{KINDS[name].ending.upper()}")
