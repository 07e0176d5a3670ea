"""What is unlike the training set is called so, and what is like it seldom."""

from __future__ import annotations

import numpy as np
import pytest

from tellapart.heads.abstention import Abstention, learn_abstention
from tellapart.heads.out_of_distribution import (
    FALSE_ALARMS,
    TYPES,
    direction_count,
    learn_out_of_distribution,
    sampled_rows,
    similarity,
    typical_directions,
)
from tellapart.types import Depth


def clouds(random, count, *, centres):
    """Features float32 [N, d] around some centres, all positive as pooled features are."""
    return np.abs(centres[random.integers(len(centres), size=count)] + random.normal(0, 0.3, (count, 40))).astype("f4")


@pytest.fixture(scope="module")
def kinds():
    random = np.random.default_rng(0)
    return np.abs(random.normal(0, 1, (6, 40))), np.abs(random.normal(0, 1, (6, 40)))


def learned(random, kinds, *, valid=300):
    last = clouds(random, 600 + valid, centres=kinds[0])
    return learn_out_of_distribution(last[:600], last[600:], class_count=3, seed=0)


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


def test_learn_out_of_distribution__pictures_all_alike_have_a_threshold_that_a_cosine_can_reach():
    alike = np.tile(np.float32([1, 0.35, 0.2, 0.7, 0.1, 0.9, 0.33, 0.6]), (40, 1))
    familiar = learn_out_of_distribution(alike, alike, class_count=2, seed=0)
    assert similarity(alike, familiar.types).min() > 1  # float16 has made the direction a little too long
    assert familiar.threshold == 1
    assert not familiar.unlike(alike).any()


def test_learn_out_of_distribution__no_valid_calls_nothing_unlike(kinds):
    familiar = learned(np.random.default_rng(3), kinds, valid=0)
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
    doubt = learn_abstention(
        train=features[:200],
        valid=features[200:],
        labels=labels,
        probabilities=shares,
        last=Depth(name="last", start=0, stop=40),
        max_error=0.05,
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
