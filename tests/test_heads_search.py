from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from process_settings import BLAS_THREADS
from tellapart.cores import VARIABLE as OPENMP_THREADS
from tellapart.cores import thread_count
from tellapart.errors import DataError
from tellapart.heads import cross_validation
from tellapart.heads.calibration import probabilities
from tellapart.heads.cross_validation import FoldScorer, held_out_logits
from tellapart.heads.dual_space import COMMON, OWN, column_standard, training_space
from tellapart.heads.folds import stratified_folds
from tellapart.heads.regularization_path import POLISHED, Fit, Path, PathPoint, fit_head, strength_at
from tellapart.heads.search import _Found, _Try, search_head
from tellapart.heads.setting import HeadSetting
from tellapart.types import Depth

TWINS = (Depth(name="early", start=0, stop=90), Depth(name="last", start=90, stop=108))
NOISE, SIGNAL = Depth(name="early", start=0, stop=12), Depth(name="last", start=12, stop=30)


def pictures(count, *, classes=3, width=30, spread=1.0, seed=0):
    """Features [count, width] and labels, in the order 0, 1, 2, 0, 1, 2 …; only columns from 12 on know the class."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = np.random.default_rng(99).standard_normal((classes, width)) * (np.arange(width) >= 12)
    features = centres[labels] + spread * generator.standard_normal((count, width)) + 3
    return features.astype(np.float32), labels.astype(np.int64)


def searched(features, labels, *, classes=3, train, valid=None, depths=(NOISE, SIGNAL), seed=0):
    return search_head(features, labels, class_count=classes, depths=depths, train=train, valid=valid, seed=seed)


def test_search_head__learns_and_reports_what_it_chose():
    features, labels = pictures(300)
    found = searched(features, labels, train=slice(0, 150), valid=slice(150, 200))
    accuracy = np.mean(found.head.logits(features[200:]).argmax(axis=1) == labels[200:])
    assert accuracy > 0.9
    assert found.selected["chosen_by"] == "valid"
    assert found.selected["out_of"]["depths"] == ["last", "all"]
    assert found.selected["score"] == min(row["log_loss"] for row in found.history)
    json.dumps([found.selected, *found.history], allow_nan=False)


def test_search_head__takes_the_depth_that_knows():
    features, labels = pictures(300)
    blind = Depth(name="last", start=0, stop=12)
    only_all = searched(
        features[:, ::-1].copy(),
        labels,
        train=slice(0, 150),
        valid=slice(150, 300),
        depths=(Depth(name="early", start=0, stop=18), Depth(name="last", start=18, stop=30)),
    )
    last = searched(features, labels, train=slice(0, 150), valid=slice(150, 300))
    assert (only_all.selected["depths"], last.selected["depths"]) == ("all", "last")
    assert (only_all.head.start, only_all.head.stop, last.head.start, last.head.stop) == (0, 30, 12, 30)
    assert searched(features, labels, train=slice(0, 150), depths=(blind,)).selected["out_of"]["depths"] == ["last"]


@pytest.mark.parametrize(("count", "width"), [(60, 200), (400, 40)])
def test_search_head__is_the_optimum_that_sklearn_finds(count, width):
    features, labels = pictures(count + 100, width=width, spread=2.0)
    depths = (Depth(name="last", start=0, stop=width),)
    found = searched(features, labels, train=slice(0, count), valid=slice(count, None), depths=depths)
    scale = column_standard(features[:count], COMMON)
    standard = (features - scale.mean) * scale.inverse_deviation
    reference = LogisticRegression(C=1 / (found.selected["l2"] * count), tol=1e-8, max_iter=5000)
    expected = reference.fit(standard[:count], labels[:count]).predict_proba(standard)
    ours = probabilities(found.head.logits(features), temperature=1.0)
    np.testing.assert_allclose(ours, expected, atol=2e-4)


def loud_and_dull(count, *, seed=0):
    """Features [count, 1200] and labels of two classes: 8 loud columns know the class, others are soft noise."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    features = 0.1 * generator.standard_normal((count, 1200))
    features[:, 900:908] = generator.standard_normal((count, 8)) + np.where(labels, 0.8, -0.8)[:, None]
    return features.astype(np.float32), labels.astype(np.int64)


