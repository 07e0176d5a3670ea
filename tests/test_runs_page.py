"""report.html again, from the files of a run, with the pictures where they are now."""

from __future__ import annotations

import json
import shutil

import pytest

from pictures import write_classes
from tellapart.commands.train import train
from tellapart.data.reading import Reading
from tellapart.errors import DataError
from tellapart.runs.page import rewrite_report


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the shared run that a test may change."""
    folder = tmp_path / "run"
    shutil.copytree(trained.run, folder)
    return folder


def test_rewrite_report__is_the_page_that_train_wrote(run):
    before = (run / "report.html").read_bytes()
    (run / "report.html").unlink()
    assert rewrite_report(run) == [run / "report.html"]
    assert (run / "report.html").read_bytes() == before
    assert before.count(b'<li class="card ') >= 5
    assert before.count(b"data:image/webp;base64,") >= 5


def test_rewrite_report__pictures_have_moved(run, photos, tmp_path):
    metrics = json.loads((run / "metrics.json").read_text())
    (run / "metrics.json").write_text(json.dumps(metrics | {"data_path": str(tmp_path / "gone")}))
    rewrite_report(run)
    page = (run / "report.html").read_text()
    assert "The pictures are not shown" in page
    assert str(tmp_path / "gone") in page
    assert "data:image/webp" not in page
    rewrite_report(run, data=photos)
    assert "data:image/webp" in (run / "report.html").read_text()


def test_rewrite_report__other_pictures_in_their_place(run, tmp_path):
    (tmp_path / "data" / "cat").mkdir(parents=True)
    (tmp_path / "data" / "dog").mkdir()
    for label in ("cat", "dog"):
        shutil.copyfile(run / "run.log", tmp_path / "data" / label / "0.png")
    rewrite_report(run, data=tmp_path / "data")
    assert "none of them is where it was" in (run / "report.html").read_text()


def test_rewrite_report__run_of_an_older_version(run):
    metrics = json.loads((run / "metrics.json").read_text())
    del metrics["data_path"]
    (run / "metrics.json").write_text(json.dumps(metrics))
    for name in ("predictions.csv", "ledger.csv", "history.jsonl"):
        (run / name).unlink()
    rewrite_report(run)
    page = (run / "report.html").read_text()
    assert "the run does not say where its data was" in page
    assert '<li class="card' not in page


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("predictions.csv", "garbage"),
        ("predictions.csv", "path,label,predicted\nx,no such class,cat,1,0,0,\n"),
        ("predictions.csv", "path,label,predicted\nx,cat,dog,1,0\n"),
        ("predictions.csv", "path,label,predicted\nx,cat,dog,1,0,much,\n"),
        ("ledger.csv", "path,status,reason\nx\n"),
        ("history.jsonl", "{not json\n"),
        ("metrics.json", "[1, 2]"),
        ("metrics.json", "{"),
    ],
)
def test_rewrite_report__a_damaged_file_is_named(run, name, content):
    before = (run / "report.html").read_bytes()
    (run / name).write_text(content)
    with pytest.raises(DataError, match=rf"{name}.*Train again"):
        rewrite_report(run)
    assert (run / "report.html").read_bytes() == before


def test_rewrite_report__a_run_whose_classes_are_columns_without_a_mark(run):
    table, before = run / "predictions.csv", (run / "report.html").read_bytes()
    assert table.read_text().startswith("path,label,predicted,p:")
    table.write_text(table.read_text().replace("p:", ""))
    rewrite_report(run)
    assert (run / "report.html").read_bytes() == before


def test_rewrite_report__data_is_read_as_it_was_then(tmp_path):
    """Folders of days, each with the classes: only what was said of them tells which are which."""
    for day in ("monday", "tuesday"):
        write_classes(tmp_path / "data" / day, {"cat": 6, "dog": 6}, first_seed=50 * len(day))
    folder, _ = train(tmp_path / "data", out=tmp_path / "run", size=64, reading=Reading(classes="bottom"))
    rewrite_report(folder)
    page = (folder / "report.html").read_text()
    assert "data:image/webp" in page
    assert "The pictures are not shown" not in page
