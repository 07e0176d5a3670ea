"""Annotation files of labelling tools, in the shape that those tools write them."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pictures import write_classes
from tellapart.data.reading import Reading
from tellapart.data.scan import index_of_paths, scan
from tellapart.errors import DataError, TellapartError, UsageError


@pytest.fixture
def folder(tmp_path):
    """images/1.png to images/4.png, and one more of the first name; nothing decodes them here."""
    for name in ("images/1.png", "images/2.png", "images/3.png", "images/4.png", "other/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def write(folder, content, *, name):
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def found(index):
    return {picture.path: picture.label for picture in index.pictures}


def task(number, image, *results, **more):
    """A task as Label Studio exports it, with one annotation for each list of results."""
    annotations = [
        {
            "id": 100 + number,
            "completed_by": 1,
            "result": [{"id": "Dx_aB91ISN", "to_name": "image", "origin": "manual", **result} for result in each],
            "was_cancelled": False,
            "ground_truth": False,
            "lead_time": 4.288,
            "prediction": {},
            "task": number,
        }
        for each in results
    ]
    return {
        "id": number,
        "annotations": annotations,
        "file_upload": "x.png",
        "drafts": [],
        "predictions": [],
        "data": {"image": image},
        "meta": {},
        "total_annotations": len(annotations),
        "project": 7,
        **more,
    }


def choice(*labels, control="choice"):
    return {"type": "choices", "from_name": control, "value": {"choices": list(labels)}}


def rectangle(label, control="label"):
    value = {"x": 60.7, "y": 29.4, "width": 1.4, "height": 2.6, "rotation": 0, "rectanglelabels": [label]}
    return {"type": "rectanglelabels", "from_name": control, "original_width": 320, "image_rotation": 0, "value": value}


PLACES = [
    "images/{}",
    "/data/upload/3/images/{}",
    "/data/upload/3/e57d8b31-{}",
    "/data/local-files/?d=mnt/set/images/{}",
    "/data/local-files/?d=mnt%2Fset%2Fimages%2F{}",
    "https://example.com/bucket/images/{}?token=1",
    "s3://bucket/images/{}",
    "C:\\set\\images\\{}",
]


@pytest.mark.parametrize("place", PLACES)
def test_label_studio__choices(folder, place):
    tasks = [
        task(1, place.format("2.png"), [choice("cat")]),
        task(2, place.format("3.png"), [choice("dog")], [choice("dog")]),
        task(3, place.format("4.png")),
    ]
    index = scan(write(folder, tasks, name="project-7-at-2024-05-01.json"))
    assert found(index) == {"images/2.png": "cat", "images/3.png": "dog"}
    assert (index.layout, index.classes) == ("Label Studio", ("cat", "dog"))
    assert [(entry.status, entry.reason) for entry in index.skipped] == [
        ("skipped", "no label in project-7-at-2024-05-01.json")
    ]
    assert any("1 picture has no label" in note for note in index.notes)


def test_label_studio__json_min_and_csv(folder):
    rows = [
        {"image": "/data/upload/1/e57d8b31-2.png", "id": 1, "choice": "cat", "annotator": 1, "annotation_id": 1},
        {"image": "/data/upload/1/e57d8b32-3.png", "id": 2, "choice": {"choices": ["dog"]}, "annotator": 1},
    ]
    expected = {"images/2.png": "cat", "images/3.png": "dog"}
    assert found(scan(write(folder, rows, name="min.json"))) == expected
    text = "annotation_id,annotator,choice,created_at,id,image,lead_time,updated_at\n"
    text += (
        "1,1,cat,2024,1,/data/upload/1/e57d8b31-2.png,2.1,2024\n2,1,dog,2024,2,/data/upload/1/e57d8b31-3.png,2.1,2024\n"
    )
    assert found(scan(write(folder, text, name="min.csv"))) == expected


def test_label_studio__answers_taken_back_do_not_count(folder):
    tasks = [task(1, "images/2.png", [choice("cat")], [choice("dog")]), task(2, "images/3.png", [choice("dog")])]
    tasks[0]["annotations"][1]["was_cancelled"] = True
    assert found(scan(write(folder, tasks, name="a.json"))) == {"images/2.png": "cat", "images/3.png": "dog"}


@pytest.mark.parametrize("results", [[[choice("cat", "dog")]], [[choice("cat")], [choice("dog")]]])
def test_label_studio__several_labels_of_one_picture_stop(folder, results):
    path = write(folder, [task(1, "images/2.png", *results), task(2, "images/3.png", [choice("dog")])], name="a.json")
    with pytest.raises(DataError, match=r"1 picture has several labels, the first images/2.png: 'cat' and 'dog'"):
        scan(path)


def test_label_studio__two_controls_stop_until_one_is_said(folder):
    tasks = [
        task(1, "images/2.png", [choice("cat", control="animal"), choice("sharp", control="quality")]),
        task(2, "images/3.png", [choice("dog", control="animal"), choice("blurred", control="quality")]),
    ]
    path = write(folder, tasks, name="a.json")
    with pytest.raises(DataError, match=r"may be the label, 'animal' and 'quality'.*--label-column animal"):
        scan(path)
    assert scan(path, reading=Reading(label_column="quality")).classes == ("blurred", "sharp")
    with pytest.raises(UsageError, match=r"no control 'colour': .*--label-column takes one of: animal, quality"):
        scan(path, reading=Reading(label_column="colour"))


def test_label_studio__each_box_is_a_picture_or_none_is_where_that_is_said(folder):
    tasks = [
        task(1, "images/2.png", [rectangle("cat"), rectangle("cat")]),
        task(2, "images/3.png", [rectangle("dog")]),
    ]
    path = write(folder, tasks, name="a.json")
    place = "#xywh=percent:60.7,29.4,1.4,2.6"
    assert found(scan(path)) == {f"images/2.png{place}": "cat", f"images/3.png{place}": "dog"}
    assert "3 boxes of a.json are a picture each" in scan(path).notes[0]
    whole = scan(path, reading=Reading(boxes="none"))
    assert found(whole) == {"images/2.png": "cat", "images/3.png": "dog"}
    assert "each such picture counts as a whole" in whole.notes[0]
    tasks[0]["annotations"][0]["result"].append(choice("kitten"))
    tasks[1]["annotations"][0]["result"].append(choice("puppy"))
    assert scan(write(folder, tasks, name="b.json")).classes == ("kitten", "puppy")


def test_label_studio__the_field_of_the_picture(folder):
    tasks = [task(1, "", [choice("cat")], data={"front": "images/2.png", "back": "images/4.png", "n": 1})]
    tasks.append(task(2, "", [choice("dog")], data={"front": "images/3.png", "back": "images/1.png", "n": 2}))
    path = write(folder, tasks, name="a.json")
    with pytest.raises(DataError, match=r"no field that names the picture.*--path-column; there are: front, back"):
        scan(path)
    assert "images/2.png" in found(scan(path, reading=Reading(path_column="front")))


def coco(labels, *, folder="", boxes=True, **more):
    """A COCO document as CVAT and Roboflow write it; labels: file -> names of its categories."""
    names = sorted({name for each in labels.values() for name in each})
    annotations = [(image, name) for image, each in enumerate(labels.values(), start=1) for name in each]
    box = {"bbox": [1.0, 2.0, 3.0, 4.0], "area": 12.0, "segmentation": [], "iscrowd": 0} if boxes else {}
    return {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": {"contributor": "", "date_created": "", "description": "", "url": "", "version": "", "year": ""},
        "categories": [{"id": n, "name": name, "supercategory": name[:1]} for n, name in enumerate(names, start=1)],
        "images": [
            {"id": number, "width": 48, "height": 40, "file_name": folder + name, "license": 0, "flickr_url": ""}
            for number, name in enumerate(labels, start=1)
        ],
        "annotations": [
            {"id": number, "image_id": image, "category_id": names.index(name) + 1, **box}
            for number, (image, name) in enumerate(annotations, start=1)
        ],
        **more,
    }


@pytest.mark.parametrize("place", ["coco.json", "annotations/instances_default.json", "images/_annotations.coco.json"])
def test_coco__the_category_of_its_annotations(folder, place):
    labels = {"2.png": ["cat", "cat"], "3.png": ["dog"], "4.png": []}
    index = scan(write(folder, coco(labels), name=place))
    assert {path.rpartition("/")[2]: label for path, label in found(index).items()} == {
        "2.png#xywh=1,2,3,4": "cat",
        "3.png#xywh=1,2,3,4": "dog",
    }
    assert index.layout == "COCO"
    twice, without = index.skipped
    assert twice.reason.startswith("the same box as ")
    assert without.reason.startswith("no label in ")
    assert any("3 boxes of" in note for note in index.notes)
    assert all(picture.file.is_file() for picture in index.pictures)


def test_coco__without_boxes_nothing_is_said_of_them(folder):
    index = scan(
        write(folder, coco({"2.png": ["cat"], "3.png": ["dog"]}, folder="images/", boxes=False), name="a.json")
    )
    assert index.notes == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"categories": []}, "annotation 1 is of category 1, which is not listed"),
        ({"images": [{"id": 9, "file_name": "images/2.png"}]}, "annotation 1 is of image 1, which is not listed"),
        ({"images": [{"id": 1, "name": "images/2.png"}]}, "no field 'file_name'"),
        ({"annotations": [3]}, "no list of annotations"),
        ({"annotations": []}, "no picture has a label"),
    ],
)
def test_coco__what_does_not_fit_is_named(folder, change, message):
    document = coco({"2.png": ["cat"], "3.png": ["dog"]}, folder="images/", **change)
    with pytest.raises(DataError, match=message):
        scan(write(folder, document, name="a.json"))


def test_coco__a_list_of_pictures_alone_is_for_predict(folder):
    images = [{"id": number, "file_name": f"images/{number}.png"} for number in (1, 2)]
    path = write(folder, {"info": {}, "images": images, "categories": []}, name="image_info_test.json")
    assert [picture.path.rpartition("/")[2] for picture in index_of_paths([path]).pictures] == ["1.png", "2.png"]
    with pytest.raises(DataError, match="no picture has a label"):
        scan(path)


def test_coco__several_categories_of_one_picture_stop(folder):
    labels = {"2.png": ["cat", "dog"], "3.png": ["dog"], "4.png": ["dog", "cat"]}
    document = coco(labels, folder="images/", boxes=False)
    path = write(folder, document, name="a.json")
    with pytest.raises(DataError, match=r"2 pictures have several labels, the first images/2.png: 'cat' and 'dog'"):
        scan(path)


def test_coco__another_field_of_the_categories(folder):
    document = coco({"2.png": ["cat", "cow"], "3.png": ["dog"]}, folder="images/", boxes=False)
    path = write(folder, document, name="a.json")
    assert found(scan(path, reading=Reading(label_column="supercategory"))) == {
        "images/2.png": "c",
        "images/3.png": "d",
    }
    with pytest.raises(UsageError, match="no field 'kind'"):
        scan(path, reading=Reading(label_column="kind"))


CVAT_HEAD = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><id>1</id><name>x</name><size>3</size><mode>annotation</mode>
    <labels><label><name>cat</name><color>#fff</color><type>tag</type><attributes></attributes></label></labels>
  </task><dumped>2024-01-01</dumped></meta>
"""


