"""A run folder holds what was promised, says what is true, and is the same for the same command."""

import csv
import hashlib
import json
import re
import shutil

import numpy as np
import pytest

from pictures import write_classes, write_picture, write_splits_and_classes
from tellapart.commands.audit import audit
from tellapart.commands.embed import embed_data
from tellapart.commands.train import HistoryWriter, train
from tellapart.errors import DataError, UsageError
from tellapart.heads.search import TOLD_APART
from tellapart.progress import Silent

RUN_FILES = {
    *("model.tellapart", "metrics.json", "predictions.csv", "split.csv"),
    *("ledger.csv", "history.jsonl", "report.html", "run.log", "analysis.json"),
}
TIMES = {
    *("scan_s", "decode_s", "embed_s", "duplicates_s", "findings_s", "head_s", "evaluate_s", "analyse_s", "write_s"),
    *("total_s", "images_per_s", "fresh"),
}
SHARES = ("accuracy",)
NUMBERS = ("balanced_accuracy", "log_loss", "brier", "ece")


class Noting(Silent):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def table(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def interval(value):
    return set(value) == {"value", "low", "high"} and (
        value["value"] is None or 0 <= value["low"] <= value["value"] <= value["high"] <= 1
    )


def test_train__writes_every_file_of_a_run_and_nothing_else(trained):
    assert {entry.name for entry in trained.run.iterdir()} == RUN_FILES


def test_train__metrics_have_every_key_of_the_contract(trained):
    metrics = trained.metrics
    expected = {"schema", "recipe", "backbone", "classes", "counts", "valid", "test", "selected", "timing"}
    assert expected | {"environment", "peak_rss_mb"} <= set(metrics)
    assert (metrics["schema"], metrics["recipe"], metrics["backbone"]["name"]) == (1, "features", "lite0")
    assert metrics["classes"] == ["cat", "dog", "owl"]
    assert set(metrics["counts"]) == {"train", "valid", "test"}
    assert sum(metrics["counts"].values()) == 49
    assert set(metrics["timing"]) == TIMES
    assert {"versions", "cpu", "threads", "precision"} <= set(metrics["environment"])
    assert metrics["peak_rss_mb"] > 10
    assert metrics["thresholds"]["promise"]["asked"] == metrics["max_error"] == 0.01
    assert {"depths", "l2", "criterion", "score", "chosen_by", "out_of"} <= set(metrics["selected"])


@pytest.mark.parametrize("split", ["valid", "test"])
def test_train__figures_of_a_split_are_complete_and_agree_with_each_other(trained, split):
    figures = trained.metrics[split]
    assert figures["n"] == trained.metrics["counts"][split] == sum(map(sum, figures["confusion"]))
    assert all(interval(figures[name]) for name in SHARES)
    assert all(isinstance(figures[name], float) and figures[name] >= 0 for name in NUMBERS)
    assert [row["class"] for row in figures["per_class"]] == ["cat", "dog", "owl"]
    for row in figures["per_class"]:
        assert row["n"] > 0
        assert all(interval(row[name]) for name in ("precision", "recall", "f1"))


def test_train__predictions_are_the_test_pictures_and_give_the_accuracy(trained):
    rows, metrics = table(trained.run / "predictions.csv"), trained.metrics
    assert list(rows[0]) == [
        "path",
        "label",
        "predicted",
        *(f"p:{name}" for name in metrics["classes"]),
        "unsure",
        "unlike",
    ]
    splits = {row["path"]: row for row in table(trained.run / "split.csv")}
    assert {row["path"] for row in rows} == {path for path, row in splits.items() if row["split"] == "test"}
    for row in rows:
        shares = np.array([float(row[f"p:{name}"]) for name in metrics["classes"]])
        assert abs(shares.sum() - 1) < 1e-5
        assert row["predicted"] == metrics["classes"][shares.argmax()]
        assert row["label"] == splits[row["path"]]["label"] == row["path"].split("/")[0]
        unsure = max(shares) < metrics["thresholds"]["unsure"]
        assert row["unsure"] == ("yes" if unsure else "no")
        assert row["unlike"] in ("yes", "no")
    stands = [row for row in rows if row["unsure"] == "no"]
    selective = metrics["test"]["selective"]
    assert selective["answered"] == len(stands)
    assert selective["wrong"] == sum(row["label"] != row["predicted"] for row in stands)
    assert selective["unlike"]["value"] == pytest.approx(sum(row["unlike"] == "yes" for row in rows) / len(rows))
    right = sum(row["label"] == row["predicted"] for row in rows)
    assert right / len(rows) == pytest.approx(metrics["test"]["accuracy"]["value"])
    assert right / len(rows) > 0.6  # the classes are easy to tell apart


def test_train__split_names_every_readable_picture_once(trained):
    rows = table(trained.run / "split.csv")
    assert list(rows[0]) == ["path", "label", "split", "group", "sha256"]
    contents = {
        path: hashlib.sha256((trained.data / path).read_bytes()).hexdigest() for path in (r["path"] for r in rows)
    }
    assert {row["path"]: row["sha256"] for row in rows} == contents
    assert len({row["path"] for row in rows}) == len(rows) == 49
    counts = {name: sum(row["split"] == name for row in rows) for name in ("train", "valid", "test")}
    assert counts == trained.metrics["counts"]
    assert {(row["label"], row["split"]) for row in rows} == {
        (label, split) for label in ("cat", "dog", "owl") for split in ("train", "valid", "test")
    }


def test_train__every_input_file_is_in_the_ledger_once(trained):
    rows = table(trained.run / "ledger.csv")
    assert list(rows[0]) == ["path", "status", "reason"]
    given = sorted(path.relative_to(trained.data).as_posix() for path in trained.data.rglob("*") if path.is_file())
    assert sorted(row["path"] for row in rows) == given
    told = {row["path"]: (row["status"], row["reason"]) for row in rows if row["status"] != "used"}
    assert told == {
        "dog/017.png": ("skipped", "truncated"),
        "owl/003.png": ("converted", "transparency laid on white"),
        "owl/notes.txt": ("skipped", "not a picture"),
    }
    assert trained.metrics["ledger"] == {"used": 48, "converted": 1, "skipped": 2}


def test_train__history_has_a_row_a_step_and_the_chosen_one_among_them(trained):
    rows = [json.loads(line) for line in (trained.run / "history.jsonl").read_text().splitlines()]
    selected = trained.metrics["selected"]
    own = [row for row in rows if (row["depths"], row["scale"]) == (selected["depths"], selected["scale"])]
    assert selected["score"] == min(row["log_loss"] for row in own)
    assert [row["log_loss"] for row in own if row["l2"] == selected["l2"]] == [selected["score"]]
    gained = selected["score"] - min(row["log_loss"] for row in rows)  # by what is no better than a tie
    assert gained * trained.metrics["counts"]["train"] <= TOLD_APART
    assert selected["chosen_by"].endswith("cross-validation")


def test_train__report_and_log_are_there(trained):
    page = (trained.run / "report.html").read_text()
    assert all(name in page for name in ("cat", "dog", "owl"))
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "Looking at pictures: 50 pictures" in (trained.run / "run.log").read_text()


def test_train__the_users_files_are_only_read(tmp_path):
    data = write_classes(tmp_path / "data", {"a": 6, "b": 6})
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in data.rglob("*") if path.is_file()}
    train(data, out=tmp_path / "run", size=64)
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in data.rglob("*") if path.is_file()}
    assert after == before


