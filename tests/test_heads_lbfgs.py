from __future__ import annotations

import numpy as np
import pytest

from tellapart.heads.lbfgs import minimise


def bowls(parameters):
    """Two quadratics [2, 1, 3] with their minima, 1 and 2, at 1 and at 2, of very different curvature by coordinate."""
    bend = np.array([[[1.0, 10.0, 1000.0]]])
    away = parameters - np.array([1.0, 2.0])[:, None, None]
    return np.array([1.0, 2.0]) + (bend * away**2).sum(axis=(1, 2)) / 2, bend * away


def unchanged(gradient):
    return gradient


def test_minimise__finds_the_minimum_of_each_problem_of_a_batch():
    result = minimise(bowls, np.zeros((2, 1, 3)), metric=unchanged, tolerance=1e-14)
    assert result.iterations < 300
    np.testing.assert_allclose(result.parameters[:, 0], [[1, 1, 1], [2, 2, 2]], atol=1e-6)
    np.testing.assert_allclose(result.value, [1, 2])


def test_minimise__needs_one_step_in_the_right_metric():
    result = minimise(bowls, np.zeros((2, 1, 3)), metric=lambda g: g / [1.0, 10.0, 1000.0], tolerance=1e-12)
    assert result.iterations == 1


def test_minimise__stops_at_the_limit():
    result = minimise(bowls, np.zeros((2, 1, 3)), metric=unchanged, tolerance=1e-14, iterations=1)
    assert result.iterations == 1


def test_minimise__shortens_a_step_that_goes_too_far():
    def steep(parameters):
        value, gradient = np.cosh(parameters).sum(axis=(1, 2)), np.sinh(parameters)
        return value, gradient

    result = minimise(steep, np.full((1, 1, 2), 6.0), metric=unchanged, tolerance=1e-12)
    assert result.value[0] == pytest.approx(2.0)


def test_minimise__keeps_a_problem_that_starts_at_its_minimum():
    start = np.array([[[1.0, 1.0, 1.0]], [[0.0, 0.0, 0.0]]])
    result = minimise(bowls, start, metric=unchanged, tolerance=1e-14)
    assert (result.parameters[0] == 1.0).all()
    np.testing.assert_allclose(result.parameters[1], 2.0, atol=1e-6)
