"""Sets of Pascal VOC, in the shape that the challenges, LabelImg, CVAT and Roboflow write them."""

import csv

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from box_sets import found, splits, write
from pictures import write_picture
from tellapart.data.reading import Reading
from tellapart.data.scan import index_of_paths, scan
from tellapart.errors import DataError, TellapartError, UsageError


def thing(label, corners=(4, 3, 24, 23), *, more="<truncated>0</truncated><difficult>0</difficult>"):
    numbers = "".join(f"<{name}>{value}</{name}>" for name, value in zip(CORNERS, corners, strict=True))
    part = "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>"
    return f"<object><name>{label}</name><pose>Left</pose>{more}<bndbox>{numbers}</bndbox>{part}</object>"


CORNERS = ("xmin", "ymin", "xmax", "ymax")
SIZE = "<size><width>48</width><height>40</height><depth>3</depth></size>"


def annotation(filename, *things, size=SIZE):
    return (
        f"<annotation>\n\t<folder>VOC2007</folder>\n\t<filename>{filename}</filename>\n"
        f"\t<source><database>x</database></source>\n\t{size}\n\t{''.join(things)}\n</annotation>\n"
    )


@pytest.fixture
def challenge(tmp_path):
    """Annotations beside JPEGImages, with five pictures."""
    root = tmp_path / "VOC2007"
    files = {}
    for number in range(1, 6):
        label = "cat" if number % 2 else "dog"
        files[f"JPEGImages/{number:06}.jpg"] = None
        files[f"Annotations/{number:06}.xml"] = annotation(f"{number:06}.jpg", thing(label))
    return write(root, files)


@pytest.mark.parametrize("named", ["", "Annotations"])
def test_challenge__each_box_is_a_picture(challenge, named):
    index = scan(challenge / named)
    assert found(index)["JPEGImages/000001.jpg#xywh=4,3,20,20"] == "cat"
    assert (index.layout, index.name, index.classes, len(index.pictures)) == (
        "Pascal VOC",
        "VOC2007",
        ("cat", "dog"),
        5,
    )
    assert index.pictures[0].box.size == (48, 40)
    assert index.notes == ("5 boxes of VOC2007 are a picture each (--boxes none takes whole pictures).",)


def test_challenge__by_a_link_to_its_annotations(challenge, tmp_path):
    for place in ("link", "more/Annotations"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).symlink_to(challenge / "Annotations")
        assert (scan(tmp_path / place).name, len(scan(tmp_path / place).pictures)) == ("VOC2007", 5)


def test_challenge__boxes_of_one_picture_stay_together_and_say_what_is_difficult(challenge):
    more = "<truncated>1</truncated><difficult>Unspecified</difficult>"
    things = [thing("cat"), thing("dog", (1, 1, 9, 9), more=more)]
    write(challenge, {"Annotations/000001.xml": annotation("000001.jpg", *things)})
    index = scan(challenge)
    first = [picture for picture in index.pictures if "000001" in picture.path]
    assert len({picture.group for picture in first}) == 1
    assert index.columns == ("difficult", "truncated")
    assert {picture.label: picture.given for picture in first} == {"cat": ("", ""), "dog": ("Unspecified", "1")}


def test_challenge__its_lists_are_the_splits(challenge):
    write(
        challenge,
        {
            "ImageSets/Main/train.txt": "000001\n000002\n",
            "ImageSets/Main/val.txt": "000003 \r\n000004\r\n000009\r\n",
            "ImageSets/Main/trainval.txt": "000001\n000002\n000003\n000004\n",
            "ImageSets/Main/cat_train.txt": "000001  1\n000002 -1\n",
        },
    )
    index = scan(challenge)
    assert set(splits(index).values()) == {"train", "valid"}
    assert len(index.pictures) == 4
    assert "The splits are those of ImageSets/Main/train.txt, val.txt." in index.notes
    assert any(
        note.startswith("1 picture is in none of ImageSets/Main/train.txt, val.txt, and left") for note in index.notes
    )
    assert "1 name in them has no file of labels, the first 000009." in index.notes
    assert [entry.path for entry in index.skipped] == ["JPEGImages/000005.jpg"]
    assert len(index_of_paths([challenge]).pictures) == 5
    assert len(scan(challenge, reading=Reading(redrawn=True)).pictures) == 5
    write(challenge, {"ImageSets/Main/train.txt": "000001\n000003\n"})
    with pytest.raises(DataError, match=r"000003 is in train and in valid"):
        scan(challenge)