def cvat(folder, *images, head=CVAT_HEAD, name="annotations.xml"):
    return write(folder, head + "".join(images) + "</annotations>\n", name=name)


def image(name, inner, subset="default"):
    return f'<image id="0" name="{name}" subset="{subset}" task_id="1" width="48" height="40">{inner}</image>\n'


BOX = '<box label="{}" source="manual" occluded="0" xtl="1.0" ytl="2.0" xbr="3.0" ybr="4.0" z_order="0"></box>'


def test_cvat__tags(folder):
    path = cvat(
        folder,
        image("2.png", '<tag label="cat" source="manual"></tag>', "Train"),
        image("3.png", '<tag label="caf&#233;" source="manual"></tag>', "Test"),
        image("4.png", BOX.format("dog"), "Train"),
    )
    index = scan(path)
    assert found(index) == {"images/2.png": "cat", "images/3.png": "caf\u00e9"}
    assert [picture.split for picture in index.pictures] == ["train", "test"]
    assert (index.layout, len(index.skipped)) == ("CVAT", 1)
    assert not any("boxes" in note for note in index.notes)


def test_cvat__attributes_and_boxes(folder):
    tag = '<tag label="animal" source="manual"><attribute name="species">{}</attribute></tag>'
    path = cvat(folder, image("images/2.png", tag.format("cat")), image("images/3.png", tag.format("dog")))
    assert found(scan(path, reading=Reading(label_column="species"))) == {"images/2.png": "cat", "images/3.png": "dog"}
    with pytest.raises(DataError, match="only one class, 'animal'"):
        scan(path)
    with pytest.raises(UsageError, match=r"no attribute 'kind': .*takes one of: species"):
        scan(path, reading=Reading(label_column="kind"))
    path = cvat(folder, image("images/2.png", BOX.format("cat")), image("images/3.png", BOX.format("dog")))
    place = "#xywh=1,2,2,2"
    assert found(scan(path)) == {f"images/2.png{place}": "cat", f"images/3.png{place}": "dog"}
    assert found(scan(path, reading=Reading(boxes="none"))) == {"images/2.png": "cat", "images/3.png": "dog"}
    path = cvat(folder, image("images/2.png", BOX.format("cat") + BOX.format("dog")))
    with pytest.raises(DataError, match=r"listed with two labels, 'cat' and 'dog'"):
        scan(path)
    with pytest.raises(DataError, match=r"several labels, the first images/2.png"):
        scan(path, reading=Reading(boxes="none"))


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><annotations>&b;</annotations>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations>&x;</annotations>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "it has a document type"),
        (OUTSIDE, "it has a document type"),
        (
            "<annotation><folder>x</folder></annotation>",
            "annotations of one picture, as Pascal VOC has: .*name the folder",
        ),
        ("<annotations><track id='0' label='cat'></track></annotations>", "annotations of a video"),
        ("<annotations></annotations>", "no pictures are listed"),
        ("<annotations><image name='images/2.png'>", "cannot read the manifest"),
        ("<annotations>" + "<a>" * 1000, "nested too deeply"),
        ("", "cannot read the manifest"),
    ],
)
def test_cvat__what_cannot_be_read(folder, text, message):
    with pytest.raises(DataError, match=message):
        scan(write(folder, text, name="a.xml"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot read the manifest"),
        ("{", "cannot read the manifest"),
        ("[" * 100_000, "nested too deeply|cannot read the manifest"),
        ("{}", "no kind of annotations that is known here"),
        ("[]", "no kind of annotations that is known here"),
        ('{"version": "5.0", "shapes": []}', "it holds version, shapes.*Known are COCO, Label Studio"),
        ('[{"a": 1}]', "no column 'path'.*found: a"),
        ("3", "it holds int"),
        ('[{"path": "images/2.png", "label": "\\ud800"}]', "half a letter, which no file can hold, in row 1"),
    ],
)
def test_json__what_cannot_be_read(folder, content, message):
    with pytest.raises(DataError, match=message):
        scan(write(folder, content, name="a.json"))


