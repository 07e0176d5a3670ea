"""McNemar's test, Tango's interval, and how many pictures it would take."""

from __future__ import annotations

import itertools
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from tellapart.evaluation.paired import compare_answers, flip_test, mcnemar, paired_difference, pictures_to_tell

Z = NormalDist().inv_cdf(0.975)


@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar__is_the_exact_sign_test(only_a, only_b):
    expected = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1
    assert mcnemar(only_a, only_b) == pytest.approx(expected)
    assert mcnemar(only_a, only_b) == mcnemar(only_b, only_a)


@given(st.integers(0, 200), st.integers(0, 200))
def test_flip_test__of_pictures_alone_is_mcnemars_with_half_of_what_was_seen_on_both_sides_taken_off(only_a, only_b):
    thrown = only_a + only_b
    seen = binom.pmf(only_a, thrown, 0.5) if thrown else 0
    expected = 1 - seen / 2 if only_a == only_b else mcnemar(only_a, only_b) - seen
    p_value, mid_p_value = flip_test(np.repeat([-1, 0, 1], [only_a, 3, only_b]))
    assert p_value == mcnemar(only_a, only_b)
    assert mid_p_value == pytest.approx(expected if thrown else 1)


@given(st.lists(st.integers(-5, 5), max_size=8))
def test_flip_test__counts_the_signs_that_are_as_far_from_nothing(sums):
    ways = np.array([np.dot(signs, sums) for signs in itertools.product([-1, 1], repeat=len(sums))])
    far = np.abs(ways) >= abs(sum(sums))
    p_value, mid_p_value = flip_test(np.array(sums, np.int64))
    assert p_value == pytest.approx(far.mean())
    if any(sums):
        assert mid_p_value == pytest.approx(far.mean() - (np.abs(ways) == abs(sum(sums))).mean() / 2)


def alone(only_a, only_b, *, pictures):
    """Differences of so many pictures, each of them alone, and their groups."""
    return np.repeat([-1, 1, 0], [only_a, only_b, pictures - only_a - only_b]), np.arange(pictures)


def test_compare_answers__of_groups_is_as_sure_as_one_picture_of_each_would_make_it():
    differences, groups = alone(2, 12, pictures=60)
    one, five = (compare_answers(differences.repeat(size), groups.repeat(size)) for size in (1, 5))
    assert (one["groups"], one["weight"], five["groups"]) == (0, 1, 60)
    assert five["weight"] == pytest.approx(1 / 5, rel=0.01)
    for name in ("p_value", "mid_p_value"):
        assert five[name] == pytest.approx(one[name])
    for name in ("value", "low", "high"):
        assert five["difference"][name] == pytest.approx(one["difference"][name], abs=2e-3)
    assert five["needed"]["pictures"] == pytest.approx(5 * one["needed"]["pictures"], rel=0.02)
    assert compare_answers(differences.repeat(5), np.arange(300))["p_value"] < five["p_value"]


def test_compare_answers__equals_on_groups_are_rarely_told_apart():
    """Two hundred times twenty patients with ten pictures each, of whom each classifier fails on a few."""
    random, told, apart = np.random.default_rng(3), 0, 0
    for _ in range(200):
        shares = random.beta(0.3, 1.2, (2, 20)).repeat(10, axis=1)
        right = random.random((2, 200)) > shares
        differences = right[1].astype(np.int64) - right[0]
        told += compare_answers(differences, np.arange(200) // 10)["told_apart"]
        apart += compare_answers(differences, np.arange(200))["told_apart"]
    assert told / 200 <= 0.09
    assert apart / 200 > 0.3


@pytest.mark.parametrize(("only_a", "only_b", "margin", "kept"), [(2, 2, 1, False), (2, 2, 3, True), (0, 9, 1, True)])
def test_compare_answers__not_worse_by_more_than_a_margin(only_a, only_b, margin, kept):
    differences, groups = alone(only_a, only_b, pictures=200)
    found = compare_answers(differences, groups, margin=margin)["not_worse"]
    assert (found["margin"], found["kept"]) == (margin, kept)
    assert f"more than {margin} point" in found["sentence"]
    assert compare_answers(differences, groups)["not_worse"] is None


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12),
    st.booleans(),
)
def test_compare_answers__the_interval_leaves_out_0_exactly_where_the_test_tells_them_apart(groups, apart):
    differences = np.concatenate([np.repeat([-1, 1, 0], each) for each in groups] + [np.zeros(1, np.int64)])
    numbers = np.repeat(np.arange(len(groups) + 1), [*map(sum, groups), 1])
    found = compare_answers(differences, np.arange(len(differences)) if apart else numbers)
    low, high = found["difference"]["low"], found["difference"]["high"]
    assert low <= found["difference"]["value"] <= high
    assert found["told_apart"] == (found["p_value"] < 0.05) == (low > 0 or high < 0)