@pytest.mark.parametrize("depths", [(600, 1200), (0, 1200)], ids=["of all depths", "of one depth"])
def test_search_head__of_few_pictures_does_not_make_dull_columns_as_loud_as_telling_ones(depths):
    features, labels = loud_and_dull(1010)
    start, stop = depths
    depths = (Depth(name="early", start=0, stop=start), Depth(name="last", start=start, stop=stop))[start == 0 :]
    found = searched(features, labels, classes=2, train=slice(0, 10), depths=depths)
    own = fit_head(features[:10], labels[:10], class_count=2, setting=HeadSetting(l2=0.1))
    right = [np.mean(head.logits(features[10:]).argmax(axis=1) == labels[10:]) for head in (found.head, own)]
    assert found.selected["scale"] == COMMON
    assert right[0] > right[1] + 0.1


@pytest.mark.parametrize(
    ("losses", "margin", "taken"),
    [((1.0, 0.9, 0.84), 0.15, 1), ((1.0, 0.9, 0.84), 0.2, 0), ((1.0, 0.9, 0.84), 0.0, 2), ((np.nan, np.nan), 0.0, 0)],
)
def test_found__takes_the_first_choice_that_is_near_the_best(losses, margin, taken):
    found = _Found()
    for number, loss in enumerate(losses):
        fit = Fit(l2=0.1, parameters=np.zeros((1, 2, 3)), log_loss=loss, iterations=1)
        point = PathPoint(space=training_space(np.eye(3, dtype=np.float32)), fit=fit, score=None, seconds=0.0)
        found.add(_Try(str(number), OWN), point)
    assert found.taken(margin=margin).depths == str(taken)


@pytest.mark.parametrize(("count", "by_valid", "taken"), [(30, False, "last"), (30, True, "last"), (102, False, "all")])
def test_search_head__of_few_pictures_that_is_right_about_everything_takes_the_last_depth(count, by_valid, taken):
    """All depths are the surer of it, by less than pictures so few can tell."""
    features, labels = pictures(count + 30, spread=0.01)
    valid = slice(count, count + 30) if by_valid else None
    six_times = np.tile(features[:, 12:], 6)
    found = searched(six_times, labels, train=slice(0, count), valid=valid, depths=TWINS)
    losses = {name: [row["log_loss"] for row in found.history if row["depths"] == name] for name in ("last", "all")}
    assert found.selected["depths"] == taken
    assert found.selected["score"] == min(losses[taken])
    assert min(losses["last"]) > min(losses["all"])


def test_search_head__scales_columns_by_their_depths_and_tries_both_for_few_pictures():
    features, labels = pictures(420)
    few, many = (searched(features, labels, train=slice(0, count), valid=slice(300, 420)) for count in (100, 101))
    tried = [list(dict.fromkeys((row["depths"], row["scale"]) for row in found.history)) for found in (few, many)]
    assert tried == [[("last", COMMON), ("all", OWN), ("all", COMMON)], [("last", COMMON), ("all", OWN)]]
    assert few.selected["out_of"]["scale"] == [COMMON, OWN]


@pytest.mark.parametrize("scale", [OWN, COMMON])
def test_setting__fits_the_head_that_was_found_anew(scale):
    features, labels = pictures(300)
    depths = (NOISE, SIGNAL)
    if scale == OWN:  # both depths know the class
        features, depths = features[:, ::-1].copy(), (replace(NOISE, stop=18), replace(SIGNAL, start=18))
    found = searched(features, labels, train=slice(0, 240), depths=depths)
    fitted = fit_head(features[:240], labels[:240], class_count=3, setting=found.setting, tolerance=POLISHED)
    assert found.setting.scale == scale
    assert (fitted.start, fitted.stop) == (found.head.start, found.head.stop)
    np.testing.assert_allclose(fitted.logits(features), found.head.logits(features), atol=2e-3)


def test_search_head__equals_itself_to_the_byte():
    features, labels = pictures(200)
    first, again = (searched(features, labels, train=slice(0, 200)) for _ in range(2))
    assert first.head.weight.tobytes() == again.head.weight.tobytes()
    assert first.head.bias.tobytes() == again.head.bias.tobytes()
    assert first.selected == again.selected


