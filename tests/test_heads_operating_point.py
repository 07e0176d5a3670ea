"""Answers of least expected cost, and the weight at which a class is found as often as was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from tellapart.heads.abstention import NEVER, highest_error
from tellapart.heads.operating_point import (
    answered_class,
    choose_weight,
    choose_weights,
    cost_thresholds,
    equal_costs,
    promises_by_costs,
    weighted,
    weights_to_answer,
)


def shares(random, count, *, classes=3):
    return random.dirichlet(np.full(classes, 0.4), count)


def test_answered_class__without_costs_and_with_equal_ones_the_likeliest():
    probabilities = shares(np.random.default_rng(0), 500)
    likeliest = probabilities.argmax(axis=1)
    np.testing.assert_array_equal(answered_class(probabilities, None), likeliest)
    np.testing.assert_array_equal(answered_class(probabilities, equal_costs(3)), likeliest)


def test_answered_class__a_dear_mistake_is_avoided():
    costs = np.array([[0.0, 1.0], [50.0, 0.0]])
    assert answered_class(np.array([[0.99, 0.01], [0.97, 0.03]]), costs).tolist() == [0, 1]


@pytest.mark.parametrize("costs", [equal_costs(3), np.array([[0, 1, 9], [2, 0, 1], [5, 3, 0.5]])])
def test_weights_to_answer__are_where_the_answer_becomes_the_class(costs):
    probabilities = shares(np.random.default_rng(1), 300)
    for place in range(3):
        needed = weights_to_answer(probabilities, costs, place=place)
        for factor, answered in ((1 + 1e-6, True), (1 - 1e-6, False)):
            for row, weight in zip(probabilities, needed, strict=True):
                if np.isfinite(weight) and weight > 0:
                    found = answered_class(row[None], weighted(costs, {place: weight * factor}))[0]
                    assert bool(found == place) is answered


def test_choose_weight__the_recall_is_missed_in_at_most_one_of_twenty():
    """The logarithm of the weight that a picture of the class needs is normal; recall is its distribution function."""
    from scipy.special import ndtr

    random, runs, broken, kept = np.random.default_rng(0), 400, 0, 0
    for _ in range(runs):
        promise = choose_weight(np.exp(random.normal(size=150)), place=0, asked=0.95)
        true = float(ndtr(np.log(promise.weight)))
        kept += promise.kept
        broken += true < promise.shown
    assert kept == runs
    assert broken / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_choose_weight__changes_nothing_where_the_recall_is_there_already():
    promise = choose_weight(np.full(400, 0.5), place=1, asked=0.99)
    assert (promise.weight, promise.kept) == (1.0, True)
    assert promise.shown == pytest.approx(1 - highest_error(0, 400))


def test_choose_weight__too_few_pictures_show_what_they_can():
    promise = choose_weight(np.array([0.1] * 18 + [3.0, 5.0]), place=1, asked=0.99)
    assert (promise.kept, promise.needed, promise.pictures) == (False, 299, 20)
    assert promise.weight == pytest.approx(5.0)
    assert promise.shown == pytest.approx(1 - highest_error(0, 20))
    nothing = choose_weight(np.array([]), place=1, asked=0.99)
    assert (nothing.weight, nothing.shown, nothing.kept) == (1.0, 0.0, False)


def noisy(random, count, *, share):
    """Probabilities of three classes, of which the last has what the two shares leave, and labels."""
    shares = np.array([share, share, 1 - 2 * share])
    labels = random.choice(3, p=shares, size=count)
    logits = random.normal(size=(count, 3))
    logits[np.arange(count), labels] += 1.6
    raised = np.exp(1.6 * logits) * shares
    return raised / raised.sum(axis=1, keepdims=True), labels


@pytest.mark.parametrize("asked", [{0: 0.7, 1: 0.7}, {1: 0.7, 0: 0.7}, {0: 0.9, 1: 0.9}, {0: 0.9, 1: 0.9, 2: 0.9}])
def test_choose_weights__each_recall_is_what_all_weights_together_show(asked):
    probabilities, labels = noisy(np.random.default_rng(0), 1500, share=0.3)
    promises = choose_weights(probabilities, labels, equal_costs(3), asked=asked)
    weights = {each.place: each.weight for each in promises}
    predicted = answered_class(probabilities, weighted(equal_costs(3), weights))
    for each in promises:
        missed = int((predicted[labels == each.place] != each.place).sum())
        assert each.shown == pytest.approx(1 - highest_error(missed, each.pictures), abs=1e-9)
    # 0.9 of two classes is more than these pictures allow.
    assert all(each.kept for each in promises) == (set(asked.values()) == {0.7})


def test_choose_weights__two_recalls_are_missed_in_at_most_one_of_twenty_each():
    random, runs, broken, kept = np.random.default_rng(1), 300, np.zeros(2), np.zeros(2)
    new, true = noisy(random, 50_000, share=0.15)
    for _ in range(runs):
        promises = choose_weights(*noisy(random, 400, share=0.15), equal_costs(3), asked={0: 0.8, 1: 0.6})
        predicted = answered_class(new, weighted(equal_costs(3), {each.place: each.weight for each in promises}))
        broken += [(predicted[true == each.place] == each.place).mean() < each.shown for each in promises]
        kept += [each.kept for each in promises]
    assert (kept > 0.8 * runs).all()
    assert (broken / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5).all()


def test_cost_thresholds__are_exact_for_two_classes():
    random = np.random.default_rng(0)
    probabilities, costs, person = shares(random, 4000, classes=2), np.array([[0, 1.0], [9.0, 0]]), np.full(2, 0.3)
    predicted = answered_class(probabilities, costs)
    thresholds = cost_thresholds(probabilities, predicted, costs=costs, person=person)
    stands = probabilities[np.arange(4000), predicted] >= thresholds[predicted]
    expected = (probabilities @ costs).min(axis=1) <= probabilities @ person
    assert (stands == expected).mean() > 0.999


def test_cost_thresholds__a_person_who_costs_nothing_or_too_much():
    probabilities = shares(np.random.default_rng(0), 100)
    for person, least in ((np.zeros(3), NEVER), (np.full(3, 5.0), 0.0)):
        found = cost_thresholds(probabilities, probabilities.argmax(axis=1), costs=equal_costs(3), person=person)
        assert set(found) == {least}


def test_promises_by_costs__say_what_the_thresholds_are_worth():
    confidence, labels = np.linspace(0.5, 1, 200), np.repeat([0, 1], 100)
    predicted = labels.copy()
    predicted[150] = 0
    found = promises_by_costs(
        confidence,
        predicted=predicted,
        labels=labels,
        learned=np.array([50, 50]),
        thresholds=np.array([0.6, NEVER]),
        max_error=0.01,
    )
    stands = (confidence >= 0.6) & (predicted == 0)
    assert found.overall.error == pytest.approx(highest_error(1, int(stands.sum())))
    assert [promise.error is None for promise in found.classes] == [False, True]
    assert "The costs set when a person is asked" in found.overall.in_words()
