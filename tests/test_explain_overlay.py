"""A heat map laid over its picture."""

import numpy as np
import pytest

from tellapart.explain.heat_map import HeatMap
from tellapart.explain.overlay import evidence_limit, evidence_strength, overlay


def heat_map(values, *, bias=None):
    values = np.array(values, np.float32)
    return HeatMap(values=values, method="exact", target=0, class_name="cat", logit=0.0, bias=bias)


def test_overlay__orange_for_and_blue_against_on_grey():
    values = np.zeros((8, 8))
    values[:, :2], values[:, 6:] = -1, 1
    shown = overlay(np.full((40, 80, 3), 128, np.uint8), heat_map(values)).astype(int)
    assert shown.shape == (40, 80, 3)
    left, middle, right = shown[20, 2], shown[20, 40], shown[20, -3]
    assert left[2] > left[0] + 50
    assert right[0] > right[2] + 50
    assert np.ptp(middle) <= 1


def test_evidence_strength__runs_from_minus_one_to_one():
    heat = heat_map(np.linspace(-3, 1, 100).reshape(10, 10))
    strength = evidence_strength(heat, height=20, width=30)
    assert strength.shape == (20, 30)
    assert strength.min() == -1
    assert strength.max() == pytest.approx(1 / 3, abs=0.05)


def test_evidence_limit__is_above_nothing_and_not_set_by_one_hot_pixel():
    assert evidence_limit(heat_map(np.zeros((4, 4)))) > 0
    values = np.ones((40, 40))
    values[0, 0] = 1000
    assert evidence_limit(heat_map(values)) == pytest.approx(1)


def test_evidence__spreads_the_bias_over_the_places():
    heat = heat_map([[0.1, 0.2], [0.3, 0.4]], bias=-2.0)
    np.testing.assert_allclose(heat.evidence, [[-1.6, -1.2], [-0.8, -0.4]], atol=1e-6)
    assert heat.evidence.mean() == pytest.approx(heat.values.sum() + heat.bias)
