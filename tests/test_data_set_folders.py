"""What sets of YOLO, Pascal VOC and labelme have in common: bounds on all they hold, and what is not read."""

import pytest

from box_sets import found, write
from tellapart.data.reading import Reading
from tellapart.data.scan import scan
from tellapart.errors import DataError

CORNERS = ("xmin", "ymin", "xmax", "ymax")


def voc(picture, *labels):
    numbers = "".join(f"<{name}>{value}</{name}>" for name, value in zip(CORNERS, (4, 3, 24, 23), strict=True))
    things = "".join(f"<object><name>{label}</name><bndbox>{numbers}</bndbox></object>" for label in labels)
    return f"<annotation><filename>{picture}</filename>{things}</annotation>"


def labelme(picture, *labels):
    shapes = [{"label": label, "points": [[4, 3], [24, 23]], "shape_type": "rectangle"} for label in labels]
    return {"flags": {}, "shapes": shapes, "imagePath": picture}


def pair(kind, place, *labels):
    """A picture and its file of labels by their paths below the root, as a kind of set has them."""
    name = place.rpartition("/")[2]
    if kind == "labelme":
        return {f"{place}.png": None, f"{place}.json": labelme(f"{name}.png", *labels)}
    return {f"{place}.png": None, f"{place}.xml": voc(f"{name}.png", *labels)}


@pytest.fixture(params=["yolo", "voc", "labelme"])
def three_boxes(tmp_path, request):
    """A set of some kind with three boxes in two pictures."""
    if request.param != "yolo":
        return write(tmp_path, pair(request.param, "1", "cat", "cat") | pair(request.param, "2", "dog"))
    box = "0.5 0.5 0.2 0.4\n"
    files = {"labels/1.txt": f"0 {box}0 {box}", "labels/2.txt": f"1 {box}", "classes.txt": "cat\ndog\n"}
    return write(tmp_path, files | {"images/1.png": None, "images/2.png": None})


def test_check_total__boxes_of_all_files_are_bounded(three_boxes, monkeypatch):
    assert any(note.startswith("3 boxes of ") for note in scan(three_boxes).notes)
    monkeypatch.setattr("tellapart.data.set_folders.MOST_BOXES", 2)
    with pytest.raises(DataError, match=r"more than 2 boxes: .*Split the set") as caught:
        scan(three_boxes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["", "train/"])
@pytest.mark.parametrize("kind", ["yolo", "voc", "labelme", "challenge"])
def test_read_box_folder__what_is_trained_on_is_what_scores_a_model(tmp_path, kind, place):
    for number, label in (("1", "cat"), ("2", "dog")):
        if kind == "yolo":
            files = {f"images/{place}{number}.png": None, "classes.txt": "cat\ndog\n"}
            write(tmp_path, files | {f"labels/{place}{number}.txt": f"{int(number) - 1} 0.5 0.5 0.2 0.4"})
        elif kind == "challenge":
            files = {f"JPEGImages/{place}{number}.png": None, "SegmentationClass/1.png": None}
            write(tmp_path, files | {f"Annotations/{place}{number}.xml": voc(f"{number}.png", label)})
        else:
            write(tmp_path, pair(kind, f"{place}{number}", label))
    trained, scored = scan(tmp_path), scan(tmp_path, reading=Reading(scoring=True))
    assert sorted(found(scored).values()) == ["cat", "dog"]
    assert scored == trained


@pytest.mark.parametrize("kind", ["voc", "labelme"])
def test_not_read__folders_with_pictures_without_labels_are_told(tmp_path, kind):
    write(tmp_path, pair(kind, "train/1", "cat") | pair(kind, "train/2", "dog") | pair(kind, "val/1", "cat"))
    write(tmp_path, {"test/1.png": None, "more/deep/1.png": None, "loose.png": None})
    write(tmp_path, {"papers/readme.md": "x", ".kept/1.png": None, "readme.md": "x"})
    index = scan(tmp_path)
    assert len(index.pictures) == 3
    assert [(entry.path, entry.reason) for entry in index.skipped] == [
        ("loose.png", "outside the folders that are read"),
        ("more/", "outside the folders that are read"),
        ("test/", "outside the folders that are read"),
    ]


def test_not_read__beside_folders_of_annotations(tmp_path):
    for home in ("train/", "val/"):
        for name, label in (("1", "cat"), ("2", "dog")):
            files = {f"{home}Annotations/{name}.xml": voc(f"{name}.png", label), f"{home}JPEGImages/{name}.png": None}
            write(tmp_path, files)
    write(tmp_path, {"train/more/1.png": None, "val/Annotations/3.png": None, "test/JPEGImages/1.png": None})
    assert [entry.path for entry in scan(tmp_path).skipped] == ["test/", "train/more/", "val/Annotations/"]
    assert [entry.path for entry in scan(tmp_path / "train").skipped] == ["more/"]


def test_not_read__a_picture_that_is_found_elsewhere_is_not_left_out(tmp_path):
    for name, label in (("1", "cat"), ("2", "dog"), ("3", "cat")):
        write(tmp_path, {f"Annotations/{name}.xml": voc(f"{name}.png", label), f"JPEGImages/{name}.png": None})
    (tmp_path / "JPEGImages/3.png").rename(tmp_path / "3.png")
    write(tmp_path, {"4.png": None, "5.png": None, "Annotations/5.xml": voc("5.png")})
    index = scan(tmp_path)
    assert found(index)["3.png#xywh=4,3,20,20"] == "cat"
    left_out = {"4.png": "outside the folders that are read", "5.png": f"no label in {tmp_path.name}"}
    assert {entry.path: entry.reason for entry in index.skipped} == left_out
    assert len(index.skipped) == 2


