"""Two runs are compared on the test pictures they share, or not at all where that is less than half."""

from __future__ import annotations

import contextlib
import csv
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_documents import metrics_document
from tellapart import files
from tellapart.cli.run_figures import print_comparison
from tellapart.commands.compare import compare_runs
from tellapart.commands.train import train
from tellapart.errors import DataError, UsageError
from tellapart.evaluation.intervals import wilson
from tellapart.runs.read import read_answers

CLASSES = ("path", "unsure")  # classes may have names of columns
HEADER = ["path", "label", "predicted", *(f"p:{name}" for name in CLASSES), "unsure", "unlike"]
OLD_HEADER = ["path", "label", "predicted", *CLASSES, "unsure", "unlike"]


def write_run(folder, rows):
    """The two files of a finished run that a comparison looks at."""
    folder.mkdir()
    files.write_csv(folder / "predictions.csv", HEADER, [[*row, "0.5", "0.5", "no", "no"] for row in rows])
    (folder / "metrics.json").write_text(json.dumps(metrics_document(CLASSES, test=30, valid=30)))
    return folder


@pytest.fixture
def runs(tmp_path):
    rows = [(f"{number}, é\n.png", "path", "path") for number in range(30)]
    other = [(path, label, "unsure" if number < 8 else label) for number, (path, label, _) in enumerate(rows)]
    return write_run(tmp_path / "a", rows), write_run(tmp_path / "b", other[::-1])


def test_compare_runs__counts_pictures_by_path(runs):
    found = compare_runs(*runs)
    assert (found["n"], found["only_a"], found["only_b"]) == (30, 8, 0)
    assert found["a"] == {"run": str(runs[0]), "accuracy": wilson(30, 30).to_json()}
    assert found["b"]["accuracy"] == wilson(22, 30).to_json()
    assert found["p_value"] == pytest.approx(2 / 2**8)
    assert found["difference"]["value"] == pytest.approx(-8 / 30)
    assert found["sentence"].startswith("A is better than B")
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_compare_runs__of_a_run_that_folds_tested_the_accuracy_has_the_interval_of_the_run(runs):
    plain = compare_runs(*runs)
    document = metrics_document(CLASSES, test=30, valid=30)
    intervals = {"design_effect": 1.0, "luck": 0.6, "weight": 0.625}
    folds = {"count": 5, "intervals": intervals}
    (runs[1] / "metrics.json").write_text(json.dumps({**document, "folds": folds}))
    found = compare_runs(*runs)
    assert found["a"] == plain["a"]
    assert found["b"]["accuracy"] == wilson(22, 30, weight=0.625).to_json()
    assert found["difference"] == plain["difference"]


def test_compare_runs__reads_the_columns_of_older_runs_and_what_a_spreadsheet_has_saved(runs):
    expected, new = compare_runs(*runs), read_answers(runs[0], CLASSES)
    content = (runs[0] / "predictions.csv").read_text()
    for head in (",".join(OLD_HEADER), "\ufeff" + ",".join(HEADER)):
        (runs[0] / "predictions.csv").write_text(content.replace(",".join(HEADER), head), newline="")
        assert read_answers(runs[0], CLASSES) == new
        assert compare_runs(*runs) == expected
    oldest = content.replace(",".join(HEADER), ",".join(OLD_HEADER[:-1])).replace(",no,no\n", ",no\n")
    (runs[0] / "predictions.csv").write_text(oldest, newline="")
    assert read_answers(runs[0], CLASSES) == [replace(answer, unlike=None) for answer in new]


def test_read_answers__finds_the_columns_by_their_names(runs):
    expected, path = read_answers(runs[0], CLASSES), runs[0] / "predictions.csv"
    with path.open(newline="") as file:
        table = list(csv.reader(file))
    files.write_csv(path, ["path", *table[0][:0:-1]], [[row[0], *row[:0:-1]] for row in table[1:]])
    assert read_answers(runs[0], CLASSES) == expected
    files.write_csv(path, [*table[0], "p:path"], [[*row, "0.5"] for row in table[1:]])
    with pytest.raises(DataError, match=r"predictions\.csv"):
        read_answers(runs[0], CLASSES)


def with_content(run, names, contents):
    """Give a run a split.csv that says what the content of its test pictures is."""
    rows = [[name, "path", "test", "", content] for name, content in zip(names, contents, strict=True)]
    files.write_csv(run / "split.csv", ["path", "label", "split", "group", "sha256"], rows)


def test_compare_runs__pictures_are_matched_by_content_and_not_by_name(tmp_path):
    """The same thirty pictures lie elsewhere in B, and one of them stands under the name of another one in A."""
    names = [f"{number}.png" for number in range(30)]
    moved = [f"new/{number}.png" for number in range(29)] + ["0.png"]
    a = write_run(tmp_path / "a", [(name, "path", "path") for name in names])
    b = write_run(tmp_path / "b", [(name, "path", "unsure" if n < 5 else "path") for n, name in enumerate(moved)])
    contents = [f"{number:064x}" for number in range(30)]
    with_content(a, names, contents)
    with_content(b, moved, contents)
    found = compare_runs(a, b, margin=1)
    assert (found["n"], found["only_a"], found["matched_by"]) == (30, 5, "content")
    assert found["not_worse"]["kept"] is False


