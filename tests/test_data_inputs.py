"""What is named in place of pictures and data, and the line that says what to do."""

import zipfile

import pytest

from pictures import write_classes, write_picture
from tellapart.data.reading import Reading
from tellapart.data.scan import index_of_paths, scan
from tellapart.errors import DataError

VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(20)


def archive(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/1.png", b"x")
    return path


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "https://example.com/pets.zip",
            "a web address, not a file or folder: https://example.com/pets.zip. No",
        ),
        ("s3://bucket/pets", "a web address.*: s3://bucket/pets. Nothing is fetched: download it"),
        ("HTTP://example.com/1.jpg", "a web address"),
        ("www.example.com/1.jpg", "a web address"),
        ("file:///home/x/pets", "a file: address instead of a path.*Write /home/x/pets"),
        ("pets/*.jpg", "no file matches this pattern: .*pets/.*jpg. Check the folder and the pattern"),
        ("pets/[ab]", "no file matches this pattern"),
        ("nothing", "no such file or folder: nothing. Check the spelling"),
    ],
)
def test_commands__what_is_no_path(tmp_path, monkeypatch, tellapart, trained, given, message):
    monkeypatch.chdir(tmp_path)
    for words in (
        ("train", given),
        ("audit", given),
        ("evaluate", trained.model, given),
        ("predict", trained.model, given),
    ):
        outcome = tellapart(*words)
        assert outcome.code == 3
        assert outcome.err.count("\n") == 1
        with pytest.raises(AssertionError, match=message):
            raise AssertionError(outcome.err.strip())


def test_scan__a_pattern_in_quotes(tmp_path):
    write_picture(tmp_path / "1.png")
    with pytest.raises(DataError, match=r"a pattern, not a file or folder.*Leave out the quotes"):
        index_of_paths([f"{tmp_path}/*.png"])


def test_scan__a_home_in_quotes(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(write_classes(tmp_path / "my home", {"a": 1}).parent / "my home"))
    with pytest.raises(DataError, match=r"~ was left as it is: ~/a. Write '.*my home/a'"):
        index_of_paths(["~/a"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "pets.zip",
            None,
            r"an archive, not pictures: .*pets\.zip. Unpack it first.*: unzip .*pets\.zip -d pets",
        ),
        ("pets.tar.gz", b"\x1f\x8b\x08", r"an archive.*tar -xf .*pets\.tar\.gz"),
        (
            "labels.csv.gz",
            b"\x1f\x8b\x08",
            r"Unpack it first.*: gunzip -k \S*labels\.csv\.gz, and name what comes out of it",
        ),
        ("labels.csv.xz", b"\xfd7zXZ\0", r"unxz -k \S*labels\.csv\.xz"),
        ("download", None, "an archive"),
        ("clip 1.MP4", VIDEO, "a video, not pictures.*ffmpeg -i '.*clip 1.MP4' -vf fps=1 'clip 1'-%05d.png"),
        ("clip", VIDEO, "a video"),
        ("labels.xlsx", b"PK\x03\x04", "a spreadsheet, not pictures: .*Save it as CSV"),
        ("scan.pdf", b"%PDF-1.4", "a PDF, not pictures: .*Save its pages as pictures"),
        ("model.tellapart", None, "a model file, not pictures: .*The model is named first"),
    ],
)
def test_scan__a_file_of_another_kind(tmp_path, name, content, message):
    path = tmp_path / name
    archive(path) if content is None else path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        scan(path)
    with pytest.raises(DataError, match=message):
        index_of_paths([path])
    assert len(index_of_paths([path, write_picture(tmp_path / "1.png")]).pictures) == 2


def test_scan__one_idx_file(tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(DataError, match=r"one file of a set of IDX files: .*Name the folder it is in: "):
        scan(tmp_path / "train-images-idx3-ubyte.gz")


def test_scan__a_folder_that_holds_something_else(tmp_path):
    archive(tmp_path / "pets.zip")
    with pytest.raises(DataError, match=r"no class folders, 1 file.* pets.zip in it is an archive: Unpack it first"):
        scan(tmp_path)
    with pytest.raises(DataError, match=r"no picture in the folder.* pets.zip in it is an archive"):
        index_of_paths([tmp_path])
    write_classes(tmp_path, {"a": 1, "b": 1})
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "1.mov").write_bytes(VIDEO)
    with pytest.raises(DataError, match=r"no picture in the class 'c'.* 1.mov in it is a video"):
        scan(tmp_path)


def test_scan__a_folder_with_a_list_of_its_pictures(tmp_path):
    write_picture(tmp_path / "1.png")
    (tmp_path / "annotations.xml").write_text("<annotations/>")
    with pytest.raises(DataError, match=r"If annotations.xml says which class .*, name that: .*annotations\.xml"):
        scan(tmp_path)


def write_metadata(folder, *names, ending="csv", column="label"):
    for name in names:
        write_picture(folder / name)
    rows = [(name, "ab"[place % 2]) for place, name in enumerate(names)]
    if ending == "csv":
        text = f"file_name,{column}\n" + "".join(f"{name},{label}\n" for name, label in rows)
    else:
        text = "".join(f'{{"file_name": "{name}", "{column}": "{label}"}}\n' for name, label in rows)
    (folder / f"metadata.{ending}").write_text(text)


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_imagefolder__one_folder_or_one_a_split(tmp_path, ending):
    write_metadata(tmp_path / "flat", "1.png", "2.png", "images/3.png", ending=ending)
    index = scan(tmp_path / "flat")
    assert [(picture.path, picture.label, picture.split) for picture in index.pictures] == [
        ("1.png", "a", None),
        ("images/3.png", "a", None),
        ("2.png", "b", None),
    ]
    assert (index.layout, index.name) == ("image folder", "flat")
    assert index.notes == (f"The labels are those in metadata.{ending}.",)
    for split in ("train", "test"):
        write_metadata(tmp_path / "split" / split, "1.png", "2.png", ending=ending)
    index = scan(tmp_path / "split")
    assert [(picture.path, picture.split) for picture in index.pictures] == [
        *(("train/1.png", "train"), ("train/2.png", "train")),
        *(("test/1.png", "test"), ("test/2.png", "test")),
    ]


def test_imagefolder__metadata_at_the_top_keeps_the_splits_of_its_paths(tmp_path):
    write_metadata(tmp_path, "train/1.png", "train/2.png", "test/1.png", "test/2.png")
    index = scan(tmp_path)
    assert [picture.split for picture in index.pictures] == ["train", "train", "test", "test"]
    assert "The splits are those of the folders in the paths (test, train)." in index.notes


def test_imagefolder__folders_and_metadata_are_two_readings(tmp_path):
    write_metadata(tmp_path, "x/1.png", "y/2.png")
    with pytest.raises(DataError, match=r"the labels are in metadata.csv, or they are the folders x and y"):
        scan(tmp_path)
    assert scan(tmp_path, reading=Reading(classes="top")).classes == ("x", "y")
    assert scan(tmp_path / "metadata.csv").classes == ("a", "b")


@pytest.mark.parametrize(
    "text", ["file_name,text\nx/1.png,hello\n", "file_name,label\ngone.png,a\n", "anything at all"]
)
def test_imagefolder__metadata_without_labels_leaves_the_folders(tmp_path, text):
    write_classes(tmp_path, {"x": 1, "y": 1})
    (tmp_path / "metadata.csv").write_text(text)
    assert scan(tmp_path).classes == ("x", "y")
