"""Boxes: which pixels they are, whatever turns the picture, and how each kind of file gives them."""

import json

import numpy as np
import pytest

from pictures import encode, make_pixels, orientation_exif, write_picture
from tellapart.data.boxes import Boxed, OutsideError, fragment, locate, turned_rectangle, unturned
from tellapart.data.decode import decode, upright
from tellapart.data.preprocess import Preprocess
from tellapart.data.reading import Reading
from tellapart.data.scan import index_of_paths, scan
from tellapart.data.shapes import box_of_shape
from tellapart.data.thumbnail import small_picture
from tellapart.errors import DataError, UsageError
from tellapart.features.content import content_digest, picture_content
from tellapart.types import Box

WIDTH, HEIGHT = 48, 40


def box(left, top, width, height, **more):
    return Box(left=left, top=top, width=width, height=height, source="row 2", **more)


def cut(content, wanted, *, at_least=64):
    decoded = decode(Boxed(content=content, box=wanted), at_least=at_least)
    return upright(decoded.pixels, decoded.orientation), decoded.notes


FORMATS = {"png": ("PNG", {}), "tiff": ("TIFF", {}), "webp": ("WEBP", {"lossless": True})}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("drawn_on", ["shown", "stored"])
def test_decode__a_box_is_cut_out_of_the_picture_it_was_drawn_on(form, orientation, drawn_on):
    stored = make_pixels(3, width=WIDTH, height=HEIGHT)
    name, options = FORMATS[form]
    content = encode(stored, name, exif=orientation_exif(orientation), **options)
    pixels, _ = cut(content, box(5, 7, 20, 10, drawn_on=drawn_on))
    if drawn_on == "shown":
        assert np.array_equal(pixels, upright(stored, orientation)[7:17, 5:25])
    else:
        assert np.array_equal(pixels, upright(stored[7:17, 5:25], orientation))


@pytest.mark.parametrize(("orientation", "size", "expected"), [(6, (40, 48), "shown"), (6, (48, 40), "stored")])
def test_decode__the_size_beside_a_box_proves_what_it_was_drawn_on(orientation, size, expected):
    stored = make_pixels(3, width=WIDTH, height=HEIGHT)
    content = encode(stored, "JPEG", quality=95, exif=orientation_exif(orientation))
    other = {"shown": "stored", "stored": "shown"}[expected]
    proven, _ = cut(content, box(5, 7, 20, 10, drawn_on=other, size=size))
    told, _ = cut(content, box(5, 7, 20, 10, drawn_on=expected))
    assert np.array_equal(proven, told)


def test_decode__a_box_of_a_large_jpeg_is_not_reduced_with_it():
    pixels = np.zeros((1600, 2400, 3), np.uint8)
    pixels[400:464, 800:864] = make_pixels(1, width=64, height=64)
    content = encode(pixels, "JPEG", quality=95)
    small, _ = cut(content, box(800, 400, 64, 64), at_least=64)
    assert small.shape == (64, 64, 3)
    large, _ = cut(content, box(800, 400, 1024, 1024), at_least=64)
    assert large.shape == (128, 128, 3)
    assert np.abs(large[:8, :8].astype(float).mean() - pixels[400:464, 800:864].mean()) < 3


def test_decode__a_box_of_16_bit_keeps_the_range_of_its_picture():
    deep = np.full((40, 48), 4095, np.uint16)
    deep[10:20, 10:20] = 2048
    pixels = decode(Boxed(content=encode(deep, "PNG"), box=box(10, 10, 10, 10)), at_least=8, white=4095).pixels
    assert pixels.min() == pixels.max() == 128


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (box(0, 0, 48, 40), (0, 0, 48, 40)),
        (box(-1.4, 0, 10, 10), (0, 0, 9, 10)),
        (box(40, 30, 10, 10), (40, 30, 48, 40)),
        (box(3.5, 3.4, 0.2, 0.2), (4, 3, 5, 4)),
        (box(0.25, 0.5, 0.5, 0.5, unit="fractions"), (12, 20, 36, 40)),
        (box(10, 10, 20, 20, size=(96, 80)), (5, 5, 15, 15)),
    ],
)
def test_locate__whole_pixels_inside_the_picture(wanted, expected):
    rectangle, _ = locate(wanted, size=(WIDTH, HEIGHT), orientation=1)
    assert rectangle == expected


