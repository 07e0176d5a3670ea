"""Sets of YOLO, in the shape that Ultralytics, Roboflow and Label Studio write them."""

import csv
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from box_sets import found, splits, write
from pictures import write_picture
from tellapart.data.reading import Reading
from tellapart.data.scan import index_of_paths, scan
from tellapart.data.yolo_labels import YoloNames, yolo_parts
from tellapart.data.yolo_places import label_place
from tellapart.errors import DataError, TellapartError, UsageError

NAMES = "names:\n  0: cat\n  1: dog\n"
BOX = "#xywh=percent:40,30,20,40"


@pytest.fixture
def ultralytics(tmp_path):
    """images beside labels, with train and val in both."""
    root = tmp_path / "pets"
    files = {"data.yaml": f"path: pets\ntrain: images/train\nval: images/val\ntest: # none\n{NAMES}"}
    for split, numbers in (("train", (1, 2, 3)), ("val", (4, 5))):
        for number in numbers:
            files[f"images/{split}/{number}.png"] = None
            files[f"labels/{split}/{number}.txt"] = f"{number % 2} 0.5 0.5 0.2 0.4\n"
    return write(root, {**files, "labels/train.cache": "x"})


@pytest.mark.parametrize("named", ["", "data.yaml"])
def test_ultralytics__each_box_is_a_picture_in_its_split(ultralytics, named):
    index = scan(ultralytics / named)
    assert found(index) == {
        f"images/train/1.png{BOX}": "dog",
        f"images/train/2.png{BOX}": "cat",
        f"images/train/3.png{BOX}": "dog",
        f"images/val/4.png{BOX}": "cat",
        f"images/val/5.png{BOX}": "dog",
    }
    assert set(splits(index).items()) >= {("images/train/1.png", "train"), ("images/val/4.png", "valid")}
    assert (index.layout, index.name, index.classes, index.columns) == ("YOLO", "pets", ("cat", "dog"), ())
    assert index.notes == ("5 boxes of data.yaml are a picture each (--boxes none takes whole pictures).",)


def test_ultralytics__boxes_of_one_picture_stay_together(ultralytics):
    (ultralytics / "labels/train/1.txt").write_text("0 0.5 0.5 0.2 0.4\n\n1.0 0.2 0.2 0.1 0.1 0.75\n")
    index = scan(ultralytics)
    first = [picture for picture in index.pictures if picture.path.startswith("images/train/1.png")]
    assert sorted(picture.label for picture in first) == ["cat", "dog"]
    assert first[0].group == first[1].group is not None
    assert index.columns == ("confidence",)
    assert sorted(picture.given for picture in first) == [("",), ("0.75",)]


def test_ultralytics__pictures_without_labels_are_left_out_and_counted(ultralytics):
    (ultralytics / "labels/train/1.txt").write_text("\n")
    (ultralytics / "labels/train/2.txt").unlink()
    index = scan(ultralytics)
    assert "2 pictures have no label in data.yaml and are left out (the first: images/train/1.png)." in index.notes
    assert [(entry.path, entry.reason) for entry in index.skipped] == [
        ("images/train/1.png", "no label in data.yaml"),
        ("images/train/2.png", "no label in data.yaml"),
    ]


@pytest.mark.parametrize("named", ["", "data.yaml"])
def test_ultralytics__labels_whose_picture_is_gone_are_said(ultralytics, named):
    (ultralytics / "images/train/1.png").unlink()
    write(ultralytics, {"labels/train/more.txt": "no labels", "labels/train/empty.txt": ""})
    assert "1 file of labels has no picture, the first labels/train/1.txt." in scan(ultralytics / named).notes
    write(ultralytics, {"data.yaml": f"train: a.txt\nval: images/val\n{NAMES}", "images/train/1.png": None})
    write(ultralytics, {"a.txt": "images/train/2.png\nimages/train/3.png\n"})
    assert not any("no picture" in note for note in scan(ultralytics / named).notes)


