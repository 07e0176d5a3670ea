from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tellapart.evaluation import suspects
from tellapart.evaluation.suspects import (
    find_suspects,
    noise_of_parts,
    out_of_fold_probabilities,
)
from tellapart.types import Depth

DEPTHS = (Depth(name="early", start=0, stop=6), Depth(name="last", start=6, stop=18))


def clouds(*, per_class=60, classes=3, seed=0):
    """Features of well-told classes float32 [N, 18], and their labels."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    centres = random.normal(0, 1.5, (classes, 18))
    return (centres[labels] + random.normal(0, 1, (len(labels), 18))).astype(np.float32), labels


def flipped(labels, *, share, seed=1):
    random = np.random.default_rng(seed)
    rows = random.choice(len(labels), round(share * len(labels)), replace=False)
    wrong = labels.copy()
    wrong[rows] = (labels[rows] + 1) % (labels.max() + 1)
    return wrong, set(rows.tolist())


def certainties(probabilities, labels, *, parts=None):
    result = np.zeros(len(labels))
    for rows, noise in noise_of_parts(probabilities, labels, parts=parts):
        result[rows] = noise.certainty
    return result


def judged(features, labels, *, class_count=3, groups=None):
    return out_of_fold_probabilities(features, labels, class_count=class_count, depths=DEPTHS, seed=0, groups=groups)


def test_find_suspects__are_the_labels_that_were_flipped():
    features, labels = clouds()
    given_labels, wrong = flipped(labels, share=0.06)
    suspects = find_suspects(judged(features, given_labels), given_labels)
    found = {suspect.row for suspect in suspects}
    assert len(found & wrong) >= 0.9 * len(wrong)
    assert len(found & wrong) >= 0.8 * len(found)
    for suspect in suspects:
        assert suspect.given == given_labels[suspect.row]
        assert suspect.suggested != suspect.given
    assert sum(suspect.suggested == labels[suspect.row] for suspect in suspects) >= 0.9 * len(wrong)


def test_find_suspects__are_sorted_by_certainty():
    features, labels = clouds()
    given_labels, _ = flipped(labels, share=0.1)
    certainties = [suspect.certainty for suspect in find_suspects(judged(features, given_labels), given_labels)]
    assert certainties == sorted(certainties, reverse=True)
    assert len(certainties) > 5


def test_find_suspects__is_empty_where_every_label_is_right():
    features, labels = clouds()
    assert find_suspects(judged(features, labels), labels) == ()


def one_way(labels, *, meant, called, share, seed=1):
    """Labels of which that share of one class is called another, and the rows."""
    mine = np.flatnonzero(labels == meant)
    rows = np.random.default_rng(seed).choice(mine, round(share * len(mine)), replace=False)
    wrong = labels.copy()
    wrong[rows] = called
    return wrong, set(rows.tolist())


@pytest.mark.parametrize(("meant", "called"), [(0, 1), (2, 0)])
def test_find_suspects__labels_that_go_one_way_are_found(meant, called):
    features, labels = clouds(per_class=200)
    given_labels, wrong = one_way(labels, meant=meant, called=called, share=0.06)
    suspects = find_suspects(judged(features, given_labels), given_labels)
    found = {suspect.row for suspect in suspects}
    assert len(found & wrong) >= 0.7 * len(wrong)
    assert len(found & wrong) >= 0.8 * len(found)
    assert all((labels[row], given_labels[row]) == (meant, called) for row in found & wrong)
    assert sum((suspect.given, suspect.suggested) == (called, meant) for suspect in suspects) >= 0.8 * len(found)


def test_noise_of_parts__only_a_direction_that_is_there():
    features, labels = clouds(per_class=200)
    for choice, there in ((labels, []), (one_way(labels, meant=1, called=2, share=0.06)[0], [(1, 2)])):
        ((_, noise),) = noise_of_parts(judged(features, choice), choice)
        assert list(noise.directions) == there
        assert all(share == pytest.approx(0.06, abs=0.02) for share in noise.directions.values())
    chance, _ = flipped(labels, share=0.06)
    chance = np.where(np.arange(len(labels)) % 2, chance, (2 * labels - chance) % 3)  # as often to either other class
    ((_, noise),) = noise_of_parts(judged(features, chance), chance)
    assert not noise.directions
    assert noise.rate == pytest.approx(0.06, abs=0.03)


def test_find_suspects__one_part_with_wrong_labels_does_not_spoil_the_other():
    features, labels = clouds(per_class=200)
    parts = np.arange(len(labels)) % 2
    given_labels, wrong = flipped(labels, share=0.08)
    given_labels[parts == 1] = labels[parts == 1]
    probabilities = judged(features, given_labels)
    whole, apart = (certainties(probabilities, given_labels, parts=choice) for choice in (None, parts))
    flips = [row for row in wrong if parts[row] == 0]
    assert (apart[flips] >= whole[flips]).all()
    assert apart[parts == 1].sum() < whole[parts == 1].sum()


def test_find_suspects__finds_more_at_a_lower_precision(monkeypatch):
    features, labels = clouds()
    given_labels, _ = flipped(labels, share=0.06)
    probabilities = judged(features, given_labels)
    found = []
    for share in (0.95, 0.5):
        monkeypatch.setattr(suspects, "PRECISION", share)
        found.append(find_suspects(probabilities, given_labels))
    few, many = found
    assert len(few) < len(many)
    assert few == many[: len(few)]


def test_out_of_fold_probabilities__have_not_seen_the_picture():
    """A feature that tells each training picture apart, and nothing else, must not help."""
    labels = np.repeat([0, 1], 30)
    features = np.random.default_rng(0).normal(size=(60, 18)).astype(np.float32)
    probabilities = judged(features, labels, class_count=2)
    assert (probabilities.argmax(axis=1) == labels).mean() < 0.65
    assert find_suspects(probabilities, labels) == ()


def test_out_of_fold_probabilities__keep_groups_together():
    """Every picture has a twin of the same random label: only folds that part them can tell it."""
    random = np.random.default_rng(0)
    features = np.repeat(random.normal(size=(40, 18)), 2, axis=0).astype(np.float32)
    labels = np.repeat(random.integers(0, 2, 40), 2)
    groups = np.repeat(np.arange(40), 2)
    apart, together = (judged(features, labels, class_count=2, groups=choice) for choice in (None, groups))
    own = [(rows.argmax(axis=1) == labels).mean() for rows in (apart, together)]
    assert own[0] > 0.7
    assert own[1] < 0.65


def test_out_of_fold_probabilities__are_not_a_number_for_the_only_picture_of_a_class():
    features, labels = clouds()
    labels = labels.copy()
    labels[5] = 4  # class 3 has no picture at all
    rows = judged(features, labels, class_count=5)
    assert np.isnan(rows[5]).all()
    others = np.delete(rows, 5, axis=0)
    assert np.allclose(others.sum(axis=1), 1)
    assert (others[:, 3] == 0).all()
    assert 5 not in {suspect.row for suspect in find_suspects(rows, labels)}


def test_out_of_fold_probabilities__are_unknown_where_nothing_can_be_held_out():
    features, _ = clouds(per_class=1)
    assert np.isnan(judged(features, np.arange(3))).all()


def test_out_of_fold_probabilities__depend_on_the_seed_alone():
    features, labels = clouds()
    assert np.array_equal(judged(features, labels), judged(features, labels))


def test_noise_of_parts__finds_the_share_that_was_simulated():
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 4000)
    sure = 0.5 + 0.49 * random.beta(8, 1, 4000)
    seen = np.where(random.random(4000) < sure, truth, 1 - truth)  # calibrated: right as often as it says
    probabilities = np.where(np.arange(2) == seen[:, None], sure[:, None], 1 - sure[:, None])
    labels, wrong = flipped(truth, share=0.05)
    certainty = certainties(probabilities, labels)
    assert certainty.mean() == pytest.approx(0.05, abs=0.02)
    picked = certainty > 0.5
    assert np.isin(np.flatnonzero(picked), list(wrong)).mean() == pytest.approx(certainty[picked].mean(), abs=0.15)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.integers(2, 5), st.integers(0, 99))
def test_find_suspects__takes_any_probabilities(count, classes, seed):
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(classes, 0.1), count)
    probabilities[random.random(count) < 0.2] = np.nan
    labels = random.integers(0, classes, count)
    suspects = find_suspects(probabilities, labels)
    assert all(0 <= suspect.certainty <= 1 for suspect in suspects)


@pytest.mark.parametrize("seed", range(4))
def test_find_suspects__two_wrong_labels_of_eighty(seed):
    features, labels = clouds(per_class=40, classes=2, seed=8)
    wrong = labels.copy()
    wrong[[3, 45]] = 1 - wrong[[3, 45]]
    shares = out_of_fold_probabilities(features, wrong, class_count=2, depths=DEPTHS, seed=seed)
    assert {suspect.row for suspect in find_suspects(shares, wrong)} == {3, 45}
