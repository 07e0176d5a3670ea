"""The longer look at a run: taken once, kept, and taken again for another model."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from pictures import write_splits_and_classes
from tellapart.commands.train import train
from tellapart.data.scan import scan
from tellapart.explain.heat_map import HeatMap
from tellapart.progress import Silent
from tellapart.runs import analysis
from tellapart.runs.evidence import heat_maps_of, strengths_of, suspect_cards
from tellapart.runs.page import rewrite_report
from tellapart.runs.read import read_metrics, read_splits


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the shared run that a test may change."""
    folder = tmp_path / "run"
    shutil.copytree(trained.run, folder)
    return folder


def look(run, photos):
    return analysis.analyse(run, read_metrics(run), index=scan(photos), progress=Silent())


def test_first_look__a_small_run_has_it_from_the_start(trained):
    found = json.loads((trained.run / "analysis.json").read_text())
    assert found["learning_curve"]["points"][-1]["n"] == trained.metrics["counts"]["train"]
    assert set(found["learning_curve"]["advice"]["sentence"]) == {"en", "zh"}
    assert found["heat_maps"]
    page = (trained.run / "report.html").read_text()
    assert 'id="chart-learning"' in page
    assert 'class="heat"' in page
    assert found["learning_curve"]["advice"]["sentence"]["en"] in page.replace("&#39;", "'")


def test_analyse__is_what_train_found(run, photos):
    before = json.loads((run / "analysis.json").read_text())
    (run / "analysis.json").unlink()
    after = look(run, photos)
    assert after["learning_curve"] == before["learning_curve"]
    assert after["suspects"] == before["suspects"]
    assert [heat["path"] for heat in after["heat_maps"]] == [heat["path"] for heat in before["heat_maps"]]


def test_analyse__is_what_train_found_where_train_leaks_into_valid(tmp_path):
    counts = {"train": {"ape": 12, "bee": 12}, "valid": {"ape": 6, "bee": 6}, "test": {"ape": 4, "bee": 4}}
    data = write_splits_and_classes(tmp_path / "data", counts)
    for name in ("000.png", "001.png"):
        shutil.copy(data / "train" / "ape" / name, data / "valid" / "ape" / f"leak-{name}")
    folder, metrics = train(data, out=tmp_path / "run", size=64)
    before = json.loads((folder / "analysis.json").read_text())["learning_curve"]
    leaked = [leak["path"] for leak in metrics["leaks"] if leak["split"] == "valid"]
    assert {"valid/ape/leak-000.png", "valid/ape/leak-001.png"} <= set(leaked)
    assert before["valid_n"] == metrics["counts"]["valid"] - len(leaked)
    (folder / "analysis.json").unlink()
    assert look(folder, data)["learning_curve"] == before


def test_analyse__is_kept(run, photos, monkeypatch):
    first = look(run, photos)
    monkeypatch.setattr(analysis, "read_bundle", lambda _: pytest.fail("looked again"))
    assert look(run, photos) == first


def test_read_analysis__of_another_model_is_not_believed(run):
    assert analysis.read_analysis(run)
    (run / "model.tellapart").write_bytes(b"another")
    assert analysis.read_analysis(run) == {}


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"schema": 99}'])
def test_read_analysis__damaged_is_taken_again(run, content):
    (run / "analysis.json").write_text(content)
    assert analysis.read_analysis(run) == {}


@pytest.mark.parametrize(
    "damage",
    [
        {"suspects": [{"path": "x"}]},
        {"suspects": 3},
        {"heat_maps": [{"path": "x", "shape": [1, 3]}]},
        {"learning_curve": {"points": [{"n": 3}]}},
        {"checked": None},
    ],
)
def test_rewrite_report__a_damaged_part_of_the_analysis_is_taken_again(run, damage):
    whole = json.loads((run / "analysis.json").read_text())
    (run / "analysis.json").write_text(json.dumps(whole | damage))
    rewrite_report(run)
    again = json.loads((run / "analysis.json").read_text())
    assert again["suspects"] == whole["suspects"]
    assert again["learning_curve"] == whole["learning_curve"]


def test_suspect_cards__of_other_classes_are_not_shown():
    row = {"path": "x", "label": "a", "suggested": "gone", "probability_label": 0.1, "probability_suggested": 0.9}
    assert suspect_cards({"suspects": [row]}, ["a", "b"]) is None


@pytest.mark.parametrize("damage", [{"shape": [2, 2]}, {"shape": [-1, -3]}, {"shape": [3]}, {"values": "g Q"}])
def test_heat_maps_of__a_damaged_one_is_left_out(damage):
    rows = [{"path": "x", "shape": [1, 3], "values": "gQB/"}, {"path": "y", "shape": [1, 3], "values": "gQB/"} | damage]
    assert set(heat_maps_of({"heat_maps": rows})) == {"x"}