def test_compare_runs__pictures_of_one_content_are_matched_one_by_one(tmp_path):
    names = ["1.png", "2.png", "3.png"]
    runs = [write_run(tmp_path / name, [(each, "path", "path") for each in names]) for name in "ab"]
    for run in runs:
        with_content(run, names, ["aa", "aa", "bb"])
    assert compare_runs(*runs)["n"] == 3


def test_compare_runs__what_either_run_has_together_counts_as_one(tmp_path, capsys):
    """Ten pictures of each of six patients; A declares the patients, B alone found a copy."""
    names = [f"{number:02}.png" for number in range(60)]
    a = write_run(tmp_path / "a", [(name, "path", "path") for name in names])
    b = write_run(tmp_path / "b", [(name, "path", "unsure" if n < 20 else "path") for n, name in enumerate(names)])
    plain = compare_runs(a, b)
    assert (plain["groups"], plain["told_apart"]) == (0, True)
    for run, patient in ((a, lambda n: n // 10), (b, lambda n: n // 20 if n in (19, 20) else "")):
        rows = [[name, "path", "test", patient(n), f"{n:064x}"] for n, name in enumerate(names)]
        files.write_csv(run / "split.csv", ["path", "label", "split", "group", "sha256"], rows)
    found = compare_runs(a, b)
    assert (found["groups"], found["told_apart"], found["only_a"]) == (6, False, 20)
    assert found["p_value"] == pytest.approx(0.5)
    assert found["b"]["accuracy"]["low"] < plain["b"]["accuracy"]["low"]
    print_comparison(found)
    assert "6 groups of pictures that belong together" in capsys.readouterr().out


@pytest.mark.parametrize("margin", [0, -1, 100, float("nan")])
def test_compare_runs__a_margin_that_is_none(runs, margin):
    with pytest.raises(UsageError, match="no such margin"):
        compare_runs(*runs, margin=margin)


def test_compare_runs__a_run_with_itself(runs):
    found = compare_runs(runs[0], runs[0])
    assert (found["p_value"], found["told_apart"], found["difference"]["value"]) == (1, False, 0)


def test_compare_runs__other_pictures_are_refused_with_the_number_they_share(runs, tmp_path):
    third = write_run(tmp_path / "c", [(f"{number}, é\n.png", "path", "path") for number in range(20, 60)])
    with pytest.raises(DataError, match=r"30 and 40, 10 of them the same.*--seed"):
        compare_runs(runs[0], third)


def test_compare_runs__other_labels_are_refused(runs, tmp_path):
    third = write_run(tmp_path / "c", [(f"{number}, é\n.png", "unsure", "path") for number in range(30)])
    with pytest.raises(DataError, match="30 test pictures have another label"):
        compare_runs(runs[0], third)


def test_compare_runs__no_finished_run(runs, tmp_path):
    with pytest.raises(DataError, match="no finished run"):
        compare_runs(runs[0], tmp_path / "none")
    (runs[1] / "predictions.csv").unlink()
    with pytest.raises(DataError, match="cannot be read"):
        compare_runs(*runs)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "path,label,predicted\na\n",
        "path,label,predicted\na,path,path\n",
        "path,label,predicted\na,path,path,1,0,no,no\na,path,path,1,0,no,no\n",
        'path,label,predicted\n"a"b,path,path,1,0,no,no\n',
    ],
)
def test_compare_runs__no_table_of_predictions(runs, text):
    (runs[1] / "predictions.csv").write_text(text)
    with pytest.raises(DataError, match=r"predictions\.csv.*[Tt]rain"):
        compare_runs(*runs)


@given(st.text(alphabet='a,"\r\n\0 ', max_size=40))
def test_read_answers__any_text_is_read_or_refused(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("run")
    (folder / "predictions.csv").write_text(f"path,label,predicted\n{text}", newline="")
    with contextlib.suppress(DataError):
        read_answers(folder, CLASSES)


def test_compare__two_real_runs_in_words_and_as_json(trained, tmp_path, tellapart):
    train(trained.data, out=tmp_path / "second", size=64, folds=0)
    outcome = tellapart("compare", trained.run, tmp_path / "second")
    assert outcome.code == 0, outcome.err
    assert "exact McNemar p = " in outcome.out
    assert "test pictures" in outcome.out.splitlines()[-1] or "tell them apart" in outcome.out.splitlines()[-1]
    document = tellapart("compare", trained.run, tmp_path / "second", "--json").json
    assert document["n"] + document["left_out"]["a"] == trained.metrics["counts"]["test"]
    assert document["n"] > document["left_out"]["a"]
    train(trained.data, out=tmp_path / "third", size=64, seed=1, folds=0)
    refused = tellapart("compare", trained.run, tmp_path / "third")
    assert (refused.code, refused.out) == (3, "")
    assert "of them the same" in refused.complaint
