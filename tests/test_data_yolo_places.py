"""Where the pictures of a set of YOLO are: what a data.yaml may ask for, and names that are written otherwise."""

import time

import pytest

from tellapart.data.scan import scan
from tellapart.errors import DataError


@pytest.fixture
def pets(tmp_path):
    """A set with two pictures, and what writes its data.yaml."""
    root = tmp_path / "pets"
    for number in (0, 1):
        for place in ("images", "labels"):
            (root / place).mkdir(parents=True, exist_ok=True)
        (root / f"images/{number}.png").write_bytes(b"picture %d" % number)
        (root / f"labels/{number}.txt").write_text(f"{number} 0.5 0.5 0.2 0.4\n")
    describe(root, "train: images")
    return root


def describe(root, *lines):
    (root / "data.yaml").write_text("\n".join([*lines, "names: [cat, dog]"]) + "\n")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([f"path: {'a/' * 65}", "train: images"], r"a path of more than 64 folders or 8,192 characters, a/a/.*"),
        ([f"train: {'/a' * 65}"], r"a path of more than 64 folders"),
        ([f"train: {'a' * 9_000}"], r"a path of more than 64 folders or 8,192 characters"),
        ([f"train: [{', '.join(['images'] * 1_001)}]"], r"more than 1,000 folders and lists of pictures"),
    ],
)
def test_yolo_pictures__more_than_a_set_names_stops_in_one_line(pets, lines, message):
    describe(pets, *lines)
    with pytest.raises(DataError, match=message) as caught:
        scan(pets / "data.yaml")
    assert "\n" not in str(caught.value)


def test_yolo_pictures__a_place_that_is_nowhere_is_given_up_soon(pets):
    deep = "/".join("abcd"[number % 4] * 50 for number in range(64))
    describe(pets, f"path: {deep}", f"train: [{', '.join([f'/{deep}'] * 990)}]")
    began = time.process_time()
    with pytest.raises(DataError, match=r"train names /aaaa.*, which is not there"):
        scan(pets / "data.yaml")
    assert time.process_time() - began < 5


def test_yolo_pictures__a_list_that_is_named_again_and_again_is_read_once(pets, monkeypatch):
    read = []
    listed = "tellapart.data.yolo_places.read_text"
    monkeypatch.setattr(listed, lambda path, **_: read.append(path) or "images/0.png\nimages/1.png\n")
    (pets / "all.txt").write_text("images/0.png\n")
    describe(pets, f"train: [{', '.join(['all.txt', './all.txt'] * 100)}]")
    assert len(scan(pets / "data.yaml").pictures) == 2
    assert len(read) == 1