@pytest.mark.parametrize("wanted", [box(40, 0, 20, 10), box(0, 39, 10, 20), box(-9, 0, 20, 10), box(100, 100, 5, 5)])
def test_locate__what_sticks_out_further_than_rounding_is_refused(wanted):
    with pytest.raises(OutsideError, match="is not inside the picture of 48 x 40 pixels"):
        locate(wanted, size=(WIDTH, HEIGHT), orientation=1)
    with pytest.raises(OutsideError, match="was drawn on a picture of 100 x 40 pixels, this one has 48 x 40"):
        locate(box(1, 1, 5, 5, size=(100, 40)), size=(WIDTH, HEIGHT), orientation=1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_rectangle__and_back(orientation):
    rectangle = (5, 7, 25, 17)
    assert unturned(turned_rectangle(rectangle, (48, 40), orientation), (48, 40), orientation) == rectangle


def test_preprocess__a_box_is_what_one_cuts_out_oneself(tmp_path):
    pixels = make_pixels(3, width=WIDTH, height=HEIGHT)
    boxed = Boxed(content=encode(pixels, "PNG"), box=box(4, 6, 30, 20))
    prepared = Preprocess(size=32).apply(boxed).pixels
    assert np.array_equal(prepared, Preprocess(size=32).apply(encode(pixels[6:26, 4:34], "PNG")).pixels)
    assert np.array_equal(np.asarray(small_picture(boxed, longest=64)), pixels[6:26, 4:34])
    assert content_digest(boxed) not in (content_digest(boxed.content), content_digest(replaced(boxed)))


def replaced(boxed):
    return Boxed(content=boxed.content, box=box(4, 6, 30, 21))


@pytest.fixture
def scenes(tmp_path):
    for number in range(4):
        write_picture(tmp_path / f"{number}.png", seed=number, width=WIDTH, height=HEIGHT)
    return tmp_path


def table(folder, text, name="boxes.csv"):
    (folder / name).write_text(text)
    return folder / name


def rectangles(index):
    return [(each.path, each.label, [each.box.left, each.box.top, each.box.width, each.box.height]) for each in index]


HEADERS = {
    "xmin,ymin,xmax,ymax": "4,6,34,26",
    "x1,y1,x2,y2": "4,6,34,26",
    "XMin,YMin,XMax,YMax": "4,6,34,26",
    "left,top,right,bottom": "4,6,34,26",
    "x,y,width,height": "4,6,30,20",
    "bbox_x,bbox_y,bbox_width,bbox_height": "4,6,30,20",
    "X,Y,W,H": "4,6,30,20",
    "x_center,y_center,width,height": "19,16,30,20",
    "bbox": '"[4, 6, 30, 20]"',
    "Bounding Box": '"4 6 30 20"',
}


@pytest.mark.parametrize("header", HEADERS)
def test_table__boxes_under_their_usual_names(scenes, header):
    rows = [f"{number}.png,{'ab'[number % 2]},{HEADERS[header]},site{number}" for number in range(3)]
    index = scan(table(scenes, f"file,species,{header},site\n" + "\n".join(rows)))
    assert rectangles(index.pictures)[0] == ("0.png#xywh=4,6,30,20", "a", [4, 6, 30, 20])
    assert (index.columns, index.pictures[0].given) == (("site",), ("site0",))
    assert "Each row is a box in its picture" in index.notes[0]
    assert "in pixels" in index.notes[0]


def test_table__fractions_are_told_by_their_numbers_and_said(scenes):
    text = "file,label,xmin,ymin,xmax,ymax\n0.png,a,0.25,0.5,0.75,1\n1.png,b,0,0,1,0.5\n"
    index = scan(table(scenes, text))
    assert index.pictures[0].path == "0.png#xywh=percent:25,50,50,50"
    assert "in fractions of the picture's sides" in index.notes[0]
    text += "2.png,a,10,10,20,20\n"
    assert "in pixels" in scan(table(scenes, text)).notes[0]


def test_table__what_the_numbers_are_can_be_said_and_a_row_without_a_box_is_whole(scenes):
    path = table(scenes, 'file,label,bbox\n0.png,a,"[4, 6, 34, 26]"\n1.png,b,\n')
    index = scan(path, reading=Reading(boxes="corners"))
    assert [picture.path for picture in index.pictures] == ["0.png#xywh=4,6,30,20", "1.png"]
    assert any("1 row of boxes.csv has no box" in note for note in index.notes)
    assert [picture.path for picture in scan(path, reading=Reading(boxes="none")).pictures] == ["0.png", "1.png"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0.png,a,4,6,4,26\n1.png,b,1,1,5,5", "the box of row 2 has no size"),
        ("0.png,a,4,6,nan,26\n1.png,b,1,1,5,5", "the box of row 2 lacks a number"),
        ("0.png,a,4,6,34,26\n1.png,b,1,1,inf,5", "the box of row 3 lacks a number"),
        ("0.png,a,4,6,,26\n1.png,b,1,1,5,5", "the box of row 2 is no four numbers"),
        ("0.png,a,4,6,x,26\n1.png,b,1,1,5,5", "the box of row 2 is no four numbers"),
        ("0.png,a,4,6,34,26\n1.png,b,1,1,60,5", r"1 of 2 boxes does not fit, the first in row 3: .* 48 x 40 pixels"),
        ("0.png,a,4,6,34,26\n0.png,b,4,6,34,26", "listed with two labels, 'a' and 'b'"),
    ],
)
def test_table__a_box_that_cannot_be_is_named_with_its_row_and_file(scenes, rows, message):
    path = table(scenes, f"file,label,xmin,ymin,xmax,ymax\n{rows}\n")
    with pytest.raises(DataError, match=message) as raised:
        scan(path)
    assert "boxes.csv" in str(raised.value) or "0.png" in str(raised.value)


