"""Sums of features: they are what they say, and those of parts add up to those of the whole."""

import numpy as np
import pytest

from tellapart.errors import DataError, UsageError
from tellapart.heads import sums as module
from tellapart.heads.sums import add, sums_of

CLASSES = 5


def made_up(count=3000, width=24, *, seed=0):
    """Features as a base gives them: float32 that float16 holds, never below 0."""
    random = np.random.default_rng(seed)
    features = np.maximum(random.normal(0.3, 1, (count, width)), 0).astype(np.float16).astype(np.float32)
    return features, random.integers(0, CLASSES, count)


def close(one, other):
    assert one.rows == other.rows
    for name in ("counts", "totals"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-12, atol=0)
    np.testing.assert_allclose(np.tril(one.products), np.tril(other.products), rtol=1e-12, atol=0)


@pytest.mark.parametrize("weighted", [False, True])
def test_sums_of__are_what_they_say(weighted):
    features, labels = made_up()
    weights = np.random.default_rng(1).uniform(0.1, 3, len(labels)) if weighted else None
    found = sums_of(features, labels, class_count=CLASSES + 1, weights=weights)
    shown = np.eye(CLASSES + 1)[labels] * (1 if weights is None else weights[:, None])
    rows = features.astype(np.float64)
    np.testing.assert_allclose(found.counts, shown.sum(axis=0))
    np.testing.assert_allclose(found.totals, shown.T @ rows)
    np.testing.assert_allclose(np.tril(found.products), np.tril(rows.T @ (rows * shown.sum(axis=1)[:, None])))
    assert (found.rows, found.products.dtype, found.counts[CLASSES]) == (len(labels), np.float64, 0)


def test_sums_of__whatever_the_blocks_and_the_order(monkeypatch):
    features, labels = made_up()
    whole = sums_of(features, labels, class_count=CLASSES)
    order = np.random.default_rng(2).permutation(len(labels))
    monkeypatch.setattr(module, "ROWS_ADDED", 137)
    close(sums_of(features[order], labels[order], class_count=CLASSES), whole)


def test_add__sums_of_parts_are_those_of_the_whole_and_stay_as_they_are():
    features, labels = made_up()
    parts = [sums_of(features[part], labels[part], class_count=CLASSES) for part in np.split(np.arange(3000), [1, 900])]
    before = parts[0].totals.copy()
    close(add(parts), sums_of(features, labels, class_count=CLASSES))
    np.testing.assert_array_equal(parts[0].totals, before)


def test_add__nothing_and_sums_of_other_shapes():
    features, labels = made_up(count=30)
    one = sums_of(features, labels, class_count=CLASSES)
    with pytest.raises(UsageError, match="no sums"):
        add([])
    with pytest.raises(UsageError, match=r"\(5, 24\) and \(5, 9\)"):
        add([one, one.part(slice(3, 12))])
    with pytest.raises(UsageError, match="other shapes"):
        add([one, sums_of(features, labels, class_count=CLASSES + 1)])


def test_among__classes_take_other_places():
    features, labels = made_up(count=30)
    one = sums_of(features, labels, class_count=CLASSES)
    places = np.array([6, 0, 1, 2, 4])
    close(one.among(places, class_count=7), sums_of(features, places[labels], class_count=7))


def test_sums_of__a_feature_that_is_no_number():
    features, labels = made_up(count=30)
    features[7, 2] = np.inf
    with pytest.raises(DataError, match="not finite"):
        sums_of(features, labels, class_count=CLASSES)


def test_sums_of__rows_of_a_memory_map(tmp_path):
    features, labels = made_up(count=2500)
    np.save(tmp_path / "rows.npy", features)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    close(sums_of(mapped, labels, class_count=CLASSES), sums_of(features, labels, class_count=CLASSES))
