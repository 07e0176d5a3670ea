from __future__ import annotations

import numpy as np
import pytest

from tellapart.heads import preconditioner as curvature
from tellapart.heads.dual_space import training_space
from tellapart.heads.objective import Objective
from tellapart.heads.preconditioner import curvature_at
from tellapart.heads.products import inverse_root, product


def problem(count, width, *, classes=2):
    generator = np.random.default_rng(0)
    features = (generator.standard_normal((count, width)) + 2).astype(np.float32)
    space = training_space(features)
    point = generator.standard_normal((1, classes, space.matrix.shape[1] + 1)) * 0.1
    point -= point.mean(axis=1, keepdims=True)
    return space, generator.integers(0, classes, count), point


@pytest.mark.parametrize("shape", [(12, 40), (60, 8)])
def test_metric__inverts_the_exact_hessian_of_two_classes(shape, monkeypatch):
    monkeypatch.setattr(curvature, "NEGLIGIBLE", 0.0)
    space, labels, point = problem(*shape)
    weights = np.full((shape[0], 1), 1 / shape[0], dtype=np.float32)
    objective = Objective(space=space, labels=labels, row_weights=weights, l2=0.05)
    step = np.random.default_rng(1).standard_normal(point.shape) * 1e-3
    step -= step.mean(axis=1, keepdims=True)
    change = objective.value_and_gradient(point + step)[1] - objective.value_and_gradient(point - step)[1]
    found = curvature_at(space, labels, point).metric(0.05)(change / 2)
    np.testing.assert_allclose(found, step, atol=2e-5)


def test_metric__is_found_among_the_rows_where_few_are_unsure():
    space, labels, point = problem(50, 50)
    thin = curvature_at(space, labels, 100 * point)
    assert thin.rows is not None
    assert len(thin.rows) < 50


def test_metric__is_positive_for_many_rows_that_are_sampled(monkeypatch):
    monkeypatch.setattr(curvature, "SAMPLED_ROWS", 30)
    space, labels, point = problem(200, 10, classes=3)
    metric = curvature_at(space, labels, point).metric(0.01)
    gradient = np.random.default_rng(3).standard_normal(point.shape)
    assert (metric(gradient) * gradient).sum() > 0


def test_sample__stands_for_the_whole_sum():
    unsureness = np.random.default_rng(0).uniform(0, 1, 1000) ** 4
    _, weights = curvature._sample(unsureness, most=100)
    assert weights.sum() == pytest.approx(unsureness.mean(), rel=1e-5)


def test_product__is_right_in_every_memory_order():
    generator = np.random.default_rng(0)
    left, right = (generator.standard_normal((7, 7)).astype(np.float32) for _ in range(2))
    for first in (left, np.asfortranarray(left), np.repeat(left, 2, axis=1)[:, ::2]):
        for second in (right, np.asfortranarray(right)):
            result = product(first, second)
            np.testing.assert_allclose(result, left @ right, rtol=1e-4, atol=1e-5)
            assert result.flags.c_contiguous


def test_inverse_root__survives_a_matrix_that_is_singular():
    ones = np.ones((5, 5), dtype=np.float32, order="F")
    root = inverse_root(ones, added=0.0)
    assert np.isfinite(root).all()
    assert (root.diagonal() > 0).all()