def test_predict__a_yaml_has_boxes_and_pictures_without_and_a_folder_its_pictures(ultralytics):
    (ultralytics / "labels/train/1.txt").unlink()
    index = index_of_paths([ultralytics / "data.yaml"])
    paths = [picture.path for picture in index.pictures]
    assert "images/train/1.png" in paths
    assert f"images/val/4.png{BOX}" in paths
    assert {picture.label for picture in index.pictures} == {None}
    whole = index_of_paths([ultralytics / "data.yaml"], reading=Reading(boxes="none"))
    assert [picture.box for picture in whole.pictures] == [None] * 5
    assert [picture.box for picture in index_of_paths([ultralytics]).pictures] == [None] * 5
    shutil.rmtree(ultralytics / "labels")
    assert len(index_of_paths([ultralytics]).pictures) == 5


def test_predict_and_evaluate__what_is_left_of_a_set(tmp_path):
    files = {"data.yaml": f"train: ../train/images\nval: ../valid/images\ntest: ../test/images\n{NAMES}"}
    files |= {"test/images/1.png": None, "test/labels/1.txt": "0 0.5 0.5 0.2 0.4", "test/labels/2.txt": "0 0.5 0.5 1 1"}
    write(tmp_path, files)
    assert [picture.path.split("#")[1] for picture in index_of_paths([tmp_path / "data.yaml"]).pictures] == [BOX[1:]]
    assert [picture.split for picture in scan(tmp_path, reading=Reading(scoring=True)).pictures] == ["test"]
    with pytest.raises(DataError, match=r"train names ../train/images, which is not there"):
        scan(tmp_path)


def test_limits__of_files_and_of_their_number(ultralytics, monkeypatch):
    monkeypatch.setattr("tellapart.data.yolo.LARGEST_LABELS", 10)
    with pytest.raises(DataError, match=r"cannot read the manifest \(larger than 10 bytes\): .*labels/train/1.txt"):
        scan(ultralytics)
    monkeypatch.setattr("tellapart.data.yolo_places.MOST_LABEL_FILES", 2)
    with pytest.raises(DataError, match=r"more than 2 pictures in train"):
        scan(ultralytics)
    (ultralytics / "data.yaml").unlink()
    monkeypatch.setattr("tellapart.data.set_folders.MOST_LABEL_FILES", 3)
    with pytest.raises(DataError, match=r"more than 3 files of labels: .*labels"):
        scan(ultralytics)


def test_boxes_none__whole_pictures_of_one_label(ultralytics):
    assert found(scan(ultralytics, reading=Reading(boxes="none")))["images/train/1.png"] == "dog"
    (ultralytics / "labels/train/1.txt").write_text("0 0.5 0.5 0.2 0.4\n1 0.2 0.2 0.1 0.1\n")
    with pytest.raises(DataError, match=r"several labels, the first images/train/1.png: 'cat' and 'dog'.*--boxes none"):
        scan(ultralytics, reading=Reading(boxes="none"))


@pytest.mark.parametrize("named", ["", "data.yaml"])
def test_roboflow__splits_hold_images_and_labels(tmp_path, named):
    files = {
        "data.yaml": "train: ../train/images\nval: ../valid/images\ntest: ../test/images\nnc: 2\nnames: [cat, 'dog']\n"
    }
    for split in ("train", "valid"):
        for number in (0, 1):
            files[f"{split}/images/{number}_jpg.rf.a.jpg"] = None
            files[f"{split}/labels/{number}_jpg.rf.a.txt"] = f"{number} 0.5 0.5 0.2 0.4"
    index = scan(write(tmp_path, files) / named)
    assert splits(index)["valid/images/1_jpg.rf.a.jpg"] == "valid"
    assert len(index.pictures) == 4
    assert "test of data.yaml names ../test/images, which is not there." in index.notes
    (tmp_path / "data.yaml").unlink()
    with pytest.raises(DataError, match=r"numbers for classes, and nothing names them.*classes.txt"):
        scan(tmp_path)
    write(tmp_path, {"train/labels/classes.txt": "cat\ndog\n"})
    assert splits(scan(tmp_path)) == splits(index)


def test_label_studio__classes_are_in_a_file_of_their_own(tmp_path):
    files = {"classes.txt": "cat\ndog\n", "notes.json": '{"categories": []}', "labels/3.txt": ""}
    for number in (0, 1):
        files[f"images/{number}.jpg"] = None
        files[f"labels/{number}.txt"] = f"{number} 0.5 0.5 0.2 0.4"
    index = scan(write(tmp_path, files))
    assert found(index) == {f"images/0.jpg{BOX}": "cat", f"images/1.jpg{BOX}": "dog"}
    assert {picture.split for picture in index.pictures} == {None}
    write(tmp_path, {"labels/4.txt": "0 0.5 0.5 0.2 0.4", "labels/readme.txt": "Labelled in May."})
    with pytest.raises(DataError, match=r"1 file of labels has no picture, the first labels/4.txt"):
        scan(tmp_path)


