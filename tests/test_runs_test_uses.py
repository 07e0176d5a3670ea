"""How often a test was opened, counted by digests alone."""

import stat
from dataclasses import replace

import numpy as np
import pytest

from pictures import write_splits_and_classes
from tellapart.backbones.pixels import small_pixels
from tellapart.classifier import Classifier
from tellapart.commands.train import train
from tellapart.heads.linear import LinearHead
from tellapart.heads.operating_point import OperatingPoint
from tellapart.runs.page import rewrite_report
from tellapart.runs.test_uses import count_test_uses

BASE = small_pixels()
TEST = [bytes([number]) * 32 for number in range(100)]


def model(seed):
    weight = np.random.default_rng(seed).normal(size=(3, 2)).astype(np.float32)
    return Classifier(
        classes=("a", "b"), base=BASE, head=LinearHead(weight=weight, bias=np.zeros(2, np.float32), start=0, stop=3)
    )


def test_count_test_uses__each_model_once_and_each_test_apart(tmp_path):
    runs = [count_test_uses(TEST, model(seed), 0.9, folder=tmp_path)["runs"] for seed in (0, 1, 1, 0, 2)]
    assert runs == [1, 2, 2, 2, 3]
    assert count_test_uses(TEST[::-1], model(0), 0.9, folder=tmp_path)["runs"] == 3  # in whatever order
    assert count_test_uses(TEST[1:], model(0), 0.9, folder=tmp_path)["runs"] == 1


def test_count_test_uses__other_costs_make_another_model(tmp_path):
    plain = model(0)
    dear = replace(plain, operating=OperatingPoint(costs=np.array([[0.0, 1.0], [50.0, 0.0]])))
    cheap = replace(plain, operating=OperatingPoint(costs=np.array([[0.0, 50.0], [1.0, 0.0]])))
    runs = [count_test_uses(TEST, each, 0.9, folder=tmp_path)["runs"] for each in (plain, dear, plain, dear, cheap)]
    assert runs == [1, 2, 2, 2, 3]


def test_count_test_uses__the_best_of_many_is_flattered_by_so_much(tmp_path):
    found = [count_test_uses(TEST, model(seed), 0.9, folder=tmp_path)["flattery"] for seed in range(10)]
    assert found[:2] == [None, None]
    assert found[2:] == sorted(found[2:])
    draws = np.random.default_rng(0).binomial(100, 0.9, (20_000, 10)).max(axis=1) / 100 - 0.9
    assert found[-1] == pytest.approx(draws.mean(), abs=0.004)


def test_count_test_uses__where_pictures_of_groups_err_together_luck_flatters_more(tmp_path):
    for seed in range(10):
        found = count_test_uses(TEST, model(seed), 0.9, weight=0.2, folder=tmp_path)["flattery"]
    draws = np.random.default_rng(0).binomial(20, 0.9, (20_000, 10)).max(axis=1) / 20 - 0.9
    assert found == pytest.approx(draws.mean(), abs=0.02)


def test_train__a_test_in_groups_flatters_by_what_its_pictures_count_as(tmp_path, monkeypatch):
    seen = {}

    def count(_digests, _classifier, _accuracy, *, weight):
        seen["weight"] = weight
        return {"runs": 1, "flattery": None}

    monkeypatch.setattr("tellapart.commands.train.count_test_uses", count)
    counts = {"train": {"ape": 8, "bee": 8}, "valid": {"ape": 4, "bee": 4}, "test": {"ape": 20, "bee": 20}}
    data = write_splits_and_classes(tmp_path / "data", counts)
    train(data, out=tmp_path / "run", size=64, group_by=r"(\w+/\w+/\d\d)")
    assert seen["weight"] < 0.5


def test_count_test_uses__digests_are_all_that_is_kept_and_nobody_else_reads_them(tmp_path):
    count_test_uses(TEST, model(0), 0.9, folder=tmp_path)
    (file,) = (tmp_path / "tests").iterdir()
    assert len(file.read_text().strip()) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"\xff" * 40, b"x" * 5_000_000])
def test_count_test_uses__a_damaged_count_is_unknown(tmp_path, content):
    count_test_uses(TEST, model(0), 0.9, folder=tmp_path)
    (file,) = (tmp_path / "tests").iterdir()
    file.write_bytes(content)
    assert count_test_uses(TEST, model(1), 0.9, folder=tmp_path) == {"runs": None, "flattery": None}


def test_train__says_how_many_models_this_test_has_scored(tmp_path, fresh_cache, tellapart):
    counts = {"train": {"a": 8, "b": 8}, "valid": {"a": 4, "b": 4}, "test": {"a": 3, "b": 3}}
    data = write_splits_and_classes(tmp_path / "data", counts)
    seen = [
        train(data, out=tmp_path / f"{size}", size=size)[1]["test_uses"]["runs"]
        for size in (32, 48, 64, 32)
        if not (tmp_path / f"{size}").exists()
    ]
    assert seen == [1, 2, 3]
    outcome = tellapart("train", data, "-o", tmp_path / "four", "--size", 80)
    assert "these test pictures have scored 4 different models here" in outcome.out
    rewrite_report(tmp_path / "four")
    assert "have scored" in (tmp_path / "four" / "report.html").read_text()
