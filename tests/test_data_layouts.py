"""Folders as people have them: understood, or both readings told with what to type. No picture is opened for it."""

import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pictures import write_classes, write_splits_and_classes
from tellapart.data.reading import Reading
from tellapart.data.scan import scan
from tellapart.data.split_words import is_container, split_of, splits_of
from tellapart.errors import DataError, UsageError

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such file names")


def grow(root, *paths):
    """Files that end like pictures, or folders where a path ends in a slash; "{a,b}" stands for both."""
    for path in paths:
        start, brace, rest = path.partition("{")
        if brace:
            inner, _, end = rest.partition("}")
            grow(root, *(start + choice + end for choice in inner.split(",")))
        elif path.endswith("/"):
            (root / path).mkdir(parents=True)
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(os.fsencode(path))
    return root


def read(root, **options):
    """Each picture's split and class, the layout, and the notes."""
    index = scan(root, reading=Reading(**options))
    found = {picture.path: (picture.split, picture.label) for picture in index.pictures}
    return found, index.layout, " ".join(index.notes)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *((name, "train") for name in ("train", "TRAIN", "Training", "tr", "01_train", "images_train", "train2017")),
        *((name, "train") for name in ("TrainSet", "trainset", "Trainingsdaten", "entraînement", "训练集", "Обучение")),
        *(
            (name, "valid")
            for name in ("val", "VALID", "validation", "dev", "Development", "val_images", "Validierung")
        ),
        *((name, "valid") for name in ("2. validation", "devset", "验证", "検証データ", "validación")),
        *((name, "test") for name in ("Test", "testing", "eval", "Evaluation", "holdout", "hold-out", "Held_Out")),
        *((name, "test") for name in ("test_set", "X_test", "test1", "測試集", "テスト", "prueba", "Testdaten")),
        *(
            (name, None)
            for name in ("cat", "trains", "testimony", "fold1", "tree", "contest", "latest", "", "1", "set")
        ),
        *((name, None) for name in ("bullet train", "valve", "devil", "evaluated twice", "images")),
    ],
)
def test_split_of__words(name, split):
    assert split_of(name) == split


def test_splits_of__a_shared_word_says_nothing():
    assert splits_of(["birds_train", "birds_test"]) == {"birds_train": "train", "birds_test": "test"}
    assert splits_of(["bullet train", "steam train"]) == {"bullet train": None, "steam train": None}


def test_is_container__says_nothing_but_pictures():
    assert is_container("Images")
    assert is_container("raw_data")
    assert not any(map(is_container, ("cats", "A", "1", "train")))


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ("train", "test"),
        ("TRAIN", "Holdout"),
        ("01_train", "02_hold-out"),
        ("images_train", "images_eval"),
        ("apprentissage", "évaluation"),
        ("birds train", "birds test"),
        ("训练", "测试"),
    ],
)
def test_scan__splits_on_either_side(tmp_path, above, below):
    root = grow(tmp_path / "top", f"{above}/{{cat,dog}}/1.png", f"{below}/{{cat,dog}}/2.png")
    found, layout, _ = read(root)
    assert (found[f"{above}/cat/1.png"], found[f"{below}/dog/2.png"]) == (("train", "cat"), ("test", "dog"))
    assert (len(found), layout) == (4, "split folders")
    root = grow(tmp_path / "inside", f"{{cat,dog}}/{above}/1.png", f"{{cat,dog}}/{below}/2.png")
    found, layout, notes = read(root)
    assert (found[f"cat/{above}/1.png"], found[f"dog/{below}/2.png"]) == (("train", "cat"), ("test", "dog"))
    assert (len(found), layout) == (4, "class folders with split folders inside")
    assert notes == "Read as classes (cat and dog) with split folders inside each (train, test)."


def test_scan__a_split_by_another_word_is_said(tmp_path):
    _, _, notes = read(grow(tmp_path, "{train,dev}/{cat,dog}/1.png"))
    assert notes == "Split folders: train is train/, valid is dev/."


def test_scan__splits_deep_inside_classes(tmp_path):
    root = grow(
        tmp_path, "{cat,dog}/{young,old}/{train,val}/1.png", "cat/readme.txt", "cat/old/notes.txt", "owl/test/3.png"
    )
    index = scan(root)
    assert {picture.split for picture in index.pictures} == {"train", "valid", "test"}
    assert len(index.pictures) == 9
    assert index.classes == ("cat", "dog", "owl")
    reasons = {entry.path: entry.reason for entry in index.skipped}
    assert reasons == {"cat/readme.txt": "not in a class folder", "cat/old/notes.txt": "not in a class folder"}


