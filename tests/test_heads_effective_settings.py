"""How many settings those are worth that the same pictures chose among, and what that costs a promise."""

import numpy as np
import pytest

from tellapart.heads.abstention import choose_threshold, fewest_pictures, highest_error
from tellapart.heads.effective_settings import EFFECTIVE, among_all, chosen_among, effective_settings

RANDOM = np.random.default_rng(0)


def test_effective_settings__alike_count_as_one_and_apart_as_many():
    losses = RANDOM.exponential(size=(8, 4000))
    assert effective_settings(losses) == pytest.approx(8, rel=0.02)
    assert effective_settings([losses[0]] * 8) == pytest.approx(1, abs=1e-3)
    assert effective_settings(np.repeat(losses[:2], 4, axis=0)) == pytest.approx(2, rel=0.05)
    assert effective_settings([losses[0], np.zeros(4000)]) == 1


def test_chosen_among__is_one_where_the_pictures_chose_nothing():
    assert chosen_among({}) == 1
    assert chosen_among({EFFECTIVE: 2.5}) == 2.5
    assert among_all([{EFFECTIVE: 1.5}, {EFFECTIVE: 1.2}]) == {EFFECTIVE: pytest.approx(2.7)}
    assert among_all([{}, {}]) == {}


def test_choose_threshold__counts_the_settings():
    sure, right = np.full(320, 0.9), np.ones(320, bool)
    alone = choose_threshold(sure, correct=right, max_error=0.01)
    among = choose_threshold(sure, correct=right, max_error=0.01, among=4)
    assert (alone.error, alone.needed) == (0.01, 299)
    assert (among.error, among.needed) == (highest_error(0, 320, risk=0.0125), fewest_pictures(0.01, risk=0.0125))
    with_mistakes = RANDOM.random(320) < 0.9
    few, many = (choose_threshold(sure, correct=with_mistakes, max_error=0.02, among=k).error for k in (1, 16))
    assert few < many
