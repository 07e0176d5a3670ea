import numpy as np
import pytest

from tellapart.evaluation.cross_validated import fold_inflation
from tellapart.evaluation.intervals import wilson
from tellapart.evaluation.metrics import evaluate
from tellapart.heads.folds import stratified_folds
from tellapart.heads.products import one_thread_if_small
from tellapart.heads.regularization_path import fit_head
from tellapart.heads.setting import HeadSetting


def test_fold_inflation__heads_that_agree_leave_no_room_for_luck():
    correct = np.arange(100) % 10 > 0
    alone = np.arange(100)
    alike = fold_inflation(correct, np.stack([correct, correct]), alone)
    assert (alike.design_effect, alike.luck, alike.weight) == (1.0, 0.0, 1.0)
    torn = fold_inflation(correct, np.stack([correct, np.arange(100) % 5 > 0]), alone)
    assert torn.luck > 0.2
    assert torn.weight < 0.85
    assert set(torn.to_json()) == {"design_effect", "luck", "weight"}


def test_fold_inflation__of_groups_that_are_all_alike_is_that_of_one_picture_each():
    correct, other = np.arange(40) % 4 > 0, np.arange(40) % 5 > 0
    one = fold_inflation(correct, np.stack([correct, other]), np.arange(40))
    five = fold_inflation(*(each.repeat(5, axis=-1) for each in (correct, np.stack([correct, other]), np.arange(40))))
    assert five.weight == pytest.approx(one.weight / 5, rel=0.1)


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_evaluate__a_picture_counts_as_its_weight_in_every_interval(weight):
    random = np.random.default_rng(0)
    labels = np.arange(120) % 3
    logits = 2 * np.eye(3)[labels] + random.normal(size=(120, 3))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    given, plain = (evaluate(shares, labels, classes="abc", weight=each) for each in (weight, 1.0))
    right = round(120 * plain["accuracy"]["value"])
    assert given["accuracy"] == wilson(right, 120, weight=weight).to_json()
    assert (given == plain) == (weight == 1)
    for name, interval in given["intervals"].items():
        reach, before = (each["high"] - each["low"] for each in (interval, plain["intervals"][name]))
        assert reach >= before if weight < 1 else reach == before


GROUPS = {"iid": 1, "groups of four": 4}


@pytest.mark.parametrize("size", GROUPS.values(), ids=list(GROUPS))
def test_fold_inflation__intervals_cover_the_accuracy_of_what_leaves(size):
    """A short form of benchmarks/fold_coverage.py: 100 sets of 60 pictures, one strength, without a search."""
    with one_thread_if_small(60):
        inside, plain = coverage(np.random.default_rng(size), size=size)
    assert inside >= 89  # of 100: 0.95 less 2.7 standard errors
    assert inside > plain


def coverage(random, *, size):
    """How many intervals of 100 hold the accuracy of the head that leaves: those of folds, and plain ones."""
    inside = plain = 0
    for number in range(100):
        centres = 0.55 * random.normal(size=(2, 12))
        features, labels, groups = drawn(random, 60, centres, size=size)
        new, truth, _ = drawn(random, 2000, centres, size=size)
        correct, halves = by_folds(features, labels, groups, seed=number)
        low_high = [
            wilson(int(correct.sum()), 60, weight=weight)
            for weight in (fold_inflation(correct, halves, groups).weight, 1.0)
        ]
        true = float((fit(features, labels).logits(new).argmax(axis=1) == truth).mean())
        inside += low_high[0].low <= true <= low_high[0].high
        plain += low_high[1].low <= true <= low_high[1].high
    return inside, plain


def drawn(random, count, centres, *, size):
    group = np.arange(count) // size
    labels = group % 2
    shared = random.normal(size=(group.max() + 1, centres.shape[1]))[group]
    own = random.normal(size=(count, centres.shape[1]))
    share = 0.6 if size > 1 else 0.0
    return (centres[labels] + share**0.5 * shared + (1 - share) ** 0.5 * own).astype(np.float32), labels, group


def fit(features, labels):
    return fit_head(features, labels, class_count=2, setting=HeadSetting(l2=0.1))


def by_folds(features, labels, groups, *, seed):
    folds = stratified_folds(labels, groups=groups, seed=seed, count=5).fold
    correct, halves = np.zeros(len(labels), bool), np.zeros((2, len(labels)), bool)
    for number in range(5):
        held, rest = folds == number, np.flatnonzero(folds != number)
        correct[held] = fit(features[rest], labels[rest]).logits(features[held]).argmax(axis=1) == labels[held]
        half = stratified_folds(labels[rest], groups=groups[rest], seed=seed, count=2).fold
        for side in (0, 1):
            rows = rest[half == side]
            halves[side, held] = fit(features[rows], labels[rows]).logits(features[held]).argmax(axis=1) == labels[held]
    return correct, halves