@pytest.mark.parametrize(
    ("paths", "where", "splits"),
    [
        (["dataset/train/{cat,dog}/1.png", "dataset/test/{cat,dog}/2.png"], "dataset", {"train", "test"}),
        (["images/{train,val}/{cat,dog}/1.png", "labels/train/1.txt"], "images", {"train", "valid"}),
        (["a/b/{cat,dog}/1.png"], "a/b", {None}),
        (["my pets/{cat,dog}/{train,test}/1.png"], "my pets", {"train", "test"}),
    ],
)
def test_scan__a_folder_around_it_all_is_said(tmp_path, paths, where, splits):
    found, layout, notes = read(grow(tmp_path, *paths))
    assert {label for _, label in found.values()} == {"cat", "dog"}
    assert {split for split, _ in found.values()} == splits
    assert layout.endswith(f", in {where}")
    assert f"The data is read from the folder {where}/ in it." in notes


def test_scan__a_folder_in_each_split(tmp_path):
    found, layout, _ = read(grow(tmp_path, "train/train/{cat,dog}/1.png", "test/images/{cat,dog}/2.png"))
    assert found["train/train/cat/1.png"] == ("train", "cat")
    assert found["test/images/dog/2.png"] == ("test", "dog")
    assert layout == "split folders"


def test_scan__a_class_called_like_a_split_among_classes(tmp_path):
    found, layout, notes = read(grow(tmp_path, "{test,control,blank}/1.png"))
    assert {label for _, label in found.values()} == {"test", "control", "blank"}
    assert layout == "folders"
    assert notes == "The folder 'test' is taken for a class, like its neighbours."


def test_scan__parts_of_a_class_belong_to_it(tmp_path):
    found, layout, notes = read(
        grow(tmp_path, "cat/{day,night}/1.png", "cat/2.png", "dog/{day,night}/1.png", "dog/2.png")
    )
    assert {label for _, label in found.values()} == {"cat", "dog"}
    assert (len(found), layout, notes) == (6, "folders", "")
    found, _, notes = read(grow(tmp_path / "kinds", "bird/{owl,eagle}/1.png", "mammal/{cat,dog}/1.png"))
    assert {label for _, label in found.values()} == {"bird", "mammal"}
    assert "--classes bottom takes cat, dog, eagle and 1 more instead" in notes
    mixed = grow(tmp_path / "mixed", "bird/{owl,crow}/1.png", "bird/owl/day/2.png", "mammal/{cat,dog}/1.png")
    assert "bottom" not in read(mixed)[2]  # pictures lie beside a folder with pictures: it would stop


@pytest.mark.parametrize(
    ("paths", "top", "bottom"),
    [
        (["{cat,dog}/{day,night}/1.png"], ["cat", "dog"], ["day", "night"]),
        (["{fold1,fold2}/{cat,dog}/1.png"], ["fold1", "fold2"], ["cat", "dog"]),
        (["fold1/{cat,dog,owl}/1.png", "fold2/{cat,dog}/1.png"], ["fold1", "fold2"], ["cat", "dog", "owl"]),
        (["{tr,xx}/{cat,dog}/1.png"], ["tr", "xx"], ["cat", "dog"]),
        (["{train,unlabelled}/{cat,dog}/1.png"], ["train", "unlabelled"], ["cat", "dog"]),
    ],
)
def test_scan__two_readings_are_told_and_either_can_be_chosen(tmp_path, paths, top, bottom):
    grow(tmp_path, *paths)
    with pytest.raises(DataError) as error:
        scan(tmp_path)
    message = str(error.value)
    assert "--classes top" in message
    assert "--classes bottom" in message
    assert "rename" in message
    assert all(name in message for name in (*top, *bottom[:2]))
    found, layout, _ = read(tmp_path, classes="top")
    assert (sorted({label for _, label in found.values()}), layout) == (top, "folders")
    found, layout, _ = read(tmp_path, classes="bottom")
    assert (sorted({label for _, label in found.values()}), layout) == (bottom, "folders, classes at the bottom")
    assert {split for split, _ in found.values()} == {None}


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["{cat,dog}/{train,test,extra}/1.png"], "called like a split, but the pictures in cat/extra/ are in no split"),
        (["{cat,dog}/{1,test/2}.png"], "cat/test/ is called like a split, but the pictures in cat/ are in no split"),
        (["cat/{train,test}/1.png", "dog/1.png"], "the pictures in dog/ are in no split.*--classes top"),
        (["{cat,dog}/{val,validation}/1.png"], "two folders for the split valid.*--classes top"),
        (["{cat,dog}/train/1.png", "{cat,dog}/test/"], "no picture in the split test"),
        (["{train,test}/{cat,dog}/1.png", "val/"], "no picture in the split valid: .*val. Put its pictures there"),
        (["train/{cat,dog}/1.png", "test/{cat,dog}/"], "no picture in the split test"),
        (["{test1,test2,test3}/1.png"], "two folders for the split test.*--classes top"),
        (["{train,test}/1.png"], "no class folders in the split train.*--classes top"),
        (["{cat,dog,test}/1.png", "test/cat/2.png"], "'test' is called like a split and holds cat, but cat and dog"),
        (
            ["train/{cat,dog}/1.png", "test/unknown/2.png"],
            "no class of train is in the split test, which holds",
        ),
        (["cat/{train,test}/1.png"], "only one class, 'cat'"),
        (["cat/1.png"], "only one class, 'cat'"),
    ],
)
def test_scan__what_cannot_be_told_stops(tmp_path, paths, message):
    with pytest.raises(DataError, match=message):
        scan(grow(tmp_path, *paths))


