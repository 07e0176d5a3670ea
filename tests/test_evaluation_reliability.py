"""Bins of confidence, and the one figure made of them."""

from __future__ import annotations

import numpy as np
import pytest

from tellapart.evaluation.intervals import wilson
from tellapart.evaluation.reliability import calibration_error, in_bins, reliability


def test_calibration_error__by_hand():
    # Two bins: 0.62 said of two with one right, 0.9 said of two with both right.
    confidence = np.array([0.62, 0.62, 0.9, 0.9])
    expected = 0.5 * abs(0.5 - 0.62) + 0.5 * abs(1 - 0.9)
    assert calibration_error(confidence, correct=np.array([True, False, True, True])) == pytest.approx(expected)


def test_calibration_error__bins_are_closed_above():
    # 0.4 is the upper edge of the sixth bin, so it is averaged with 0.35; one higher bin would keep them apart.
    confidence = np.array([0.35, 0.4])
    assert calibration_error(confidence, correct=np.array([True, False])) == pytest.approx(abs(0.5 - 0.375))


def test_calibration_error__perfectly_calibrated_is_zero():
    assert calibration_error(np.full(4, 0.75), correct=np.array([True, True, True, False])) == pytest.approx(0)


def test_in_bins__sums_over_rows_give_the_calibration_error():
    random = np.random.default_rng(0)
    confidence, correct = random.uniform(0.3, 1, 200), random.random(200) < 0.6
    gaps = in_bins(correct - confidence, confidence).sum(axis=0)
    assert np.abs(gaps).sum() / 200 == pytest.approx(calibration_error(confidence, correct=correct))


def test_reliability__only_bins_that_hold_a_picture():
    confidence = np.array([0.62, 0.62, 1.0, 1.0])
    low, high = reliability(confidence, correct=np.array([True, False, True, True]))
    assert (low["from"], low["to"]) == (9 / 15, 10 / 15)
    assert (low["n"], low["confidence"], low["accuracy"]) == (2, pytest.approx(0.62), wilson(1, 2).to_json())
    assert (high["to"], high["n"], high["accuracy"]["value"]) == (1, 2, 1)
