"""sample_weight in fit: how much each picture counts, as scikit-learn has it."""

import numpy as np
import pytest

from pictures import make_pixels
from tellapart.errors import DataError, UsageError
from tellapart.estimator import ImageClassifier
from tellapart.heads.calibration import fit_temperature
from tellapart.heads.cross_validation import FoldScorer
from tellapart.heads.dual_space import training_space
from tellapart.heads.folds import Folds
from tellapart.heads.regularization_path import Path
from tellapart.heads.search import search_head
from tellapart.learn import thinned
from tellapart.types import Depth

COUNT = 24


@pytest.fixture(scope="module")
def samples():
    pictures = [make_pixels(seed, kind=seed % 2, width=32, height=32, blotches=60) for seed in range(COUNT)]
    return pictures, [("ant", "bee")[seed % 2] for seed in range(COUNT)]


def fitted(samples, weights=None, **options):
    pictures, labels = samples
    return ImageClassifier(size=64, **options).fit(pictures, labels, sample_weight=weights)


@pytest.fixture(scope="module")
def plain(samples):
    """A classifier that was fitted without weights."""
    return fitted(samples)


def test_fit__equal_weights_are_no_weights(samples, plain):
    expected = plain.predict_proba(samples[0])
    for weights in ([2] * COUNT, 0.5):
        assert np.array_equal(fitted(samples, weights).predict_proba(samples[0]), expected)


def test_fit__a_weight_of_0_leaves_a_picture_out(samples):
    pictures, labels = samples
    weights = np.ones(COUNT)
    weights[[3, 8]] = 0
    rest = [place for place in range(COUNT) if weights[place]]
    without = fitted(([pictures[place] for place in rest], [labels[place] for place in rest]))
    assert np.array_equal(fitted(samples, weights).predict_proba(pictures), without.predict_proba(pictures))
    three = [*labels[:-2], "cow", "cow"]
    assert fitted((pictures, three), [1.0] * (COUNT - 2) + [0, 0]).classes_.tolist() == ["ant", "bee"]


def test_history__is_columns_of_one_length(plain):
    history = plain.history_
    assert {"depths", "l2", "log_loss"} <= history.keys()
    assert len({len(column) for column in history.values()}) == 1


def test_fit__weights_move_the_answers(samples, plain):
    pictures, labels = samples
    weights = np.where(np.array(labels) == "ant", 20.0, 1.0)
    heavy = fitted(samples, weights).predict_proba(pictures)[:, 0]
    assert heavy.mean() > plain.predict_proba(pictures)[:, 0].mean()


def test_fit__weights_say_how_much_unequal_classes_count(samples):
    pictures, _ = samples
    labels = ["bee" if place % 6 == 1 else "ant" for place in range(COUNT)]
    weights = np.where(np.array(labels) == "bee", 5.0, 1.0)
    assert "prior_taken_out" not in fitted((pictures, labels), weights).classifier_.selected


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0] * 5, r"5 weights for 24 labels: sample_weight"),
        ([1.0] * 23 + [-2.0], r"-2 is no weight: sample_weight\[23\]"),
        ([1.0, np.nan] + [1.0] * 22, r"nan is no weight: sample_weight\[1\]"),
        ([1.0, np.inf] + [1.0] * 22, r"inf is no weight: sample_weight\[1\]"),
        (["much"] * 24, r"no list of numbers: sample_weight"),
        ("balanced", r"no list of numbers: sample_weight"),
        (np.ones((24, 2)), r"weights of shape \[24, 2\]: sample_weight"),
        ([0] * 24, r"all weights are 0: sample_weight"),
    ],
)
def test_fit__weights_that_cannot_be_are_one_line(samples, weights, message):
    with pytest.raises(DataError, match=message):
        fitted(samples, weights)


def test_fit__recipes_without_a_use_for_weights_say_so(samples):
    with pytest.raises(UsageError, match=r"takes no weights of pictures: auto.*features, frozen"):
        fitted(samples, np.arange(1, COUNT + 1), recipe="auto")
    with pytest.raises(DataError, match=r"weights without labels: sample_weight"):
        ImageClassifier().fit("pictures", sample_weight=[1.0])


DEPTHS = (Depth(name="last", start=0, stop=6),)


@pytest.fixture(scope="module")
def clouds():
    """Features and labels of 60 training and 30 valid rows, how often each counts, and the rows repeated so often."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 90)
    features = (random.normal(0, 1.5, (90, 6)) + np.eye(3, 6)[labels] * 2).astype(np.float32)
    counts = random.integers(1, 4, 90)
    counts[:60] = np.where(labels[:60] == 0, 3, counts[:60])
    return features, labels, counts, np.repeat(np.arange(90), counts)


def test_search_head__whole_weights_are_like_repeated_rows(clouds):
    features, labels, counts, rows = clouds
    train, valid, first = slice(0, 60), slice(60, 90), int(counts[:60].sum())
    options = {"class_count": 3, "depths": DEPTHS, "seed": 0}
    weighted = search_head(features, labels, train=train, valid=valid, weights=counts.astype(float), **options)
    repeated = search_head(
        features[rows], labels[rows], train=slice(0, first), valid=slice(first, len(rows)), **options
    )
    plain = search_head(features, labels, train=train, valid=valid, **options)
    shares = [softmax(found.head.logits(features)) for found in (weighted, repeated, plain)]
    assert weighted.selected["l2"] == repeated.selected["l2"]
    assert weighted.selected["score"] == pytest.approx(repeated.selected["score"], abs=0.01)
    assert np.abs(shares[0] - shares[1]).max() < 0.02  # not 0, since columns are standardised by rows
    assert np.abs(shares[2] - shares[1]).max() > 0.1


def test_fold_scorer__whole_weights_are_like_repeated_rows(clouds):
    features, labels, counts, rows = clouds
    scores = []
    for chosen, weights in ((np.arange(90), counts.astype(float)), (rows, None)):
        space = training_space(features[chosen])
        path = Path(space, labels[chosen], start=np.zeros((1, 3, space.matrix.shape[1] + 1)), weights=weights)
        folds = Folds(count=3, fold=chosen % 3)
        scores.append(FoldScorer(folds).score(path, path.fit(0.1)))
    assert scores[0].log_loss == pytest.approx(scores[1].log_loss, abs=0.005)
    assert scores[0].accuracy == pytest.approx(scores[1].accuracy, abs=0.02)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_fit_temperature__weights_are_worth_as_many_pictures_as_kish_says():
    random = np.random.default_rng(1)
    labels = random.integers(0, 3, 200)
    logits = random.normal(0, 2, (200, 3)) + np.eye(3)[labels] * 2
    plain = fit_temperature(logits, labels)
    assert fit_temperature(logits, labels, weights=np.full(200, 7.0)) == pytest.approx(plain, abs=1e-9)
    half = np.where(np.arange(200) < 100, 1.0, 1e-9)
    assert fit_temperature(logits, labels, weights=half) == pytest.approx(
        fit_temperature(logits[:100], labels[:100]), abs=1e-4
    )


def test_thinned__what_is_kept_is_as_the_weights_make_it_up():
    rows = np.arange(40_000)
    weights = np.where(rows % 2 == 0, 1.0, 0.25)
    kept = thinned(rows, weights, seed=0)
    assert (kept % 2 == 0).sum() == 20_000
    assert abs((kept % 2 == 1).sum() - 5_000) < 4 * np.sqrt(20_000 * 0.25 * 0.75)
    assert np.array_equal(thinned(rows, None, seed=0), rows)
