"""Class by class: a promise is false in at most one of twenty, and what cannot be promised is unsure."""

from __future__ import annotations

import numpy as np
import pytest

from tellapart.heads.abstention import NEVER, highest_error
from tellapart.heads.class_promise import choose_thresholds, fair_error, warnings

ERRORS = np.array([0.004, 0.03, 0.3])  # of the answers that name each class, where they are least sure
SHARES = np.array([0.6, 0.3, 0.1])


def drawn(random, count, *, shares=SHARES):
    """Answers about pictures: confidence, class answered and class shown; the less sure, the more often wrong."""
    predicted = random.choice(len(shares), size=count, p=shares)
    difficulty = random.random(count)
    wrong = random.random(count) < 2 * ERRORS[predicted] * difficulty
    labels = np.where(wrong, (predicted + 1) % len(shares), predicted)
    return np.round(1 - 0.4 * difficulty, 6), predicted, labels


def true_errors(thresholds):
    """The share of wrong answers of each class among those that stand."""
    hardest = np.minimum((1 - np.array(thresholds)) / 0.4, 1.0)
    return ERRORS * hardest


def test_choose_thresholds__each_promise_is_false_in_at_most_one_of_twenty():
    random, runs = np.random.default_rng(0), 300
    broken, made, overall = np.zeros(3), np.zeros(3), 0
    for _ in range(runs):
        confidence, predicted, labels = drawn(random, 400)
        found = choose_thresholds(
            confidence, predicted=predicted, labels=labels, learned=np.array([900, 450, 150]), max_error=0.02
        )
        true = true_errors([promise.threshold for promise in found.classes])
        for place, promise in enumerate(found.classes):
            if promise.error is not None:
                made[place] += 1
                broken[place] += true[place] > promise.error
        stands = SHARES * np.minimum((1 - np.array([each.threshold for each in found.classes])) / 0.4, 1).clip(0)
        overall += (stands * true).sum() / max(stands.sum(), 1e-9) > found.overall.error
    slack = 3 * (0.05 * 0.95 / runs) ** 0.5
    assert made[0] == made[1] == runs
    assert (broken / runs <= 0.05 + slack).all()
    assert overall / runs <= 0.05 + slack


def test_choose_thresholds__a_rare_class_that_valid_hardly_shows_never_stands():
    confidence = np.linspace(0.6, 1, 500)
    labels = np.repeat([0, 1], [495, 5])
    found = choose_thresholds(confidence, predicted=labels, labels=labels, learned=np.array([1000, 9]), max_error=0.02)
    common, rare = found.classes
    assert (common.threshold, common.error) == (found.overall.threshold, 0.04)
    assert (rare.threshold, rare.error, rare.shown, rare.learned) == (NEVER, None, 5, 9)
    assert rare.missed == pytest.approx(highest_error(0, 5))
    assert found.overall.pictures == 495
    (said,) = warnings(to_document(found), ["fox", "lynx"])
    assert said == (
        "lynx: up to 45.1 % of its pictures may be missed, with 95 % confidence (9 to learn from, 5 held out to show "
        "it); every answer that names it is marked unsure"
    )


def to_document(found):
    """Promises as a model file has them."""
    return {
        "promise_by_class": [promise.to_json() for promise in found.classes],
        "unsure_by_class": [promise.threshold for promise in found.classes],
    }


def test_warnings__three_by_name_and_how_many_others():
    row = {"error": 0.1, "answered": 4, "shown": 4, "learned": 8}
    document = {
        "promise_by_class": [{**row, "missed": 0.5}] * 5 + [{**row, "missed": 0.2}],
        "unsure_by_class": [0.9] * 6,
    }
    *named, others = warnings(document, "abcdef")
    said = "up to 50.0 % of its pictures may be missed, with 95 % confidence (8 to learn from, 4 held out to show it)"
    assert named == [f"{name}: {said}" for name in "abc"]
    assert others == "the same is true of 2 other classes"


def test_choose_thresholds__equal_classes_keep_the_common_threshold():
    random = np.random.default_rng(0)
    confidence, labels = np.round(1 - 0.4 * random.random(300), 6), np.repeat(np.arange(6), 50)
    found = choose_thresholds(confidence, predicted=labels, labels=labels, learned=np.full(6, 200), max_error=0.01)
    assert found.overall.kept
    assert {promise.threshold for promise in found.classes} == {found.overall.threshold}
    assert warnings(to_document(found), "abcdef") == []


def test_choose_thresholds__a_class_that_breaks_the_common_promise_is_stricter():
    confidence = np.concatenate([np.linspace(0.5, 1, 1200), np.linspace(0.5, 1, 300)])
    predicted = np.repeat([0, 1], [1200, 300])
    labels = predicted.copy()
    labels[1200:1300:5] = 0  # wrong answers that name class 1, all of them among its least sure
    found = choose_thresholds(
        confidence, predicted=predicted, labels=labels, learned=np.array([500, 400]), max_error=0.02
    )
    assert found.classes[0].threshold == found.overall.threshold < found.classes[1].threshold < 1


@pytest.mark.parametrize(
    ("named", "wrong", "error"),
    [
        (14, [2], highest_error(1, 14)),
        (13, [2], None),  # of the surest seven one is wrong
        (20, [2, 5], highest_error(2, 14)),
        (30, [2, 5, 7, 11], None),  # of the surest fifteen, though of all thirty at most 29 % may be wrong
    ],
)
def test_choose_thresholds__a_class_with_few_answers_is_not_lost_to_a_sure_mistake(named, wrong, error):
    confidence = np.concatenate([np.linspace(0.99, 0.6, named), np.linspace(0.99, 0.6, 500)])
    predicted = np.repeat([1, 0], [named, 500])
    labels = predicted.copy()
    labels[wrong] = 0
    found = choose_thresholds(confidence, predicted=predicted, labels=labels, learned=np.full(10, 100), max_error=0.01)
    assert found.classes[1].error == error
    assert (found.classes[1].threshold == NEVER) == (error is None)


def test_choose_thresholds__where_all_is_wrong_no_answer_stands():
    predicted = np.repeat([0, 1], 50)
    found = choose_thresholds(
        np.linspace(1, 0.6, 100), predicted=predicted, labels=1 - predicted, learned=np.full(2, 50), max_error=0.01
    )
    assert found.overall.error == 1
    assert [each.threshold for each in found.classes] == [NEVER, NEVER]


def test_choose_thresholds__too_few_pictures_say_nothing_of_classes():
    labels = np.array([0, 1, 0])
    found = choose_thresholds(
        np.full(3, 0.9), predicted=labels, labels=labels, learned=np.array([20, 20]), max_error=0.01
    )
    assert (found.overall.threshold, found.classes) == (None, ())


@pytest.mark.parametrize(
    ("asked", "classes", "error"), [(0.01, 2, 0.02), (0.01, 100, 0.2), (0.3, 5, 0.3), (0.002, 10, 0.02)]
)
def test_fair_error__is_what_the_common_promise_leaves_one_of_equal_classes(asked, classes, error):
    assert fair_error(asked, classes) == pytest.approx(error)