def test_search_head__does_not_look_at_other_rows():
    features, labels = pictures(300)
    spoiled = features.copy()
    spoiled[200:] = np.nan
    clean, blind = (searched(rows, labels, train=slice(0, 150), valid=slice(150, 200)) for rows in (features, spoiled))
    assert clean.head.weight.tobytes() == blind.head.weight.tobytes()


@pytest.mark.parametrize(
    ("order", "chosen_by"),
    [
        ([0, 1, 2, 0, 1, 2], "3-fold cross-validation"),
        ([0, 0, 0, 1, 1, 1, 2], "3-fold cross-validation"),
        ([0, 0, 1], "2-fold cross-validation"),
        ([0, 1, 2], "default"),
        ([0, 1], "default"),
        (list(range(3)) * 20, "5-fold cross-validation"),
    ],
)
def test_search_head__takes_what_a_few_pictures_allow(order, chosen_by):
    labels = np.array(order, dtype=np.int64)
    features = pictures(len(order))[0] + 5 * labels[:, None].astype(np.float32)
    found = searched(features, labels, train=slice(0, None))
    assert found.selected["chosen_by"] == chosen_by
    assert found.selected["always_trained"] == ((np.bincount(labels) == 1).sum() or None)
    assert found.head.weight.shape[1] == 3
    assert np.isfinite(found.head.logits(features)).all()
    json.dumps([found.selected, *found.history], allow_nan=False)


def test_search_head__never_predicts_a_class_without_training_pictures():
    features, labels = pictures(200, classes=2)
    labels[labels == 1] = 2
    labels[150:160] = 1
    found = searched(features, labels, train=slice(0, 100), valid=slice(100, 200))
    given = probabilities(found.head.logits(features), temperature=1.0)
    assert given[:, 1].max() < 1e-8
    assert np.mean(given[160:].argmax(axis=1) == labels[160:]) > 0.8


def test_search_head__cross_validates_where_valid_has_no_usable_picture():
    features, labels = pictures(90)
    empty = searched(features, labels, train=slice(0, 90), valid=slice(90, 90))
    assert empty.selected["chosen_by"] == "5-fold cross-validation"


def test_search_head__refuses_a_single_class():
    features, labels = pictures(20)
    with pytest.raises(DataError, match="fewer than two classes"):
        searched(features, labels * 0, train=slice(0, 20))


def test_search_head__survives_features_that_say_nothing():
    features = np.ones((40, 30), dtype=np.float32)
    found = searched(features, np.arange(40) % 3, train=slice(0, 40))
    assert np.isfinite(found.head.weight).all()


def test_search_head__goes_up_from_the_first_strength_where_that_is_best():
    features = np.random.default_rng(0).standard_normal((80, 30)).astype(np.float32)
    found = searched(features, np.arange(80) % 2, classes=2, train=slice(0, 40), valid=slice(40, 80))
    assert found.selected["l2"] > 0.1


def test_score__of_warm_folds_is_that_of_cold_fits_on_the_other_folds():
    features, labels = pictures(120, spread=2.0)
    folds = stratified_folds(labels, seed=0)
    path = Path(training_space(features), labels, start=np.zeros((1, 3, 31)))
    scorer = FoldScorer(folds)
    warm = [scorer.score(path, path.fit(l2)).log_loss for l2 in (0.1, 0.03)][-1]
    losses = np.zeros(120)
    for fold in range(folds.count):
        train, held = folds.fold != fold, folds.fold == fold
        scale = column_standard(features)
        standard = (features - scale.mean) * scale.inverse_deviation
        cold = LogisticRegression(C=1 / (0.03 * train.sum()), tol=1e-8, max_iter=5000)
        given = cold.fit(standard[train], labels[train]).predict_proba(standard[held])
        losses[held] = -np.log(given[np.arange(held.sum()), labels[held]])
    assert warm == pytest.approx(losses.mean(), abs=3e-4)


def test_score__does_not_depend_on_how_many_folds_are_fitted_together(monkeypatch):
    features, labels = pictures(120, spread=2.0)
    scores = []
    for columns in (128, 6):
        monkeypatch.setattr(cross_validation, "COLUMNS", columns)
        path = Path(training_space(features), labels, start=np.zeros((1, 3, 31)))
        scores.append(FoldScorer(stratified_folds(labels, seed=0)).score(path, path.fit(0.1)))
    assert scores[0].log_loss == pytest.approx(scores[1].log_loss, abs=1e-4)


