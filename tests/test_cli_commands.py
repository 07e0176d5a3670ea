"""Every command says what it promised, on the stream it promised."""

import csv
import io
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import typer.main
from arro3.io import read_parquet

from pictures import encode, write_classes
from tellapart import __version__
from tellapart.cli.main import app, asked_for
from tellapart.cli.run_figures import print_abstention


def test_train__prints_the_result_and_reports_progress_as_plain_lines(trained):
    out, err = trained.outcome.out, trained.outcome.err
    assert "3 classes" in out
    assert "test: accuracy" in out
    assert "not marked unsure: " in out  # of so few pictures too little is promised to call answers reliable
    assert "promise is that with 95 % confidence at most " in out
    assert str(trained.model) in out
    assert "Looking at pictures: 50 pictures" in err
    assert "\x1b" not in out + err
    assert "\r" not in out + err


def test_train__json_is_one_document_and_the_metrics_file(tmp_path, tellapart):
    data = write_classes(tmp_path / "data", {"a": 5, "b": 5})
    outcome = tellapart("train", data, "-o", tmp_path / "run", "--size", 64, "--json")
    assert outcome.code == 0
    assert outcome.json == json.loads((tmp_path / "run" / "metrics.json").read_text()) | {"run": str(tmp_path / "run")}
    assert "Looking at pictures" in outcome.err


def test_train__without_out_the_run_is_named_after_the_data(tmp_path, tellapart, monkeypatch):
    write_classes(tmp_path / "my birds", {"a": 5, "b": 5})
    monkeypatch.chdir(tmp_path)
    assert tellapart("train", "my birds", "--size", 64, "--seed", 3).code == 0
    metrics = json.loads((tmp_path / "runs" / "my birds" / "metrics.json").read_text())
    assert metrics["command"] == "tellapart train 'my birds' --size 64 --seed 3"
    assert metrics["seed"] == 3


@pytest.fixture
def mixed_paths(trained):
    return [trained.data / name for name in ("owl/001.png", "dog/017.png", "cat/000.png")]


def test_predict__table_has_a_line_a_picture_and_complains_on_stderr(trained, mixed_paths, tellapart):
    outcome = tellapart("predict", trained.model, *mixed_paths)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert len(lines) == 2
    assert re.fullmatch(
        rf"{re.escape(str(mixed_paths[0]))} +(cat|dog|owl) +(> )?\d+\.\d %( +(unsure|unlike the training set|, )+)?",
        lines[0],
    )
    assert f"cannot be read: {mixed_paths[1]} (truncated)" in outcome.err


