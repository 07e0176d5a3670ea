"""A small set out of a big one: copies or links, never a file moved, replaced or in two splits."""

import gzip
import struct

import numpy as np
import pytest
from PIL import Image

from pictures import write_classes, write_picture
from tellapart.commands.split import split
from tellapart.data.reading import Reading
from tellapart.errors import DataError, OutputError, UsageError

TOP = Reading(classes="top")
SIZES = {"train": 4, "valid": 2, "test": 1}


@pytest.fixture
def data(tmp_path):
    return write_classes(tmp_path / "data", {"a": 9, "b": 7})


def written(out):
    return {path.relative_to(out).as_posix(): path for path in sorted(out.rglob("*")) if not path.is_dir()}


def snapshot(folder):
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def test_split__copies_so_many_of_each_class_and_changes_nothing(data, tmp_path):
    before = snapshot(data)
    counts = split(data, tmp_path / "out", sizes=SIZES)
    assert counts == {"a": SIZES, "b": SIZES}
    files = written(tmp_path / "out")
    for name in "ab":
        for part, count in SIZES.items():
            assert sum(path.startswith(f"{part}/{name}/") for path in files) == count
    contents = [path.read_bytes() for path in files.values()]
    assert len(set(contents)) == len(contents) == 14
    assert set(contents) <= {content for content, _ in before.values()}
    assert snapshot(data) == before
    assert not any(path.is_symlink() for path in files.values())


def test_split__is_the_same_for_the_same_seed_and_independent_for_each_class(data, tmp_path):
    split(data, tmp_path / "first", sizes=SIZES, near=False)
    split(data, tmp_path / "second", sizes=SIZES, near=False)
    assert list(written(tmp_path / "first")) == list(written(tmp_path / "second"))
    split(data, tmp_path / "other", sizes=SIZES, near=False, seed=1)
    assert list(written(tmp_path / "first")) != list(written(tmp_path / "other"))
    for number in range(5):
        write_picture(data / "b" / f"more {number}.png", seed=100 + number)
    split(data, tmp_path / "third", sizes=SIZES, near=False)
    only_a = [[path for path in written(tmp_path / name) if "/a/" in path] for name in ("first", "third")]
    assert only_a[0] == only_a[1]


def test_split__links_point_at_the_originals(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    split(data.relative_to(tmp_path), tmp_path / "out", sizes=SIZES, link=True)
    for path in written(tmp_path / "out").values():
        assert path.is_symlink()
        assert path.resolve().is_relative_to(data)
        assert path.readlink().is_absolute()


@pytest.mark.parametrize("link", [False, True])
def test_split__goes_on_where_it_stopped(data, tmp_path, link):
    out = tmp_path / "out"
    split(data, out, sizes=SIZES, link=link)
    whole = {name: path.read_bytes() for name, path in written(out).items()}
    for path in list(written(out).values())[::2]:
        path.unlink()
    (out / "train" / "a" / ".tellapart-half.png").write_bytes(b"half")
    split(data, out, sizes=SIZES, link=link)
    again = {name: path.read_bytes() for name, path in written(out).items() if ".tellapart-" not in name}
    assert again == whole


@pytest.mark.parametrize("link", [False, True])
def test_split__never_replaces_another_file(data, tmp_path, link):
    split(data, tmp_path / "model", sizes=SIZES)
    name = next(iter(written(tmp_path / "model")))
    target = tmp_path / "out" / name
    target.parent.mkdir(parents=True)
    target.write_bytes(b"mine")
    with pytest.raises(OutputError, match="another file is already there"):
        split(data, tmp_path / "out", sizes=SIZES, link=link)
    assert target.read_bytes() == b"mine"


def test_split__never_follows_a_broken_link(data, tmp_path):
    split(data, tmp_path / "model", sizes=SIZES)
    target = tmp_path / "out" / next(iter(written(tmp_path / "model")))
    target.parent.mkdir(parents=True)
    target.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError):
        split(data, tmp_path / "out", sizes=SIZES)
    assert not (tmp_path / "elsewhere").exists()


def test_split__another_draw_into_the_same_place_is_refused(data, tmp_path):
    """A picture could otherwise be in train from the first draw and in test from the second."""
    split(data, tmp_path / "out", sizes=SIZES)
    before = list(written(tmp_path / "out"))
    with pytest.raises(OutputError, match="not of this draw"):
        split(data, tmp_path / "out", sizes=SIZES, seed=1)
    with pytest.raises(OutputError, match="not of this draw"):
        split(data, tmp_path / "out", sizes={"train": 1, "valid": 1, "test": 1})
    assert list(written(tmp_path / "out")) == before