def test_table__half_of_the_columns_of_a_box_stop(scenes):
    with pytest.raises(DataError, match="a box needs four columns, there is only xmin, ymin"):
        scan(table(scenes, "file,label,xmin,ymin\n0.png,a,1,2\n1.png,b,1,2\n"))
    with pytest.raises(UsageError, match="no columns of boxes"):
        scan(table(scenes, "file,label\n0.png,a\n1.png,b\n"), reading=Reading(boxes="corners"))


def test_table__boxes_of_a_picture_are_one_group_and_in_one_split(scenes):
    text = "file,label,split,xmin,ymin,xmax,ymax\n0.png,a,{},1,1,9,9\n0.png,b,{},9,9,30,30\n1.png,a,train,1,1,9,9\n"
    index = scan(table(scenes, text.format("train", "train")))
    assert [picture.group for picture in index.pictures] == ["0.png", None, "0.png"]
    with pytest.raises(DataError, match=r"boxes of one picture are in test and in train.*one split"):
        scan(table(scenes, text.format("train", "test")))


def test_table__equal_boxes_are_known_as_equal_whatever_file_gives_them(scenes):
    document = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": WIDTH, "height": HEIGHT} for n in range(2)],
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
        "annotations": [
            {"id": n, "image_id": n, "category_id": n + 1, "bbox": [4, 6, 30, 20], "iscrowd": 0} for n in range(2)
        ],
    }
    (scenes / "coco.json").write_text(json.dumps(document))
    first = scan(scenes / "coco.json")
    second = scan(table(scenes, "file,label,x,y,w,h\n0.png,a,4,6,30,20\n1.png,b,4,6,30,20\n"))
    digests = [[content_digest(picture_content(index, each)) for each in index.pictures] for index in (first, second)]
    assert digests[0] == digests[1]