def test_scan__an_unlabelled_test_folder_is_named_with_what_to_type(tmp_path):
    root = grow(tmp_path / "my set", "train/{cat,dog}/1.png", "test/{1,2,3}.png")
    with pytest.raises(DataError) as error:
        scan(root)
    message = str(error.value)
    assert message.startswith(f"no class folders in the split test: {root}/test. ")
    assert (
        f"tellapart train '{root}/train', and then: tellapart predict runs/train/model.tellapart '{root}/test'"
        in message
    )
    grow(root, "val/{cat,dog}/1.png")
    with pytest.raises(DataError, match="move that folder out of the data, train, and type: tellapart predict MODEL"):
        scan(root)


def test_scan__splits_with_different_classes_keep_all_of_them(tmp_path):
    index = scan(grow(tmp_path, "train/{cat,dog,owl}/1.png", "test/{dog,fox}/1.png"))
    assert index.classes == ("cat", "dog", "fox", "owl")


def test_scan__other_folders_beside_splits_are_said(tmp_path):
    _, _, notes = read(grow(tmp_path, "{train,test,query}/{cat,dog}/1.png"))
    assert notes.endswith("query: neither train, valid nor test, so passed over.")


def test_scan__folders_inside_all_classes_are_groups_where_groups_are_declared(tmp_path):
    found, layout, notes = read(grow(tmp_path, "{ape,bee}/{film1,film2}/1.png"), grouped=True)
    assert ({label for _, label in found.values()}, layout) == ({"ape", "bee"}, "folders")
    assert notes == "The classes are ape and bee, of which film1 and film2 are parts, since groups are declared."


def test_scan__top_and_bottom_keep_the_splits_above(tmp_path):
    grow(tmp_path, "{train,test}/{cat,dog}/{day,night}/1.png")
    with pytest.raises(DataError, match="Add --classes top for cat and dog, or --classes bottom for day and night"):
        scan(tmp_path)
    for classes, labels in (("top", {"cat", "dog"}), ("bottom", {"day", "night"})):
        found, _, _ = read(tmp_path, classes=classes)
        assert set(found.values()) == {(split, label) for split in ("train", "test") for label in labels}


def test_scan__top_takes_folders_called_like_splits_for_classes(tmp_path):
    grow(tmp_path, "{test1,test2}/1.png", "train/x/1.png")
    found, layout, _ = read(tmp_path, classes="top")
    assert ({label for _, label in found.values()}, layout) == ({"test1", "test2", "train"}, "folders")


def test_scan__bottom_needs_pictures_in_the_lowest_folders_only(tmp_path):
    with pytest.raises(DataError, match="pictures lie beside folders with pictures"):
        scan(grow(tmp_path, "a/{x,y}/1.png", "b/1.png", "b/x/2.png"), reading=Reading(classes="bottom"))


def test_reading__options_that_cannot_be_meant(tmp_path):
    with pytest.raises(UsageError, match=r"no such place for classes: middle\. Write --classes top or bottom"):
        Reading(classes="middle")
    with pytest.raises(UsageError, match="no such encoding: utf-9"):
        Reading(encoding="utf-9")
    with pytest.raises(UsageError, match="--label-column is for tables and annotation files"):
        scan(write_classes(tmp_path, {"a": 1, "b": 1}), reading=Reading(label_column="x"))


