"""Enlarging a map must not change what it adds up to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.explain.spread import spread_maps, spread_matrix


@given(st.integers(1, 40), st.integers(1, 90))
def test_spread_matrix__keeps_sums_for_every_pair_of_sizes(cells, pixels):
    weights = spread_matrix(cells, pixels)
    assert weights.shape == (pixels, cells)
    assert weights.min() >= -1e-12
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-9)
    np.testing.assert_allclose(weights.sum(axis=0), pixels / cells, atol=1e-9)


def test_spread_matrix__a_straight_line_stays_one_between_the_middles():
    line = spread_matrix(5, 50) @ np.arange(5.0)
    np.testing.assert_allclose(np.diff(line[5:45]), 0.1, atol=1e-9)
    np.testing.assert_allclose(line[:5], 0, atol=1e-9)
    np.testing.assert_allclose(line[45:], 4, atol=1e-9)


@pytest.mark.parametrize(("height", "width"), [(56, 56), (50, 31), (3, 2)])
def test_spread_maps__keeps_the_mean_of_each_map(height, width):
    maps = np.random.default_rng(3).normal(size=(4, 7, 5)).astype(np.float32)
    enlarged = spread_maps(maps, height=height, width=width)
    assert enlarged.shape == (4, height, width)
    np.testing.assert_allclose(enlarged.mean(axis=(1, 2)), maps.mean(axis=(1, 2), dtype=np.float64), atol=1e-12)
