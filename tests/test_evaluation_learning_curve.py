"""The learning curve: nested draws, honest judging, and figures that are ready for JSON."""

import json

import numpy as np
import pytest

from tellapart.evaluation.advice import Suspicion
from tellapart.evaluation.learning_curve import curve_sizes, fit_head, learning_curve, nested_order
from tellapart.heads.linear import ABSENT_LOGIT
from tellapart.heads.search import search_head
from tellapart.types import Depth

CLASSES = ("cat", "dog", "owl")


def blobs(count, *, seed=0, apart=1.0, width=12):
    """Features float32 [count, width] and labels of three overlapping clouds."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    centres = np.random.default_rng(99).normal(0, apart, (3, width))
    return (centres[labels] + random.normal(size=(count, width))).astype(np.float32), labels


def curve(features, labels, *, train, **options):
    settings = {"classes": CLASSES, "columns": slice(0, features.shape[1]), "l2": 0.03, "seed": 0, "draws": 3}
    return learning_curve(
        features, labels, train=slice(0, train), valid=slice(train, len(labels)), **{**settings, **options}
    )


def test_learning_curve__rises_from_few_pictures_to_all_and_is_json():
    features, labels = blobs(500, apart=0.6)
    found = curve(features, labels, train=300)
    json.dumps(found, allow_nan=False)
    assert [point["n"] for point in found["points"]] == [9, 18, 37, 75, 150, 300]
    assert [point["draws"] for point in found["points"]] == [3, 3, 3, 3, 3, 1]
    accuracy = [point["accuracy"]["value"] for point in found["points"]]
    assert accuracy[-1] > accuracy[0] + 0.1
    for point in found["points"]:
        for band in (point["accuracy"], point["log_loss"], *(row["recall"] for row in point["per_class"])):
            assert band["low"] <= band["value"] <= band["high"]
    mean = sum(row["recall"]["value"] * row["n"] for row in found["points"][-1]["per_class"]) / 200
    assert mean == pytest.approx(accuracy[-1])
    assert (found["judged_on"], found["valid_n"], found["train_n"]) == ("valid", 200, 300)


def test_learning_curve__the_same_seed_gives_the_same_curve_and_another_one_does_not():
    features, labels = blobs(200, apart=0.6)
    first, again, other = (curve(features, labels, train=120, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first["points"] != other["points"]


def test_learning_curve__reads_neither_other_columns_nor_rows_beyond_valid():
    features, labels = blobs(200, apart=0.6)
    wide = np.hstack([np.full((200, 2), np.nan, np.float32), features])
    more = np.vstack([wide, np.full((50, 14), np.nan, np.float32)])
    found = learning_curve(
        more,
        np.concatenate([labels, np.zeros(50, np.int64)]),
        classes=CLASSES,
        train=slice(0, 120),
        valid=slice(120, 200),
        columns=slice(2, 14),
        l2=0.03,
        seed=0,
        draws=3,
    )
    assert found == curve(features, labels, train=120)


def test_learning_curve__the_given_head_stands_for_all_pictures():
    features, labels = blobs(200, apart=0.6)
    head = fit_head(features[:120], labels[:120], class_count=3, l2=0.03)
    given, fitted = (curve(features, labels, train=120, head=head) for head in (head, None))
    assert given["points"][-1]["accuracy"] == fitted["points"][-1]["accuracy"]
    assert given["points"][-1]["log_loss"]["value"] == pytest.approx(fitted["points"][-1]["log_loss"]["value"])


def test_learning_curve__with_nothing_to_judge_by_it_says_so():
    features, labels = blobs(60)
    for train, valid in ((slice(0, 60), slice(60, 60)), (slice(0, 0), slice(0, 60))):
        found = learning_curve(
            features, labels, classes=CLASSES, train=train, valid=valid, columns=slice(0, 12), l2=0.1, seed=0
        )
        assert found["points"] == []
        assert found["power_law"] is None
        assert found["advice"]["code"] == "too_few"


def test_learning_curve__a_class_that_train_lacks_is_always_wrong():
    features, labels = blobs(200)
    rows = np.concatenate([np.flatnonzero(labels[:120] != 2), np.arange(120, 200)])
    found = curve(features[rows], labels[rows], train=80)
    assert found["points"][-1]["per_class"][2]["recall"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    json.dumps(found, allow_nan=False)


def test_learning_curve__suspects_reach_the_advice():
    features, labels = blobs(200)
    found = curve(features, labels, train=120, suspicion=Suspicion(pairs=((0, 1),) * 6, checked=120))
    assert found["advice"]["code"] == "better_labels"
    assert found["advice"]["pair"] == ["cat", "dog"]


def test_nested_order__every_beginning_has_the_classes_in_their_proportions():
    labels = np.array([0] * 90 + [1] * 9 + [2] * 1)
    order = nested_order(labels, np.random.default_rng(0))
    assert sorted(order) == list(range(100))
    assert set(labels[order[:3]]) == {0, 1, 2}
    assert abs((labels[order[:50]] == 0).sum() - 45) <= 2
    assert not np.array_equal(order, nested_order(labels, np.random.default_rng(1)))


def test_curve_sizes__keep_every_class_and_stay_within_the_bound():
    labels = np.array([0] * 90 + [1] * 10)
    assert curve_sizes(labels, class_count=2, largest=15_000) == [12, 25, 50, 100]
    assert curve_sizes(np.zeros(50, np.int64), class_count=2, largest=15_000) == []
    many = np.arange(40_000) % 10
    assert max(curve_sizes(many, class_count=10, largest=15_000)) == 1250
    assert curve_sizes(many, class_count=10, largest=None)[-2:] == [1250, 40_000]


def test_fit_head__a_class_without_pictures_gets_the_logit_that_the_search_gives_it():
    features, labels = blobs(80)
    labels = labels % 2 * 2  # no dog
    fitted = fit_head(features, labels, class_count=3, l2=0.03)
    searched = search_head(
        features,
        labels,
        class_count=3,
        depths=[Depth(name="last", start=0, stop=12)],
        train=slice(0, 80),
        valid=None,
        seed=0,
    ).head
    for head in (fitted, searched):
        assert head.logits(features)[:, 1].tolist() == [ABSENT_LOGIT] * 80
