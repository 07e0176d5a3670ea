"""Which pooling is worth a search."""

import numpy as np
import pytest

from tellapart.heads.pooling import ASKED, left_out_losses, promising, spread_rows
from tellapart.heads.search import search_head
from tellapart.types import Depth

DEPTHS = (
    Depth(name="early_maximum", start=0, stop=8),
    Depth(name="early", start=8, stop=16),
    Depth(name="last", start=16, stop=24),
    Depth(name="early_deviation", start=24, stop=32),
)
OTHERS = {"maximum": slice(0, 24), "deviation": slice(8, 32)}


def rows(tell, *, count=240, seed=0):
    """Features of which those columns tell two classes apart, and their labels."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    features = random.normal(0, 1, (count, 32)).astype(np.float32)
    features[:, tell] += 1.5 * labels[:, None]
    return features, labels


def asked(tell, **options):
    features, labels = rows(tell, **options)
    return lambda numbers: features[numbers], labels


@pytest.mark.parametrize(
    ("tell", "found"),
    [(slice(0, 2), "maximum"), (slice(26, 28), "deviation"), (slice(8, 10), None)],
    ids=["maximum", "deviation", "mean"],
)
def test_promising__says_what_tells_the_classes_apart(tell, found):
    assert promising(*asked(tell), mean=slice(8, 24), others=OTHERS) == found


def test_promising__asks_nothing_of_few_pictures():
    assert promising(*asked(slice(0, 2), count=40), mean=slice(8, 24), others=OTHERS) is None
    assert promising(*asked(slice(0, 2)), mean=slice(8, 24), others=OTHERS, groups=np.arange(240) // 10) is None


def test_asked_rows__are_spread_and_one_of_a_group():
    assert len(spread_rows(10 * ASKED, None)) == ASKED
    assert spread_rows(6, np.array([4, 4, 7, 7, 7, 1])).tolist() == [0, 2, 5]


def test_left_out_losses__are_those_of_heads_that_lack_the_row():
    """Against ridge heads that are really fitted without each row, at the one strength."""
    features, labels = rows(slice(0, 4), count=30, seed=3)
    features = features[:, :6].astype(np.float64)
    features -= features.mean(axis=0)
    targets = np.eye(2)[labels]
    losses = left_out_losses((features @ features.T / 30).astype(np.float32), labels)
    best = np.inf
    for l2 in (3.0, 1.0, 0.3):
        answers = np.empty((30, 2))
        for row in range(30):
            rest = np.arange(30) != row
            middle, shares = features[rest].mean(axis=0), targets[rest].mean(axis=0)
            centred = features[rest] - middle
            # The penalty is of the sum over all thirty rows, which leaving one out does not change.
            weight = np.linalg.solve(centred.T @ centred + 30 * l2 * np.eye(6), centred.T @ (targets[rest] - shares))
            answers[row] = shares + (features[row] - middle) @ weight
        for scale in np.geomspace(1, 100, 400):
            logits = scale * answers
            loss = np.log(np.exp(logits - logits[np.arange(30), labels][:, None]).sum(axis=1)).mean()
            best = min(best, loss)
    assert losses.mean() == pytest.approx(best, rel=1e-3)


@pytest.mark.parametrize(("tell", "depths"), [(slice(0, 2), "all with maximum"), (slice(8, 10), "all")])
def test_search_head__tries_a_pooling_that_is_promising(tell, depths):
    features, labels = rows(tell)
    found = search_head(
        features, labels, class_count=2, depths=DEPTHS, train=slice(0, 180), valid=slice(180, 240), seed=0
    )
    assert found.selected["depths"] == depths
    tried = ["last", "all", "all with maximum"] if depths != "all" else ["last", "all"]
    assert found.selected["out_of"]["depths"] == tried
    assert (found.head.start, found.head.stop) == ((0, 24) if depths != "all" else (8, 24))
