"""Recipes by name, through the main job."""

import json
import sys

import pytest

from pictures import write_classes
from tellapart.errors import MissingExtraError
from tellapart.jobs.recipes import RECIPES
from tellapart.jobs.train import train


@pytest.fixture
def data(tmp_path):
    return write_classes(tmp_path / "data", {"ape": 10, "bee": 10}, width=24, height=24)


def test_train__frozen_makes_the_same_files_and_says_how_many_views_it_uses(data, tmp_path):
    pytest.importorskip("cv2", reason="needs the extra: pip install 'tellapart[torch]'")
    folder, metrics = train(data, out=tmp_path / "run", recipe="frozen", size=64)
    assert metrics["recipe"] == "frozen"
    assert set(metrics["selected"]["scores"]) == {"0", "2"}
    assert metrics["selected"]["views"] in (0, 2)
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