def test_lists__of_pictures(tmp_path):
    files = {
        "data.yaml": f"path: /content/set\ntrain: train.txt\nval: [lists/val.txt]\n{NAMES}",
        "train.txt": "./images/1.png\n\n/content/set/images/2.png\n",
        "lists/val.txt": "../images/3.png\r\n",
    }
    for number in (1, 2, 3):
        files[f"images/{number}.png"] = None
        files[f"labels/{number}.txt"] = f"{number % 2} 0.5 0.5 0.2 0.4"
    index = scan(write(tmp_path, files) / "data.yaml")
    assert splits(index) == {"images/1.png": "train", "images/2.png": "train", "images/3.png": "valid"}
    write(tmp_path, {"train.txt": "images/1.png\nimages/9.png\n"})
    with pytest.raises(DataError, match=r"1 picture of train.txt not found, the first in line 2: images/9.png"):
        scan(tmp_path / "data.yaml")
    write(tmp_path, {"train.txt": "images/1.png\nimages/3.png\n"})
    with pytest.raises(DataError, match=r"1 picture is in train and valid, the first images/3.png"):
        scan(tmp_path / "data.yaml")


@pytest.mark.parametrize(
    ("base", "train"),
    [
        ("", "images/train"),
        (".", "./images/train"),
        ("/home/a/sets/pets", "images/train"),
        ("../sets/pets", "images/train"),
        ("C:\\sets\\pets", "images\\train"),
        ("", "/home/a/pets/images/train"),
        ("", "D:\\pets\\images\\train"),
        ("images", "train"),
    ],
)
def test_places__however_they_were_written(ultralytics, base, train):
    val = train.replace("train", "val")
    write(ultralytics, {"data.yaml": f"path: {base}\ntrain: {train}\nval: {val}\n{NAMES}"})
    told = any("taken for images/train here" in note for note in scan(ultralytics / "data.yaml").notes)
    assert told == (train.startswith(("/", "D:")))
    assert set(splits(scan(ultralytics / "data.yaml")).values()) == {"train", "valid"}


@pytest.mark.parametrize("train", ["/home/a/sets/pets/images/train", "C:\\sets\\pets\\images\\train"])
def test_places__with_and_without_the_folder_of_another_machine(ultralytics, train):
    base = train.replace("/images/train", "").replace("\\images\\train", "")
    write(ultralytics, {"data.yaml": f"path: {base}\ntrain: {train}\nval: images/val\n{NAMES}"})
    assert set(splits(scan(ultralytics)).values()) == {"train", "valid"}
    write(ultralytics, {"data.yaml": f"path: {base}\ntrain: {train}\nval: /val\n{NAMES}"})
    index = scan(ultralytics)
    assert len(index.pictures) == 3
    assert "val of data.yaml names /val, which is not there." in index.notes


def test_places__none_leads_out_of_the_folder(ultralytics, tmp_path):
    write(tmp_path, {"other/images/1.png": None, "other/labels/1.txt": "0 0.5 0.5 0.2 0.4"})
    for place in ("../other/images", str(tmp_path / "other/images/1.png"), "images/../../other/images", "~/other"):
        write(ultralytics, {"data.yaml": f"train: {place}\n{NAMES}"})
        with pytest.raises(
            DataError, match=r"train names .*, which is not there: .*below pets, the folder of data.yaml"
        ):
            scan(ultralytics / "data.yaml")
    write(ultralytics, {"data.yaml": f"train: a.txt\n{NAMES}", "a.txt": f"{tmp_path}/other/images/0.png\n"})
    with pytest.raises(DataError, match=r"1 picture of a.txt not found"):
        scan(ultralytics / "data.yaml")


def test_splits__that_are_the_same_pictures_count_once(ultralytics):
    write(ultralytics, {"data.yaml": f"train: images\nval: images\n{NAMES}"})
    index = scan(ultralytics)
    assert set(splits(index).values()) == {"train"}
    assert "train and valid of data.yaml are the same pictures, which tests nothing: taken as train." in index.notes