def test_lists__have_no_more_lines_than_a_set_has_pictures(challenge, monkeypatch):
    write(challenge, {"ImageSets/Main/train.txt": "000001\n\n000002\n" * 3})
    assert len(scan(challenge).pictures) == 2
    monkeypatch.setattr("tellapart.data.set_folders.MOST_LABEL_FILES", 5)
    with pytest.raises(DataError, match=r"a list of more than 5 pictures: .*train.txt. Split the set"):
        scan(challenge)


@pytest.mark.parametrize(
    ("train", "valid"),
    [
        (("s/1", "s/2 b"), ("train/1", "café")),
        (("s/1.png", "s/2 b.JPG"), ("JPEGImages/train/1.png", "café.png")),
        (("s/1  1", "2 b -1"), ("train\\1 0", "/data/VOC2007/JPEGImages/café.png 1\r")),
        (("s/1", "s/2 b"), ("train/1", "cafe\N{COMBINING ACUTE ACCENT}")),
    ],
)
def test_lists__name_pictures_in_folders_with_endings_blanks_and_columns(tmp_path, train, valid):
    for place, label in (("s/1", "cat"), ("s/2 b", "dog"), ("train/1", "cat"), ("café", "dog"), ("left", "dog")):
        name = place.rpartition("/")[2]
        files = {f"JPEGImages/{place}.png": None, f"Annotations/{place}.xml": annotation(f"{name}.png", thing(label))}
        write(tmp_path, files)
    lists = {"train": train, "val": valid}
    write(tmp_path, {f"ImageSets/Main/{key}.txt": "\n".join(lines) for key, lines in lists.items()})
    assert splits(scan(tmp_path)) == {
        "JPEGImages/s/1.png": "train",
        "JPEGImages/s/2 b.png": "train",
        "JPEGImages/train/1.png": "valid",
        "JPEGImages/café.png": "valid",
    }


def test_lists__that_name_no_picture_or_one_of_two_stop(challenge):
    write(challenge, {"ImageSets/Main/train.txt": "000009\n", "ImageSets/Main/val.txt": "a b 1\n"})
    message = r"no picture is called as in ImageSets/Main/train.txt, val.txt, the first 000009: .*below JPEGImages"
    with pytest.raises(DataError, match=message) as caught:
        scan(challenge)
    assert "\n" not in str(caught.value)
    write(challenge, {"ImageSets/Main/train.txt": "\n", "ImageSets/Main/val.txt": ""})
    with pytest.raises(DataError, match=r"no name in ImageSets/Main/train.txt, val.txt"):
        scan(challenge)
    for folder in ("s", "train"):
        files = {f"JPEGImages/{folder}/9.jpg": None, f"Annotations/{folder}/9.xml": annotation("9.jpg", thing("cat"))}
        write(challenge, files)
    write(challenge, {"ImageSets/Main/train.txt": "000001\n9\n"})
    with pytest.raises(DataError, match=r"9 may be JPEGImages/s/9 or JPEGImages/train/9: .*train.txt"):
        scan(challenge)


def test_challenge__pictures_without_things_are_left_out_and_counted(challenge):
    write(challenge, {"Annotations/000001.xml": annotation("000001.jpg"), "JPEGImages/7.jpg": None})
    index = scan(challenge)
    assert "2 pictures have no label in VOC2007 and are left out (the first: JPEGImages/000001.jpg)." in index.notes
    assert all(picture.box is None for picture in index_of_paths([challenge]).pictures)


def test_boxes_none__whole_pictures_of_one_label(challenge):
    assert found(scan(challenge, reading=Reading(boxes="none")))["JPEGImages/000001.jpg"] == "cat"
    write(challenge, {"Annotations/000001.xml": annotation("000001.jpg", thing("cat"), thing("dog"))})
    with pytest.raises(DataError, match=r"several labels, the first JPEGImages/000001.jpg: 'cat' and 'dog'"):
        scan(challenge, reading=Reading(boxes="none"))


def test_kaggle__annotations_beside_images(tmp_path):
    files = {f"images/{label}.png": None for label in ("cat", "dog")}
    files |= {f"annotations/{label}.xml": annotation(f"{label}.png", thing(label)) for label in ("cat", "dog")}
    assert scan(write(tmp_path, files)).classes == ("cat", "dog")