def test_train__the_same_command_gives_the_same_bytes_cold_and_warm(trained, tmp_path, fresh_cache, tellapart):
    for name in ("cold", "warm"):
        assert tellapart("train", trained.data, "-o", tmp_path / name, "--folds", 0).code == 0
        for file in ("model.tellapart", "predictions.csv", "split.csv", "ledger.csv"):
            assert (tmp_path / name / file).read_bytes() == (trained.run / file).read_bytes(), (name, file)
    fresh = [json.loads((tmp_path / name / "metrics.json").read_text())["timing"]["fresh"] for name in ("cold", "warm")]
    assert fresh == [49, 0]
    assert (fresh_cache / "features.sqlite").exists()


def test_train__another_seed_is_another_split_of_the_same_sizes(trained, tmp_path):
    _, metrics = train(trained.data, out=tmp_path / "run", seed=1, folds=0)
    assert (tmp_path / "run" / "split.csv").read_bytes() != (trained.run / "split.csv").read_bytes()
    assert metrics["counts"] == trained.metrics["counts"]


def test_train__given_splits_are_kept_and_valid_chooses(tmp_path):
    counts = {"train": {"a": 8, "b": 8}, "val": {"a": 4, "b": 5}, "test": {"a": 3, "b": 4}}
    data = write_splits_and_classes(tmp_path / "data", counts)
    folder, metrics = train(data, out=tmp_path / "run", size=64)
    assert metrics["counts"] == {"train": 16, "valid": 9, "test": 7}
    assert metrics["selected"]["chosen_by"] == "valid"
    for row in table(folder / "split.csv"):
        assert row["path"].startswith({"train": "train/", "valid": "val/", "test": "test/"}[row["split"]])