@pytest.mark.parametrize(
    ("line", "label", "numbers"),
    [
        ("0 0.5 0.5 0.2 0.4", "cat", (0.4, 0.3, 0.2, 0.4)),
        ("1 0.5 0.5 0.2 0.4 0.93", "dog", (0.4, 0.3, 0.2, 0.4)),
        ("1 0.1 0.2 0.5 0.3 0.3 0.9", "dog", (0.1, 0.2, 0.4, 0.7)),
        ("0 0.5 0.1 0.9 0.5 0.5 0.9 0.1 0.5", "cat", (0.1, 0.1, 0.8, 0.8)),
        ("0 0.5 0.1 0.9 0.5 0.5 0.9 0.1 0.5 0.88", "cat", (0.1, 0.1, 0.8, 0.8)),
        ("0 1e-1 +.5 .2 4.e-1", "cat", (0.0, 0.3, 0.2, 0.4)),
    ],
)
def test_yolo_parts__boxes_polygons_and_turned_boxes(tmp_path, line, label, numbers):
    names = YoloNames(by_number={0: "cat", 1: "dog"}, source="data.yaml")
    (part,) = yolo_parts(line, names, path="labels/1.txt", where=tmp_path)
    assert part.label == label
    assert (part.box.left, part.box.top, part.box.width, part.box.height) == pytest.approx(numbers)


def test_yolo_parts__keypoints_are_no_polygon(ultralytics):
    pose = "0 0.5 0.5 0.2 0.4 0.1 0.1 2 0.9 0.9 1\n"
    write(ultralytics, {"labels/train/2.txt": pose, "data.yaml": f"train: images/train\nkpt_shape: [2, 3]\n{NAMES}"})
    assert f"images/train/2.png{BOX}" in found(scan(ultralytics))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("7 0.5 0.5 0.2 0.4", r"line 2 of labels/train/1.txt has the class 7, which has no name in data.yaml \(0 to 1"),
        ("cat 0.5 0.5 0.2 0.4", r"begins with 'cat', which is no number of a class"),
        ("-1 0.5 0.5 0.2 0.4", r"begins with '-1', which is no number of a class"),
        ("0 0.5 x 0.2 0.4", r"has 'x', which is no number: .*A line is: class x_center"),
        ("0 nan 0.5 0.2 0.4", r"has 'nan', which is no number"),
        ("0 1_0 0.5 0.2 0.4", r"has '1_0', which is no number"),
        ("0 320 240 64 48", r"has 320, which is no share of 1: .*divide pixels"),
        ("0 1e999 0.5 0.2 0.4", r"has inf, which is no share of 1"),
        ("0 0.5 0.5", r"has 2 numbers behind the class"),
        ("0 0.5 0.5 0 0.4", r"the box of line 2 of labels/train/1.txt has no size"),
        (
            "0 0.95 0.5 0.2 0.4",
            r"1 of 6 boxes does not fit, the first in line 2 of labels/train/1.txt: .* 0.85, 0.3, 0.2, 0.4, in shares",
        ),
    ],
)
def test_refused__lines_that_are_none(ultralytics, line, message):
    (ultralytics / "labels/train/1.txt").write_text(f"0 0.5 0.5 0.2 0.4\n{line}\n")
    with pytest.raises(DataError, match=message) as caught:
        scan(ultralytics)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: images/train\n", r"no names of classes, which the data.yaml of YOLO has.*Write names: "),
        ("train: images/train\nnames: []\n", r"no names of classes"),
        ("train: images/train\nnames: [a, '']\n", r"the class 1 has an empty name"),
        ("train: images/train\nnames: {x: a}\n", r"the name 'a' has 'x' for a number"),
        ("train: images/train\nnc: 3\nnames: [a, b]\n", r"nc is 3, and there are 2 names"),
        ("names: [a, b]\n", r"neither train nor val nor test is named"),
        ("train: {a: b}\nnames: [a, b]\n", r"train is neither a folder nor a list of folders"),
        ("train: [images/train, images/x]\nnames: [a, b]\n", r"train names images/x, which is not there"),
        ("train: images/train/1.png\nnames: [a, b]\n", r"images/train/1.png is neither a folder nor a list"),
        ("train: labels\nnames: [a, b]\n", r"no picture where it says"),
        ("train: &a images/train\nnames: [a, b]\n", r"YAML that is not read here in line 1"),
    ],
)
def test_refused__what_is_no_data_yaml(ultralytics, text, message):
    write(ultralytics, {"data.yaml": text})
    with pytest.raises(DataError, match=message) as caught:
        scan(ultralytics / "data.yaml")
    assert "\n" not in str(caught.value)