def test_compare_answers__where_score_and_exact_test_disagree_the_exact_one_decides():
    few = compare_answers(*alone(0, 5, pictures=50))
    assert paired_difference(0, 5, pictures=50).low > 0
    assert (few["told_apart"], few["difference"]["low"]) == (False, 0)
    sums = np.array([4, 4, 1, 1, 1, 1])
    differences = np.concatenate([np.repeat([1, 0], [each, 10 - each]) for each in sums])
    whole = compare_answers(differences, np.arange(60) // 10)
    assert whole["told_apart"]
    assert 0 < whole["difference"]["low"] < 0.1


def constrained_score(gained, lost, pictures, difference):
    """The score by a search for the constrained maximum of the likelihood, which knows nothing of the quadratic."""
    losses = np.linspace(max(0.0, -difference), (1 - difference) / 2, 200_001)[1:-1]
    gains, rest = losses + difference, 1 - 2 * losses - difference
    likelihood = gained * np.log(gains) + lost * np.log(losses) + (pictures - gained - lost) * np.log(rest)
    best = losses[likelihood.argmax()]
    return (gained - lost - pictures * difference) / (pictures * (2 * best + difference * (1 - difference))) ** 0.5


@pytest.mark.parametrize(("only_a", "only_b", "pictures"), [(2, 12, 50), (30, 20, 400), (5, 1, 30)])
def test_paired_difference__ends_where_the_score_test_ends(only_a, only_b, pictures):
    interval = paired_difference(only_a, only_b, pictures=pictures)
    assert interval.value == (only_b - only_a) / pictures
    assert constrained_score(only_b, only_a, pictures, interval.low) == pytest.approx(Z, abs=2e-3)
    assert constrained_score(only_b, only_a, pictures, interval.high) == pytest.approx(-Z, abs=2e-3)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 400))
def test_paired_difference__holds_the_measured_one_and_mirrors(only_a, only_b, alike):
    pictures = max(only_a + only_b + alike, 1)
    interval = paired_difference(only_a, only_b, pictures=pictures)
    mirrored = paired_difference(only_b, only_a, pictures=pictures)
    assert -1 <= interval.low <= interval.value <= interval.high <= 1
    assert interval.low < interval.high
    assert interval.low == pytest.approx(-mirrored.high, abs=1e-6)
    # It leaves out 0 exactly where McNemar's uncorrected statistic is beyond the same bound.
    statistic = abs(only_b - only_a) / max(only_a + only_b, 1) ** 0.5
    if abs(statistic - Z) > 1e-6:
        assert (interval.low > 0 or interval.high < 0) == (statistic > Z)


def test_paired_difference__covers():
    random, held = np.random.default_rng(0), 0
    for _ in range(400):
        only_a, only_b, _ = random.multinomial(200, [0.05, 0.08, 0.87])
        interval = paired_difference(int(only_a), int(only_b), pictures=200)
        held += interval.low <= 0.03 <= interval.high
    assert 0.92 <= held / 400 <= 0.98


@pytest.mark.parametrize(("only_a", "only_b", "pictures"), [(0, 0, 0), (3, 3, 5), (-1, 0, 5)])
def test_paired_difference__impossible_counts(only_a, only_b, pictures):
    with pytest.raises(ValueError, match="pictures"):
        paired_difference(only_a, only_b, pictures=pictures)


def test_pictures_to_tell__that_many_do_tell_four_times_in_five():
    needed = pictures_to_tell(0.03, differing=0.09)
    random = np.random.default_rng(1)
    drawn = random.multinomial(needed, [0.03, 0.06, 0.91], size=1000)
    assert np.mean([mcnemar(int(a), int(b)) < 0.05 for a, b, _ in drawn]) == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(
    ("only_a", "only_b", "pictures", "told", "words"),
    [
        (0, 0, 1000, False, "These 1000 pictures cannot tell A from B: they are wrong equally often"),
        (
            6,
            9,
            1000,
            False,
            "These 1000 pictures cannot tell A from B. If the difference is as large as it looks, about",
        ),
        (2, 20, 1000, True, "B is better than A"),
        (20, 2, 1000, True, "A is better than B"),
        (0, 1, 1, False, "This one picture cannot tell A from B"),
        (0, 5, 5, False, "though a set of this size usually tells"),
    ],
)
def test_compare_answers__says_it_in_words(only_a, only_b, pictures, told, words):
    found = compare_answers(*alone(only_a, only_b, pictures=pictures))
    assert found["told_apart"] is told
    assert found["sentence"].startswith(words) or words in found["sentence"]
    assert found["needed"]["pictures"] > 0
    assert not told or found["p_value"] < 0.05
