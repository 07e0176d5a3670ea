"""Recipes by name, through the main job."""

import csv
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chinese_page import english_left
from pictures import write_classes
from tellapart.bundle.container import read_container
from tellapart.commands.predict import predict
from tellapart.commands.train import train
from tellapart.errors import MissingExtraError, UsageError
from tellapart.nets.schedule import Training
from tellapart.progress import Silent
from tellapart.recipes import finetune, scratch
from tellapart.recipes.catalogue import RECIPES
from tellapart.recipes.finetune import FineTuningPlan
from tellapart.recipes.scratch import ScratchPlan


@pytest.fixture
def data(tmp_path):
    return write_classes(tmp_path / "data", {"ape": 10, "bee": 10}, width=24, height=24)


def test_train__frozen_makes_the_same_files_and_says_how_many_views_it_uses(data, tmp_path):
    pytest.importorskip("cv2", reason="needs the extra: pip install 'tellapart[torch]'")
    folder, metrics = train(data, out=tmp_path / "run", recipe="frozen", size=64)
    assert metrics["recipe"] == "frozen"
    assert set(metrics["selected"]["scores"]) == {"0", "2"}
    assert metrics["selected"]["augmented_views"] in (0, 2)
    assert metrics["test"]["accuracy"]["value"] == 1.0
    assert {entry.name for entry in folder.iterdir()} >= {"model.tellapart", "metrics.json", "report.html"}
    json.dumps(metrics, allow_nan=False)


