"""Where the pictures of a set of YOLO are: what a data.yaml may ask for, and names that are written otherwise."""

import os
import time

import pytest

from tellapart.data.locate import stays_inside
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
    listed = "tellapart.data.set_folders.read_text"
    monkeypatch.setattr(listed, lambda path, **_: read.append(path) or "images/0.png\nimages/1.png\n")
    (pets / "all.txt").write_text("images/0.png\n")
    describe(pets, f"train: [{', '.join(['all.txt', './all.txt'] * 100)}]")
    assert len(scan(pets / "data.yaml").pictures) == 2
    assert len(read) == 1


def test_yolo_pictures__a_list_is_left_where_it_cannot_be_meant(pets, monkeypatch):
    describe(pets, "train: all.txt")
    (pets / "all.txt").write_text("".join(f"images/x{number}.png\n\n" for number in range(3_000)))
    with pytest.raises(DataError, match=r"at least 1,000 pictures of all.txt not found, the first in line 1"):
        scan(pets)
    monkeypatch.setattr("tellapart.data.set_folders.MOST_LABEL_FILES", 2)
    (pets / "all.txt").write_text("images/0.png\r\n\r\nimages/1.png\r\n\r\n")
    assert len(scan(pets).pictures) == 2
    (pets / "all.txt").write_text("images/0.png\nimages/1.png\n" * 2)
    with pytest.raises(DataError, match=r"a list of more than 2 pictures: .*/all.txt. Split the set"):
        scan(pets)


COMPOSED, APART = "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize(("picture", "labels"), [(COMPOSED, APART), (APART, COMPOSED)])
def test_label_ways__accents_that_are_stored_in_two_ways(pets, picture, labels, described):
    for home in ("", f"{COMPOSED}/"):
        (pets / f"images/{home}").mkdir(exist_ok=True)
        (pets / f"labels/{home}").mkdir(exist_ok=True)
        (pets / f"images/{home}{picture}.png").write_bytes(home.encode())
        (pets / f"labels/{home}{labels}.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    if not described:
        (pets / "data.yaml").unlink()
        (pets / "classes.txt").write_text("cat\ndog\n")
    index = scan(pets / "data.yaml" if described else pets)
    assert len(index.pictures) == 4
    assert index.skipped == ()


def test_yolo_pictures__a_stray_file_of_a_folder_for_two_splits_is_told_once(pets):
    (pets / "images/readme.md").write_text("x")
    describe(pets, "train: images", "val: images")
    assert [entry.path for entry in scan(pets / "data.yaml").skipped] == ["images/readme.md"]


@pytest.mark.skipif(os.name == "nt", reason="there no folder has a colon in its name")
def test_yolo_pictures__no_drive_of_windows_leads_out(pets, monkeypatch):
    (pets / "images/C:x").mkdir()
    (pets / "images/0.png").rename(pets / "images/C:x/0.png")
    describe(pets, "train: images/C:x")
    assert stays_inside("images/C:x/0.png")
    monkeypatch.setattr("tellapart.data.locate.WITH_DRIVES", True)
    assert not stays_inside("images/C:x/0.png")
    with pytest.raises(DataError, match=r"train names images/C:x, which is not there"):
        scan(pets / "data.yaml")


@pytest.mark.parametrize("names", [("1", "2"), ("x1", "x2")])
def test_scan__labels_of_yolo_beside_their_pictures_are_read_as_advised(tmp_path, names):
    for number, name in enumerate(names):
        (tmp_path / f"{name}.png").write_bytes(name.encode())
        (tmp_path / f"{name}.txt").write_text(f"{number} 0.5 0.5 0.2 0.4\n")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    with pytest.raises(
        DataError, match=r"no class folders.* name .*/data.yaml, and write into it train: \. and names: \[cat"
    ) as caught:
        scan(tmp_path)
    assert str(tmp_path / "data.yaml") in str(caught.value)
    (tmp_path / "data.yaml").write_text("train: .\nnames: [cat, dog]\n")
    for named in (tmp_path / "data.yaml", tmp_path):
        index = scan(named)
        assert [picture.label for picture in index.pictures] == ["cat", "dog"]
        assert index.skipped == ()


@pytest.mark.parametrize(
    ("places", "said"),
    [
        (["train/1", "valid/2"], "train: train, val: valid"),
        (["obj_train_data/1", "obj_train_data/2"], "train: obj_train_data"),
    ],
)
def test_advice__for_labels_beside_pictures_in_folders_can_be_taken(tmp_path, places, said):
    for number, place in enumerate(places):
        file = tmp_path / place
        file.parent.mkdir(exist_ok=True)
        file.with_suffix(".png").write_bytes(b"picture %d" % number)
        file.with_suffix(".txt").write_text(f"{number} 0.5 0.5 0.2 0.4\n")
    (tmp_path / "README.dataset.txt").write_text("of whom it is\n")
    with pytest.raises(DataError, match=rf"name .*/data.yaml, and write into it {said} and names: \[cat, dog\]"):
        scan(tmp_path)
    describe(tmp_path, *said.split(", "))
    assert scan(tmp_path / "data.yaml").classes == ("cat", "dog")


def test_advice__names_the_file_that_lies_among_the_pictures_of_train(tmp_path):
    for split in ("test", "train"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "1.png").write_bytes(b"picture")
        (tmp_path / split / "_classes.csv").write_text("filename,cat,dog\n1.png,1,0\n")
    (tmp_path / "README.dataset.txt").write_text("of whom it is\n")
    with pytest.raises(DataError, match=r"If train/_classes.csv says which class .*, name that: .*/train/_classes.csv"):
        scan(tmp_path)