def test_json__a_small_file_of_more_objects_than_memory_is_for(folder):
    with pytest.raises(DataError, match="too many parts for its length"):
        scan(write(folder, "[" + "{}," * 2_200_000 + "{}]", name="a.json"))


def test_json__a_file_in_another_encoding_is_said(folder):
    (folder / "a.json").write_bytes('[\n{"path": "images/2.png", "label": "caf\u00e9"}]'.encode("cp1252"))
    with pytest.raises(DataError, match="line 2 of the file is not UTF-8"):
        scan(folder / "a.json")


def test_json_lines__hugging_faces_metadata(folder):
    lines = ['{"file_name": "images/2.png", "label": 0, "text": "x"}', "", '{"file_name": "images/3.png", "label": 1}']
    path = write(folder, "\r\n".join(lines) + "\n", name="metadata.jsonl")
    assert found(scan(path)) == {"images/2.png": "0", "images/3.png": "1"}
    with pytest.raises(DataError, match="no object in line 2"):
        scan(write(folder, '{"file_name": "images/2.png", "label": 0}\n3\n', name="metadata.jsonl"))
    with pytest.raises(DataError, match="line 2: Expecting"):
        scan(write(folder, '{"file_name": "images/2.png", "label": 0}\n{x}\n', name="metadata.jsonl"))


