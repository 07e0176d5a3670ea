"""Pictures that err together count as fewer, and intervals hold as often as they say."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tellapart.evaluation.grouped import design_effect, picture_weight
from tellapart.evaluation.intervals import wilson

RIGHT = np.arange(60) % 6 > 0


def coverage():
    """The benchmark, whose short form this is."""
    path = Path(__file__).parents[1] / "benchmarks" / "coverage.py"
    specification = importlib.util.spec_from_file_location("coverage", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_coverage__of_intervals_and_promises_is_what_is_claimed():
    module = coverage()
    rows = module.measure(draws=60, sizes=(100,))
    assert len(rows) == 25
    assert [row for row in rows if not row["passes"]] == []


def test_coverage__would_tell_that_pictures_of_a_group_were_counted_apart(monkeypatch):
    module = coverage()
    monkeypatch.setattr(module, "picture_weight", lambda right, groups: 1.0)
    row = module.held(module.accuracy_held, draws=100, name="accuracy", pictures=100, size=10)
    assert not row["passes"]


def test_picture_weight__pictures_apart_count_whole():
    assert picture_weight(RIGHT, np.arange(60)) == 1


def test_picture_weight__groups_that_are_all_alike_count_as_one_picture_each():
    groups = np.repeat(np.arange(100), 10)
    right = np.repeat(np.arange(100) % 5 > 0, 10)
    assert picture_weight(right, groups) == pytest.approx(0.1, rel=0.06)
    apart = np.random.default_rng(0).random(1000) < 0.8
    assert picture_weight(apart, groups) > 0.6
    assert picture_weight(right | True, groups) <= 0.1


def test_picture_weight__one_group_tells_next_to_nothing():
    interval = wilson(30, 60, weight=picture_weight(np.arange(60) % 2 > 0, np.zeros(60, np.int64)))
    assert interval.low < 0.06
    assert interval.high > 0.94


def test_design_effect__of_few_groups_is_never_beyond_that_of_groups_that_are_all_alike():
    groups = np.arange(50) // 10
    assert design_effect(np.repeat(np.arange(5) > 0, 10), groups) == 10
    assert design_effect(np.arange(50) % 7 > 0, groups) <= 10


def test_design_effect__of_few_groups_that_hold_a_mistake_is_near_to_that_of_groups_that_are_all_alike():
    groups, right = np.arange(200) // 10, np.ones(200, bool)
    right[[0, 50]] = False
    assert design_effect(right, groups) == pytest.approx((2 * 1 + 10) / 3, rel=0.05)
    right[::20] = False
    assert design_effect(right, groups) < 2


def test_design_effect__of_whole_numbers_takes_the_commonest_for_what_tells_nothing():
    differences = np.repeat(np.array([0, 0, 0, 1, -1] * 20), 4)
    assert design_effect(differences, np.arange(400) // 4) == pytest.approx(4, rel=0.05)
    assert design_effect(np.random.default_rng(0).permutation(differences), np.arange(400) // 4) < 1.5
