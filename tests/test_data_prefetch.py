import contextlib
import io
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tellapart.data.prefetch import look_ahead, threads_to_prepare
from tellapart.data.samples import index_of_samples
from tellapart.types import Index, Picture


def running():
    return [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


@pytest.mark.parametrize("handful", [1, 3, 8])
def test_look_ahead__in_order_and_never_further_ahead_than_allowed(handful):
    started, lock = [0], threading.Lock()

    def make(item):
        with lock:
            started[0] += 1
        return item

    found = []
    for item in look_ahead(make, range(500), threads=3, most=24, handful=handful):
        found.append(item)
        assert started[0] < len(found) + 24 + handful
    assert found == list(range(500))
    assert not running()


def test_look_ahead__nothing_to_make():
    assert list(look_ahead(str, [], threads=2, most=4)) == []


def test_look_ahead__an_error_comes_in_its_place_and_ends_the_threads():
    started, found = [], []

    def make(item):
        started.append(item)
        return 1 / (item - 20)

    with pytest.raises(ZeroDivisionError):
        found.extend(look_ahead(make, range(200), threads=2, most=16, handful=4))
    assert len(started) <= 20 + 16 + 4
    assert not running()


def test_look_ahead__closing_ends_the_threads():
    started = []
    with contextlib.closing(look_ahead(started.append, range(200), threads=2, most=8)) as ahead:
        next(ahead)
    assert len(started) <= 9
    assert not running()


def rows_of(pixels, *, files):
    pictures = [Picture(path=f"{row}", file=Path(f"{row % files}"), row=row // files) for row in range(len(pixels))]
    arrays = {Path(f"{file}"): pixels[file::files] for file in range(files)}
    return Index(name="", root=Path(), layout="", classes=(), pictures=tuple(pictures), arrays=arrays)


def test_threads_to_prepare__one_for_small_pictures_in_memory():
    assert threads_to_prepare(rows_of(np.zeros((6, 28, 28), np.uint8), files=2), 4) == 1
    assert threads_to_prepare(rows_of(np.zeros((6, 64, 64, 3), np.uint8), files=1), 4) == 1


def test_threads_to_prepare__all_for_others(tmp_path):
    index = rows_of(np.zeros((6, 65, 64, 3), np.uint8), files=2)
    assert threads_to_prepare(index, 4) == 4
    assert threads_to_prepare(replace(index, pictures=()), 4) == 4
    small = rows_of(np.zeros((6, 28, 28), np.uint8), files=2)
    a_file = Picture(path="a.png", file=tmp_path / "a.png")
    assert threads_to_prepare(replace(small, pictures=(*small.pictures, a_file)), 4) == 4
    assert threads_to_prepare(replace(small, arrays={Path("0"): [b"JPEG"], Path("1"): [b"JPEG"]}), 4) == 4


def truncated_picture():
    content = io.BytesIO()
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(content, "PNG")
    return Image.open(io.BytesIO(content.getvalue()[:-30]))


def test_threads_to_prepare__a_picture_that_cannot_be_read_is_told_of_later():
    given = [truncated_picture(), np.zeros((28, 28), np.uint8)]
    assert threads_to_prepare(index_of_samples(given), 4) == 4