@pytest.mark.parametrize("home", ["", "train/"])
def test_labelimg__files_beside_their_pictures(tmp_path, home):
    files = {"classes.txt": "x"}
    for number, label in enumerate(("cat", "dog", "cat", "dog")):
        place = home if number < 2 or not home else "valid/"
        files[f"{place}{number}.jpg"] = None
        files[f"{place}{number}.xml"] = annotation(f"{number}.jpg", thing(label))
    index = scan(write(tmp_path, files))
    assert len(index.pictures) == 4
    assert set(splits(index).values()) == ({"train", "valid"} if home else {None})
    assert [entry.path for entry in index.skipped] == ([] if home else ["classes.txt"])


@pytest.mark.parametrize(
    ("filename", "picture"),
    [("a.png", "a.png"), ("old.png", "a.png"), ("a", "a.png"), ("", "a.png"), ("C:\\x\\a.png", "a.png")],
)
def test_pictures__by_their_name_or_called_like_the_file(tmp_path, filename, picture):
    write(tmp_path, {"a.png": None, "a.xml": annotation(filename, thing("cat"))})
    write(tmp_path, {"b.png": None, "b.xml": annotation("b.png", thing("dog"))})
    assert splits(scan(tmp_path)).keys() == {picture, "b.png"}


def test_pictures__that_are_not_there_or_may_be_two(tmp_path):
    write(tmp_path, {"a.png": None, "a.xml": annotation("b.png", thing("cat"))})
    write(tmp_path, {"b.png": None, "b.xml": annotation("b.png", thing("dog"))})
    with pytest.raises(DataError, match=r"two pictures may be that of a.xml, b.png and a.png"):
        scan(tmp_path)
    (tmp_path / "a.png").unlink()
    write(tmp_path, {"a.xml": annotation("../../a.png", thing("cat"))})
    with pytest.raises(DataError, match=r"1 of 2 files is missing, the first in a.xml: ../../a.png"):
        scan(tmp_path)
    write(tmp_path, {"a.xml": annotation("", thing("cat"))})
    with pytest.raises(DataError, match=r"a.xml names no picture, and none is called like it"):
        scan(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (annotation("000001.jpg", thing("")), r"object 1 of Annotations/000001.xml has no name"),
        (annotation("000001.jpg", thing("cat", (1, 1, "x", 9))), r"the box of object 1 of .*1.xml is no four numbers"),
        (annotation("000001.jpg", thing("cat", (9, 1, 9, 9))), r"the box of object 1 of .* has no size"),
        (annotation("000001.jpg", thing("cat", (9, 1, 2, 9))), r"the box of object 1 of .* has no size"),
        (
            "<annotations><image name='000001.jpg'/></annotations>",
            r"annotations of CVAT, not of Pascal VOC: .*name the",
        ),
        ("<html/>", r"no annotation of Pascal VOC, it starts with <html>"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><annotation/>", r"cannot read the manifest \(it has a document type"),
        ("<annotation>" + "<a>" * 100, r"cannot read the manifest \(nested too deeply"),
        ("<annotation>", r"cannot read the manifest \(no element found"),
    ],
)
def test_refused__what_is_none(challenge, text, message):
    write(challenge, {"Annotations/000001.xml": text})
    with pytest.raises(DataError, match=message) as caught:
        scan(challenge)
    assert "\n" not in str(caught.value)


def test_refused__a_box_outside_of_its_picture(tmp_path):
    for number in (0, 1):
        write_picture(tmp_path / f"{number}.png", seed=number)
        write(tmp_path, {f"{number}.xml": annotation(f"{number}.png", thing("cat", (30, 3, 60, 9)))})
    with pytest.raises(DataError, match=r"2 of 2 boxes do not fit, the first in object 1 of 0.xml"):
        scan(tmp_path, reading=Reading(scoring=True))


def test_refused__options_and_one_file(challenge):
    for reading in (Reading(path_column="a"), Reading(label_column="a"), Reading(encoding="cp1252")):
        with pytest.raises(UsageError, match="says nothing of Pascal VOC"):
            scan(challenge, reading=reading)
    with pytest.raises(
        DataError, match=r"annotations of one picture, as Pascal VOC has: .*name the folder, .*VOC2007$"
    ):
        scan(challenge / "Annotations/000001.xml")


def test_class_folders__with_stray_files_are_read_as_before(tmp_path):
    files = {f"{label}/{number}.png": None for label in ("cat", "dog") for number in (1, 2)}
    files |= {"cat/1.xml": annotation("1.png", thing("x")), "1.xml": annotation("1.png", thing("x")), "1.png": None}
    assert scan(write(tmp_path / "a", files)).layout == "folders"
    within = {f"{split}/{place}": content for split in ("train", "test") for place, content in files.items()}
    write(tmp_path / "b", {place: content for place, content in within.items() if "/1." not in place})
    assert scan(tmp_path / "b").layout == "split folders"
    write(tmp_path / "c", {f"images/{label}/1.png": None for label in ("cat", "dog")})
    write(tmp_path / "c", {"annotations/instances.xml": "<annotations/>"})
    assert scan(tmp_path / "c").layout == "folders, in images"


def test_class_folders__are_classes_whatever_annotations_lie_beside_them(tmp_path):
    for label in ("cat", "dog"):
        write(tmp_path, {f"images/{label}/1.png": None})
        write(tmp_path, {f"annotations/{label}/1.xml": annotation("1.png", thing(label))})
    assert scan(tmp_path).layout == "folders, in images"
    inner = write(tmp_path / "parts", {f"{place}/1.png": None for place in ("car", "bus", "train")})
    write(inner, {f"{place}/1.xml": annotation("1.png", thing(place)) for place in ("car", "bus", "train")})
    assert scan(inner).classes == ("bus", "car", "train")
    assert len(index_of_paths([tmp_path]).pictures) == 5


def test_two_readings__of_two_tools_are_both_told(tmp_path):
    write(tmp_path / "both", {"images/1.png": None, "labels/1.txt": "0 .5 .5 .2 .2", "classes.txt": "cat"})
    write(tmp_path / "both", {"annotations/1.xml": annotation("1.png", thing("cat"))})
    with pytest.raises(DataError, match=r"two readings: the boxes are those of YOLO, or those of Pascal VOC"):
        scan(tmp_path / "both")


PIECES = [
    *("<annotation>", "</annotation>", "<object>", "</object>", "<bndbox>", "</bndbox>", "<name>", "</name>", "cat"),
    *("<xmin>1</xmin>", "<ymin>1</ymin>", "<xmax>9</xmax>", "<ymax>9</ymax>", "<filename>000002.jpg</filename>", "&b;"),
    *("<size>", "</size>", "<width>1</width>", "<!DOCTYPE a>", "\0"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_files__any_text_is_read_or_refused_in_one_line(challenge, text):
    (challenge / "Annotations/000001.xml").write_text(text)
    try:
        assert scan(challenge).layout == "Pascal VOC"
    except TellapartError as error:
        assert "\n" not in str(error)  # noqa: PT017  (either outcome is right)


NUMBERS = st.integers(0, 200)


@given(NUMBERS, NUMBERS, st.integers(1, 50), st.integers(1, 50))
@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_files__every_box_comes_back(challenge, left, top, width, height):
    corners = (left, top, left + width, top + height)
    write(challenge, {"Annotations/000001.xml": annotation("000001.jpg", thing("cat", corners), size="")})
    box = next(picture.box for picture in scan(challenge).pictures if "000001" in picture.path)
    assert (box.left, box.top, box.width, box.height) == (left, top, width, height)


def test_train_and_predict__from_end_to_end(tmp_path, tellapart):
    root = tmp_path / "pets"
    for number in range(16):
        write_picture(root / f"JPEGImages/{number:02}.png", seed=number, kind=number % 2)
        things = thing("dog" if number % 2 else "cat", (4, 2, 44, 38))
        write(root, {f"Annotations/{number:02}.xml": annotation(f"{number:02}.png", things)})
    outcome = tellapart("train", root, "-o", tmp_path / "run", "--size", 64, "--json")
    assert outcome.code == 0
    assert outcome.json["data"] == {"name": "pets", "layout": "Pascal VOC"}
    model = tmp_path / "run/model.tellapart"
    assert tellapart("evaluate", model, root / "Annotations", "--json").code == 0
    rows = list(csv.DictReader(tellapart("predict", model, root, "--format", "csv").out.splitlines()))
    assert [row["path"] for row in rows] == [str(root / f"JPEGImages/{number:02}.png") for number in range(16)]
