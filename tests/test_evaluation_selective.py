"""The curve of coverage and error."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tellapart.evaluation.intervals import wilson
from tellapart.evaluation.selective import risk_coverage


def test_risk_coverage__by_hand():
    curve = risk_coverage(np.array([0.9, 0.6, 0.8, 0.9]), correct=np.array([True, False, False, True]))
    assert curve["threshold"] == [0.9, 0.8, 0.6]
    assert curve["answered"] == [2, 3, 4]
    assert curve["wrong"] == [0, 1, 2]
    assert (curve["low"][1], curve["high"][1]) == (wilson(1, 3).low, wilson(1, 3).high)


@given(st.lists(st.tuples(st.sampled_from([0.5, 0.6, 0.7, 0.8, 0.9, 1.0]), st.booleans()), min_size=1, max_size=400))
def test_risk_coverage__every_point_is_what_its_threshold_answers(answers):
    confidence, correct = np.array([each[0] for each in answers]), np.array([each[1] for each in answers])
    curve = risk_coverage(confidence, correct=correct)
    for threshold, answered, wrong in zip(curve["threshold"], curve["answered"], curve["wrong"], strict=True):
        assert answered == (confidence >= threshold).sum()
        assert wrong == (~correct[confidence >= threshold]).sum()
    assert curve["answered"][-1] == len(answers)


def test_risk_coverage__stays_short():
    random = np.random.default_rng(0)
    curve = risk_coverage(random.random(5000), correct=random.random(5000) < 0.9)
    assert len(curve["threshold"]) == 101
    assert np.diff(curve["answered"]).min() > 0