def test_refused__options_and_sets_without_labels(ultralytics):
    for reading in (Reading(path_column="a"), Reading(label_column="a")):
        with pytest.raises(UsageError, match="says nothing of YOLO's labels"):
            scan(ultralytics, reading=reading)
    with pytest.raises(UsageError, match="--classes is for folders"):
        scan(ultralytics / "data.yaml", reading=Reading(classes="top"))
    (ultralytics / "labels/train/1.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"cannot read the manifest .*labels/train/1.txt"):
        scan(ultralytics)
    shutil.rmtree(ultralytics / "labels")
    for named in ("", "data.yaml"):
        with pytest.raises(DataError, match=r"no file of labels for any of 5 pictures.*labels/train/1.txt"):
            scan(ultralytics / named)


def test_refused__one_file_or_the_labels_alone(ultralytics):
    with pytest.raises(DataError, match=r"labels of one picture, as YOLO has: .*or the folder of images and labels"):
        scan(ultralytics / "labels/train/1.txt")
    with pytest.raises(DataError, match=r"no class folders.* 1.txt is about one picture: name the folder that holds"):
        scan(ultralytics / "labels/train")


def test_names__alike_are_one_class(ultralytics):
    write(ultralytics, {"data.yaml": "train: images/train\nnames: [cat, dog, cat]\n"})
    assert any(note.startswith("data.yaml calls the classes 0, 2 alike, 'cat'") for note in scan(ultralytics).notes)


def classes_of(root, *more):
    files = {f"{label}/{number}.png": None for label in ("cat", "dog") for number in (1, 2)}
    return write(root, {**files, **dict.fromkeys(more, "0 0.5 0.5 0.2 0.4")})


def test_class_folders__with_stray_files_are_read_as_before(tmp_path):
    classes_of(tmp_path, "cat/1.txt", "dog/2.txt", "classes.txt")
    write(tmp_path, {"conda.yaml": "name: a\n", "params.yaml": "names: &a [x]\ntrain: {epochs: 3}\n"})
    index = scan(tmp_path)
    assert (index.layout, index.classes) == ("folders", ("cat", "dog"))
    write(tmp_path, {"data.yaml": "train: cat\nnames: [cat, dog]\n"})
    (tmp_path / "params.yaml").unlink()
    (tmp_path / "cat/1.txt").unlink()
    assert scan(tmp_path).layout == "folders"
    write(tmp_path / "s", {f"{split}/{label}/1.png": None for split in ("train", "val") for label in ("cat", "dog")})
    write(tmp_path / "s", {"data.yaml": "train: train\nval: val\nnames: [cat, dog]\n"})
    assert scan(tmp_path / "s").layout == "split folders"
    write(tmp_path / "s", {"other.yaml": "train: train\nval: val\nnames: [cat, dog]\n"})
    assert scan(tmp_path / "s").layout == "split folders"


def test_class_folders__are_classes_whatever_labels_lie_beside_them(tmp_path):
    write(tmp_path, {f"images/{place}/1.png": None for place in ("north", "south")})
    write(tmp_path, {f"labels/{place}/1.txt": "0 0.5 0.5 0.2 0.4" for place in ("north", "south")})
    write(tmp_path, {"classes.txt": "cat\ndog\n", "labels/south/1.txt": "1 0.5 0.5 0.2 0.4"})
    assert scan(tmp_path).classes == ("north", "south")
    write(tmp_path, {"data.yaml": f"train: images\n{NAMES}", "other.yaml": f"train: images\n{NAMES}"})
    assert scan(tmp_path).classes == ("north", "south")
    assert scan(tmp_path / "data.yaml").classes == ("cat", "dog")
    inner = write(tmp_path / "s", {f"train/{label}/1.png": None for label in ("cat", "dog")})
    write(inner, {"config.yaml": "names: [cat, dog]\ntrain: &here elsewhere\n"})
    assert scan(inner).classes == ("cat", "dog")
    assert len(index_of_paths([inner]).pictures) == 2


def test_two_files__may_say_what_is_labelled(ultralytics):
    write(ultralytics, {"other.yaml": f"train: images\n{NAMES}"})
    with pytest.raises(DataError, match=r"two files may say what is labelled, data.yaml and other.yaml"):
        scan(ultralytics)


def test_two_readings__folders_of_pictures_beside_images_and_labels(tmp_path):
    write(tmp_path, {"images/1.png": None, "labels/1.txt": "0 0.5 0.5 0.2 0.4", "classes.txt": "cat\ndog\n"})
    write(tmp_path, {"images/2.png": None, "labels/2.txt": "1 0.5 0.5 0.2 0.4", "preview/1.png": None})
    assert "preview: neither images nor labels, so passed over." in scan(tmp_path).notes
    write(tmp_path, {"cat/1.png": None})
    with pytest.raises(DataError, match=r"two readings: the boxes are in labels, or .*images, cat and preview"):
        scan(tmp_path)
    assert len(index_of_paths([tmp_path]).pictures) == 4


def test_label_place__of_a_picture():
    assert label_place("images/train/1.a.png") == "labels/train/1.a.txt"
    assert label_place("images/x/images/1.png") == "images/x/labels/1.txt"
    assert label_place("train/1.png") == "train/1.txt"


SHARES = st.floats(0.0, 1.0)


@given(SHARES, SHARES, SHARES, SHARES)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_yolo_parts__a_box_comes_back_whatever_way_it_is_written(left, top, width, height):
    width, height = (0.001 + 0.998 * share * (1 - start) for share, start in ((width, left), (height, top)))
    names = YoloNames(by_number={0: "cat"}, source="data.yaml")
    centre = f"0 {left + width / 2!r} {top + height / 2!r} {width!r} {height!r}"
    corners = [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]
    polygon = "0 " + " ".join(f"{x!r} {y!r}" for x, y in corners)
    for line in (centre, f"{centre} 0.5", polygon, f"{polygon} 0.5"):
        (part,) = yolo_parts(line, names, path="1.txt", where=None)
        box = (part.box.left, part.box.top, part.box.width, part.box.height)
        assert box == pytest.approx((left, top, width, height), abs=1e-6)


PIECES = ["0 ", "1 ", "7 ", "0.5 ", "0.2 ", "\n", "x ", "-0.1 ", "320 ", "\t", "1e9 ", "nan ", "\0", "é", "\x85"]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_labels__any_text_is_read_or_refused_in_one_line(ultralytics, text):
    (ultralytics / "labels/train/1.txt").write_text(text, encoding="utf-8", newline="")
    try:
        assert scan(ultralytics).classes == ("cat", "dog")
    except TellapartError as error:
        assert "\n" not in str(error)  # noqa: PT017  (either outcome is right)


def test_train_evaluate_split_audit_predict__from_end_to_end(tmp_path, tellapart):
    root = tmp_path / "pets"
    for number in range(16):
        write_picture(root / f"images/{number:02}.png", seed=number, kind=number % 2)
        write(root, {f"labels/{number:02}.txt": f"{number % 2} 0.5 0.5 0.8 0.9"})
    write(root, {"data.yaml": f"train: images\n{NAMES}"})
    outcome = tellapart("train", root, "-o", tmp_path / "run", "--size", 64, "--json")
    assert outcome.code == 0
    assert outcome.json["data"] == {"name": "pets", "layout": "YOLO"}
    assert "16 boxes of data.yaml are a picture each" in outcome.err
    model = tmp_path / "run/model.tellapart"
    assert tellapart("evaluate", model, root / "data.yaml", "--json").json["data"]["layout"] == "YOLO"
    outcome = tellapart("predict", model, root / "data.yaml", "--format", "csv")
    rows = list(csv.DictReader(outcome.out.splitlines()))
    assert len(rows) == 16
    assert (rows[0]["picture"], float(rows[0]["width"])) == ("images/00.png", pytest.approx(0.8))
    assert tellapart("split", root, tmp_path / "small", "--train", 4, "--valid", 1, "--test", 1).code == 0
    assert len(list((tmp_path / "small").rglob("*.png"))) == 12
    assert tellapart("audit", root, "-o", tmp_path / "checks").code == 0
