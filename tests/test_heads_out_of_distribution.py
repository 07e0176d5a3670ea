"""What is unlike the training set is called so, and what is like it seldom."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tellapart.heads.abstention import Abstention, Promises, choose_threshold, learn_abstention
from tellapart.heads.calibration import top_probability
from tellapart.heads.out_of_distribution import (
    FALSE_ALARMS,
    TYPES,
    TrainingFeatures,
    direction_count,
    learn_out_of_distribution,
    sampled_rows,
    similarity,
    typical_directions,
)
from tellapart.heads.relative_distance import fit_relative_distance
from tellapart.heads.unknown_kinds import measure_unknown_kinds
from tellapart.types import Depth


def clouds(random, count, *, centres):
    """Features float32 [N, d] around some centres, all positive as pooled features are."""
    return np.abs(centres[random.integers(len(centres), size=count)] + random.normal(0, 0.3, (count, 40))).astype("f4")


@pytest.fixture(scope="module")
def kinds():
    random = np.random.default_rng(0)
    return np.abs(random.normal(0, 1, (6, 40))), np.abs(random.normal(0, 1, (6, 40)))


def seen(last, *, labels=None, groups=None, held_out=True):
    """Rows that were trained on; of one class, unless labels are given."""
    count = len(last)
    labels = np.zeros(count, np.int64) if labels is None else labels
    return TrainingFeatures(
        last=last, labels=labels, groups=np.arange(count) if groups is None else groups, held_out=held_out
    )


def learned(random, kinds, *, valid=300, train=600, **options):
    last = clouds(random, train + valid, centres=kinds[0])
    return learn_out_of_distribution(seen(last[:train], **options), last[train:], class_count=3, seed=0)


@pytest.mark.parametrize("draw", range(4))
def test_unlike__of_a_picture_is_the_same_whatever_else_is_asked_about(draw):
    random = np.random.default_rng(draw)
    centres = random.normal(size=(3, 320))

    def drawn(count):
        labels = random.integers(0, 3, count)
        return np.maximum(centres[labels] + random.normal(size=(count, 320)), 0).astype("f4"), labels

    (train, labels), (valid, _) = drawn(300), drawn(300)
    known = learn_out_of_distribution(seen(train, labels=labels), valid, class_count=3, seed=0)
    assert known.classes is not None
    whole = known.similarity(valid)
    assert np.count_nonzero(whole == known.threshold) == 1  # one picture of valid is the threshold
    for rows in ([[row] for row in range(300)], [range(start, start + 7) for start in range(293)]):
        for some in rows:
            np.testing.assert_array_equal(known.similarity(valid[some]), whole[some])
            np.testing.assert_array_equal(known.unlike(valid[some]), (whole < known.threshold)[some])


def test_unlike__another_kind_is_found_and_the_own_kind_seldom(kinds):
    random = np.random.default_rng(1)
    familiar = learned(random, kinds)
    assert familiar.types.shape == (TYPES, 40)
    assert familiar.unlike(clouds(random, 500, centres=kinds[1])).mean() > 0.98
    own = familiar.unlike(clouds(random, 5000, centres=kinds[0])).mean()
    assert 0 < own < 2.5 * FALSE_ALARMS


def test_learn_out_of_distribution__false_alarms_are_as_often_as_stated_on_average(kinds):
    random = np.random.default_rng(2)
    alarms = [learned(random, kinds, valid=99).unlike(clouds(random, 200, centres=kinds[0])) for _ in range(40)]
    assert np.mean(alarms) == pytest.approx(0.03, abs=0.012)  # 3 of 100, k = 3


@pytest.mark.parametrize("valid", [0, 6])
def test_learn_out_of_distribution__few_pictures_alarm_no_more_often(kinds, valid):
    alarms = []
    for draw in range(40):
        random = np.random.default_rng(draw)
        familiar = learned(random, kinds, train=30, valid=valid)
        alarms.append(familiar.unlike(clouds(random, 200, centres=kinds[0])).mean())
    assert 0 < np.mean(alarms) < 0.05


def test_learn_out_of_distribution__pictures_of_a_group_do_not_vouch_for_each_other(kinds):
    """Every picture of train has nine near-copies: only folds that keep them together see how far others are."""
    random = np.random.default_rng(8)
    last = np.repeat(clouds(random, 30, centres=kinds[0]), 10, axis=0) + np.float32(1e-3)
    groups = np.repeat(np.arange(30), 10)
    alarms = [
        learn_out_of_distribution(seen(last, groups=choice), last[:0], class_count=3, seed=0)
        .unlike(clouds(random, 500, centres=kinds[0]))
        .mean()
        for choice in (None, groups)
    ]
    assert alarms[0] > 0.5
    assert alarms[1] < 0.1


def between(random, count, *, labels):
    """Classes apart in six features that hardly vary within them, beside 34 that vary a lot and tell nothing."""
    places = np.random.default_rng(99).normal(0, 0.6, (4, 6))
    return np.hstack([3 + places[labels] + random.normal(0, 0.1, (count, 6)), random.normal(3, 1, (count, 34))]).astype(
        "f4"
    )


def test_unlike__a_kind_between_the_classes_is_told_by_them():
    random = np.random.default_rng(9)
    labels = random.integers(0, 3, 900)
    last = between(random, 900, labels=labels)
    own, other = between(random, 900, labels=labels), between(random, 300, labels=np.full(300, 3))
    known = learn_out_of_distribution(seen(last[:600], labels=labels[:600]), last[600:], class_count=3, seed=0)
    near = similarity(last[600:], known.types)
    by_directions = similarity(other, known.types) < np.quantile(near, 0.03)
    assert known.unlike(other).mean() > by_directions.mean() + 0.2
    assert known.unlike(own).mean() < 2.5 * FALSE_ALARMS
    two = labels < 2
    assert learn_out_of_distribution(seen(last[two], labels=labels[two]), last, class_count=2, seed=0).classes is None


def test_relative_distance__is_that_of_the_whole_covariances():
    random = np.random.default_rng(10)
    labels = np.sort(random.integers(0, 3, 200))
    rows = between(random, 200, labels=labels)
    means = np.stack([rows[labels == label].mean(axis=0) for label in range(3)]).astype(float)
    share = np.bincount(labels) / 200
    apart, middle = rows - means[labels], share @ means
    within = 0.7 * apart.T @ apart / 200
    within += 0.3 / 0.7 * np.trace(within) / 40 * np.eye(40)
    at_large = within + ((means - middle).T * share) @ (means - middle)

    def squared(away, covariance):
        return np.einsum("nd,nd->n", away @ np.linalg.inv(covariance), away)

    expected = np.min([squared(rows - mean, within) for mean in means], axis=0) - squared(rows - middle, at_large)
    np.testing.assert_allclose(fit_relative_distance(rows, labels).distance(rows), expected, rtol=1e-3, atol=1e-2)
    few = np.concatenate([np.flatnonzero(labels == label)[:8] for label in range(3)])  # fewer rows than features
    wide = np.hstack([rows[few], np.zeros((24, 60), "f4")])
    assert fit_relative_distance(wide, labels[few]).distance(wide).max() < 0


def test_measure_unknown_kinds__leaves_each_class_out_or_says_why_not():
    random = np.random.default_rng(11)
    labels = np.arange(600) % 4
    last = between(random, 600, labels=labels)
    train = seen(last[:480], labels=labels[:480])
    found = measure_unknown_kinds(train, last[480:], labels[480:], class_count=4, seed=0)
    assert [row["class"] for row in found["classes"]] == [0, 1, 2, 3]
    assert sum(row["n"] for row in found["classes"]) == 600
    shares = [row["marked"] for row in found["classes"]]
    assert found["marked"] == {"value": pytest.approx(np.mean(shares)), "low": min(shares), "high": max(shares)}
    assert found["marked"]["value"] > 0.3
    for told, reason in (
        (measure_unknown_kinds(seen(last[:60], labels=labels[:60]), last[:0], labels[:0], class_count=4, seed=0), ""),
        (measure_unknown_kinds(replace(train, held_out=False), last, labels, class_count=4, seed=0), "net itself"),
        (measure_unknown_kinds(seen(last), last, labels * 0, class_count=2, seed=0), "three classes"),
        (
            measure_unknown_kinds(seen(last[:8], labels=labels[:8]), last[:0], labels[:0], class_count=4, seed=0),
            "5 pictures of one",
        ),
    ):
        assert reason in told["reason"]
        assert (told["marked"]["value"] is None) == bool(reason)


def test_learn_out_of_distribution__pictures_all_alike_have_a_threshold_that_a_cosine_can_reach():
    alike = np.tile(np.float32([1, 0.35, 0.2, 0.7, 0.1, 0.9, 0.33, 0.6]), (40, 1))
    familiar = learn_out_of_distribution(seen(alike), alike, class_count=2, seed=0)
    assert similarity(alike, familiar.types).min() > 1  # float16 has made the direction a little too long
    assert familiar.threshold == 1
    assert not familiar.unlike(alike).any()


def test_learn_out_of_distribution__no_valid_calls_nothing_unlike_where_train_cannot_be_held_out(kinds):
    familiar = learned(np.random.default_rng(3), kinds, valid=0, held_out=False)
    assert familiar.threshold is None
    assert not familiar.unlike(clouds(np.random.default_rng(4), 20, centres=kinds[1])).any()


@pytest.mark.parametrize(("count", "types"), [(1, 1), (3, 1), (9, 2), (60, 15)])
def test_typical_directions__few_pictures_have_few_and_none_has_its_own(count, types):
    random = np.random.default_rng(5)
    found = typical_directions(np.abs(random.normal(0, 1, (count, 8))).astype("f4"), count=TYPES, seed=0)
    assert len(found) <= types
    np.testing.assert_allclose(np.linalg.norm(found.astype(float), axis=1), 1, atol=1e-3)


def test_typical_directions__same_seed_same_bytes():
    last = np.random.default_rng(6).random((300, 16), "f4")
    assert typical_directions(last, count=9, seed=3).tobytes() == typical_directions(last, count=9, seed=3).tobytes()


def test_sampled_rows__all_of_few_and_some_of_many():
    assert sampled_rows(50, class_count=2, seed=0).tolist() == list(range(50))
    many = sampled_rows(50_000, class_count=2, seed=0)
    assert len(many) == len(set(many.tolist())) == 16 * TYPES
    assert many.tolist() == sorted(many.tolist())
    assert direction_count(300) == 600


def test_similarity__a_picture_of_zeros_is_like_nothing():
    assert similarity(np.zeros((1, 4), "f4"), np.eye(4, dtype="f2")).tolist() == [0]


def test_learn_abstention__both_thresholds_and_what_they_say():
    random = np.random.default_rng(7)
    features = clouds(random, 300, centres=np.abs(random.normal(0, 1, (2, 40))))
    shares = np.stack([np.linspace(0.5, 1, 100), np.linspace(0.5, 0, 100)], axis=1)
    labels = np.zeros(100, np.int64)
    labels[1] = 1  # the second least sure answer of valid is wrong
    promise = choose_threshold(top_probability(shares), correct=shares.argmax(axis=1) == labels, max_error=0.05)
    doubt = learn_abstention(
        train=seen(features[:200]),
        valid=features[200:],
        labels=labels,
        promises=Promises(overall=promise, classes=()),
        class_count=2,
        seed=0,
    )
    assert doubt.guarantee.kept
    assert doubt.unsure == 0.5  # one mistake in a hundred is few enough for 5 %
    strict = Abstention(unsure=0.75, out_of_distribution=doubt.out_of_distribution).flags(
        shares, features[200:], last=Depth(name="last", start=0, stop=40)
    )
    assert strict.unsure.sum() == 50
    assert strict.words(0)[0] == "yes"
    assert strict.of(99)[0] is False
    assert Abstention().flags(shares, features[200:], last=Depth(name="last", start=0, stop=40)).words(0) == ("", "")
