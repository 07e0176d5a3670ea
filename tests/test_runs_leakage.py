"""Pictures that belong together are on one side of a drawn split, and a given split that parts them is told of."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from datasets import made_up_dataset
from tellapart.commands.train import train
from tellapart.errors import DataError, UsageError
from tellapart.progress import Silent
from tellapart.runs.leakage import score_without
from test_duplicates_register import EDITS, scene

LEAKED = ("ape/12.jpg", "bee/13.jpg")


class Noting(Silent):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def table(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=90)
    return path


def pixels_of(number, kind):
    """A scene of its own, tinted by its class."""
    return (scene(1000 * kind + number, side=240) * [[[1.0, 0.5 + 0.5 * kind, 1.0 - 0.5 * kind]]]).astype(np.uint8)


@pytest.fixture(scope="module")
def edited(tmp_path_factory):
    """Two classes of twelve scenes, three of each with edited copies beside them."""
    data = tmp_path_factory.mktemp("edited") / "data"
    for kind, label in enumerate(("ape", "bee")):
        for number in range(12):
            save(data / label / f"{number:02d}.jpg", pixels_of(number, kind))
        for number in range(3):
            for name in ("resized", "cropped", "darkened", "brightened"):
                save(data / label / f"{number:02d} {name}.jpg", EDITS[name](pixels_of(number, kind)))
    return data


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Given splits: one test picture is a mirrored train picture, one a copy of a valid picture, four are clean."""
    data = tmp_path_factory.mktemp("given") / "data"
    sizes = {"train": range(8), "valid": range(8, 12), "test": range(12, 15)}
    for kind, label in enumerate(("ape", "bee")):
        for split, numbers in sizes.items():
            for number in numbers:
                save(data / split / label / f"{number:02d}.jpg", pixels_of(number, kind))
    save(data / "test" / "ape" / "12.jpg", pixels_of(3, 0)[:, ::-1])
    shutil.copy(data / "valid" / "bee" / "09.jpg", data / "test" / "bee" / "13.jpg")
    return data


def test_train__edited_copies_stay_on_one_side(edited, tmp_path):
    folder, metrics = train(edited, out=tmp_path / "run", size=64, folds=0)
    sides = {}
    for row in table(folder / "split.csv"):
        sides.setdefault((row["label"], row["path"].split("/")[1][:2]), set()).add((row["split"], row["group"]))
    assert len(sides) == 24
    assert all(len(found) == 1 for found in sides.values())
    assert metrics["duplicates"] == {"bytes": 0, "pixels": 0, "near": 6}
    assert (metrics["together"]["groups"], metrics["together"]["largest"]) == (6, 5)
    assert metrics["together"]["parted"] is False
    assert metrics["leaks"] == []
    assert "without_leaks" not in metrics["test"]
    off = metrics["together"]["off"]
    counted = sum(row["split"] == off["split"] and row["label"] == off["class"] for row in table(folder / "split.csv"))
    assert counted == off["pictures"]


def test_train__leaks_of_given_splits_are_told_with_the_score_without_them(given, tmp_path, tellapart):
    outcome = tellapart("train", given, "-o", tmp_path / "run", "--size", 64)
    assert outcome.code == 0, outcome.err
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert [(leak["path"], leak["other"], leak["kind"], leak["mirrored"]) for leak in metrics["leaks"]] == [
        ("test/ape/12.jpg", "train/ape/03.jpg", "near", True),
        ("test/bee/13.jpg", "valid/bee/09.jpg", "bytes", False),
    ]
    assert metrics["counts"] == {"train": 16, "valid": 8, "test": 6}
    clean = metrics["test"]["without_leaks"]
    rows = [row for row in table(tmp_path / "run" / "predictions.csv") if row["path"][5:] not in LEAKED]
    assert clean["n"] == len(rows) == 4
    assert clean["accuracy"]["value"] == sum(row["label"] == row["predicted"] for row in rows) / 4
    assert "without the 2 pictures with a near-duplicate in train or valid: accuracy" in outcome.out
    assert metrics["together"]["parted"] is True
    page = (tmp_path / "run" / "report.html").read_text()
    assert clean["accuracy"]["value"] == metrics["test"]["accuracy"]["value"]
    assert "in train or valid. Of the 4 others" in page
    assert f"{100 * clean['accuracy']['value']:.1f}\N{NO-BREAK SPACE}%" in page
    for denied in ("none was on both sides", "it had never seen", "took no part in training"):
        assert denied not in page + outcome.out
    assert "2 pictures have a near-duplicate, or one of the same group, in another split (2 of test)" in outcome.err


