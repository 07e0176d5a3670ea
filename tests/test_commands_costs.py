"""Costs and recalls that were asked for are obeyed by every door, and the file alone says the same."""

from __future__ import annotations

import csv
import json

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from pictures import write_classes
from tellapart import ImageClassifier, load
from tellapart.bundle.bundle import read_bundle
from tellapart.bundle.container import read_container, write_container
from tellapart.errors import ModelFileError
from tellapart.runs.read import read_metrics

COSTS = "true,ape,bee,cow,person\nape,0,1,1,0.3\nbee,40,0,1,0.3\ncow,1,1,0,0.3\n"


@pytest.fixture(scope="module")
def costly(tmp_path_factory, tellapart):
    folder = tmp_path_factory.mktemp("costly")
    data = write_classes(folder / "data", {"ape": 24, "bee": 24, "cow": 24}, blotches=150)
    (folder / "costs.csv").write_text(COSTS)
    asked = ("--costs", folder / "costs.csv", "--min-recall", "cow=0.9", "--size", 64, "-o", folder / "run")
    outcome = tellapart("train", data, *asked)
    assert outcome.code == 0, outcome.err
    return data, folder / "run", outcome


def rows_of(run):
    return list(csv.DictReader((run / "predictions.csv").read_text().splitlines()))


def test_train__the_answer_is_that_of_least_expected_cost_and_said(costly):
    _, run, outcome = costly
    metrics = read_metrics(run)
    names, costs = list(metrics.classes), np.array(metrics.operating_point["costs"])
    assert np.array(metrics.operating_point["asked"]).tolist() == [[0, 1, 1], [40, 0, 1], [1, 1, 0]]
    least = metrics.thresholds["unsure_by_class"]
    for row in rows_of(run):
        shares = np.array([float(row[f"p:{name}"]) for name in names])
        expected = shares @ costs
        assert expected[names.index(row["predicted"])] <= expected.min() + 1e-4
        assert (row["unsure"] == "yes") == (
            shares[names.index(row["predicted"])] < least[names.index(row["predicted"])]
        )
    assert metrics.test["cost"]["mean"]["value"] >= 0
    assert metrics.thresholds["promise"]["by_costs"]
    assert "cost of a picture" in outcome.out
    assert "recall of cow" in outcome.out
    assert (metrics.parity["labels"], metrics.parity["unsure"]) == (0, 0)
    page = (run / "report.html").read_text(encoding="utf-8")
    for chart in ("chart-costs", "chart-recalls"):
        assert f'id="{chart}"' in page
    assert "这些回答中错误至多" in page or "没有回答可以采信" in page


def test_train__onnxruntime_alone_gives_the_same_labels(costly):
    data, run, _ = costly
    manifest, members = read_container(run / "model.tellapart")
    session = onnxruntime.InferenceSession(members["model.onnx"], providers=["CPUExecutionProvider"])
    for row in rows_of(run):
        pixels = np.asarray(Image.open(data / row["path"]).convert("RGB"))
        probabilities, label = session.run(["probabilities", "label"], {"images": pixels[None]})
        assert manifest["classes"][label[0]] == row["predicted"]
        assert (probabilities[0] @ np.array(manifest["operating_point"]["costs"])).argmin() == label[0]


def test_train__every_other_door_answers_alike(costly, tellapart):
    data, run, _ = costly
    rows = rows_of(run)
    paths = [data / row["path"] for row in rows]
    expected = [row["predicted"] for row in rows]
    assert load(run / "model.tellapart").predict(paths).tolist() == expected
    outcome = tellapart("predict", run / "model.tellapart", *paths, "--format", "jsonl")
    answers = [json.loads(line) for line in outcome.out.splitlines()]
    assert [answer["predicted"] for answer in answers] == expected
    assert [answer["unsure"] for answer in answers] == [row["unsure"] == "yes" for row in rows]
    scored = json.loads(tellapart("evaluate", run / "model.tellapart", data, "--json").out)
    assert scored["cost"]["handed"] is not None
    assert scored["recalls"][0]["class"] == "cow"


def test_evaluate__a_recall_that_was_asked_for_has_the_interval_of_its_class(costly, tellapart):
    data, run, _ = costly
    outcome = tellapart("evaluate", run / "model.tellapart", data, "--group-by", r"(\d)\.png$", "--json")
    scored = json.loads(outcome.out)
    assert scored["together"]["weight"] < 1
    assert scored["recalls"][0]["recall"] == scored["per_class"][2]["recall"]


