from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics as reference

from tellapart.evaluation.intervals import wilson
from tellapart.evaluation.metrics import confusion_counts, evaluate, is_worse

NAMES = ("ant", "bee", "cow", "doe")


def drawn(count, *, class_count=4, seed=0):
    """Plausible probabilities float64 [N, K] and labels int64 [N]."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, class_count, count)
    scores = random.normal(size=(count, class_count)) + 1.5 * np.eye(class_count)[labels]
    exponentials = np.exp(2 * scores)
    return exponentials / exponentials.sum(axis=1, keepdims=True), labels


def test_evaluate__equals_scikit_learn():
    probabilities, labels = drawn(500)
    result = evaluate(probabilities, labels, classes=NAMES)
    predicted = probabilities.argmax(axis=1)
    assert result["n"] == 500
    assert result["accuracy"]["value"] == pytest.approx(reference.accuracy_score(labels, predicted))
    assert result["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(labels, predicted))
    assert result["log_loss"] == pytest.approx(reference.log_loss(labels, probabilities, labels=range(4)))
    assert result["brier"] == pytest.approx(((probabilities - np.eye(4)[labels]) ** 2).sum(axis=1).mean())
    assert result["confusion"] == reference.confusion_matrix(labels, predicted).tolist()
    columns = reference.precision_recall_fscore_support(labels, predicted)
    for row, *expected in zip(result["per_class"], *columns, strict=True):
        values = [row["precision"]["value"], row["recall"]["value"], row["f1"]["value"], row["n"]]
        assert values == pytest.approx(expected)


def test_evaluate__by_hand():
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7], [0.1, 0.9]])
    result = evaluate(probabilities, np.array([0, 0, 1, 1]), classes=("a", "b"))
    assert result["confusion"] == [[1, 1], [0, 2]]
    assert result["accuracy"] == wilson(3, 4).to_json()
    assert result["log_loss"] == pytest.approx(-np.log([0.8, 0.4, 0.7, 0.9]).mean())
    assert result["brier"] == pytest.approx((0.08 + 0.72 + 0.18 + 0.02) / 4)
    assert result["per_class"][0]["precision"] == wilson(1, 1).to_json()
    assert result["per_class"][0]["recall"] == wilson(1, 2).to_json()


def test_evaluate__exactly_the_keys_of_the_contract():
    result = evaluate(*drawn(50), classes=NAMES)
    assert list(result) == [
        *("n", "accuracy", "balanced_accuracy", "baseline", "log_loss", "brier", "ece", "per_class", "confusion"),
        *("intervals", "ece_noise", "reliability", "risk_coverage"),
    ]
    assert list(result["per_class"][0]) == ["class", "n", "precision", "recall", "f1"]
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_evaluate__a_classifier_is_compared_with_always_the_commonest_class():
    labels = np.array([0] * 90 + [1] * 10)
    rows = np.full((100, 2), [0.9, 0.1])
    guessing = evaluate(rows, labels, classes=("a", "b"))["baseline"]
    assert (guessing["class"], guessing["accuracy"]["value"], guessing["beaten"]) == ("a", 0.9, False)
    rows[90:] = [0.1, 0.9]
    knowing = evaluate(rows, labels, classes=("a", "b"))["baseline"]
    assert (knowing["p_value"], knowing["beaten"]) == (pytest.approx(2 / 2**10), True)
    other = evaluate(rows, labels, classes=("a", "b"), commonest=1)["baseline"]
    assert (other["class"], other["accuracy"]["value"]) == ("b", 0.1)


@pytest.mark.parametrize(("broken", "found", "beaten"), [(20, 10, True), (4, 1, False), (0, 0, False)])
def test_evaluate__of_unequal_classes_the_balanced_accuracy_says_whether_it_is_better_than_the_commonest(
    broken, found, beaten
):
    labels = np.array([0] * 90 + [1] * 10)
    rows = np.full((100, 2), [0.9, 0.1])
    rows[:broken] = rows[100 - found :] = [0.1, 0.9]
    baseline = evaluate(rows, labels, classes=("a", "b"))["baseline"]
    assert (baseline["balanced_accuracy"], baseline["beaten"]) == (0.5, beaten)


@pytest.mark.parametrize(("broken", "worse"), [(40, True), (2, False)])
def test_is_worse__right_less_often_than_the_commonest_class_beyond_chance(broken, worse):
    labels = np.array([0] * 90 + [1] * 10)
    rows = np.full((100, 2), [0.9, 0.1])
    rows[:broken] = [0.1, 0.9]
    baseline = evaluate(rows, labels, classes=("a", "b"))["baseline"]
    assert not baseline["beaten"]
    assert is_worse(baseline) is worse
    assert not is_worse({**baseline, "beaten": True})


def test_evaluate__bare_numbers_have_their_intervals_beside_them():
    result = evaluate(*drawn(300), classes=NAMES)
    assert list(result["intervals"]) == ["balanced_accuracy", "log_loss", "brier", "ece"]
    for name, interval in result["intervals"].items():
        assert interval["low"] < result[name] < interval["high"]
        assert interval["method"]
    assert evaluate(*drawn(300), classes=NAMES) == result  # seeded


def test_evaluate__one_picture_bounds_no_loss():
    result = evaluate(np.array([[0.7, 0.3]]), np.array([0]), classes=("a", "b"))
    assert [result["intervals"][name]["high"] for name in ("log_loss", "brier", "ece")] == [None, None, None]


def test_evaluate__f1_interval_is_that_of_the_jaccard_share():
    labels = np.repeat([0, 1], 10)
    predicted = labels.copy()
    predicted[:3] = 1
    result = evaluate(np.eye(2)[predicted], labels, classes=("a", "b"))
    jaccard = wilson(7, 10)
    f1 = result["per_class"][0]["f1"]
    assert f1["value"] == pytest.approx(14 / 17)
    assert (f1["low"], f1["high"]) == pytest.approx([2 * share / (1 + share) for share in (jaccard.low, jaccard.high)])


def test_evaluate__class_without_pictures_is_null_and_not_averaged():
    probabilities = np.array([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    result = evaluate(probabilities, np.array([0, 1, 0]), classes=("a", "b", "c"))
    nothing = {"value": None, "low": None, "high": None}
    assert result["balanced_accuracy"] == pytest.approx((0.5 + 1) / 2)
    assert result["per_class"][2] == {"class": "c", "n": 0, "precision": nothing, "recall": nothing, "f1": nothing}
    assert result["confusion"][0] == [1, 0, 1]


def test_evaluate__class_never_predicted_has_no_precision():
    result = evaluate(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1]), classes=("a", "b"))
    missed = result["per_class"][1]
    assert missed["precision"]["value"] is None
    assert missed["recall"]["value"] == missed["f1"]["value"] == 0
    assert missed["f1"]["high"] > 0


def test_evaluate__certain_and_wrong_stays_finite():
    result = evaluate(np.array([[1.0, 0.0]]), np.array([1]), classes=("a", "b"))
    assert result["log_loss"] == pytest.approx(15 * np.log(10))
    assert result["brier"] == 2
    assert result["ece"] == 1


def test_evaluate__tie_is_the_first_class():
    assert evaluate(np.array([[0.5, 0.5]]), np.array([0]), classes=("a", "b"))["accuracy"]["value"] == 1


def test_evaluate__does_not_touch_its_input():
    probabilities, labels = drawn(20)
    probabilities.flags.writeable = labels.flags.writeable = False
    evaluate(probabilities, labels, classes=NAMES)


@pytest.mark.parametrize(
    ("probabilities", "labels", "complaint"),
    [
        (np.zeros((0, 2)), np.zeros(0, int), "no pictures"),
        (np.full((2, 3), 1 / 3), np.array([0, 1]), r"shape \[2, 2\]"),
        (np.full((2, 2), 0.5), np.array([0]), r"shape \[1, 2\]"),
        (np.full(2, 0.5), np.array([0, 1]), r"expected \[N, K\]"),
        (np.full((2, 2), 0.5), np.array([0, 2]), r"0\.\.1, got 0\.\.2"),
        (np.full((2, 2), 0.5), np.array([-1, 0]), "labels must lie"),
        (np.array([[2.0, -1.0]]), np.array([0]), "sum to one"),
        (np.array([[0.5, 0.6]]), np.array([0]), "sum to one"),
        (np.array([[np.nan, 1.0]]), np.array([0]), "sum to one"),
    ],
)
def test_evaluate__refuses_what_cannot_be_meant(probabilities, labels, complaint):
    with pytest.raises(ValueError, match=complaint):
        evaluate(probabilities, labels, classes=("a", "b"))


def test_confusion_counts__rows_are_true_classes():
    counts = confusion_counts(np.array([0, 0, 2]), np.array([1, 1, 2]), class_count=3)
    assert counts.tolist() == [[0, 2, 0], [0, 0, 0], [0, 0, 1]]
