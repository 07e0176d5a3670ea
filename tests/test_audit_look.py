from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from pictures import encode, make_pixels, orientation_exif, write_picture
from tellapart.audit import look
from tellapart.audit.look import (
    SIDE,
    Properties,
    file_properties,
    kept_properties,
    look_shortly,
    measure,
    measure_small,
    unpack_properties,
)
from tellapart.data.scan import index_of_paths


def test_look_shortly__reads_properties_and_pixels(tmp_path):
    plain = write_picture(tmp_path / "plain.png", width=50, height=30)
    turned = tmp_path / "turned.jpg"
    turned.write_bytes(encode(make_pixels(1), "JPEG", exif=orientation_exif(6)))
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing")
    index = index_of_paths([plain, turned, broken])
    properties, measures = zip(*look_shortly(index), strict=True)
    assert properties[0] == Properties(width=50, height=30, size=plain.stat().st_size, form="PNG", exif=False)
    assert properties[1].exif
    assert properties[2] is None
    assert measures[2] is None
    assert file_properties(index) == properties


def test_file_properties__grey_files_of_any_depth_and_colour(tmp_path):
    picture = Image.fromarray(make_pixels(1))
    kinds = {
        "1": "1.png",
        "L": "2.jpg",
        "LA": "3.png",
        "I;16": "4.tif",
        "F": "5.tif",
        "RGB": "6.png",
        "P": "7.png",
        "CMYK": "8.jpg",
        "LAB": "9.tif",
    }
    for mode, name in kinds.items():
        made = (
            Image.new("I;16", (9, 9)) if mode == "I;16" else picture.convert("L").convert(mode) if mode == "F" else None
        )
        (made or picture.convert(mode)).save(tmp_path / name)
    index = index_of_paths([tmp_path / name for name in kinds.values()])
    assert [one is not None and one.grey for one in file_properties(index)] == [True] * 5 + [False] * 4


def test_file_properties__of_a_file_that_is_gone_are_unknown(tmp_path):
    path = write_picture(tmp_path / "a.png")
    index = index_of_paths([path])
    path.unlink()
    assert file_properties(index) == (None,)


def test_measure__levels_are_those_of_the_picture():
    half = np.zeros((SIDE, SIDE, 3), np.uint8)
    half[:, : SIDE // 2] = 200
    seen = measure(half)
    assert (seen.low, round(seen.high), round(seen.spread)) == (0.0, 200, 100)


def test_measure__detail_does_not_depend_on_contrast():
    pixels = make_pixels(0, width=SIDE, height=SIDE)
    faint = (100 + (pixels.astype(float) - 100) * 0.4).clip(0, 255).astype(np.uint8)
    assert abs(measure(faint).detail / measure(pixels).detail - 1) < 0.15


def test_measure_small__levels_are_those_of_measure():
    pixels = np.stack([make_pixels(seed, width=SIDE, height=SIDE) for seed in range(3)])
    for small, whole in zip(measure_small(pixels), map(measure, pixels), strict=True):
        assert np.allclose((small.low, small.high, small.spread), (whole.low, whole.high, whole.spread), rtol=1e-4)
        assert small.detail == 0


@pytest.mark.usefixtures("fresh_cache")
def test_kept_properties__are_read_once_and_only_where_all_are_known(tmp_path, monkeypatch):
    paths = [write_picture(tmp_path / "a.png"), tmp_path / "b.png"]
    index, digests = index_of_paths(paths[:1]), [b"a" * 32, b"b" * 32]
    known = kept_properties(index, digests[:1])
    assert known == file_properties(index) != (None,)
    monkeypatch.setattr(look, "_header", lambda index, picture: None)
    assert kept_properties(index, digests[:1]) == known
    assert kept_properties(index, digests[1:]) == (None,)
    monkeypatch.undo()
    assert kept_properties(index, digests[1:]) == known


@pytest.mark.parametrize("rows", [[], [[1, 2, 3, "PNG"]], [[-1, 2, 3, "PNG", False]], [[1, 2, 3, 4, False]], [None], 7])
def test_unpack_properties__refuses_what_they_are_not(rows):
    with pytest.raises((ValueError, TypeError)):
        unpack_properties(json.dumps(rows).encode(), count=1)
