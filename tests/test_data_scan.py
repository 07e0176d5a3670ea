import os
import sys
from pathlib import Path

import pytest

from pictures import encode, make_pixels, write_classes, write_picture, write_splits_and_classes
from tellapart.data.formats import has_picture_ending, looks_like_picture
from tellapart.data.scan import index_of_paths, scan
from tellapart.errors import DataError

SHARED = Path(__file__).parents[2] / "shared" / "data"
posix_only = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows allows neither such names nor links for everybody"
)


def paths(index):
    return [picture.path for picture in index.pictures]


def reasons(index):
    return {entry.path: entry.reason for entry in index.skipped}


def test_scan__class_folders(tmp_path):
    index = scan(write_classes(tmp_path / "insects", {"b": 2, "a": 1, "Z": 1}))
    assert (index.name, index.layout, index.root) == ("insects", "folders", tmp_path / "insects")
    assert index.classes == ("Z", "a", "b")
    assert paths(index) == ["Z/000.png", "a/000.png", "b/000.png", "b/001.png"]
    assert [picture.label for picture in index.pictures] == ["Z", "a", "b", "b"]
    assert {picture.split for picture in index.pictures} == {None}
    assert all(picture.file.is_file() for picture in index.pictures)
    assert index.skipped == ()


@pytest.mark.parametrize(
    "names", [("train", "valid", "test"), ("Training", "VAL", "testing"), ("TRAIN", "validation", "Test")]
)
def test_scan__split_folders(tmp_path, names):
    counts = {name: {"x": 1, "y": 2} for name in names}
    index = scan(write_splits_and_classes(tmp_path, counts))
    assert index.layout == "split folders"
    assert [picture.split for picture in index.pictures] == ["train"] * 3 + ["valid"] * 3 + ["test"] * 3
    assert paths(index)[0] == f"{names[0]}/x/000.png"
    assert index.classes == ("x", "y")


def test_scan__class_missing_in_one_split_keeps_its_place(tmp_path):
    index = scan(write_splits_and_classes(tmp_path, {"train": {"a": 1, "b": 1, "c": 1}, "test": {"c": 1}}))
    assert index.classes == ("a", "b", "c")
    assert index.pictures[-1].label == "c"


def test_scan__other_folders_beside_splits_are_skipped(tmp_path):
    write_splits_and_classes(tmp_path, {"train": {"a": 1, "b": 1}, "test": {"a": 1, "b": 1}, "sample": {"a": 1}})
    index = scan(tmp_path)
    assert len(index.pictures) == 4
    assert reasons(index) == {"sample/": "neither train, valid nor test"}


def test_scan__a_class_may_be_called_train(tmp_path):
    index = scan(write_classes(tmp_path, {"train": 1, "plane": 1}))
    assert (index.layout, index.classes) == ("folders", ("plane", "train"))


def test_scan__goes_down_and_sorts_by_code_point(tmp_path):
    for name in ("a/10.png", "a/9.png", "a/sub/1.png", "a/Z.png", "a/é.png", "b/1.png"):
        write_picture(tmp_path / name)
    assert paths(scan(tmp_path)) == ["a/10.png", "a/9.png", "a/Z.png", "a/sub/1.png", "a/é.png", "b/1.png"]


def test_scan__what_is_no_picture_is_listed(tmp_path):
    write_classes(tmp_path, {"a": 1, "b": 1})
    for name in (
        "a/.hidden.png",
        "a/Thumbs.db",
        "a/notes.txt",
        "readme.md",
        ".DS_Store",
        "a/.git/config",
        "__MACOSX/a/x.png",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"text")
    index = scan(tmp_path)
    assert paths(index) == ["a/000.png", "b/000.png"]
    assert reasons(index) == {
        ".DS_Store": "hidden file",
        "__MACOSX/": "folder of the operating system",
        "readme.md": "not in a class folder",
        "a/.git/": "hidden folder",
        "a/.hidden.png": "hidden file",
        "a/Thumbs.db": "not a picture",
        "a/notes.txt": "not a picture",
    }
    assert {entry.status for entry in index.skipped} == {"skipped"}


def test_scan__first_bytes_of_a_picture_are_enough(tmp_path):
    write_classes(tmp_path, {"a": 1, "b": 1})
    (tmp_path / "a" / "no ending").write_bytes(encode(make_pixels(0), "WEBP"))
    assert "a/no ending" in paths(scan(tmp_path))


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "JPEG2000", "DDS"])
def test_looks_like_picture__formats(file_format):
    assert looks_like_picture(encode(make_pixels(0), file_format)[:32])
    assert has_picture_ending("x." + file_format.lower().replace("jpeg2000", "jp2").upper())


@pytest.mark.parametrize(
    "content", [b"", b"BM is a word", b"RIFFxxxxWAVEfmt ", b"\0\0\0\x18ftypmp42", b"PK\x03\x04", b"%PDF-1.4"]
)
def test_looks_like_picture__others(content):
    assert not looks_like_picture(content)


