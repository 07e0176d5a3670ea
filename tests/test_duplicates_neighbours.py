"""Nearest rows: all of them in one leaf, the near ones in many."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.duplicates import neighbours
from tellapart.duplicates.neighbours import distinct_pairs, near_rows, unit


def points(count, *, width=16, seed=0):
    return unit(np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32))


def test_near_rows__are_the_nearest_of_each_row():
    rows = points(300)
    similar = rows @ rows.T - 2 * np.eye(300)
    expected = {
        tuple(sorted((row, int(other))))
        for row in range(300)
        for other in np.argsort(-similar[row])[:3]
        if similar[row, other] >= 0.5
    }
    found, crowd = near_rows(rows, most=3, least=0.5)
    assert [tuple(pair) for pair in found.tolist()] == sorted(expected)
    np.testing.assert_array_equal(crowd, (similar >= 0.5).sum(axis=1))


def test_near_rows__a_mirror_turns_the_odd_part():
    even, odd = points(50, seed=1) / np.sqrt(2), points(50, seed=2) / np.sqrt(2)
    both = [np.concatenate(halves).astype(np.float32) for halves in ((even, even), (odd, -odd))]
    found, _ = near_rows(*both, most=1, least=0.99)
    assert found.tolist() == [[row, row + 50] for row in range(50)]


def test_near_rows__finds_what_is_near_across_leaves(monkeypatch):
    monkeypatch.setattr(neighbours, "LEAF", 200)
    rows = points(1500, width=24)
    noise = np.random.default_rng(1).normal(scale=0.05, size=rows.shape)
    both = unit(np.concatenate([rows, rows + noise]).astype(np.float32))
    found = {tuple(pair) for pair in near_rows(both, most=2, least=0.8)[0].tolist()}
    assert sum((row, row + 1500) in found for row in range(1500)) > 0.97 * 1500


def test_near_rows__pairs_put_together_a_few_at_a_time_are_the_same(monkeypatch):
    points = unit(np.random.default_rng(4).normal(size=(900, 8)).astype(np.float32))
    monkeypatch.setattr(neighbours, "LEAF", 60)
    pairs, crowd = near_rows(points, most=4, least=0.5)
    monkeypatch.setattr(neighbours, "FRESH", 7)
    again, others = near_rows(points, most=4, least=0.5)
    assert len(pairs) > 900
    np.testing.assert_array_equal(again, pairs)
    np.testing.assert_array_equal(others, crowd)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_near_rows__few_rows(count):
    found, _ = near_rows(np.ones((count, 1), np.float32), most=4, least=0.5)
    assert found.tolist() == ([[0, 1]] if count == 2 else [])


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2**31)), max_size=60))
def test_distinct_pairs__are_each_of_them_once_and_rising(pairs):
    found = distinct_pairs(np.array(pairs, np.int64).reshape(-1, 2))
    assert [tuple(pair) for pair in found.tolist()] == sorted(set(pairs))