def test_fit__takes_costs_and_recalls_and_keeps_them(costly, tmp_path):
    data, _, _ = costly
    paths = sorted(data.rglob("*.png"))
    labels = [path.parent.name for path in paths]
    dear = {shown: dict.fromkeys(("ape", "bee", "cow"), 0.0) for shown in ("ape", "bee", "cow")}
    dear["ape"] |= {"bee": 1e6, "cow": 1e6}
    dear["bee"]["cow"] = dear["cow"]["bee"] = 1.0
    classifier = ImageClassifier(size=64, costs=dear).fit(paths, labels)
    assert (classifier.predict(paths) == "ape").sum() > 24
    classifier.save(tmp_path / "model.tellapart")
    np.testing.assert_array_equal(load(tmp_path / "model.tellapart").predict(paths), classifier.predict(paths))


@pytest.mark.parametrize(
    "options", [("--min-recall", "fox=0.9"), ("--min-recall", "cow"), ("--min-recall", "cow=1"), ("--costs", "missing")]
)
def test_train__what_cannot_be_meant_is_one_line(costly, tellapart, tmp_path, options):
    outcome = tellapart("train", costly[0], "-o", tmp_path / "run", *options)
    assert outcome.code in (2, 3)
    assert len(outcome.err.strip().splitlines()) <= 3
    assert not (tmp_path / "run" / "metrics.json").exists()


@pytest.mark.parametrize("costs", [[[0, 1]], "no", [[0, 1, 1], [-1, 0, 1], [1, 1, 0]], [[0, 0, 0]] * 3])
def test_read_bundle__costs_that_are_none(costly, tmp_path, costs):
    manifest, members = read_container(costly[1] / "model.tellapart")
    point = {**manifest["operating_point"], "costs": costs}
    write_container(tmp_path / "model.tellapart", {**manifest, "operating_point": point}, members)
    with pytest.raises(ModelFileError, match="costs"):
        read_bundle(tmp_path / "model.tellapart")


def test_read_bundle__costs_that_were_changed(costly, tmp_path):
    manifest, members = read_container(costly[1] / "model.tellapart")
    other = (json.loads(members["check.json"])["cards"][0]["label"] + 1) % 3
    costs = np.ones((3, 3))
    costs[:, other] = 0
    point = {**manifest["operating_point"], "costs": costs.tolist()}
    write_container(tmp_path / "model.tellapart", {**manifest, "operating_point": point}, members)
    with pytest.raises(ModelFileError, match="changed after training"):
        read_bundle(tmp_path / "model.tellapart")


@pytest.mark.parametrize("least", [[0.5], [0.5, 0.5, -1], [0.5, 0.5, 3], [0.5, 0.5, None], "no"])
def test_read_bundle__thresholds_that_are_none(costly, tmp_path, least):
    manifest, members = read_container(costly[1] / "model.tellapart")
    thresholds = {**manifest["thresholds"], "unsure_by_class": least}
    write_container(tmp_path / "model.tellapart", {**manifest, "thresholds": thresholds}, members)
    with pytest.raises(ModelFileError, match="thresholds"):
        read_bundle(tmp_path / "model.tellapart")


def test_read_bundle__a_file_from_before_has_one_threshold_for_all(costly, tmp_path):
    manifest, members = read_container(costly[1] / "model.tellapart")
    kept = {name: manifest["thresholds"][name] for name in ("unlike", "promise")}
    older = {name: value for name, value in manifest.items() if name != "operating_point"}
    write_container(
        tmp_path / "model.tellapart", {**older, "thresholds": {**kept, "unsure": 0.7}}, without_labels(members)
    )
    classifier = read_bundle(tmp_path / "model.tellapart")[0].classifier
    shares = np.array([[0.6, 0.3, 0.1], [0.1, 0.1, 0.8]])
    assert classifier.costs is None
    assert classifier.predicted(shares).tolist() == [0, 2]
    assert classifier.abstention.thresholds(np.array([0, 2])).tolist() == [0.7, 0.7]


def without_labels(members):
    """The members of a file whose test cards do not say what is answered, nor by which thresholds, as older ones."""
    check = json.loads(members["check.json"])
    del check["stated"]
    for card in check["cards"]:
        del card["label"]
    return {**members, "check.json": json.dumps(check).encode()}