@posix_only
def test_scan__strange_names_survive(tmp_path):
    names = [
        'quote".png',
        "new\nline.png",
        "comma, and space .png",
        "日本.png",
        "a\\b.png",
    ]
    names += [os.fsdecode(b"\xff\xfe.png")] if sys.platform == "linux" else []
    for name in names:
        write_picture(tmp_path / "first one" / name)
        write_picture(tmp_path / "二" / name)
    index = scan(tmp_path)
    written = [name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") for name in names]
    assert paths(index) == [f"{label}/{name}" for label in ("first one", "二") for name in sorted(written)]
    assert all(picture.file.is_file() for picture in index.pictures)


@posix_only
@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_scan__same_file_under_two_classes_is_an_error(tmp_path, link):
    write_classes(tmp_path, {"a": 2, "b": 1})
    link(tmp_path / "a" / "001.png", tmp_path / "b" / "copy.png")
    with pytest.raises(DataError, match=r"the same file under two classes, 'a' and 'b': a/001.png and b/copy.png"):
        scan(tmp_path)


@posix_only
@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_scan__same_file_twice_in_a_class_is_kept_once(tmp_path, link):
    write_classes(tmp_path, {"a": 1, "b": 1})
    link(tmp_path / "a" / "000.png", tmp_path / "a" / "999.png")
    index = scan(tmp_path)
    assert paths(index) == ["a/000.png", "b/000.png"]
    assert reasons(index) == {"a/999.png": "the same file as a/000.png"}


@posix_only
def test_scan__loops_and_broken_links_are_listed(tmp_path):
    write_classes(tmp_path, {"a": 1, "b": 1})
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "root").symlink_to("/")
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "b" / "circle.png").symlink_to(tmp_path / "b" / "circle.png")
    os.mkfifo(tmp_path / "b" / "pipe.png")
    index = scan(tmp_path)
    assert paths(index) == ["a/000.png", "b/000.png"]
    assert reasons(index)["a/self/"] == "the same folder as a/"
    assert reasons(index)["a/gone.png"] == "cannot be opened (no such file or directory)"
    assert reasons(index)["b/pipe.png"] == "not a regular file"
    assert len(index.skipped) == 6


@posix_only
def test_scan__same_folder_under_two_classes_is_an_error(tmp_path):
    write_classes(tmp_path, {"a": 1, "b": 1})
    (tmp_path / "a" / "more").symlink_to(tmp_path / "b")
    with pytest.raises(DataError, match="the same folder under two classes, 'a' and 'b': a/more/ and b/"):
        scan(tmp_path)


@posix_only
def test_scan__class_folder_may_be_a_link(tmp_path):
    write_classes(tmp_path / "elsewhere", {"a": 1, "b": 1})
    (tmp_path / "data").mkdir()
    for label in ("a", "b"):
        (tmp_path / "data" / label).symlink_to(tmp_path / "elsewhere" / label)
    assert paths(scan(tmp_path / "data")) == ["a/000.png", "b/000.png"]


def nothing(root):
    root.rmdir()


def empty(root):
    pass


def bare_pictures(root):
    write_picture(root / "1.png")


def one_class(root):
    write_classes(root / "unzipped", {"a": 1, "b": 1})
    write_picture(root / "unzipped" / "1.png")


def empty_class(root):
    write_classes(root, {"a": 1, "b": 1})
    (root / "c").mkdir()


def split_without_classes(root):
    write_splits_and_classes(root, {"train": {"a": 1, "b": 1}})
    write_picture(root / "test" / "1.png")


def one_split_twice(root):
    write_splits_and_classes(root, {"val": {"a": 1}, "validation": {"a": 1}})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (nothing, "no such file or folder: .*data. Check the spelling"),
        (empty, "the folder is empty: .*data. Make one folder for each class"),
        (bare_pictures, "no class folders, 1 file lies directly in it: .*data. Make one folder for each class"),
        (one_class, "only one class, 'unzipped'.*If the classes are inside it, name .*unzipped"),
        (empty_class, "no picture in the class 'c': .*c. Put its pictures there"),
        (split_without_classes, "no class folders in the split test: .*test"),
        (one_split_twice, "two folders for the split valid: .*val and .*validation"),
    ],
)
def test_scan__unusable_folder_says_what_to_do(tmp_path, make, message):
    root = tmp_path / "data"
    root.mkdir()
    make(root)
    with pytest.raises(DataError, match=message):
        scan(root)


def test_scan__a_picture_is_no_data(tmp_path):
    with pytest.raises(DataError, match=r"neither a folder nor a manifest.*x.png. This is one picture"):
        scan(write_picture(tmp_path / "x.png"))


def test_index_of_paths__keeps_what_was_given(tmp_path):
    first, second = write_picture(tmp_path / "b.png"), write_picture(tmp_path / "a.png")
    index = index_of_paths([first, str(second), first])
    assert paths(index) == [str(first), str(second), str(first)]
    assert (index.layout, index.classes) == ("paths", ())


def test_index_of_paths__folder_stands_for_the_pictures_below(tmp_path):
    write_classes(tmp_path / "in", {"b": 1, "a": 2})
    (tmp_path / "in" / "notes.txt").write_text("x")
    index = index_of_paths([tmp_path / "in"])
    assert paths(index) == [f"{tmp_path}/in/{name}" for name in ("a/000.png", "a/001.png", "b/000.png")]
    assert index.name == "in"
    assert reasons(index) == {f"{tmp_path}/in/notes.txt": "not a picture"}
    assert len(index_of_paths([tmp_path / "in", tmp_path / "in"]).pictures) == 6


def test_index_of_paths__errors(tmp_path):
    (tmp_path / "empty").mkdir()
    for given, message in (
        ([], "no pictures were given"),
        (["gone.png"], "no such file"),
        ([tmp_path / "empty"], "no picture"),
    ):
        with pytest.raises(DataError, match=message):
            index_of_paths(given)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared picture sets are not here")
def test_scan__real_sets():
    cats = scan(SHARED / "cats_vs_dogs_small")
    assert (cats.layout, cats.classes, len(cats.pictures)) == ("split folders", ("cats", "dogs"), 4000)
    assert cats.skipped == ()
    assert len(scan(SHARED / "trashnet").pictures) == 2521