def test_predict__csv_has_a_row_for_every_picture_given(trained, mixed_paths, tellapart):
    outcome = tellapart("predict", trained.model, *mixed_paths, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    shares = ["p:cat", "p:dog", "p:owl"]
    assert list(rows[0]) == ["path", "predicted", "probability", *shares, "unsure", "unlike", "empty", "error"]
    assert [row["path"] for row in rows] == [str(path) for path in mixed_paths]
    assert (rows[1]["predicted"], rows[1]["error"]) == ("", "truncated")
    for row in (rows[0], rows[2]):
        assert row["probability"] == row[f"p:{row['predicted']}"] == max(row[name] for name in shares)
        assert row["error"] == ""
        assert {row["unsure"], row["unlike"], row["empty"]} <= {"yes", "no"}
    assert (rows[1]["unsure"], rows[1]["unlike"], rows[1]["empty"]) == ("", "", "")


def test_predict__jsonl_is_an_object_a_picture(trained, mixed_paths, tellapart):
    outcome = tellapart("predict", trained.model, *mixed_paths, "--format", "jsonl")
    documents = [json.loads(line) for line in outcome.out.splitlines()]
    assert [document["path"] for document in documents] == [str(path) for path in mixed_paths]
    assert documents[1] == {"path": str(mixed_paths[1]), "error": "truncated"}
    assert sum(documents[0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert all(documents[0][name] in (True, False) for name in ("unsure", "unlike", "empty"))
    assert documents[0]["probability"] == documents[0]["probabilities"][documents[0]["predicted"]]


def test_predict__a_workbook_is_no_format_and_what_excel_opens_is_said(trained, mixed_paths, tellapart, tmp_path):
    told = tellapart("predict", trained.model, *mixed_paths, "-o", tmp_path / "a.xlsx")
    assert told.code == 2
    assert "Excel opens a .csv right that is made with --format excel" in told.err


@pytest.mark.parametrize("form", ["table", "csv", "jsonl"])
def test_predict__to_a_file_is_what_would_be_printed(trained, mixed_paths, tellapart, tmp_path, form):
    printed = tellapart("predict", trained.model, *mixed_paths, "--format", form)
    written = tellapart("predict", trained.model, *mixed_paths, "--format", form, "-o", tmp_path / "deep" / "answers")
    assert (written.code, written.out) == (0, "")
    assert (tmp_path / "deep" / "answers").read_bytes().decode() == printed.out


@pytest.mark.parametrize(
    ("name", "form"), [("a.csv", "csv"), ("a.jsonl", "jsonl"), ("A.CSV", "csv"), ("a.txt", "table")]
)
def test_predict__the_name_of_the_file_says_the_format(trained, mixed_paths, tellapart, tmp_path, name, form):
    assert tellapart("predict", trained.model, *mixed_paths, "-o", tmp_path / name).code == 0
    printed = tellapart("predict", trained.model, *mixed_paths, "--format", form)
    assert (tmp_path / name).read_bytes().decode() == printed.out


@pytest.mark.parametrize("name", ["a.xlsx", "a.json", "a.feather", "answers"])
def test_predict__a_name_that_says_no_known_format_is_refused(trained, mixed_paths, tellapart, tmp_path, name):
    outcome = tellapart("predict", trained.model, *mixed_paths, "-o", tmp_path / name)
    assert outcome.code == 2
    assert name in outcome.complaint
    assert ".csv, .jsonl, .parquet, .txt" in outcome.complaint
    assert not (tmp_path / name).exists()
    named = tellapart("predict", trained.model, *mixed_paths, "-o", tmp_path / name, "--format", "csv")
    assert (named.code, (tmp_path / name).exists()) == ((0, True) if name == "answers" else (2, False))


def test_predict__parquet_says_what_csv_says(trained, mixed_paths, tellapart, tmp_path):
    printed = tellapart("predict", trained.model, *mixed_paths, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(printed.out)))
    for name, more in (("a.parquet", ()), ("answers", ("--format", "parquet"))):
        assert tellapart("predict", trained.model, *mixed_paths, "-o", tmp_path / name, *more).code == 0
        (batch,) = read_parquet(io.BytesIO((tmp_path / name).read_bytes()))
        table = {column: batch.column(place).to_pylist() for place, column in enumerate(batch.schema.names)}
        assert list(table) == list(rows[0])
        assert table["path"] == [row["path"] for row in rows]
        assert table["predicted"][1] is table["p:cat"][1] is table["empty"][1] is table["error"][0] is None
        assert table["error"][1] == "truncated"
        for number in (0, 2):
            assert table["p:dog"][number] == float(rows[number]["p:dog"])
            assert table["unsure"][number] == (rows[number]["unsure"] == "yes")


def test_predict__parquet_is_not_for_the_screen(trained, mixed_paths, tellapart):
    outcome = tellapart("predict", trained.model, *mixed_paths, "--format", "parquet")
    assert (outcome.code, outcome.out) == (2, "")
    assert "-o FILE" in outcome.complaint


def test_predict__parquet_without_arro3_names_what_installs_it(trained, mixed_paths, tellapart, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "arro3.io", None)
    outcome = tellapart("predict", trained.model, *mixed_paths, "-o", tmp_path / "a.parquet")
    assert outcome.code == 5
    assert "pip install" in outcome.complaint
    assert not (tmp_path / "a.parquet").exists()


def test_predict__for_excel_there_is_the_mark_that_it_tells_utf8_by(trained, mixed_paths, tellapart, tmp_path):
    for form in ("csv", "excel"):
        assert tellapart("predict", trained.model, *mixed_paths, "--format", form, "-o", tmp_path / form).code == 0
    assert (tmp_path / "excel").read_bytes() == b"\xef\xbb\xbf" + (tmp_path / "csv").read_bytes()


def test_predict__pictures_with_nothing_on_them_are_marked(trained, tellapart, tmp_path):
    random = np.random.default_rng(0)
    pixels = {
        "black": np.zeros((60, 80, 3), np.uint8),
        "noisy": random.integers(0, 9, (60, 80, 3), np.uint8),
        "blue": np.full((60, 80, 3), (20, 40, 200), np.uint8),
        "night": np.pad(np.full((20, 20, 3), 90, np.uint8), ((20, 20), (30, 30), (0, 0))),
    }
    paths = [trained.data / "owl" / "001.png"]
    for name, picture in pixels.items():
        paths.append(tmp_path / f"{name}.png")
        paths[-1].write_bytes(encode(picture, "PNG"))
    outcome = tellapart("predict", trained.model, *paths, "--format", "csv")
    told = {Path(row["path"]).stem: row["empty"] for row in csv.DictReader(io.StringIO(outcome.out))}
    assert told == {"001": "no", "black": "yes", "noisy": "yes", "blue": "yes", "night": "no"}
    assert tellapart("predict", trained.model, *paths).out.count("empty") == 3


def test_train__classes_that_are_called_like_columns_lose_nothing(tmp_path, tellapart):
    names = ["empty", "error", "p:path", "path", "unsure"]
    data = write_classes(tmp_path / "data", dict.fromkeys(names, 6))
    assert tellapart("train", data, "-o", tmp_path / "run", "--size", 64).code == 0
    with (tmp_path / "run" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["path", "label", "predicted", *(f"p:{name}" for name in names), "unsure", "unlike"]
    assert all((data / row["path"]).exists() for row in rows)
    outcome = tellapart("predict", tmp_path / "run" / "model.tellapart", data / "path", "--format", "csv")
    for row in csv.DictReader(io.StringIO(outcome.out)):
        assert sum(float(row[f"p:{name}"]) for name in names) == pytest.approx(1, abs=1e-5)
        assert (row["error"], row["empty"]) == ("", "no")


def test_explain__without_out_the_folder_is_named_after_the_run(trained, tellapart, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = tellapart("explain", trained.model, trained.data / "owl" / "001.png")
    assert outcome.code == 0, outcome.err
    folder = tmp_path / "explained" / trained.run.name
    assert [path.name for path in folder.iterdir()] == ["001-explained.png"]
    assert outcome.out.endswith(f"written to {folder.relative_to(tmp_path)}\n")
    shutil.copyfile(trained.model, tmp_path / "birds.tellapart")
    assert tellapart("explain", "birds.tellapart", trained.data / "owl" / "001.png").code == 0
    assert (tmp_path / "explained" / "birds" / "001-explained.png").exists()


def test_predict__names_that_are_no_text_do_not_stop_it(trained, tmp_path, tellapart):
    try:
        path = tmp_path / "caf\udce9 \n.png"
        shutil.copyfile(trained.data / "owl" / "001.png", path)
    except OSError:
        pytest.skip("this file system takes no such names")
    for form in ("table", "csv", "jsonl"):
        outcome = tellapart("predict", trained.model, path, "--format", form)
        assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["path"] == str(path)
    assert tellapart("predict", trained.model, path, "-o", tmp_path / "a.jsonl").code == 0
    assert json.loads((tmp_path / "a.jsonl").read_text("utf-8"))["path"] == str(path)


def test_evaluate__prints_figures_or_one_json_document(trained, tellapart):
    printed = tellapart("evaluate", trained.model, trained.data)
    assert printed.code == 0
    assert "accuracy" in printed.out
    assert "not marked unsure: " in printed.out
    document = tellapart("evaluate", trained.model, trained.data, "--json").json
    assert (document["schema"], document["split"], document["n"]) == (1, "all", 49)
    assert "ledger.csv" not in printed.err  # there is none here


def test_split__prints_the_counts(trained, tellapart, tmp_path):
    sizes = ("--train", 3, "--valid", 1, "--test", 2)
    outcome = tellapart("split", trained.data, tmp_path / "out", *sizes)
    assert outcome.code == 0
    assert re.search(r"cat +3 +1 +2", outcome.out)
    assert tellapart("split", trained.data, tmp_path / "out", *sizes).code == 0
    linked = tellapart("split", trained.data, tmp_path / "links", *sizes, "--link")
    assert linked.code == 0
    assert all(path.is_symlink() for path in (tmp_path / "links").glob("*/*/*"))


def test_report__is_written_again(trained, tellapart, tmp_path):
    shutil.copyfile(trained.run / "metrics.json", tmp_path / "metrics.json")
    outcome = tellapart("report", tmp_path)
    assert (outcome.code, outcome.out) == (0, f"{tmp_path / 'report.html'}\n")


def test_summary__ends_with_the_parameters(tellapart):
    outcome = tellapart("summary", "lite0", "--size", 96)
    assert outcome.code == 0
    assert re.search(r"lite0: 3,\d\d\d,\d\d\d parameters", outcome.out.splitlines()[-1])


def test_version__says_what_it_runs_on(tellapart, own_cache):
    outcome = tellapart("version")
    assert "openvino" in outcome.out
    assert str(own_cache) in outcome.out
    assert {"python", "cpu", "threads", "precision", "versions"} <= set(tellapart("version", "--json").json)


def test_cache__shows_and_clears(tmp_path, tellapart, fresh_cache):
    assert "looks    0" in tellapart("cache").out
    data = write_classes(tmp_path / "data", {"a": 5, "b": 5})
    assert tellapart("train", data, "-o", tmp_path / "run", "--size", 64).code == 0
    shown = tellapart("cache")
    kept = int(re.search(r"looks +(\d+)", shown.out)[1])
    assert 10 <= kept <= 20  # each picture, and close calls once more
    assert str(fresh_cache) in shown.out
    assert tellapart("cache", "show").out == shown.out
    assert f"{kept} looks" in tellapart("cache", "clear").out
    assert [entry.name for entry in fresh_cache.iterdir()] == ["tests"]  # how often a test was opened is not forgotten


COMMANDS = sorted(typer.main.get_command(app).commands)


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", [*COMMANDS, "cache show", "cache clear"])
def test_main__help_of_every_command(tellapart, command, option):
    outcome = tellapart(*command.split(), option)
    assert (outcome.code, outcome.err) == (0, "")
    assert f"tellapart {command}" in outcome.out


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_main__help_lists_every_command(tellapart, option):
    outcome = tellapart(option)
    assert (outcome.code, outcome.err) == (0, "")
    assert "Tell your pictures apart" in outcome.out
    assert set(COMMANDS) <= set(outcome.out.split())


@pytest.mark.parametrize(("words", "known"), [(["predict", "x"], ["predict"]), (["cache"], COMMANDS), ([], COMMANDS)])
def test_asked_for__a_command_that_is_named_is_read_alone(words, known):
    assert sorted(typer.main.get_command(asked_for(words)).commands) == known


def test_main__a_command_that_there_is_not_is_told_with_the_nearest(tellapart):
    outcome = tellapart("trian", "x")
    assert outcome.code == 2
    assert "train" in outcome.complaint


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_main__version_is_that_of_the_package(tellapart, option):
    outcome = tellapart(option)
    assert (outcome.code, outcome.out, outcome.err) == (0, f"tellapart {__version__}\n", "")


def test_print_abstention__a_weak_promise_is_none_to_rely_on(capsys):
    share = {"value": 0.5, "low": 0.2, "high": 0.8}
    selective = {"answered": 4, "wrong": 1, "coverage": share, "error": share}
    for error, told in ((0.1, "sure enough to rely on: 50.0 %"), (0.415, "not marked unsure: 50.0 %")):
        promise = {"sentence": "At most so many are wrong.", "error": error}
        print_abstention(selective, {"unsure": 0.9, "promise": promise, "unlike": None}, classes=("a", "b"))
        assert capsys.readouterr().out.startswith(told)


def test_summary__json_names_activations(tellapart):
    document = json.loads(tellapart("summary", "lite0", "--size", 96, "--json").out)
    assert (document["schema"], document["net"]) == (1, "lite0")
    first = document["layers"][0]
    assert (first["kind"], first["activation"]) == ("convolution 3x3, stride 2", "ReLU6")
    assert {layer["activation"] for layer in document["layers"] if layer["kind"] == "residual sum"} == {None}


def test_print_abstention__where_no_answer_stands_nothing_is_promised(capsys):
    promise = {"sentence": "The promise is that at most 84.7 % are wrong."}
    thresholds = {"unsure": 0.99, "promise": promise, "unlike": None, "promises": None}
    selective = {"answered": 0, "wrong": 0, "coverage": {"value": 0.0, "low": 0.0, "high": 0.1}, "error": None}
    print_abstention(selective, thresholds, classes=("a", "b"))
    printed = capsys.readouterr().out
    assert "none of the answers" in printed
    assert "84.7" not in printed
