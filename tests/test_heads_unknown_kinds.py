"""Unknown kinds are measured once for the very same pictures."""

import json

import numpy as np
import pytest

from tellapart.heads import unknown_kinds
from tellapart.heads.out_of_distribution import TrainingFeatures
from tellapart.heads.unknown_kinds import kept_unknown_kinds, measure_unknown_kinds, read_unknown_kinds


def three_kinds(count, *, seed):
    random, labels = np.random.default_rng(seed), np.arange(count) % 3
    centres = np.random.default_rng(0).normal(size=(3, 8))
    return (centres[labels] + random.normal(scale=0.1, size=(count, 8))).astype(np.float32), labels


@pytest.mark.usefixtures("fresh_cache")
def test_kept_unknown_kinds__are_measured_once_for_the_very_same(monkeypatch):
    last, labels = three_kinds(120, seed=1)
    valid, known = three_kinds(60, seed=2)
    train = TrainingFeatures(last=last, labels=labels, groups=np.arange(120), held_out=True)
    measured = measure_unknown_kinds(train, valid, known, class_count=3, seed=0)
    assert [kept_unknown_kinds(train, valid, known, class_count=3, seed=0) for _ in range(2)] == [measured] * 2
    monkeypatch.setattr(unknown_kinds, "measure_unknown_kinds", lambda *given, **more: {"again": True})
    assert kept_unknown_kinds(train, valid, known, class_count=3, seed=0) == measured
    assert kept_unknown_kinds(train, valid, known[::-1], class_count=3, seed=0) == {"again": True}
    assert kept_unknown_kinds(train, valid + 1, known, class_count=3, seed=0) == {"again": True}
    assert kept_unknown_kinds(train, valid, known, class_count=3, seed=1) == {"again": True}


@pytest.mark.parametrize("found", [7, [], {}, {"marked": 1, "classes": [], "reason": ""}])
def test_read_unknown_kinds__refuses_what_they_are_not(found):
    with pytest.raises(ValueError, match="unknown kinds"):
        read_unknown_kinds(json.dumps(found).encode())
