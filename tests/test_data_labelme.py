"""Folders of labelme, a JSON file beside each picture."""

import csv
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from box_sets import found, write
from pictures import write_picture
from tellapart.data.reading import Reading
from tellapart.data.scan import index_of_paths, scan
from tellapart.errors import DataError, TellapartError, UsageError


def shape(label, points=((4, 3), (24, 23)), kind="rectangle"):
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {"blurred": True}}


def said(picture, *shapes, **flags):
    return {
        "version": "5.4.1",
        "flags": flags,
        "shapes": shapes,
        "imagePath": picture,
        "imageData": "iVBORw0KGgo=",
        "imageHeight": 40,
        "imageWidth": 48,
    }


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pets"
    for number, label in enumerate(("cat", "dog", "cat", "dog")):
        write(root, {f"{number}.jpg": None, f"{number}.json": said(f"{number}.jpg", shape(label))})
    return root


def test_shapes__each_is_a_picture(folder):
    write(folder, {"0.json": said("0.jpg", shape("cat"), shape("dog", ((1, 1), (9, 9))))})
    index = scan(folder)
    assert found(index)["1.jpg#xywh=4,3,20,20"] == "dog"
    assert (index.layout, index.name, len(index.pictures)) == ("labelme", "pets", 5)
    assert index.notes == ("5 boxes of pets are a picture each (--boxes none takes whole pictures).",)
    groups = [picture.group for picture in index.pictures if picture.path.startswith("0.jpg")]
    assert groups == ["0.jpg", "0.jpg"]
    assert index.pictures[0].box.size == (48, 40)
    assert index.skipped == ()


@pytest.mark.parametrize(
    ("kind", "points", "expected"),
    [
        ("rectangle", [[24, 23], [4, 3]], (4, 3, 20, 20)),
        ("polygon", [[4, 3], [24, 9], [9, 23]], (4, 3, 20, 20)),
        ("circle", [[14, 13], [14, 23]], (4, 3, 20, 20)),
        ("linestrip", [[4, 3], [24, 23]], (4, 3, 20, 20)),
        ("mask", [[4, 3], [24, 23]], (4, 3, 20, 20)),
        ("point", [[4, 3]], None),
        ("line", [[4, 3], [4, 23]], None),
        ("line", [[4, 3], [24, 23]], None),
    ],
)
def test_shapes__the_box_around_them(folder, kind, points, expected):
    write(folder, {"0.json": said("0.jpg", shape("cat", points, kind))})
    box = next(picture.box for picture in scan(folder).pictures if picture.path.startswith("0.jpg"))
    assert (box and (box.left, box.top, box.width, box.height)) == expected


def test_flags__label_whole_pictures(folder):
    for number, label in enumerate(("cat", "dog", "cat")):
        write(folder, {f"{number}.json": said(f"{number}.jpg", **{label: True, "other": False})})
    write(folder, {"3.json": said("3.jpg")})
    index = scan(folder)
    assert found(index) == {"0.jpg": "cat", "1.jpg": "dog", "2.jpg": "cat"}
    assert [entry.path for entry in index.skipped] == ["3.jpg"]
    write(folder, {"0.json": said("0.jpg", cat=True, dog=True)})
    with pytest.raises(DataError, match=r"1 picture has several labels, the first 0.jpg: 'cat' and 'dog'"):
        scan(folder)


def test_shapes_and_flags__are_both_told_until_one_is_said(folder):
    write(
        folder, {"0.json": said("0.jpg", shape("cat"), sharp=True), "1.json": said("1.jpg", shape("dog"), blurred=True)}
    )
    with pytest.raises(DataError, match=r"two readings: .*--label-column shapes or --label-column flags"):
        scan(folder)
    assert scan(folder, reading=Reading(label_column="shapes")).classes == ("cat", "dog")
    assert scan(folder, reading=Reading(label_column="flags")).classes == ("blurred", "sharp")
    with pytest.raises(UsageError, match=r"no labels 'colour' in labelme's files: .* takes shapes or flags"):
        scan(folder, reading=Reading(label_column="colour"))


def test_splits__are_those_of_the_folders(tmp_path):
    for split in ("train", "valid"):
        for label in ("cat", "dog"):
            write(tmp_path, {f"{split}/{label}.jpg": None, f"{split}/{label}.json": said(f"{label}.jpg", shape(label))})
    assert {picture.split for picture in scan(tmp_path).pictures} == {"train", "valid"}


def test_pictures__without_labels_are_left_out_and_counted(folder):
    write(folder, {"0.json": said("0.jpg"), "9.jpg": None})
    assert "2 pictures have no label in pets and are left out (the first: 0.jpg)." in scan(folder).notes
    assert all(picture.box is None for picture in index_of_paths([folder]).pictures)
    assert found(scan(folder, reading=Reading(boxes="none")))["1.jpg"] == "dog"