def test_fit__of_a_warm_path_is_that_of_a_cold_one():
    features, labels = pictures(200, spread=2.0)
    warm = Path(training_space(features), labels, start=np.zeros((1, 3, 31)))
    for l2 in (0.1, 0.03, 0.01):
        last = warm.fit(l2, tolerance=POLISHED)
    cold = Path(training_space(features), labels, start=np.zeros((1, 3, 31))).fit(0.01, tolerance=POLISHED)
    np.testing.assert_allclose(last.parameters, cold.parameters, atol=2e-3)
    assert last.log_loss == pytest.approx(cold.log_loss, rel=1e-4)


def test_strength__is_written_as_it_is_read():
    assert [strength_at(step) for step in range(-2, 6)] == [10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003]


def test_heads__import_without_sklearn_or_scipy():
    code = "import sys, tellapart.heads.search; print([n for n in ('scipy', 'sklearn') if n in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


SEARCHED_BY_THREADS = """
import json
import numpy as np
from threadpoolctl import threadpool_info
from tellapart.heads import products
from tellapart.heads.search import search_head
from tellapart.types import Depth

products.SMALL_ROWS = 0  # as of many rows, of which products have all threads
random = np.random.default_rng(0)
labels = np.arange(900) % 3
features = (random.standard_normal((900, 256)) + 0.1 * random.standard_normal((3, 256))[labels]).astype(np.float32)
depths = (Depth(name="early", start=0, stop=128), Depth(name="last", start=128, stop=256))
train, valid = slice(0, 600), slice(600, 900)
found = search_head(features, labels, class_count=3, depths=depths, train=train, valid=valid, seed=0)
with products.one_thread_if_small(600):
    threads = [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
logits = found.head.logits(features[valid]).tolist()
print(json.dumps({"threads": max(threads), "selected": found.selected, "logits": logits}))
"""


@pytest.mark.skipif(thread_count() < 2, reason="needs two cores")
def test_search_head__two_threads_of_blas_choose_as_one_does():
    """The processes of the tests have one, see process_settings."""
    found = []
    for threads in (1, 2):
        environment = {**os.environ, BLAS_THREADS: str(threads)}
        environment.pop(OPENMP_THREADS, None)
        ran = subprocess.run(
            [sys.executable, "-c", SEARCHED_BY_THREADS], env=environment, capture_output=True, text=True, check=True
        )
        found.append(json.loads(ran.stdout))
    one, two = found
    assert (one["threads"], two["threads"]) == (1, 2)
    assert one["selected"].pop("score") == pytest.approx(two["selected"].pop("score"), abs=1e-4)
    assert one["selected"] == two["selected"]
    np.testing.assert_allclose(one["logits"], two["logits"], atol=0.01)


@pytest.mark.parametrize("scale", [OWN, COMMON])
def test_held_out_logits__are_those_that_the_search_scored(scale):
    features, labels = pictures(60)
    features[:, 20:] *= 9
    folds, space = stratified_folds(labels, seed=0), training_space(features[:, 12:], scale)
    path = Path(space, labels, start=np.zeros((1, 3, space.matrix.shape[1] + 1)))
    scored = FoldScorer(folds).score(path, path.fit(0.1)).logits
    setting = HeadSetting(l2=0.1, scale=scale, columns=slice(12, 30))
    np.testing.assert_allclose(
        held_out_logits(features, labels, folds=folds, setting=setting), scored, atol=0.15
    )  # 0.7 by the other scale


def test_held_out_logits__a_weak_strength_is_not_begun_from_nothing():
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40)
    features = (random.normal(size=(80, 400)) + 0.3 * labels[:, None]).astype(np.float32)
    logits = held_out_logits(features, labels, folds=stratified_folds(labels, seed=0), setting=HeadSetting(l2=1e-6))
    margins = (logits[:, 1] - logits[:, 0]) * (2 * labels - 1)
    assert (margins > 0).mean() > 0.9
    assert np.abs(margins).max() < 50
