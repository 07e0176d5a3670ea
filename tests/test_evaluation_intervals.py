from __future__ import annotations

import json
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.evaluation.intervals import Interval, wilson


# Newcombe (1998, Statistics in Medicine 17:857-872), table I, method 3, gives these to four places.
@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson__published_values(successes, trials, low, high):
    interval = wilson(successes, trials)
    assert interval.value == successes / trials
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=6e-5)


# The exact coverage, summed over every outcome. Nominal is 0.95; being discrete, it swings around that. Wilson's dips
# are known where nearly everything is right: 0.921 at 99 of 100, while 20 pictures of that kind are covered 0.983.
@pytest.mark.parametrize(
    ("trials", "share", "coverage"),
    [
        *((20, 0.5, 0.9586), (20, 0.9, 0.9568), (20, 0.99, 0.9831)),
        *((100, 0.5, 0.9431), (100, 0.9, 0.9364), (100, 0.99, 0.9206)),
        *((1000, 0.5, 0.9463), (1000, 0.9, 0.9491), (1000, 0.99, 0.9635)),
    ],
)
def test_wilson__covers_as_often_as_it_says(trials, share, coverage):
    intervals = [wilson(right, trials) for right in range(trials + 1)]
    weights = [comb(trials, right) * share**right * (1 - share) ** (trials - right) for right in range(trials + 1)]
    held = sum(w for w, interval in zip(weights, intervals, strict=True) if interval.low <= share <= interval.high)
    assert held == pytest.approx(coverage, abs=1e-3)
    assert 0.93 <= held <= 0.97 or share == 0.99


def test_wilson__ends_are_exact():
    assert wilson(0, 7).low == 0
    assert wilson(7, 7).high == 1


def test_wilson__nothing_counted_is_null():
    assert json.dumps(wilson(0, 0).to_json(), allow_nan=False) == '{"value": null, "low": null, "high": null}'


@pytest.mark.parametrize(("successes", "trials"), [(-1, 3), (4, 3), (0, -1)])
def test_wilson__impossible_counts(successes, trials):
    with pytest.raises(ValueError, match="successes must lie in"):
        wilson(successes, trials)


@given(st.integers(1, 10**6), st.data())
def test_wilson__holds_the_share_and_is_symmetric(trials, data):
    successes = data.draw(st.integers(0, trials))
    interval = wilson(successes, trials)
    mirrored = wilson(trials - successes, trials)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    assert interval.low == pytest.approx(1 - mirrored.high, abs=1e-12)


def test_mapped__keeps_what_is_unknown():
    assert wilson(0, 0).mapped(lambda share: share + 1) == wilson(0, 0)
    assert wilson(1, 2).mapped(lambda share: 2 * share).value == 1
    assert Interval(value=0.5, low=0.25, high=1.0).mapped(lambda share: share * share).low == 0.0625