def test_train_and_evaluate__splits_inside_classes(tmp_path, tellapart):
    write_splits_and_classes(tmp_path / "made", {"train": {"a": 6, "b": 6}, "test": {"a": 3, "b": 3}})
    data = tmp_path / "data"
    for folder in sorted((tmp_path / "made").glob("*/*")):
        (data / folder.name).mkdir(parents=True, exist_ok=True)
        folder.rename(data / folder.name / folder.parent.name)
    outcome = tellapart("train", data, "-o", tmp_path / "run", "--size", 64, "--json")
    assert outcome.code == 0
    assert outcome.json["data"]["layout"] == "class folders with split folders inside"
    assert outcome.json["counts"]["test"] == 6
    assert "Read as classes (a and b) with split folders inside each (train, test)." in outcome.err
    scored = tellapart("evaluate", tmp_path / "run" / "model.tellapart", data, "--json")
    assert (scored.code, scored.json["split"], scored.json["ledger"]["used"]) == (0, "test", 6)
    assert "Read as classes" in scored.err


@pytest.mark.parametrize("command", ["train", "audit", "split"])
def test_commands__two_readings_stop_every_command_before_any_work(tmp_path, tellapart, command):
    data = grow(tmp_path / "d", "{u,v}/{x,y}/1.png")
    more = ("out", "--train", 1, "--valid", 0, "--test", 0) if command == "split" else ("-o", tmp_path / "out")
    outcome = tellapart(command, data, *more)
    assert outcome.code == 3
    assert outcome.err.count("\n") == 1
    assert "two readings: the classes are u and v, or the classes are the folders inside them, x and y" in outcome.err
    assert not (tmp_path / "out").exists()
    assert tellapart(command, data, *more, "--classes", "middle").code == 2


def test_scan__one_class_however_its_accent_is_stored(tmp_path):
    root = grow(
        tmp_path, "train/caf\u00e9/1.png", "train/cafe\u0301/2.png", "{train,test}/tea/3.png", "test/cafe\u0301/4.png"
    )
    index = scan(root)
    assert index.classes == ("caf\u00e9", "tea")
    assert [picture.label for picture in index.pictures].count("caf\u00e9") == 3
    assert index.notes == ("2 names are one class, 'caf\u00e9': only the way their accents are stored differs.",)


@linux_only
def test_scan__a_class_folder_that_is_not_utf8_is_refused(tmp_path):
    name = os.fsdecode(b"caf\xe9")
    with pytest.raises(DataError, match=r"the name of a class folder is not UTF-8: .*caf\\xe9. Rename the folder"):
        scan(grow(tmp_path, f"{name}/1.png", "tea/1.png"))


@linux_only
def test_scan__data_whose_own_path_is_not_utf8_is_refused(tmp_path):
    with pytest.raises(DataError, match="the path of the data is not UTF-8"):
        scan(grow(tmp_path / os.fsdecode(b"\xe9"), "{a,b}/1.png"))


@linux_only
def test_scan__names_of_pictures_that_are_not_utf8_are_written_with_escapes(tmp_path):
    index = scan(
        grow(tmp_path, os.fsdecode(b"a/d\xe9/\xff.png"), "a/d\\xe9/\\xff.png", "b/1.png", os.fsdecode(b"b/\xfe.txt"))
    )
    assert [picture.path for picture in index.pictures] == ["a/d\\xe9/\\xff.png", "b/1.png"]
    assert {entry.path: entry.reason for entry in index.skipped} == {
        "b/\\xfe.txt": "not a picture",
        "a/d\\xe9/\\xff.png": "its name is not UTF-8, and written with escapes it is another picture's: rename it",
    }


def test_scan__a_table_beside_unlabelled_splits_is_named(tmp_path):
    root = grow(tmp_path, "{train,test}/{1,2}.png")
    (root / "train.csv").write_text("id,label\n")
    with pytest.raises(DataError, match=r"no class folders in the split train.*If train\.csv says .*train\.csv"):
        scan(root)


