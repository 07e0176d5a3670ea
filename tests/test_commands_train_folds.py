"""A run in which folds test every picture, from the command to the page."""

import csv
import json

import numpy as np
import pytest

from conftest import Trained, invoke
from pictures import write_classes
from tellapart import ImageClassifier, learn
from tellapart.bundle.bundle import read_bundle
from tellapart.commands.compare import compare_runs
from tellapart.commands.train import train
from tellapart.errors import DataError
from tellapart.runs.read import read_metrics, read_splits


@pytest.fixture(scope="module")
def folded(photos, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "folded"
    outcome = invoke("train", photos, "-o", run)
    assert outcome.code == 0, outcome.err
    return Trained(data=photos, run=run, outcome=outcome)


def table(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_train__a_small_set_is_tested_by_folds_and_says_so(folded):
    assert "Every one of the 49 pictures is tested, by a head that has not seen it (5 folds)" in folded.outcome.err
    assert "--folds 0 draws a test instead" in folded.outcome.err
    assert "trained on 49 pictures, each tested once by a head that had not seen it (5 folds)" in folded.outcome.out
    metrics = folded.metrics
    assert metrics["folds"]["count"] == 5
    assert 0 < metrics["folds"]["intervals"]["weight"] <= 1
    assert metrics["counts"] == {"train": 49, "valid": 0, "test": 0}
    assert metrics["test"]["n"] == metrics["valid"]["n"] == 49
    assert metrics["test"]["accuracy"]["value"] > 0.6
    assert metrics["thresholds"]["promise"]["by"] == "folds"
    assert read_metrics(folded.run).folds == metrics["folds"]


def test_train__every_picture_is_in_one_fold_and_answered_once(folded):
    rows = table(folded.run / "split.csv")
    assert list(rows[0]) == ["path", "label", "split", "group", "sha256", "fold"]
    assert {row["split"] for row in rows} == {"train"}
    assert {row["fold"] for row in rows} == {"1", "2", "3", "4", "5"}
    assert [row.fold for row in read_splits(folded.run)] == [row["fold"] for row in rows]
    answers = table(folded.run / "predictions.csv")
    assert sorted(row["path"] for row in answers) == sorted(row["path"] for row in rows)
    right = np.mean([row["label"] == row["predicted"] for row in answers])
    assert right == pytest.approx(folded.metrics["test"]["accuracy"]["value"])


def test_train__the_file_that_leaves_is_another_head_and_makes_no_figure(folded):
    bundle, _ = read_bundle(folded.run / "model.tellapart")
    assert bundle.classifier.abstention.guarantee.by_folds
    parity = folded.metrics["parity"]
    assert (parity["pictures"], parity["labels"]) == (16, 0)
    assert parity["largest"] < 0.02
    card = bundle.members["README.md"].decode()
    assert "Every picture was tested by a head that had not seen it: 5" in card
    assert "has learned" in card
    page = (folded.run / "report.html").read_text(encoding="utf-8")
    assert "was tested by a head that had not seen it" in page
    assert "都由没有见过它的分类头测试" in page


def test_report__draws_its_curve_by_folds(folded):
    kept = json.loads((folded.run / "analysis.json").read_text())
    (folded.run / "analysis.json").unlink()
    assert invoke("report", folded.run).code == 0
    again = json.loads((folded.run / "analysis.json").read_text())
    for found in (kept, again):
        curve = found["learning_curve"]
        assert (curve["judged_on"], curve["valid_n"], curve["train_n"]) == ("folds", 49, 49)
        assert curve["points"][-1]["n"] == 39


def test_compare__a_run_by_folds_with_one_whose_test_was_drawn(folded, trained):
    found = compare_runs(trained.run, folded.run)
    assert found["n"] == trained.metrics["test"]["n"]
    assert found["left_out"] == {"a": 0, "b": 49 - found["n"]}
    assert compare_runs(folded.run, folded.run)["n"] == 49


def test_train__folds_for_what_they_cannot_test_are_one_line(photos, tmp_path):
    for arguments in (["--recipe", "frozen", "--folds", 5], ["--folds", 99]):
        outcome = invoke("train", photos, "-o", tmp_path / "run", *arguments)
        assert outcome.code == 2
        assert len(outcome.err.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_fit__by_folds_trains_on_everything(photos):
    with pytest.warns(UserWarning, match="2 pictures cannot be read"):
        fitted = ImageClassifier(folds=3).fit(photos)
    guarantee = fitted.classifier_.abstention.guarantee
    assert (guarantee.by_folds, guarantee.pictures) == (True, 49)
    assert "accuracy by folds" in fitted._repr_html_()
    assert set(fitted.predict([photos / "cat" / "000.png"])) <= {"cat", "dog", "owl"}


def test_train__folds_take_the_shares_of_unequal_classes_out_of_the_model_that_leaves(tmp_path):
    data = write_classes(tmp_path / "data", {"cat": 40, "dog": 8})
    folder, metrics = train(data, out=tmp_path / "run", size=64)
    fraction = metrics["selected"]["prior_taken_out"]
    assert metrics["folds"]["count"] == 5
    assert metrics["selected"]["out_of"]["prior_taken_out"] == [0.0, 0.5, 1.0]
    assert fraction == min((0.0, 0.5, 1.0), key=lambda each: metrics["selected"]["prior_scores"][f"{each:g}"])
    assert [row["learned"] for row in metrics["thresholds"]["promise_by_class"]] == [40, 8]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "as answered by heads that had not seen them" in page
    assert "Balanced accuracy, every picture tested" in page


def test_train__two_pictures_a_class_are_each_tested_by_a_head_of_the_others(tmp_path):
    data = write_classes(tmp_path / "data", {"cat": 2, "dog": 2, "owl": 2})
    folder, metrics = train(data, out=tmp_path / "run", size=64)
    assert metrics["test"]["n"] == 6
    assert metrics["selected"]["chosen_by"]
    answers = table(folder / "predictions.csv")
    assert {row["path"] for row in answers} == {path.relative_to(data).as_posix() for path in data.glob("*/*.*")}
    classifier = read_bundle(folder / "model.tellapart")[0].classifier
    assert classifier.classes == ("cat", "dog", "owl")
    assert (folder / "report.html").is_file()


@pytest.mark.parametrize("folds", [None, 0])
def test_train__a_class_of_one_picture_is_told_before_any_is_looked_at(tmp_path, monkeypatch, folds):
    monkeypatch.setattr(learn, "look_at", lambda *_, **__: pytest.fail("a picture was looked at"))
    data = write_classes(tmp_path / "data", {"cat": 1, "dog": 9})
    with pytest.raises(DataError, match="the class 'cat' has 1 picture to draw from"):
        train(data, out=tmp_path / "run", size=64, folds=folds)