def test_split__same_names_from_different_folders_all_arrive(tmp_path):
    for label in "ab":
        for folder in ("x", "y", "z"):
            write_picture(tmp_path / "data" / label / folder / "IMG.png", seed=ord(folder), kind=ord(label))
        write_picture(tmp_path / "data" / label / "z" / "img_2.PNG", seed=9, kind=ord(label))
    split(tmp_path / "data", tmp_path / "out", sizes={"train": 4, "valid": 0, "test": 0}, reading=TOP)
    files = written(tmp_path / "out")
    assert len(files) == len({name.casefold() for name in files}) == 8
    assert len({path.read_bytes() for path in files.values()}) == 8


@pytest.fixture
def idx(tmp_path):
    folder = tmp_path / "idx"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (12, 5, 4), np.uint8)
    labels = np.arange(12, dtype=np.uint8) % 2
    header = struct.pack(">4BIII", 0, 0, 8, 3, *pixels.shape)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + pixels.tobytes()))
    (folder / "train-labels-idx1-ubyte").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, 12) + labels.tobytes())
    return folder


def test_split__pictures_out_of_idx_files_are_written_pixel_by_pixel(idx, tmp_path):
    sizes = {"train": 3, "valid": 1, "test": 2}
    assert split(idx, tmp_path / "out", sizes=sizes) == {"0": sizes, "1": sizes}
    pixels = np.random.default_rng(0).integers(0, 256, (12, 5, 4), np.uint8)
    for name, path in written(tmp_path / "out").items():
        row = int(path.stem)
        assert name.split("/")[1] == str(row % 2)
        np.testing.assert_array_equal(np.asarray(Image.open(path)), pixels[row])
    split(idx, tmp_path / "out", sizes=sizes)
    with pytest.raises(UsageError, match="cannot be linked"):
        split(idx, tmp_path / "links", sizes=sizes, link=True)


def test_split__another_file_in_the_place_of_an_idx_picture(idx, tmp_path):
    sizes = {"train": 6, "valid": 0, "test": 0}
    (tmp_path / "out/train/0").mkdir(parents=True)
    (tmp_path / "out/train/0/000000.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match="another file"):
        split(idx, tmp_path / "out", sizes=sizes)
    assert (tmp_path / "out/train/0/000000.png").read_bytes() == b"mine"


@pytest.mark.parametrize("label", ["../../outside", "/outside", "a/b", "..", ".", "a\\b", "é" * 130])
def test_split__a_class_that_is_no_name_of_a_folder(tmp_path, label):
    rows = ["path,label"]
    for number in range(6):
        write_picture(tmp_path / "data" / f"{number}.png", seed=number)
        rows.append(f"{number}.png,{label if number % 2 else 'good'}")
    (tmp_path / "data" / "list.csv").write_text("\n".join(rows))
    with pytest.raises(DataError, match="cannot be the name of a folder"):
        split(tmp_path / "data" / "list.csv", tmp_path / "deep" / "out", sizes={"train": 1, "valid": 1, "test": 1})
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["data"]


@pytest.mark.parametrize("label", [".hidden", "__MACOSX"])
def test_split__a_class_whose_folder_nothing_would_read(tmp_path, label):
    for number in range(4):
        write_picture(tmp_path / f"{number}.png", seed=number)
    rows = [f"{number}.png,{label if number % 2 else 'good'}" for number in range(4)]
    (tmp_path / "list.csv").write_text("\n".join(["path,label", *rows]))
    with pytest.raises(DataError, match="a folder called like the class is never read"):
        split(tmp_path / "list.csv", tmp_path / "out", sizes={"train": 1, "valid": 0, "test": 1})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("sizes", [(0, 0, 0), (-1, 1, 1), (1, 1, -5)])
def test_split__sizes_that_make_no_sense(data, tmp_path, sizes):
    with pytest.raises(UsageError, match="no counts"):
        split(data, tmp_path / "out", sizes=dict(zip(SIZES, sizes, strict=True)))


def test_split__more_than_there_are(data, tmp_path):
    with pytest.raises(DataError, match="'b' has 7 pictures, 8 are asked for"):
        split(data, tmp_path / "out", sizes={"train": 5, "valid": 2, "test": 1})
    assert not (tmp_path / "out").exists()


def test_split__inside_the_data_is_refused(data):
    with pytest.raises(UsageError, match="inside"):
        split(data, data / "small", sizes=SIZES)
    assert not (data / "small").exists()