@linux_only
def test_train__every_file_of_a_run_is_utf8(tmp_path, tellapart):
    odd = tmp_path / os.fsdecode(b"pets\xe9")
    write_classes(odd, {"a": 6, "b": 6})
    for label in "ab":
        (odd / label / "000.png").rename(odd / label / os.fsdecode(b"caf\xe9.png"))
    data, run = tmp_path / "pets", tmp_path / os.fsdecode(b"run\xe9")
    data.symlink_to(odd)
    assert tellapart("train", odd, "-o", run, "--size", 64).code == 3
    assert tellapart("train", data, "-o", run, "--size", 64).code == 0
    texts = {path.name: path.read_bytes().decode() for path in run.iterdir() if path.suffix != ".tellapart"}
    assert "a/caf\\xe9.png" in texts["ledger.csv"]
    assert "a/caf\\xe9.png" in texts["split.csv"]
    assert tellapart("report", run).code == 0


NAMES = st.sampled_from(["train", "test", "val", "cat", "dog", "day", "fold1", "images", "testing"])
FILES = st.sampled_from(["1.png", "2.jpg", "notes.txt", ".hidden"])
PATHS = st.tuples(st.lists(NAMES, max_size=4), FILES).map(lambda parts: "/".join([*parts[0], parts[1]]))


@given(st.lists(PATHS, max_size=8, unique=True), st.sampled_from([None, "top", "bottom"]), st.booleans())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_scan__nothing_is_lost_whatever_the_folders(paths, classes, grouped):
    with tempfile.TemporaryDirectory() as folder:
        grow(Path(folder), *paths)
        try:
            index = scan(Path(folder), reading=Reading(classes=classes, grouped=grouped))
        except DataError as error:
            assert "\n" not in str(error)  # noqa: PT017  (either outcome is right)
            return
        told = {picture.path for picture in index.pictures}
        assert len(told) == len(index.pictures)
        skipped = tuple(entry.path for entry in index.skipped)
        for path in paths:
            ways = [path in told, path in skipped, any(path.startswith(each) for each in skipped if each.endswith("/"))]
            assert ways.count(True) == 1, (path, skipped)
        assert {picture.label for picture in index.pictures} == set(index.classes)


def test_scan__names_that_differ_only_in_capitals_or_dashes_are_told_and_stay_two(tmp_path):
    grow(tmp_path / "d", "train/{cat,dog}/1.png", "test/{Cat,dog}/1.png")
    found, _, said = read(tmp_path / "d")
    assert {label for _, label in found.values()} == {"Cat", "cat", "dog"}
    assert "differ only in capitals, blanks or dashes: 'Cat' and 'cat'. If they are one, rename them." in said
    grow(tmp_path / "e", "{red fox,red_fox,Wolf,wolf,-1,1}/1.png")
    assert "'Wolf' and 'wolf', and 1 more." in read(tmp_path / "e")[2]
    assert "differ" not in read(grow(tmp_path / "f", "{-1,1,a b,ab c}/1.png"))[2]


def test_scan__bottom_is_offered_for_the_classes_that_it_gives(tmp_path):
    grow(tmp_path / "a", "{2024,2025}/{north,south}/{cat,dog}/1.png")
    with pytest.raises(DataError, match="--classes top for 2024 and 2025, or --classes bottom for cat and dog;"):
        scan(tmp_path / "a")
    assert {label for _, label in read(tmp_path / "a", classes="bottom")[0].values()} == {"cat", "dog"}
    grow(tmp_path / "b", "bird/{owl,crow}/{day,night}/1.png", "mammal/{cat,dog}/{dusk,dawn}/1.png")
    assert "--classes bottom takes dawn, day, dusk and 1 more instead" in read(tmp_path / "b")[2]


def test_scan__names_that_differ_in_what_nobody_sees_are_told(tmp_path):
    assert r"'cat' and 'cat\u200b'" in read(grow(tmp_path, "{cat,cat\u200b,dog}/1.png"))[2]


@pytest.mark.parametrize("above", ["", "train/"])
def test_scan__a_folder_called_like_another_class_inside_a_class_is_told(tmp_path, above):
    grow(tmp_path, f"{above}{{cat,dog}}/1.png", f"{above}cat/dog/2.png", f"{above}cat/old/cat/3.png")
    found, _, said = read(tmp_path)
    assert found[f"{above}cat/dog/2.png"][1] == "cat"
    assert f"The pictures in {above}cat/dog/ count as 'cat', though it is called like another class." in said


def test_scan__one_folder_between_splits_and_classes_says_what_to_add(tmp_path):
    grow(tmp_path, "{train,test}/pets/{cat,dog}/1.png")
    with pytest.raises(DataError, match=r"only one class, 'pets'.* add --classes bottom"):
        scan(tmp_path)
    assert set(read(tmp_path, classes="bottom")[0].values()) == {
        (split, label) for split in ("train", "test") for label in ("cat", "dog")
    }