def test_train__a_class_that_a_split_lacks_shifts_nobody(tmp_path):
    counts = {"train": {"a": 6, "b": 6, "c": 6}, "valid": {"a": 4, "b": 4, "c": 4}, "test": {"a": 4, "b": 4, "c": 4}}
    data = write_splits_and_classes(tmp_path / "data", counts)
    shutil.rmtree(data / "test" / "a")
    shutil.rmtree(data / "valid" / "b")
    folder, metrics = train(data, out=tmp_path / "run", size=64)
    assert metrics["classes"] == ["a", "b", "c"]
    assert [row["n"] for row in metrics["test"]["per_class"]] == [0, 4, 4]
    assert metrics["test"]["per_class"][0]["recall"]["value"] is None
    assert metrics["test"]["accuracy"]["value"] > 0.6
    assert list(table(folder / "predictions.csv")[0])[3:6] == ["p:a", "p:b", "p:c"]


def test_train__a_manifest_with_groups_keeps_them_whole(tmp_path):
    rows = ["path,label,group"]
    for number in range(36):
        path = write_picture(tmp_path / f"{number:02d}.png", seed=number, kind=number % 2)
        rows.append(f"{path.name},{'ab'[number % 2]},g{number // 4}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    folder, metrics = train(tmp_path / "list.csv", out=tmp_path / "run", size=64)
    homes = {}
    for row in table(folder / "split.csv"):
        assert homes.setdefault(row["group"], row["fold"]) == row["fold"]
    assert metrics["data"] == {"name": "list", "layout": "manifest"}


def test_train__names_that_need_care_survive(tmp_path):
    names = ["naïve café", 'say "hi", ok', "<script>", "日本"]
    data = write_classes(tmp_path / "data", dict.fromkeys(names, 4))
    folder, metrics = train(data, out=tmp_path / "run", size=64)
    assert metrics["classes"] == sorted(names)
    assert list(table(folder / "predictions.csv")[0])[3:7] == [f"p:{name}" for name in sorted(names)]
    assert (folder / "report.html").read_text().count("<script>") == 2  # the page's own


def test_train__a_budget_that_nothing_keeps_to_is_a_note(tmp_path):
    data = write_classes(tmp_path / "data", {"a": 5, "b": 5})
    progress = Noting()
    train(data, out=tmp_path / "run", size=64, budget=3.0, progress=progress)
    assert any("--budget is for the recipe auto" in note for note in progress.notes)


def test_train__an_unusable_cache_is_a_note_and_the_run_goes_on(tmp_path, monkeypatch):
    data = write_classes(tmp_path / "data", {"a": 5, "b": 5})
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "file" / "cache"))
    progress = Noting()
    _, metrics = train(data, out=tmp_path / "run", size=64, progress=progress)
    assert metrics["timing"]["fresh"] == 10
    assert any("cannot be used" in note and "TELLAPART_CACHE" in note for note in progress.notes)
    assert (tmp_path / "file").read_text() == "mine"
    assert "cannot be used" in (tmp_path / "run" / "run.log").read_text()


def test_train__a_damaged_cache_changes_no_figure(tmp_path, fresh_cache):
    data = write_classes(tmp_path / "data", {"a": 6, "b": 6})
    train(data, out=tmp_path / "first", size=64)
    store = fresh_cache / "features.sqlite"
    content = bytearray(store.read_bytes())
    content[8192::3] = b"\xaa" * len(content[8192::3])
    store.write_bytes(content)
    for name in ("second", "third"):  # the second finds out and clears the store, the third fills it again
        train(data, out=tmp_path / name, size=64)
        assert (tmp_path / name / "model.tellapart").read_bytes() == (tmp_path / "first/model.tellapart").read_bytes()
    assert train(data, out=tmp_path / "fourth", size=64)[1]["timing"]["fresh"] == 0