@pytest.mark.parametrize("name", ["0.jpg", "..\\pictures\\0.jpg", "/home/a/0.jpg", "old.jpg", ""])
def test_pictures__by_their_name_or_called_like_the_file(folder, name):
    write(folder, {"0.json": said(name, shape("cat"))})
    assert "0.jpg#xywh=4,3,20,20" in found(scan(folder))


def test_pictures__that_are_not_there(folder):
    (folder / "0.jpg").unlink()
    write(folder, {"0.json": said("../0.jpg", shape("cat"))})
    with pytest.raises(DataError, match=r"1 of 4 files is missing, the first in 0.json: ../0.jpg"):
        scan(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (said("0.jpg", shape("")), r"shape 1 of 0.json has no label"),
        (said("0.jpg", "cat"), r"shape 1 of 0.json has no label"),
        (said("0.jpg", shape("cat", [[1], [2, 3]])), r"a point of shape 1 of 0.json is no pair of numbers"),
        (said("0.jpg", shape("cat", [[1, math.nan], [2, 3]])), r"a point of shape 1 of 0.json is no pair of numbers"),
        (said("0.jpg", shape("cat", 7)), r"a point of shape 1 of 0.json is no pair of numbers"),
        ("{", r"cannot read the manifest"),
        ("[" * 5000, r"cannot read the manifest"),
    ],
)
def test_refused__what_is_none(folder, content, message):
    write(folder, {"0.json": content})
    with pytest.raises(DataError, match=message) as caught:
        scan(folder)
    assert "\n" not in str(caught.value)


def test_refused__options_and_one_file(folder):
    for reading in (
        Reading(path_column="a"),
        Reading(encoding="cp1252"),
        Reading(boxes="centres"),
        Reading(boxes="corners"),
    ):
        with pytest.raises(UsageError, match="says nothing of labelme's files"):
            scan(folder, reading=reading)
    with pytest.raises(DataError, match=r"labels of one picture, as labelme has: .*name the folder, .*pets$"):
        scan(folder / "0.json")


def test_class_folders__with_stray_files_are_read_as_before(tmp_path):
    files = {f"{label}/{number}.png": None for label in ("cat", "dog") for number in (1, 2)}
    files |= {
        "cat/1.json": said("1.png", shape("x")),
        "1.json": said("1.png", shape("x")),
        "1.png": None,
        "2.json": "{",
    }
    assert scan(write(tmp_path, files)).layout == "folders"
    write(tmp_path / "photos", {"1.jpg": None, "1.json": '{"title": "1.jpg"}', "2.jpg": None, "2.json": "{"})
    assert len(index_of_paths([tmp_path / "photos"]).pictures) == 2


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["cat", "0.jpg", ""]))
KEYS = st.sampled_from(["shapes", "label", "points", "shape_type", "flags", "imagePath", "imageWidth", "imageHeight"])
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))
FOLDER_ONCE = [HealthCheck.function_scoped_fixture]


@given(VALUES, st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=3))
@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=FOLDER_ONCE)
def test_files__any_document_is_read_or_refused_in_one_line(folder, value, shapes):
    write(folder, {"0.json": {**said("0.jpg"), "shapes": shapes, "flags": value}})
    try:
        assert scan(folder).layout == "labelme"
    except TellapartError as error:
        assert "\n" not in str(error)  # noqa: PT017  (either outcome is right)


NUMBERS = st.floats(0, 1_000)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=6))
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=FOLDER_ONCE)
def test_files__a_box_holds_all_of_its_points(folder, points):
    write(folder, {"0.json": {**said("0.jpg", shape("cat", points, "polygon")), "imageWidth": None}})
    box = next(picture.box for picture in scan(folder).pictures if picture.path.startswith("0.jpg"))
    across, down = ({point[axis] for point in points} for axis in (0, 1))
    if box is None:
        assert len(across) == 1 or len(down) == 1
    else:
        assert (box.left, box.top) == (min(across), min(down))
        assert (box.left + box.width, box.top + box.height) == pytest.approx((max(across), max(down)))


def test_train_and_predict__from_end_to_end(tmp_path, tellapart):
    root = tmp_path / "pets"
    for number in range(16):
        write_picture(root / f"{number:02}.png", seed=number, kind=number % 2)
        label = "dog" if number % 2 else "cat"
        write(root, {f"{number:02}.json": said(f"{number:02}.png", shape(label, ((4, 2), (44, 38))))})
    outcome = tellapart("train", root, "-o", tmp_path / "run", "--size", 64, "--json")
    assert outcome.code == 0
    assert outcome.json["data"] == {"name": "pets", "layout": "labelme"}
    rows = list(
        csv.DictReader(tellapart("predict", tmp_path / "run/model.tellapart", root, "--format", "csv").out.splitlines())
    )
    assert [row["path"] for row in rows] == [str(root / f"{number:02}.png") for number in range(16)]
