"""The shares of unequal classes are taken out of the logits where held-out pictures say so."""

from __future__ import annotations

import numpy as np
import pytest

from tellapart.heads.calibration import fit_temperature
from tellapart.heads.linear import LinearHead
from tellapart.heads.prior import are_unequal, choose_fraction, prior_shift, weights_of_classes, without_shares


def clouds(random, counts, *, distance):
    """The features of two classes on a line, and their labels."""
    labels = np.repeat(np.arange(len(counts)), counts)
    return random.normal(size=len(labels)) + distance * labels, labels


@pytest.mark.parametrize(
    ("counts", "unequal"), [([100, 34], False), ([100, 33], True), ([100, 0], False), ([7], False)]
)
def test_are_unequal__more_than_three_to_one(counts, unequal):
    assert are_unequal(np.array(counts)) is unequal


def test_choose_fraction__takes_out_what_a_calibrated_head_has_of_the_shares():
    random, counts = np.random.default_rng(0), np.array([1000, 10])
    features, labels = clouds(random, [2000, 20], distance=2.0)
    slope = 2.0 * features - 2.0  # the log likelihood ratio of two normal distributions two apart
    logits = np.stack([np.zeros_like(slope), slope + np.log(10 / 1000)], axis=1)
    choice = choose_fraction(logits, labels, counts)
    assert choice.fraction == 1.0
    assert choice.losses["1"] < choice.losses["0.5"] < choice.losses["0"]
    moved = logits + prior_shift(counts, fraction=choice.fraction)
    np.testing.assert_allclose(moved[:, 1] - moved[:, 0], slope)
    recalls = [float((scores.argmax(axis=1) == labels)[labels == 1].mean()) for scores in (logits, moved)]
    assert recalls[0] < 0.3
    assert recalls[1] > 0.7


def test_choose_fraction__leaves_a_head_alone_that_has_learned_with_equal_weights():
    random = np.random.default_rng(0)
    features, labels = clouds(random, [2000, 20], distance=2.0)
    logits = np.stack([np.zeros_like(features), 2.0 * features - 2.0], axis=1)
    assert choose_fraction(logits, labels, np.array([1000, 10])).fraction == 0.0


def test_without_shares__is_in_the_bias_and_leaves_absent_classes():
    head = LinearHead(weight=np.ones((2, 3), np.float32), bias=np.array([0, 0, -20], np.float32), start=0, stop=2)
    moved = without_shares(head, np.array([100, 10, 0]), fraction=1.0)
    np.testing.assert_allclose(moved.bias, [0, np.log(10), -20], rtol=1e-6)
    assert without_shares(head, np.array([100, 10, 0]), fraction=0.0) is head
    assert weights_of_classes(np.array([100, 10, 0]), fraction=0.0) is None
    np.testing.assert_allclose(weights_of_classes(np.array([100, 25, 0]), fraction=0.5), [1, 2, 1])


def test_fit_temperature__equal_weights_change_nothing_and_a_heavy_picture_counts_as_few():
    random = np.random.default_rng(0)
    logits, labels = 3 * random.normal(size=(200, 2)), random.integers(0, 2, 200)
    plain = fit_temperature(logits, labels)
    assert fit_temperature(logits, labels, weights=np.full(200, 7.0)) == pytest.approx(plain)
    weights = np.ones(200)
    weights[0] = 1e6  # one picture: the prior, that the temperature is near 1, has the last word
    assert abs(np.log(fit_temperature(logits, labels, weights=weights))) < abs(np.log(plain))