def test_coco__boxes_are_of_the_stored_picture_unless_its_size_says_otherwise(tmp_path):
    stored = make_pixels(3, width=WIDTH, height=HEIGHT)
    for name in ("0.jpg", "1.jpg"):
        (tmp_path / name).write_bytes(encode(stored, "JPEG", exif=orientation_exif(6)))
    sizes = [{}, {"width": HEIGHT, "height": WIDTH}]
    document = {
        "images": [{"id": n, "file_name": f"{n}.jpg", **sizes[n]} for n in range(2)],
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
        "annotations": [
            {"id": n, "image_id": n, "category_id": n + 1, "bbox": [4, 6, 30, 20], "iscrowd": 0} for n in range(2)
        ],
    }
    (tmp_path / "coco.json").write_text(json.dumps(document))
    index = scan(tmp_path / "coco.json")
    assert any("1 box is in pictures that EXIF turns" in note and "as stored" in note for note in index.notes)
    seen = [Preprocess(size=32).apply(picture_content(index, each)).pixels for each in index.pictures]
    whole = decode((tmp_path / "0.jpg").read_bytes(), at_least=64).pixels
    expected = [upright(whole[6:26, 4:34], 6), upright(whole, 6)[6:26, 4:34]]
    for square, part in zip(seen, expected, strict=True):
        own = Preprocess(size=32).apply(np.ascontiguousarray(part)).pixels
        assert np.abs(square.astype(int) - own).max() <= 1  # resized before or after the turn


def test_coco__crowds_are_left_out_and_what_has_no_box_is_whole(scenes):
    document = {
        "images": [{"id": n, "file_name": f"{n}.png"} for n in range(3)],
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
        "annotations": [
            {"id": 7, "image_id": 0, "category_id": 1, "bbox": [4, 6, 30, 20], "iscrowd": 0},
            {"id": 8, "image_id": 0, "category_id": 2, "bbox": [1, 1, 30, 20], "iscrowd": 1},
            {"id": 9, "image_id": 1, "category_id": 2},
        ],
    }
    (scenes / "coco.json").write_text(json.dumps(document))
    index = scan(scenes / "coco.json")
    assert [picture.path for picture in index.pictures] == ["0.png#xywh=4,6,30,20", "1.png"]
    assert (index.columns, [picture.given for picture in index.pictures]) == (("annotation",), [("7",), ("",)])
    assert any("1 box of coco.json is around a crowd" in note for note in index.notes)