@pytest.mark.parametrize(
    "place", ["../secret.png", "/data/local-files/?d=../../secret.png", "~/secret.png", "{}/secret.png"]
)
def test_annotations__no_path_leads_out_of_the_folder(folder, place, monkeypatch):
    (folder.parent / "secret.png").write_bytes(b"x")
    monkeypatch.setenv("HOME", str(folder.parent))
    tasks = [task(1, place.format(folder.parent), [choice("cat")]), task(2, "images/3.png", [choice("dog")])]
    with pytest.raises(DataError, match="1 of 2 files is missing"):
        scan(write(folder, tasks, name="a.json"))


def test_annotations__a_name_that_may_be_two_pictures(folder):
    tasks = [task(1, "https://example.com/x/1.png", [choice("cat")]), task(2, "images/3.png", [choice("dog")])]
    with pytest.raises(DataError, match=r"two pictures may be .*, images/1.png and other/1.png"):
        scan(write(folder, tasks, name="a.json"))
    tasks[0]["data"]["image"] = "https://example.com/images/1.png"
    assert "images/1.png" in found(scan(write(folder, tasks, name="a.json")))


def test_train__annotations(tmp_path, tellapart):
    write_classes(tmp_path / "images", {"a": 6, "b": 6})
    labels = {f"images/{label}/{number:03d}.png": [label] for label in "ab" for number in range(6)}
    path = write(tmp_path, coco(labels), name="pets.json")
    outcome = tellapart("train", path, "-o", tmp_path / "run", "--size", 64, "--json")
    assert outcome.code == 0
    assert outcome.json["data"] == {"name": "pets", "layout": "COCO"}
    assert "12 boxes of pets.json are a picture each" in outcome.err


