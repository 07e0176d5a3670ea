from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tellapart.heads.calibration import calibrated_losses, fit_temperature, probabilities


def sampled(count, *, temperature):
    """Logits [count, 4] and labels drawn from softmax(logits / temperature)."""
    generator = np.random.default_rng(0)
    logits = generator.standard_normal((count, 4)) * 3
    noise = generator.gumbel(size=logits.shape)
    return logits, (logits / temperature + noise).argmax(axis=1)


def test_probabilities__are_stable_for_huge_logits():
    result = probabilities(np.array([[1e5, 0.0, -1e5], [3.0, 3.0, 3.0]]), temperature=1.0)
    np.testing.assert_allclose(result, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]])


def test_probabilities__leave_the_logits_alone():
    logits = np.array([[1.0, 2.0]])
    probabilities(logits, temperature=2.0)
    assert logits.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_fit_temperature__finds_the_one_the_labels_were_drawn_at(temperature):
    logits, labels = sampled(20_000, temperature=temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.05)


def test_fit_temperature__is_where_loss_and_prior_are_least():
    logits, labels = sampled(300, temperature=2.0)

    def cost(log_temperature):
        own = probabilities(logits, temperature=np.exp(log_temperature))[np.arange(300), labels]
        return -np.log(own).sum() + 5 * log_temperature**2

    best = np.log(fit_temperature(logits, labels))
    assert cost(best) < min(cost(best - 0.01), cost(best + 0.01))


def test_fit_temperature__stays_moderate_when_every_picture_is_told_right():
    logits = np.array([[4.0, 0.0], [0.0, 4.0], [5.0, 0.0]])
    few = fit_temperature(logits, np.array([0, 1, 0]))
    many = fit_temperature(np.tile(logits, (1000, 1)), np.tile([0, 1, 0], 1000))
    assert 0.8 < few < 1.0
    assert 0.05 <= many < few


@pytest.mark.parametrize("wrong_by", [30.0, 1700.0])
def test_fit_temperature__one_picture_does_not_set_it(wrong_by):
    logits, labels = sampled(60, temperature=1.0)
    before = fit_temperature(logits, labels)
    worst = np.zeros((1, 4))
    worst[0, 1] = wrong_by
    after = fit_temperature(np.vstack([logits, worst]), np.append(labels, 0))
    assert before < after < 1.35 * before


def test_fit_temperature__of_no_picture_is_one():
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, dtype=np.int64)) == 1.0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(0, 1)), min_size=1, max_size=5))
def test_fit_temperature__is_bounded_whatever_the_logits(rows):
    logits = np.array([[left, right] for left, right, _ in rows])
    labels = np.array([label for _, _, label in rows])
    assert 0.049 < fit_temperature(logits, labels) < 20.01


def test_calibrated_losses__a_sure_classifier_is_mended_by_its_temperature():
    labels = np.array([0, 1] * 200)
    right = np.where(np.eye(2)[labels] > 0, 1.0, -1.0)
    right[:20] *= -1
    sure, unsure = calibrated_losses(5 * right, labels), calibrated_losses(right, labels)
    assert sure.shape == (400,)
    assert sure.mean() == pytest.approx(unsure.mean(), rel=0.05)
    assert (sure[:20] > sure[20:].max()).all()
