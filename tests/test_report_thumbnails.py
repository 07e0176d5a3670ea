from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from pictures import encode, make_pixels, orientation_exif, write_picture
from tellapart.data.scan import index_of_paths
from tellapart.report.thumbnails import SIDE, thumbnail, thumbnails


def opened(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))))


def test_thumbnail__keeps_proportions_and_stands_upright():
    content = encode(make_pixels(0, width=800, height=400), "JPEG", exif=orientation_exif(6))
    assert opened(thumbnail(content)).size == (SIDE // 2, SIDE)


def test_thumbnail__takes_pixels():
    assert opened(thumbnail(np.zeros((28, 20), np.uint8))).size == (20, 28)


def test_thumbnails__leave_out_what_cannot_be_read_and_what_was_not_asked_for(tmp_path):
    good, other = (write_picture(tmp_path / name) for name in ("good.png", "other.png"))
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"nothing")
    index = index_of_paths([good, other, bad])
    assert list(thumbnails(index, [str(good), str(bad)])) == [str(good)]
