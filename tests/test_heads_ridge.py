"""A ridge head in closed form: its leave-one-out answers are those of heads that are fitted without a row."""

import numpy as np
import pytest

from tellapart.errors import DataError
from tellapart.heads.calibration import probabilities
from tellapart.heads.dual_space import column_standard
from tellapart.heads.objective import softmax_loss
from tellapart.heads.ridge import fit_scale, leave_out, moments_of, ridge_fit, ridge_head, standardised
from tellapart.heads.sums import Sums, add, sums_of

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
    moments = moments_of(sums_of(features, labels, class_count=CLASSES, weights=weights))
    fit = ridge_fit(moments, features, labels, l2=l2, weights=weights)
    rows = standardised(features, moments.standard).astype(np.float64)
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


def test_moments_of__those_of_some_columns_are_as_if_there_were_no_others():
    features, labels = made_up()
    whole = moments_of(sums_of(features, labels, class_count=CLASSES).part(slice(4, 12)))
    part = moments_of(sums_of(features[:, 4:], labels, class_count=CLASSES))
    np.testing.assert_allclose(whole.cross, part.cross, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.tril(whole.gram), np.tril(part.gram), rtol=1e-6, atol=1e-7)


def test_moments_of__are_those_of_the_standardised_rows():
    features, labels = made_up()
    features[:, 0] += 60_000  # a mean beside which the deviation is small
    moments = moments_of(sums_of(features, labels, class_count=CLASSES))
    standard = column_standard(features)
    np.testing.assert_allclose(moments.standard.mean, standard.mean)
    np.testing.assert_allclose(moments.standard.inverse_deviation, standard.inverse_deviation, rtol=1e-5)
    rows = (features - standard.mean) * standard.inverse_deviation
    np.testing.assert_allclose(np.tril(moments.gram), np.tril(rows.T @ rows / len(rows)), atol=1e-5)
    shown = np.eye(CLASSES)[labels]
    np.testing.assert_allclose(moments.cross, rows.T @ (shown - shown.mean(axis=0)) / len(rows), atol=1e-6)


def test_moments_of__no_rows_and_sums_that_are_no_numbers():
    features, labels = made_up()
    nothing = Sums(rows=0, counts=np.zeros(2), totals=np.zeros((2, 3)), products=np.zeros((3, 3), order="F"))
    with pytest.raises(DataError, match="no rows"):
        moments_of(nothing)
    sums = sums_of(features, labels, class_count=CLASSES)
    sums.products[3, 3] = np.nan
    with pytest.raises(DataError, match="not finite"):
        moments_of(sums)


def test_ridge_head__of_parts_that_were_added_is_that_of_all_rows():
    features, labels = made_up(count=900)
    whole = moments_of(sums_of(features, labels, class_count=CLASSES))
    parts = [slice(0, 7), slice(7, 500), slice(500, 900)]
    added = add(sums_of(features[part], labels[part], class_count=CLASSES) for part in reversed(parts))
    head, other = ridge_head(whole, l2=0.1), ridge_head(moments_of(added), l2=0.1)
    np.testing.assert_allclose(other.weight, head.weight, rtol=1e-5, atol=1e-7)
    fit = ridge_fit(whole, features, labels, l2=0.1)
    np.testing.assert_allclose(fit.head(start=0).weight, fit.scale * head.weight, rtol=1e-5)
    np.testing.assert_allclose(fit.head(start=0).bias, fit.scale * head.bias, rtol=1e-5, atol=1e-6)


def test_ridge_fit__some_of_the_rows_tell_how_it_does_on_all():
    features, labels = made_up(count=900)
    moments = moments_of(sums_of(features, labels, class_count=CLASSES))
    whole = ridge_fit(moments, features, labels, l2=0.1)
    some = ridge_fit(moments, features[::3], labels[::3], l2=0.1)
    np.testing.assert_allclose(some.weight, whole.weight)
    assert some.log_loss == pytest.approx(whole.log_loss, abs=0.05)


def test_ridge_fit__more_columns_than_rows_and_a_column_that_never_varies():
    features, labels = made_up(count=20, width=50)
    features[:, 3] = 7.0
    fit = ridge_fit(moments_of(sums_of(features, labels, class_count=CLASSES)), features, labels, l2=0.03)
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