LEAVES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats()), st.sampled_from(["images/2.png", "cat", "choices", ""])
)
KEYS = (
    "data annotations completions result type value choices from_name image images categories id name file_name "
    "image_id category_id path label x"
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=5)
    ),
    max_leaves=20,
)
ONE_FOLDER = [HealthCheck.function_scoped_fixture]


def read_or_refused(path):
    """Either is right: what must not happen is another exception, or an error of many lines."""
    try:
        index = scan(path)
    except TellapartError as error:
        assert "\n" not in str(error)  # noqa: PT017  (either outcome is right)
    else:
        assert len(index.classes) > 1


@given(VALUES)
@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=ONE_FOLDER)
def test_json__any_document(folder, document):
    path = write(folder, document, name="any.json")
    read_or_refused(path)


XML_PIECES = [
    *("<annotations>", "</annotations>", '<image name="images/2.png">', "</image>", '<tag label="a"/>', "<box/>"),
    *("<attribute name='x'>", "</attribute>", "text", "&amp;", "&b;", "<track>", "<!DOCTYPE a>", "<image/>", "\0"),
]


@given(st.lists(st.sampled_from(XML_PIECES), max_size=12).map("".join))
@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=ONE_FOLDER)
def test_cvat__any_document(folder, text):
    path = write(folder, text, name="any.xml")
    read_or_refused(path)
