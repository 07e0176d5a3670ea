"""Intervals of figures that are no shares hold the true figure about as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from tellapart.evaluation.grouped import picture_weight
from tellapart.evaluation.intervals import wilson
from tellapart.evaluation.reliability import calibration_error, in_bins
from tellapart.evaluation.resampling import (
    LEAST_SAMPLES,
    MOST_SAMPLES,
    balanced_interval,
    calibration_interval,
    calibration_noise,
    loss_interval,
    resampled_sums,
    sample_blocks,
)


def calibrated(random, count, *, share):
    """Confidences of a binary classifier that are exactly true, and whether each answer was right."""
    confidence = random.beta(8 * share, 8 * (1 - share), count)
    return confidence, random.random(count) < confidence


def log_losses(confidence, correct):
    return -np.log(np.maximum(np.where(correct, confidence, 1 - confidence), 1e-15))


def squares(values):
    return np.stack([values, values**2], axis=1)


def test_loss_interval__holds_the_true_loss_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    true = log_losses(*calibrated(random, 400_000, share=0.9)).mean()
    held = 0
    for _ in range(200):
        losses = log_losses(*calibrated(random, 150, share=0.9))
        interval = loss_interval(losses, resampled_sums(squares(losses)), most=34.6)
        held += interval["low"] <= true <= interval["high"]
    assert 0.9 <= held / 200 <= 0.99  # 0.95 give or take three standard errors, and the dip that rare errors bring


def test_loss_interval__never_leaves_what_a_loss_can_be():
    losses = np.array([0.0, 0.0, 0.0, 0.0, 2.0])
    interval = loss_interval(losses, resampled_sums(squares(losses)), most=2.0)
    assert 0 <= interval["low"] <= 0.4 <= interval["high"] <= 2


def test_calibration_interval__of_true_confidences_reaches_nothing():
    random = np.random.default_rng(1)
    held = 0
    for _ in range(60):
        confidence, correct = calibrated(random, 150, share=0.9)
        gaps = in_bins(correct - confidence, confidence)
        value = calibration_error(confidence, correct=correct)
        interval = calibration_interval(value, gaps, resampled_sums(gaps))
        assert interval["low"] <= value <= interval["high"]
        held += interval["low"] == 0
    assert held >= 54


def test_calibration_interval__tells_bad_calibration_from_chance():
    confidence, correct = np.full(500, 0.95), np.arange(500) < 350
    gaps = in_bins(correct - confidence, confidence)
    interval = calibration_interval(0.25, gaps, resampled_sums(gaps))
    assert 0.15 < interval["low"] < 0.25 < interval["high"] < 0.35


def test_calibration_noise__is_what_chance_gives():
    # One bin, probability a half: the mean of |right - n / 2| / n is sqrt(1 / (2 pi n)) for many pictures.
    noise = calibration_noise(np.full(400, 0.5))
    assert noise["mean"] == pytest.approx((2 * np.pi * 400) ** -0.5, rel=0.1)
    assert noise["high"] == pytest.approx(1.96 * 0.5 / 20, rel=0.1)


@pytest.mark.parametrize("each", [1, 3, 10])
def test_calibration_noise__answers_of_groups_are_seldom_called_badly_calibrated(each):
    random, runs, count, above = np.random.default_rng(each), 100, 300, 0
    groups = np.arange(count) // each
    for _ in range(runs):
        confidence = np.round(0.5 + 0.5 * random.beta(6, 1.2, size=len(groups))[groups], 6)
        alike = random.random(count) < (0.7 if each > 1 else 0)  # right or not by the luck of the group
        correct = np.where(alike, random.random(count)[groups], random.random(count)) < confidence
        noise = calibration_noise(confidence, weight=picture_weight(correct, groups))
        above += calibration_error(confidence, correct=correct) > noise["high"]
    assert above / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_balanced_interval__of_one_class_is_wilsons():
    interval, wanted = balanced_interval([17], [20]), wilson(17, 20)
    assert (interval["low"], interval["high"]) == pytest.approx((wanted.low, wanted.high))


def test_balanced_interval__all_right_is_still_uncertain_and_ends_at_one():
    interval = balanced_interval([50] * 6, [50] * 6)
    assert interval["high"] == 1
    assert 0.96 < interval["low"] < 0.98


# Coverage over all outcomes of two classes of n pictures, with the dip where nearly everything is right.
@pytest.mark.parametrize(("count", "share", "least", "most"), [(20, 0.5, 0.93, 0.97), (50, 0.9, 0.93, 0.97)])
def test_balanced_interval__covers(count, share, least, most):
    from scipy.stats import binom

    weights = binom.pmf(np.arange(count + 1), count, share)
    held = 0.0
    for first in range(count + 1):
        for second in range(count + 1):
            if weights[first] * weights[second] > 1e-7:
                interval = balanced_interval([first, second], [count, count])
                held += weights[first] * weights[second] * (interval["low"] <= share <= interval["high"])
    assert least <= held <= most


def test_resampled_sums__are_sums_over_as_many_pictures_as_there_are():
    columns = np.stack([np.ones(50), np.arange(50.0)], axis=1)
    sums = resampled_sums(columns)
    assert sums.shape == (MOST_SAMPLES, 2)
    assert (sums[:, 0] == 50).all()
    assert sums[:, 1].mean() / 50 == pytest.approx(24.5, abs=0.3)
    assert sums[:, 1].std() / 50 == pytest.approx(columns[:, 1].std() / 50**0.5, rel=0.1)


@pytest.mark.parametrize("count", [1, 1000, 300_000, 5_000_000])
def test_sample_blocks__many_pictures_are_drawn_less_often_and_in_parts(count):
    rows = list(sample_blocks(count))
    assert LEAST_SAMPLES <= sum(rows) <= MOST_SAMPLES
    assert max(rows) == 1 or max(rows) * count <= 1_000_000