def test_score_without__the_baseline_is_of_the_class_that_is_commonest_in_train():
    features, labels = np.zeros((7, 1), np.float32), [0, 1, 1, 1, 1, 0, 0]
    dataset = made_up_dataset(features, labels, classes=("ape", "bee"), sizes=(3, 0, 4))
    answers = np.array([[0.9, 0.1]] * 4)
    found = score_without(dataset, answers, answers.argmax(axis=1), [{"path": "3.png", "split": "test"}])
    assert found["without_leaks"]["n"] == 3
    assert found["without_leaks"]["baseline"]["class"] == "bee"


def test_train__drop_leaks_leaves_them_out_of_test(given, tmp_path):
    folder, metrics = train(given, out=tmp_path / "run", size=64, drop_leaks=True)
    assert metrics["counts"] == {"train": 16, "valid": 8, "test": 4}
    assert "without_leaks" not in metrics["test"]
    assert [leak["left_out"] for leak in metrics["leaks"]] == [True, True]
    names = {"test/ape/12.jpg", "test/bee/13.jpg"}
    assert names.isdisjoint(row["path"] for name in ("split", "predictions") for row in table(folder / f"{name}.csv"))
    reasons = {row["path"]: row["reason"] for row in table(folder / "ledger.csv") if row["status"] == "skipped"}
    assert set(reasons) == names
    assert (
        reasons["test/ape/12.jpg"]
        == "left out of test: near-duplicate of train/ape/03.jpg, or of its group, in train or valid"
    )


def test_train__drop_leaks_needs_a_test_picture_that_is_left(given, tmp_path):
    data = shutil.copytree(given, tmp_path / "data")
    for path in (data / "test").rglob("*.jpg"):
        shutil.copy(data / "train" / path.parent.name / "00.jpg", path)
    with pytest.raises(DataError, match="every test picture has a near-duplicate"):
        train(data, out=tmp_path / "run", size=64, drop_leaks=True)
    _, metrics = train(data, out=tmp_path / "run", size=64)
    assert metrics["test"]["without_leaks"] is None


def test_train__group_by_keeps_what_a_path_tells_together(tmp_path):
    data = tmp_path / "data"
    for kind, label in enumerate(("ape", "bee")):
        for number in range(24):
            save(data / label / f"film{number // 4}" / f"{number:02d}.jpg", pixels_of(number, kind))
    homes = {}
    for name, pattern in (("folder", "parent"), ("expression", r"(ape|bee)/film(\d)")):
        folder, metrics = train(data, out=tmp_path / name, size=64, group_by=pattern, folds=0)
        rows = table(folder / "split.csv")
        homes[name] = {row["group"] for row in rows}
        assert homes[name] == {
            "/".join((label, f"film{number}" if name == "folder" else str(number)))
            for label in ("ape", "bee")
            for number in range(6)
        }
        assert all(len({row["split"] for row in rows if row["group"] == group}) == 1 for group in homes[name])
        assert metrics["together"]["groups"] == 12
    with pytest.raises(UsageError, match="matches no picture"):
        train(data, out=tmp_path / "none", size=64, group_by="patient")
    with pytest.raises(UsageError, match="no regular expression"):
        train(data, out=tmp_path / "none", size=64, group_by="(")
    assert not (tmp_path / "none").exists()


def test_train__pictures_that_are_all_alike_are_parted_with_a_word(tmp_path):
    data = tmp_path / "data"
    for kind, label in enumerate(("ape", "bee")):
        for number in range(6):
            pixels = pixels_of(0, kind).astype(float) * (0.7 + 0.05 * number)
            save(data / label / f"{number}.jpg", pixels.astype(np.uint8))
    listener = Noting()
    folder, metrics = train(data, out=tmp_path / "run", size=64, folds=0, progress=listener)
    assert metrics["together"]["parted"] is True
    assert any(note.startswith("Too many pictures are nearly alike") for note in listener.notes)
    tested = [row["path"] for row in table(folder / "split.csv") if row["split"] == "test"]
    assert tested == [leak["path"] for leak in metrics["leaks"] if leak["split"] == "test"]


def test_train__edits_with_two_labels_are_told(given, tmp_path):
    data = shutil.copytree(given, tmp_path / "data")
    save(data / "train" / "bee" / "wrong.jpg", EDITS["resized"](pixels_of(5, 0)))
    listener = Noting()
    train(data, out=tmp_path / "run", size=64, progress=listener)
    said = next(note for note in listener.notes if "two classes" in note)
    assert said == (
        "1 pair of pictures shows the same under two classes (the first: train/ape/05.jpg and train/bee/wrong.jpg)."
    )


def test_train__copies_within_test_are_told(given, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(given, data)
    for number in range(2):
        shutil.copy(data / "test" / "bee" / "14.jpg", data / "test" / "bee" / f"again {number}.jpg")
    notes = Noting()
    train(data, out=tmp_path / "run", size=64, progress=notes)
    assert any(note.startswith("2 test pictures are copies of another one in test") for note in notes.notes)
    notes = Noting()
    train(given, out=tmp_path / "other", size=64, progress=notes)
    assert not any("in test, so that" in note for note in notes.notes)