def test_analyse__train_pictures_missing_is_said(run, photos, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(photos, data)
    gone = next(row.path for row in read_splits(run) if row.split == "train")
    (data / gone).unlink()
    (run / "analysis.json").unlink()
    found = look(run, data)
    assert "1 of the 42 pictures of train and valid cannot be found" in found["note"]
    assert found["heat_maps"]
    rewrite_report(run, data=data)
    assert "No learning curve and no suspect labels" in (run / "report.html").read_text()


def test_rewrite_report__without_a_usable_model_the_page_is_still_written(run):
    (run / "analysis.json").unlink()
    (run / "model.tellapart").write_bytes(b"no zip")
    notes = []

    class Listener(Silent):
        def note(self, message):
            notes.append(message)

    rewrite_report(run, progress=Listener())
    assert any("No longer look" in note for note in notes)
    assert "take longer" in (run / "report.html").read_text()


def test_first_look__a_large_run_leaves_it_to_report(trained, tmp_path):
    metrics = replace(read_metrics(trained.run), counts={"train": analysis.CHEAP, "valid": 9, "test": 9})
    assert not analysis.is_cheap(metrics)
    assert analysis.first_look(tmp_path, metrics, materials="", index=None, progress=Silent()) == {}
    assert list(tmp_path.iterdir()) == []


def test_suspects__a_picture_under_the_wrong_class_is_named(tmp_path, tellapart):
    counts = {"train": {"a": 20, "b": 20}, "valid": {"a": 6, "b": 6}, "test": {"a": 6, "b": 6}}
    data = write_splits_and_classes(tmp_path / "data", counts)
    (data / "train" / "a" / "000.png").rename(data / "train" / "b" / "moved.png")
    assert tellapart("train", data, "-o", tmp_path / "run", "--size", 64).code == 0
    suspects = suspect_cards(json.loads((tmp_path / "run" / "analysis.json").read_text()), ["a", "b"])
    assert [suspect.path for suspect in suspects] == ["train/b/moved.png"]
    assert (suspects[0].given, suspects[0].suggested) == (1, 0)
    assert 'class="card suspect"' in (tmp_path / "run" / "report.html").read_text()


def test_checked_rows__all_of_a_small_set_and_a_share_of_each_class_of_a_large_one(monkeypatch):
    monkeypatch.setattr(analysis, "MOST_CHECKED", 100)
    monkeypatch.setattr(analysis, "FEWEST_CHECKED", 10)
    labels = np.repeat([0, 1], [300, 100])
    chosen = analysis.checked_rows(labels, class_count=2, seed=0)
    assert np.bincount(labels[chosen]).tolist() == [37, 13]
    assert (np.diff(chosen) > 0).all()
    assert chosen.tolist() != analysis.checked_rows(labels, class_count=2, seed=1).tolist()
    assert analysis.checked_rows(labels[260:310], class_count=2, seed=0).tolist() == list(range(50))
    assert len(analysis.checked_rows(labels, class_count=1000, seed=0)) == 10


def test_analyse__of_a_large_set_some_labels_are_checked_and_the_page_says_so(run, photos, monkeypatch):
    monkeypatch.setattr(analysis, "MOST_CHECKED", 0)
    monkeypatch.setattr(analysis, "FEWEST_CHECKED", 24)
    (run / "analysis.json").unlink()
    total = read_metrics(run).counts["train"]
    assert look(run, photos)["checked"] == {"pictures": 24, "of": total}
    rewrite_report(run, data=photos)
    assert f"Of {total:,} training pictures 24, drawn by the seed" in (run / "report.html").read_text()


def test_read_heats__as_they_were_packed():
    rows = [{"path": "x", "shape": [1, 3], "values": "gQB/"}]
    assert np.array_equal(heat_maps_of({"heat_maps": rows})["x"], [[-127, 0, 127]])


def test_packed_heat__has_its_strongest_place_with_its_sign_and_the_score():
    values = np.zeros((56, 56), np.float32)
    values[0, 0], values[5, 5] = 0.25, -0.75
    heat = HeatMap(values=values, method="occlusion", target=0, class_name="a", logit=4.5)
    row = {"path": "x", **analysis.packed_heat(heat)}
    assert strengths_of({"heat_maps": [row, {"path": "older"}]}) == {"x": (-0.75, 4.5)}


def test_most_occluded__smaller_inputs_have_more_maps_for_the_same_pixels():
    assert [analysis.most_occluded(size) for size in (448, 224, 112, 28)] == [3, 12, 48, 768]
