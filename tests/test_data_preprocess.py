import io
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from pictures import encode, every_format, make_pixels, orientation_exif
from tellapart.data import resize
from tellapart.data.preprocess import Preprocess
from tellapart.data.resize import squash
from tellapart.errors import PictureError


def largest_difference(first, second):
    return int(np.abs(first.astype(int) - np.asarray(second).astype(int)).max())


@pytest.mark.parametrize(("height", "width"), [(374, 440), (40, 48), (1, 1), (3, 900), (97, 33), (224, 100)])
@pytest.mark.parametrize("channels", [1, 3])
def test_squash__is_pillows_bilinear_within_one_level(height, width, channels):
    pixels = (
        np.random.default_rng(0)
        .integers(0, 256, (height, width, channels), np.uint8)
        .squeeze(2 if channels == 1 else ())
    )
    expected = Image.fromarray(pixels).resize((64, 64), Image.Resampling.BILINEAR).convert("RGB")
    assert largest_difference(squash(pixels, size=64), expected) <= 1


def test_squash__without_the_fast_resizer_is_the_same_within_one_level(monkeypatch):
    pixels = make_pixels(3, width=301, height=207)
    fast = squash(pixels, size=64)
    monkeypatch.setattr(resize, "fast", None)
    assert largest_difference(squash(pixels, size=64), fast) <= 1
    assert squash(pixels[:, :, 0], size=64).shape == (64, 64, 3)


def test_squash__right_size_is_kept():
    pixels = make_pixels(3, width=32, height=32)
    assert largest_difference(squash(pixels, size=32), pixels) == 0


@pytest.mark.parametrize("name", sorted(every_format()))
def test_apply__every_format_has_the_right_shape(name):
    prepared = Preprocess(size=32).apply(every_format()[name])
    assert prepared.pixels.shape == (32, 32, 3)
    assert prepared.pixels.dtype == np.uint8
    assert prepared.pixels.flags.c_contiguous
    assert prepared.pixels.flags.writeable
    assert prepared.pixels.std() > 5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_apply__turns_upright(orientation):
    content = encode(make_pixels(2, width=60, height=30), "PNG", exif=orientation_exif(orientation))
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    expected = upright.resize((32, 32), Image.Resampling.BILINEAR)
    assert largest_difference(Preprocess(size=32).apply(content).pixels, expected) <= 2


def test_apply__scaled_decode_is_near_the_full_one():
    content = encode(make_pixels(5, width=1300, height=1250), "JPEG", quality=92)
    full = Image.open(io.BytesIO(content)).resize((64, 64), Image.Resampling.BILINEAR)
    difference = np.abs(Preprocess(size=64).apply(content).pixels.astype(int) - np.asarray(full))
    assert difference.mean() < 1
    assert difference.max() <= 8


def test_apply__threads_do_not_disturb_each_other():
    contents = [*every_format().values()] * 3
    preprocess = Preprocess(size=32)
    alone = [preprocess.apply(content).pixels for content in contents]
    with ThreadPoolExecutor(4) as pool:
        together = [prepared.pixels for prepared in pool.map(preprocess.apply, contents)]
    assert all(np.array_equal(first, second) for first, second in zip(alone, together, strict=True))


def test_apply__notes_come_through_and_bad_bytes_are_an_error():
    assert Preprocess(size=16).apply(every_format()["jpeg cmyk"]).notes == ("CMYK converted to RGB",)
    with pytest.raises(PictureError, match="not a picture"):
        Preprocess(size=16).apply(b"nothing")


def test_apply__pixels_in_grey_and_rgb():
    rows = make_pixels(1, width=28, height=28)
    assert np.ptp(Preprocess(size=32).apply(rows[:, :, 0]).pixels, axis=2).max() == 0
    expected = Image.fromarray(rows).resize((32, 32), Image.Resampling.BILINEAR)
    assert largest_difference(Preprocess(size=32).apply(rows).pixels, expected) <= 1


@pytest.mark.parametrize(
    "rows",
    [np.zeros((4, 4), np.float32), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8), np.zeros((0, 4), np.uint8)],
)
def test_apply__pixels_of_other_shapes_are_refused(rows):
    with pytest.raises(ValueError, match="expected uint8"):
        Preprocess(size=32).apply(rows)


def test_from_json__round_trip():
    preprocess = Preprocess(size=224)
    assert Preprocess.from_json(json.loads(json.dumps(preprocess.to_json()))) == preprocess


@pytest.mark.parametrize(
    "change",
    [
        {"size": 7},
        {"size": 2049},
        {"size": "224"},
        {"size": 224.0},
        {"size": True},
        {"colour": "BGR"},
        {"resample": None},
        {"fit": ["squash"]},
        {"unknown": 1},
    ],
)
def test_from_json__what_is_not_understood_is_refused(change):
    with pytest.raises(ValueError, match="must be"):
        Preprocess.from_json({**Preprocess(size=224).to_json(), **change})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["size", "colour"]), inner),
    max_leaves=6,
)


@given(json_values)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_from_json__any_json_is_refused_by_value_error(document):
    with pytest.raises(ValueError, match="must be"):
        Preprocess.from_json(document)


def test_key__changes_with_the_size_only():
    assert Preprocess(size=224).key == Preprocess(size=224).key == "rgb-squash-bilinear-224-v4"
    assert Preprocess(size=225).key != Preprocess(size=224).key
