import numpy as np
import pytest

from tellapart.heads import nested
from tellapart.heads.folds import stratified_folds
from tellapart.heads.nested import NestedPlan, nested_heads, search_inside
from tellapart.types import Depth

PLAN = NestedPlan(class_count=3, depths=(Depth(name="last", start=0, stop=12),), max_error=0.1, seed=0)


def clouds(count, *, seed=0, apart=1.2):
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    features = apart * np.eye(3, 12)[labels] + 0.6 * random.normal(size=(count, 12))
    return features.astype(np.float32), labels


def told(features, labels, folds):
    heads = nested_heads(features, labels, folds=folds, groups=np.arange(len(labels)), plan=PLAN)
    return [(one.head.weight.copy(), one.head.bias.copy(), one.temperature, one.abstention.unsure) for one in heads]


def test_nested_heads__what_a_fold_holds_out_changes_nothing_of_its_own_head():
    features, labels = clouds(60)
    folds = stratified_folds(labels, seed=0, count=5).fold
    before = told(features, labels, folds)
    held = folds == 2
    other, relabelled = features.copy(), labels.copy()
    other[held] += 50
    relabelled[held] = (labels[held] + 1) % 3
    after = told(other, relabelled, folds)
    for left, right in zip(before[2], after[2], strict=True):
        np.testing.assert_array_equal(left, right)
    assert any(not np.array_equal(before[0][0], after[0][0]) for _ in "x")


def test_nested_heads__answer_pictures_they_have_not_seen():
    features, labels = clouds(90)
    folds = stratified_folds(labels, seed=0, count=5).fold
    heads = nested_heads(features, labels, folds=folds, groups=np.arange(90), plan=PLAN)
    right = [(heads[fold].head.logits(features[[row]])[0].argmax() == labels[row]) for row, fold in enumerate(folds)]
    assert np.mean(right) > 0.8
    for number, head in enumerate(heads):
        assert head.halves.shape == (2, (folds == number).sum())
        assert head.abstention.guarantee.by_folds
        assert head.abstention.guarantee.pictures == (folds != number).sum()


def test_nested_heads__shares_of_unequal_classes_are_taken_out_inside_each_fold():
    features, labels = clouds(360, apart=0.7)
    kept = (labels != 2) | (np.arange(360) % 36 == 2)
    features, labels = features[kept], labels[kept]
    folds = stratified_folds(labels, seed=0, count=5).fold
    heads = nested_heads(features, labels, folds=folds, groups=np.arange(len(labels)), plan=PLAN)
    for number, head in enumerate(heads):
        counts = np.bincount(labels[folds != number], minlength=3)
        moved = head.head.bias - head.fitted.bias
        np.testing.assert_array_equal(head.head.weight, head.fitted.weight)
        assert moved[:2].max() < 0.1
        assert 0.4 * np.log(counts.max() / counts[2]) < moved[2] < 1.1 * np.log(counts.max() / counts[2])
        assert [promise.learned for promise in head.abstention.promises] == counts.tolist()
        assert len(head.abstention.by_class) == 3


@pytest.mark.parametrize("most", [10_000, 10], ids=["by folds", "by one part"])
def test_search_inside__a_head_on_all_rows_with_answers_about_some(most):
    features, labels = clouds(60)
    found = search_inside(features, labels, np.arange(60), groups=np.arange(60), plan=PLAN, most=most)
    judged = ~np.isnan(found.held_out).any(axis=1)
    assert judged.sum() == (60 if most == 10_000 else 12)
    assert (found.held_out[judged].argmax(axis=1) == labels[judged]).mean() > 0.7
    refitted = nested.refit(found, PLAN)(features, labels, tolerance=1e-9)
    np.testing.assert_allclose(found.head.logits(features), refitted.logits(features), atol=0.02)