def test_not_read__what_a_data_yaml_does_not_name(tmp_path):
    for place in ("images/train/1", "images/train/2", "images/test/3", "images/train/4"):
        write(tmp_path, {f"{place}.png": None, f"{place.replace('images', 'labels')}.txt": f"{place[-1]} .5 .5 .2 .4"})
    write(tmp_path, {"data.yaml": "train: images/train\nnames: [a, b, c, d, e]\n", "masks/1.png": None, "1.png": None})
    beside = [(name, "outside the folders that are read") for name in ("1.png", "masks/", "images/test/")]
    assert [(entry.path, entry.reason) for entry in scan(tmp_path).skipped] == beside
    assert scan(tmp_path / "data.yaml").skipped == ()
    write(tmp_path, {"data.yaml": "train: train.txt\nnames: [a, b, c, d, e]\n"})
    write(tmp_path, {"train.txt": "images/train/1.png\nimages/train/4.png\n", "images/train/more/5.png": None})
    beside += [(f"images/train/{name}", "in no list of the set") for name in ("2.png", "more/")]
    assert [(entry.path, entry.reason) for entry in scan(tmp_path).skipped] == beside


def test_files_below__files_of_another_kind_do_not_count(tmp_path, monkeypatch):
    write(tmp_path, pair("labelme", "1", "cat") | pair("labelme", "2", "dog"))
    monkeypatch.setattr("tellapart.data.set_folders.MOST_LABEL_FILES", 2)
    assert len(scan(tmp_path).pictures) == 2


@pytest.mark.parametrize("kind", ["voc", "labelme"])
def test_set_pictures__accents_that_are_stored_in_two_ways(tmp_path, kind):
    composed, apart = "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"
    write(tmp_path, pair(kind, composed, "cat") | pair(kind, "1", "dog"))
    (tmp_path / f"{composed}.png").rename(tmp_path / f"{apart}.png")
    index = scan(tmp_path)
    assert len(index.pictures) == 2
    assert index.skipped == ()


def test_read_box_folder__a_set_within_a_folder_alone_is_named(tmp_path):
    for kind, place in (("yolo", "pets/images"), ("voc", "pets/train"), ("labelme", "pets")):
        root = tmp_path / kind
        if kind == "yolo":
            write(root, {f"pets/labels/{number}.txt": f"{number} .5 .5 .2 .4" for number in (0, 1)})
            write(root, {"pets/images/0.png": None, "pets/images/1.png": None, "pets/classes.txt": "cat\ndog\n"})
        else:
            write(root, pair(kind, f"{place}/1", "cat") | pair(kind, f"{place}/2", "dog"))
        (root / "__MACOSX").mkdir()
        with pytest.raises(DataError, match=r"the boxes are those of the folder pets in it: .*Name that: .*/pets$"):
            scan(root)
        assert len(scan(root / "pets").pictures) == 2


@pytest.mark.parametrize(
    "files",
    [
        {"labels/1.txt": "0 .5 .5 .2 .4", "images/other.png": None},
        {"labels/train/1.txt": "0 .5 .5 .2 .4", "photos/1.png": None},
        {"xml/1.xml": voc("1.png", "cat"), "pictures/1.png": None},
        {"jsons/1.json": labelme("1.png", "cat"), "images/1.png": None},
    ],
)
def test_scan__labels_that_lie_elsewhere_are_no_class_to_put_pictures_into(tmp_path, files):
    with pytest.raises(DataError, match=r"no picture in the class .* It holds labels, .* each is called like its pict"):
        scan(write(tmp_path, files))


def test_boxes_beside__class_folders_say_that_boxes_are_not_read(tmp_path):
    pets = write(tmp_path / "pets", {f"images/{number}.png": None for number in (1, 2)})
    write(pets, {f"annotations/xmls/{number}.xml": voc(f"{number}.png", "cat") for number in (1, 2)})
    write(pets, {"annotations/trimaps/1.png": None, "annotations/xmls/2.xml": voc("2.png", "dog")})
    said = f"The boxes in annotations are not read, as the classes are folders: to have them name {pets}/annotations."
    assert (scan(pets).classes, scan(pets).notes) == (("annotations", "images"), (said,))
    assert scan(pets / "annotations").classes == ("cat", "dog")
    assert scan(pets, reading=Reading(classes="top")).notes == ()
    cams = write(tmp_path / "cams", {f"images/{place}/1.png": None for place in ("north", "south")})
    write(cams, {"data.yaml": "train: images\nnames: [cat, dog]\n", "labels/north/1.txt": "0 .5 .5 .2 .4"})
    write(cams, {"labels/south/1.txt": "1 .5 .5 .2 .4"})
    assert "The boxes in labels are not read, as the classes are folders: to have them name the data" in " ".join(
        scan(cams).notes
    )
    assert scan(cams / "data.yaml").classes == ("cat", "dog")
    plain = write(tmp_path / "plain", {f"{place}/1.png": None for place in ("images", "labels")})
    assert scan(plain).notes == ()