@pytest.mark.parametrize(
    "options", [{"recipe": "magic"}, {"backbone": "vgg99"}, {"size": 3}, {"max_error": 0.0}, {"max_error": 1.5}]
)
def test_train__what_cannot_be_meant_is_refused_before_anything_is_written(tmp_path, photos, options):
    with pytest.raises(UsageError, match=re.escape(str(next(iter(options.values()))))):
        train(photos, out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", [train, audit, embed_data])
def test_train__a_wrong_folder_is_told_before_a_base_is_loaded(tmp_path, monkeypatch, command):
    def load(*_, **__):
        raise AssertionError

    for place in ("recipes.catalogue", "commands.audit", "commands.embed"):
        monkeypatch.setattr(f"tellapart.{place}.find_base", load)
    with pytest.raises(DataError, match="absent"):
        command(tmp_path / "absent", out=tmp_path / "out.npz")


@pytest.mark.parametrize("command", [train, audit, embed_data])
@pytest.mark.parametrize("backbone", ["vgg99", "lite0+vgg99", "lite0+"])
def test_train__a_base_that_is_none_is_told_before_pictures_are_looked_for(tmp_path, monkeypatch, command, backbone):
    pytest.importorskip("timm", reason="needs the extra: pip install 'tellapart[torch]'")

    def look(*_, **__):
        raise AssertionError

    for place in ("train.scan", "audit.scan", "embed.index_of_data"):
        monkeypatch.setattr(f"tellapart.commands.{place}", look)
    with pytest.raises(UsageError, match=r"vgg99|lite0\+"):
        command(tmp_path, out=tmp_path / "out.npz", backbone=backbone)


def test_train__too_few_pictures_for_three_splits(tmp_path):
    with pytest.raises(DataError, match="'b' has 2 pictures"):
        train(write_classes(tmp_path / "data", {"a": 6, "b": 2}), out=tmp_path / "run", size=64, folds=0)
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_train__copies_of_a_picture_stay_on_one_side(tmp_path):
    data = write_classes(tmp_path / "data", {"ape": 12, "bee": 12}, width=24, height=24)
    for path in sorted(data.rglob("*.png")):
        for number in (1, 2):
            shutil.copy(path, path.with_name(f"{number}-{path.name}"))
    train(data, out=tmp_path / "run", size=64)
    sides = {}
    for row in table(tmp_path / "run" / "split.csv"):
        sides.setdefault((data / row["path"]).read_bytes(), set()).add(row["fold"])
    assert len(sides) == 24
    assert all(len(splits) == 1 for splits in sides.values())


def test_train__copies_across_given_splits_are_said_and_not_moved(tmp_path):
    counts = {"train": {"ape": 5, "bee": 5}, "valid": {"ape": 3, "bee": 3}, "test": {"ape": 3, "bee": 3}}
    data = write_splits_and_classes(tmp_path / "data", counts, width=24, height=24)
    shutil.copy(data / "train" / "ape" / "000.png", data / "test" / "ape" / "leak.png")
    listener = Noting()
    _, metrics = train(data, out=tmp_path / "run", size=64, progress=listener)
    assert metrics["counts"]["test"] == 7
    assert any("a near-duplicate, or one of the same group" in note for note in listener.notes)
    said = [leak for leak in metrics["leaks"] if leak["kind"] == "bytes"]
    assert [(leak["path"], leak["other"]) for leak in said] == [("test/ape/leak.png", "train/ape/000.png")]


def test_train__with_force_the_finished_run_stays_until_there_is_a_new_one(tmp_path):
    good = write_classes(tmp_path / "good", {"ape": 8, "bee": 8}, width=24, height=24)
    bad = write_classes(tmp_path / "bad", {"ape": 1, "bee": 8}, width=24, height=24)
    train(good, out=tmp_path / "run", size=64)
    before = (tmp_path / "run" / "metrics.json").read_bytes()
    with pytest.raises(DataError):
        train(bad, out=tmp_path / "run", size=64, force=True)
    assert (tmp_path / "run" / "metrics.json").read_bytes() == before
    assert "stopped: " in (tmp_path / "run" / "run.log").read_text()


def test_history_writer__counts_the_seconds_of_epochs_of_an_earlier_run(tmp_path):
    """Rows that come with the first call, but for the last of them, were in a checkpoint; so after another training."""
    writer = HistoryWriter(tmp_path)
    rows = [{"epoch": epoch, "seconds": 10.0**epoch} for epoch in range(5)]
    for history in (rows[:3], rows[:4], rows[:1], rows[:2]):
        writer(history)
    assert writer.earlier_s == 11.0
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 2