def test_hugging_face__objects_are_boxes(scenes):
    lines = [
        {"file_name": "0.png", "objects": {"bbox": [[4, 6, 30, 20], [1, 1, 8, 8]], "categories": [0, 1]}},
        {"file_name": "1.png", "objects": {"bbox": [[2, 2, 9, 9]], "categories": [1]}},
    ]
    (scenes / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    index = scan(scenes / "metadata.jsonl")
    assert {picture.path: picture.label for picture in index.pictures} == {
        "0.png#xywh=4,6,30,20": "0",
        "0.png#xywh=1,1,8,8": "1",
        "1.png#xywh=2,2,9,9": "1",
    }


LABELS = [
    {"x": 25, "y": 50, "width": 50, "height": 25, "rotation": 0, "rectanglelabels": ["car"], "original_width": 48},
    {"points": [[10, 20], [60, 20], [35, 70]], "polygonlabels": ["bus"], "original_width": 48},
]


@pytest.mark.parametrize("name", ["a.json", "a.csv"])
def test_label_studio__labels_of_its_tables_that_are_shapes_are_boxes(scenes, name):
    rows = [{"image": "0.png", "id": 1, "label": LABELS}, {"image": "1.png", "id": 2, "label": LABELS[:1]}]
    if name == "a.json":
        (scenes / name).write_text(json.dumps(rows))
    else:
        lines = [
            f'{row["image"]},{row["id"]},"{json.dumps(row["label"]).replace(chr(34), 2 * chr(34))}"' for row in rows
        ]
        (scenes / name).write_text("image,id,label\n" + "\n".join(lines))
    assert {picture.path: picture.label for picture in scan(scenes / name).pictures} == {
        "0.png#xywh=percent:25,50,50,25": "car",
        "0.png#xywh=percent:10,20,50,50": "bus",
        "1.png#xywh=percent:25,50,50,25": "car",
    }
    with pytest.raises(DataError, match="several labels in row"):
        scan(scenes / name, reading=Reading(boxes="none"))


def test_label_studio__a_turned_rectangle_is_the_upright_box_around_it():
    value = {"x": 50, "y": 50, "width": 20, "height": 10, "rotation": 90}
    found = box_of_shape(value, {"original_width": 200, "original_height": 100}, source="task 1")
    numbers = (found.left, found.top, found.width, found.height)  # 40 x 10 pixels about 100, 50, a quarter turn
    assert numbers == pytest.approx((0.45, 0.5, 0.05, 0.4))


def megadetector(folder, **more):
    document = {
        "info": {"detector": "md_v5a.0.0.pt", "format_version": "1.3", **more},
        "detection_categories": {"1": "animal", "2": "person", "3": "vehicle"},
        "images": [
            {"file": "0.png", "detections": [
                {"category": "1", "conf": 0.926, "bbox": [0.1, 0.25, 0.5, 0.5]},
                {"category": "2", "conf": 0.3, "bbox": [0.0, 0.0, 0.25, 0.5]},
                {"category": "1", "conf": 0.1, "bbox": [0.0, 0.0, 1.0, 1.0]},
            ]},
            {"file": "1.png", "detections": []},
            {"file": "2.png", "failure": "Failure image access", "detections": None},
        ],
    }  # fmt: skip
    (folder / "md.json").write_text(json.dumps(document))
    return folder / "md.json"


def test_megadetector__a_row_for_each_box_and_the_empty_listed(scenes):
    index = index_of_paths([megadetector(scenes)])
    assert [(each.path, each.given) for each in index.pictures] == [
        ("0.png#xywh=percent:10,25,50,50", ("animal", "0.926")),
        ("0.png#xywh=percent:0,0,25,50", ("person", "0.3")),
        ("1.png", ("", "")),
        ("2.png", ("", "")),
    ]
    assert [each.left_out for each in index.pictures[2:]] == [
        "nothing detected with a confidence of 0.2 or more",
        "MegaDetector: Failure image access",
    ]
    assert len(index_of_paths([scenes / "md.json"], reading=Reading(confidence=0.05)).pictures) == 5
    own = megadetector(scenes, detector_metadata={"typical_detection_threshold": 0.5})
    assert len(index_of_paths([own]).pictures) == 3


def test_megadetector__a_picture_it_failed_at_may_be_gone(scenes):
    path = megadetector(scenes)
    path.write_text(path.read_text().replace("2.png", "gone.png"))
    gone = index_of_paths([path]).pictures[-1]
    assert (gone.path, gone.left_out) == ("gone.png", "MegaDetector: Failure image access")
    path.write_text(path.read_text().replace("0.png", "lost.png"))
    with pytest.raises(DataError, match="2 of 4 files are missing"):
        index_of_paths([path])


def test_megadetector__it_has_no_classes_to_train_on(scenes):
    with pytest.raises(DataError, match=r"boxes of MegaDetector, which tell animals .*tellapart predict MODEL"):
        scan(megadetector(scenes))
    with pytest.raises(UsageError, match="--confidence is for MegaDetector"):
        index_of_paths([table(scenes, "file\n0.png\n")], reading=Reading(confidence=0.5))


def test_fragment__is_short():
    assert fragment(box(1 / 3, 0.5, 0.25, 0.125, unit="fractions")) == "#xywh=percent:33.333,50,25,12.5"
    assert fragment(box(1.234, 2, 1000000, 4)) == "#xywh=1.23,2,1000000,4"
