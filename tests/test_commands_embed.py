"""Features as an array and as a file: the same numbers, each beside its picture, whole or not at all."""

import numpy as np
import pytest
from arro3.io import read_parquet
from PIL import Image

from pictures import make_pixels, write_classes, write_picture, write_splits_and_classes
from tellapart import DataError, UsageError, embed
from tellapart.commands import embed as command

SIDE = 64
NAMES = ["stage3", "stage4", "stage5", "stage7", "last"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    counts = {"train": {"ape": 3, "bee": 3}, "valid": {"ape": 1, "bee": 1}, "test": {"ape": 1, "bee": 2}}
    return write_splits_and_classes(tmp_path_factory.mktemp("embed") / "data", counts)


def test_embed__is_float32_and_says_its_depths(data):
    paths = sorted(data.rglob("*.png"))
    features = embed(paths, size=SIDE)
    assert (type(features), features.dtype, features.shape) == (np.ndarray, np.float32, (11, 2992))
    again, depths = embed(paths, "lite0", size=SIDE, return_depths=True)
    np.testing.assert_array_equal(again, features)
    assert list(depths) == NAMES
    assert features[:, depths["last"]].shape == (11, 1280)
    assert [part.stop for part in depths.values()] == [*(part.start for part in list(depths.values())[1:]), 2992]


def test_embed__of_arrays_pil_pictures_and_paths_is_the_same(data):
    path = next(data.rglob("*.png"))
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    expected = embed(path, size=SIDE)
    for form in (np.asarray(image), image, [str(path)], np.asarray(image)[np.newaxis], data / path.parent / path.name):
        np.testing.assert_array_equal(embed(form, size=SIDE), expected)
    assert embed(data, size=SIDE).shape == (11, 2992)


def test_embed__what_is_wrong(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"cannot read a picture .*bad\.png"):
        embed([make_pixels(1), tmp_path / "bad.png"], size=SIDE)
    with pytest.raises(DataError, match=r"float64 array .* is no picture: pictures\[1\]"):
        embed([make_pixels(1), make_pixels(1) / 255], size=SIDE)
    with pytest.raises(UsageError):
        embed(make_pixels(1), size=3)


def table_of(path):
    return {name: column.to_pylist() for name, column in columns(path).items()}


def arrays(path):
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def columns(path):
    table = read_parquet(path).read_all()
    return {name: table.column(name) for name in table.schema.names}


def test_embed_data__npz_holds_what_is_said_of_each_picture(data, tmp_path, tellapart):
    outcome = tellapart("embed", data, "-o", tmp_path / "deep" / "f.npz", "--size", SIDE)
    assert (outcome.code, outcome.out) == (0, f"11 pictures, 2,992 features each: {tmp_path / 'deep' / 'f.npz'}\n")
    made = arrays(tmp_path / "deep" / "f.npz")
    assert set(made) == {"features", "paths", "labels", "splits", "depths", "columns"}
    assert made["features"].dtype == np.float32
    assert made["splits"].tolist() == ["train"] * 6 + ["valid"] * 2 + ["test"] * 3
    assert made["labels"].tolist() == [path.split("/")[1] for path in made["paths"].tolist()]
    assert made["depths"].tolist() == NAMES
    assert made["columns"].tolist()[0][0] == 0
    assert made["columns"].tolist()[-1][1] == 2992
    expected = embed([data / path for path in made["paths"]], size=SIDE)
    np.testing.assert_array_equal(made["features"], expected)


def test_embed_data__parquet_has_a_column_a_feature(data, tmp_path, tellapart):
    outcome = tellapart("embed", data, "-o", tmp_path / "f.parquet", "--size", SIDE, "--json")
    assert outcome.code == 0
    assert (outcome.json["pictures"], outcome.json["features"], outcome.json["skipped"]) == (11, 2992, 0)
    assert list(outcome.json["depths"]) == NAMES
    table = table_of(tmp_path / "f.parquet")
    assert list(table)[:4] == ["path", "label", "split", "stage3:0"]
    assert list(table)[-1] == "last:1279"
    features = np.array([table[name] for name in list(table)[3:]]).T
    np.testing.assert_array_equal(features, embed([data / path for path in table["path"]], size=SIDE))


def test_embed_data__pictures_without_labels(tmp_path, tellapart):
    for number in range(3):
        write_picture(tmp_path / "inbox" / f"{number}.png", seed=number)
    (tmp_path / "inbox" / "bad.png").write_bytes(b"damaged")
    outcome = tellapart("embed", tmp_path / "inbox", "-o", tmp_path / "f.npz", "--size", SIDE)
    assert outcome.code == 0
    assert "Taken as pictures without labels" in outcome.err
    assert "1 of 4 pictures cannot be read and is left out" in outcome.err
    made = arrays(tmp_path / "f.npz")
    assert set(made) == {"features", "paths", "depths", "columns"}
    assert [path.rpartition("/")[2] for path in made["paths"].tolist()] == ["0.png", "1.png", "2.png"]
    assert tellapart("embed", tmp_path / "inbox", "-o", tmp_path / "g.parquet", "--size", SIDE).code == 0
    assert list(table_of(tmp_path / "g.parquet"))[:2] == ["path", "stage3:0"]


def test_embed_data__class_folders_have_no_splits(tmp_path, tellapart):
    data = write_classes(tmp_path / "data", {"ape": 2, "bee": 2})
    assert tellapart("embed", data, "-o", tmp_path / "f.parquet", "--size", SIDE).code == 0
    assert list(table_of(tmp_path / "f.parquet"))[:3] == ["path", "label", "stage3:0"]


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("f.csv", 2, "no format is known for a file that ends in .csv"),
        ("f", 2, "this name says no format"),
        ("data/f.npz/x.npz", 2, "no file can be written here"),
    ],
)
def test_embed_data__names_that_cannot_be(data, tmp_path, tellapart, name, code, message):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "f.npz").write_bytes(b"")
    outcome = tellapart("embed", data, "-o", tmp_path / name)
    assert outcome.code == code
    assert message in outcome.complaint


def test_embed_data__a_table_without_labels_says_what_is_missing_and_not_that_labels_are(tmp_path, tellapart):
    (tmp_path / "list.csv").write_text("file\ngone.png\n")
    outcome = tellapart("embed", tmp_path / "list.csv", "-o", tmp_path / "out.npz")
    assert outcome.code == 3
    assert "1 of 1 file is missing, the first in row 2: gone.png" in outcome.err


def test_embed_data__nothing_to_look_at(tmp_path, tellapart):
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "none"):
        assert tellapart("embed", tmp_path / folder, "-o", tmp_path / "f.npz").code == 3
    (tmp_path / "empty" / "bad.png").write_bytes(b"damaged")
    outcome = tellapart("embed", tmp_path / "empty", "-o", tmp_path / "f.npz")
    assert outcome.code == 3
    assert "none of the pictures can be read" in outcome.complaint
    assert not (tmp_path / "f.npz").exists()


def test_embed_data__leaves_the_old_file_where_writing_fails(data, tmp_path, monkeypatch):
    command.embed_data(data, tmp_path / "f.npz", size=SIDE)
    before = (tmp_path / "f.npz").read_bytes()

    def fail(place, made):
        place.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "WRITERS", {".npz": fail})
    with pytest.raises(UsageError, match="no space left"):
        command.embed_data(data, tmp_path / "f.npz", size=SIDE)
    assert [path.name for path in tmp_path.iterdir()] == ["f.npz"]
    assert (tmp_path / "f.npz").read_bytes() == before