def test_train__a_missing_extra_is_said_before_any_work(data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tellapart\[torch\]'"):
        train(data, out=tmp_path / "run", recipe="frozen", size=64)
    assert not (tmp_path / "run").exists()


def test_recipes__features_needs_no_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    RECIPES["features"].check()


def test_recipes__the_contract_names_them_all():
    assert set(RECIPES) == {"auto", "features", "frozen", "finetune", "scratch", "scratch-augmented"}


# ---- nets trained with torch ----

NAMES = ("data", "ape", "bee", "photo-convnet", "block11_project", "adamw", "cpu", r"stage3、stage4、stage5")
SMALL = Training(epochs=4, batch=8, learning_rate=3e-3, average=0.5)


@pytest.fixture
def brief(monkeypatch):
    """Recipes with torch in a form that takes a second."""
    for package in ("torch", "cv2"):
        pytest.importorskip(package, reason="needs the extra: pip install 'tellapart[torch]'")
    plans = {key: replace(plan, net="photo-convnet", training=SMALL) for key, plan in scratch.PLANS.items()}
    monkeypatch.setattr(scratch, "PLANS", plans)
    tuning = FineTuningPlan(views=2, training=replace(SMALL, learning_rate=1e-4))
    monkeypatch.setattr(finetune, "FineTuningPlan", lambda: tuning)


def read_history(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("recipe", "size"), [("scratch", 32), ("scratch-augmented", 32), ("finetune", 64)])
def test_train__a_trained_net_is_served_like_any_other(recipe, size, data, tmp_path, brief):
    folder, metrics = train(data, out=tmp_path / "run", recipe=recipe, size=size)
    _, members = read_container(folder / "model.tellapart")
    assert "weights.safetensors" in members
    assert not (folder / "work").exists()
    assert [row["epoch"] for row in read_history(folder)] == [1, 2, 3, 4]
    assert metrics["backbone"]["size"] == size
    json.dumps(metrics, allow_nan=False)
    told = re.findall(r"s  ((?:Looking at|Preparing) .*): \d+ ", (folder / "run.log").read_text())
    assert len(told) == len(set(told)) >= 4  # each look says what it is for
    assert english_left((folder / "report.html").read_text(), names=[*NAMES, metrics["environment"]["cpu"]]) == []
    # The same answers from the model file, computed anew from the pictures.
    answers = predict(folder / "model.tellapart", [data])
    with (folder / "predictions.csv").open(newline="") as file:
        told = {row["path"]: row for row in csv.DictReader(file)}
    named = {str(Path(picture.path).relative_to(data)): row for row, picture in enumerate(answers.pictures)}
    assert len(told) == metrics["counts"]["test"]
    for path, row in told.items():
        given = answers.probabilities[named[path]]
        expected = [float(row[f"p:{name}"]) for name in answers.classes]
        np.testing.assert_allclose(given, expected, atol=2e-3)


def test_train__scratch_takes_a_net_of_the_users_own(data, tmp_path, brief):
    import torch

    layers = [torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.SiLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()]
    module = torch.nn.Sequential(*layers, torch.nn.Linear(8, 2))
    _, metrics = train(data, out=tmp_path / "run", recipe="scratch", size=32, module=module)
    assert metrics["selected"]["net"] == "Sequential"


def test_train__a_net_of_ones_own_needs_a_recipe_that_trains_it(data, tmp_path):
    with pytest.raises(UsageError, match="net of your own"):
        train(data, out=tmp_path / "run", recipe="features", module=object())


def test_train__a_plan_of_ones_own_is_followed(data, tmp_path):
    pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
    plan = ScratchPlan(net="mnist-convnet", training=replace(SMALL, epochs=1, optimiser="rmsprop"), pictures=100)
    _, metrics = train(data, out=tmp_path / "run", recipe="scratch", size=24, plan=plan)
    assert metrics["selected"]["net"] == "mnist-convnet"
    assert metrics["selected"]["training"]["optimiser"] == "rmsprop"
    assert metrics["selected"]["out_of"]["epoch"] == [1]


@pytest.mark.parametrize("recipe", ["features", "finetune"])
def test_train__a_plan_of_another_recipe_is_refused(recipe, data, tmp_path):
    with pytest.raises(UsageError, match=f"takes no such plan: {recipe}"):
        train(data, out=tmp_path / "run", recipe=recipe, plan=ScratchPlan(net="x", training=SMALL, pictures=1))
    assert not (tmp_path / "run").exists()


def test_train__weights_are_of_a_base(data, tmp_path, brief):
    with pytest.raises(UsageError, match="--weights"):
        train(data, out=tmp_path / "run", recipe="scratch", weights=tmp_path / "weights.safetensors")
    with pytest.raises(UsageError, match=r"starts from nothing: scratch\. Leave --backbone out"):
        train(data, out=tmp_path / "run", recipe="scratch", backbone="lite2")
    with pytest.raises(UsageError, match="has its weights"):
        train(data, out=tmp_path / "run", weights=tmp_path / "weights.safetensors")


def test_train__auto_says_why_it_stopped_at_features(data, tmp_path):
    folder, metrics = train(data, out=tmp_path / "run", recipe="auto", size=64)
    assert metrics["recipe"] == "auto"
    assert metrics["selected"]["recipe"] == "features"
    assert english_left((folder / "report.html").read_text(), names=[*NAMES, metrics["environment"]["cpu"]]) == []
    assert all("was not tried" in reason["en"] for reason in metrics["selected"]["auto"])


def test_train__history_is_live_and_a_finished_run_stays_until_its_successor_is_ready(data, tmp_path, brief):
    folder, _ = train(data, out=tmp_path / "run", recipe="scratch", size=32)
    before = (folder / "history.jsonl").read_bytes()
    seen = []

    class Watching(Silent):
        def advance(self, steps=1):
            live = folder / "work" / "history.jsonl"
            seen.append((live.exists() and len(live.read_text().splitlines()), (folder / "history.jsonl").read_bytes()))

    train(data, out=folder, recipe="scratch", size=32, seed=1, force=True, progress=Watching())
    assert {count for count, _ in seen} >= {1, 2, 3}
    assert {content for _, content in seen} == {before}
    assert (folder / "history.jsonl").read_bytes() != before
