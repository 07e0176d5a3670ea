"""A ridge head in closed form: its leave-one-out answers are those of heads that are fitted without a row."""

import numpy as np
import pytest

from tellapart.heads.calibration import probabilities
from tellapart.heads.objective import softmax_loss
from tellapart.heads.ridge import fit_scale, leave_out, ridge_fit, ridge_sums, standardised

CLASSES = 3


def made_up(count=60, width=12, *, seed=0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, count)
    centres = random.normal(0, 1.0, (CLASSES, width))
    features = (centres[labels] + random.normal(0, 1.5, (count, width)) + 3).astype(np.float32)
    return features, labels


def by_hand(rows, labels, *, penalty, weights):
    """Weights and bias of ridge regression on one-hot labels, the sum of squares and an absolute penalty."""
    design = np.hstack([rows, np.ones((len(rows), 1))])
    eye = np.eye(design.shape[1])
    eye[-1, -1] = 0
    return np.linalg.solve(
        design.T @ (design * weights[:, None]) + penalty * eye, design.T @ (np.eye(CLASSES)[labels] * weights[:, None])
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("l2", [3.0, 0.01])
def test_ridge_fit__left_out_rows_are_answered_by_heads_fitted_without_them(l2, weighted):
    features, labels = made_up()
    weights = np.random.default_rng(1).uniform(0.2, 3, len(labels)) if weighted else None
    counts = np.ones(len(labels)) if weights is None else weights
    sums = ridge_sums(features, labels, class_count=CLASSES, weights=weights)
    fit = ridge_fit(sums, features, labels, l2=l2, weights=weights)
    rows = standardised(features, sums.standard).astype(np.float64)
    penalty = l2 * counts.sum()
    whole = by_hand(rows, labels, penalty=penalty, weights=counts)
    logits = fit.head(start=0).logits(features)
    np.testing.assert_allclose(logits / fit.scale, rows @ whole[:-1] + whole[-1], atol=2e-4)
    answers = np.empty((len(labels), CLASSES))
    for row in range(len(labels)):
        kept = np.arange(len(labels)) != row
        without = by_hand(rows[kept], labels[kept], penalty=penalty, weights=counts[kept])
        answers[row] = rows[row] @ without[:-1] + without[-1]
    scale, log_loss = fit_scale(answers, labels, weights=weights)
    assert fit.scale == pytest.approx(scale, rel=0.01)
    assert fit.log_loss == pytest.approx(log_loss, abs=1e-4)
    assert fit.accuracy == pytest.approx(np.average(answers.argmax(axis=1) == labels, weights=weights))


def test_leave_out__takes_a_row_out_of_its_own_answer():
    found = leave_out(np.array([[0.7, 0.3]]), np.array([0]), np.array([0.5]))
    np.testing.assert_allclose(found, [[0.4, 0.6]])


def test_ridge_sums__those_of_some_columns_are_part_of_those_of_all():
    features, labels = made_up()
    whole = ridge_sums(features, labels, class_count=CLASSES).part(slice(4, 12))
    part = ridge_sums(features[:, 4:], labels, class_count=CLASSES)
    np.testing.assert_allclose(whole.cross, part.cross, rtol=0.2, atol=0.02)  # the median deviation is another one
    assert whole.gram.shape == (8, 8)


def test_ridge_fit__more_columns_than_rows_and_a_column_that_never_varies():
    features, labels = made_up(count=20, width=50)
    features[:, 3] = 7.0
    fit = ridge_fit(ridge_sums(features, labels, class_count=CLASSES), features, labels, l2=0.03)
    assert np.isfinite(fit.head(start=0).weight).all()
    assert (fit.head(start=0).weight[3] == 0).all()
    assert 0 < fit.log_loss < np.log(CLASSES) + 0.1


def test_fit_scale__is_where_the_log_loss_is_least():
    random = np.random.default_rng(3)
    labels = random.integers(0, CLASSES, 400)
    answers = 0.2 * np.eye(CLASSES)[labels] + random.normal(0, 0.1, (400, CLASSES))
    scale, log_loss = fit_scale(answers, labels)
    for other in (scale / 1.2, scale * 1.2):
        losses, _ = softmax_loss((answers * other)[:, None], labels)
        assert losses.mean() > log_loss
    shares = probabilities(answers * scale, temperature=1.0)
    assert shares.max(axis=1).mean() == pytest.approx((answers.argmax(axis=1) == labels).mean(), abs=0.05)
