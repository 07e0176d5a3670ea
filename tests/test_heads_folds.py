from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tellapart.heads.folds import stratified_folds


def labels_of(*sizes):
    return np.repeat(np.arange(len(sizes)), sizes)


def test_stratified_folds__spread_every_class_evenly():
    labels = labels_of(50, 23, 7)
    folds = stratified_folds(labels, seed=0)
    table = np.array([[np.sum((labels == label) & (folds.fold == fold)) for fold in range(5)] for label in range(3)])
    assert folds.count == 5
    assert (np.ptp(table, axis=1) <= 1).all()
    assert np.ptp(table.sum(axis=0)) <= 1


def test_stratified_folds__are_as_many_as_the_smallest_class_but_at_least_three():
    assert stratified_folds(labels_of(9, 4), seed=0).count == 4
    assert stratified_folds(labels_of(9, 2), seed=0).count == 3


def test_stratified_folds__never_hold_out_the_only_picture_of_a_class():
    labels = labels_of(6, 1, 6)
    folds = stratified_folds(labels, seed=0)
    assert folds.fold[6] == -1
    assert (folds.fold[labels != 1] >= 0).all()


def test_stratified_folds__are_none_when_every_class_has_one_picture():
    assert stratified_folds(labels_of(1, 1, 1), seed=0).count == 0


def test_stratified_folds__depend_on_the_seed_alone():
    labels = labels_of(30, 30)
    first, again, other = (stratified_folds(labels, seed=seed).fold for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=2, max_size=6), st.integers(0, 99))
def test_stratified_folds__leave_each_fold_a_picture_of_every_class(sizes, seed):
    labels = labels_of(*sizes)
    folds = stratified_folds(labels, seed=seed)
    for fold in range(folds.count):
        assert set(labels[folds.fold != fold]) == set(labels)
        assert (folds.fold == fold).any()


def test_stratified_folds__groups_stay_together_and_classes_spread():
    labels = labels_of(60, 40)
    groups = np.repeat(np.arange(50), 2)
    folds = stratified_folds(labels, groups=groups, seed=0)
    assert folds.count == 5
    assert all(len(set(folds.fold[groups == group])) == 1 for group in range(50))
    table = np.array([[np.sum((labels == label) & (folds.fold == fold)) for fold in range(5)] for label in range(2)])
    assert (np.ptp(table, axis=1) <= 2).all()


def test_stratified_folds__groups_never_hold_out_a_group_that_is_a_whole_class():
    labels = labels_of(6, 4, 6)
    groups = np.concatenate([np.arange(6), [100] * 4, np.arange(6, 12)])
    folds = stratified_folds(labels, groups=groups, seed=0)
    assert (folds.fold[6:10] == -1).all()
    assert (folds.fold[labels != 1] >= 0).all()


def test_stratified_folds__groups_are_none_where_every_class_is_one_group():
    assert stratified_folds(labels_of(3, 4), groups=np.array([0] * 3 + [1] * 4), seed=0).count == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8)), min_size=2, max_size=40), st.integers(0, 99))
def test_stratified_folds__groups_leave_each_fold_a_picture_of_every_class(rows, seed):
    _, labels = np.unique([label for label, _ in rows], return_inverse=True)
    groups = np.array([group for _, group in rows])
    folds = stratified_folds(labels, groups=groups, seed=seed)
    for group in set(groups.tolist()):
        assert len(set(folds.fold[groups == group])) == 1 or not folds.count or (folds.fold[groups == group] < 0).any()
    for fold in range(folds.count):
        assert set(labels[folds.fold != fold]) == set(labels)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12)), min_size=2, max_size=60),
    st.integers(0, 3),
)
@settings(deadline=None, max_examples=100, derandomize=True)
def test_stratified_folds__hold_groups_out_whole_and_leave_every_class_to_learn(pairs, seed):
    labels, groups = np.array(pairs, np.int64).T
    folds = stratified_folds(labels, groups=groups, seed=seed)
    for group in np.unique(groups):
        assert len(np.unique(folds.fold[groups == group])) == 1
    assert folds.fold.max(initial=-1) < max(folds.count, 1)
    assert (folds.count > 0) == (folds.fold >= 0).any()
    for fold in range(folds.count):
        held_out = folds.fold == fold
        assert set(labels[held_out]) <= set(labels[~held_out])


def test_stratified_folds__groups_are_spread_evenly():
    labels = np.repeat([0, 1], 100)
    groups = np.arange(200) // 4
    folds = stratified_folds(labels, groups=groups, seed=0)
    assert folds.count == 5
    assert all(np.bincount(labels[folds.fold == fold]).tolist() == [20, 20] for fold in range(5))


def test_stratified_folds__groups_of_one_are_no_groups():
    labels = labels_of(9, 9)
    expected = stratified_folds(labels, seed=1).fold
    np.testing.assert_array_equal(stratified_folds(labels, groups=np.arange(18), seed=1).fold, expected)
