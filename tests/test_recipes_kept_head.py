"""The search of a head is kept: the same features and labels are not searched again, others are."""

import json
from dataclasses import replace

import numpy as np
import pytest

from datasets import made_up_dataset
from tellapart.backbones.catalogue import load_backbone
from tellapart.heads import search
from tellapart.heads.cross_validation import held_out_logits
from tellapart.heads.dual_space import COMMON
from tellapart.heads.folds import stratified_folds
from tellapart.heads.setting import HeadSetting
from tellapart.recipes import cost
from tellapart.recipes import features as recipe
from tellapart.recipes.features import head_search, train_features
from tellapart.recipes.kept_head import pack_search, unpack_search
from tellapart.recipes.prior import kept_logits
from tellapart.recipes.request import Request

BASE = load_backbone("lite0", size=64)


@pytest.fixture(scope="module")
def dataset():
    random = np.random.default_rng(0)
    labels = np.arange(90) % 2
    features = random.normal(size=(90, BASE.width)).astype(np.float16).astype(np.float32) + labels[:, None]
    return made_up_dataset(features.astype(np.float32), labels, classes=("a", "b"), sizes=(50, 20, 20))


@pytest.fixture
def searches(monkeypatch):
    made = []

    def counted(*given, **more):
        made.append(more["seed"])
        return search.search_head(*given, **more)

    monkeypatch.setattr(recipe, "search_head", counted)
    return made


@pytest.mark.usefixtures("fresh_cache")
def test_train_features__searches_the_same_once(dataset, searches):
    first, second = (train_features(dataset, BASE, Request()) for _ in range(2))
    assert len(searches) == 1
    for name in ("weight", "bias", "start", "stop"):
        assert np.array_equal(getattr(first.head, name), getattr(second.head, name))
    assert json.dumps([first.selected, first.history]) == json.dumps([second.selected, second.history])
    tests = slice(70, 90)
    changed = dataset.features.copy()
    changed[tests] += 1
    train_features(replace(dataset, features=changed), BASE, Request())  # a test picture has no part in it
    assert len(searches) == 1


@pytest.mark.usefixtures("fresh_cache")
def test_train_features__searches_others_anew(dataset, searches):
    train_features(dataset, BASE, Request())
    features, labels = dataset.features.copy(), dataset.labels.copy()
    features[60, 0] += 1  # of valid
    labels[0] = 1 - labels[0]
    for other in (
        replace(dataset, features=features),
        replace(dataset, labels=labels),
        replace(dataset, weights=np.arange(1.0, 91.0)),
        replace(dataset, valid_is_given=False),
    ):
        train_features(other, BASE, Request())
    train_features(dataset, BASE, Request(seed=1))
    train_features(replace(dataset, groups=dataset.groups // 2), BASE, Request())
    assert len(searches) == 7


def packed_search(dataset):
    found = head_search(dataset, BASE, Request())(
        dataset.features, dataset.labels, train=dataset.train, valid=dataset.valid
    )
    return pack_search(found)


def test_unpack_search__refuses_what_is_no_head(dataset):
    packed = packed_search(dataset)
    unpack_search(packed, width=BASE.width, class_count=2)
    line, _, content = packed.partition(b"\n")
    about = json.loads(line)
    faults = [
        packed[:-4],
        packed[:-1],
        packed + bytes(8),
        content,
        b"",
        line + b"\n" + np.full(len(content) // 4, np.nan, np.float32).tobytes(),
        *(json.dumps({**about, "columns": columns}).encode() + b"\n" + content for columns in ([0, 9**9], [-1, 5], 7)),
        json.dumps({**about, "selected": 7}).encode() + b"\n" + content,
    ]
    for fault in faults:
        with pytest.raises((ValueError, KeyError, TypeError)):
            unpack_search(fault, width=BASE.width, class_count=2)
    with pytest.raises(ValueError, match="no head"):
        unpack_search(packed, width=8, class_count=2)


@pytest.mark.usefixtures("fresh_cache")
def test_train_features__says_no_cost_of_a_head_that_is_kept(dataset, searches, monkeypatch):
    monkeypatch.setattr(cost, "FEW_VALUES", 0)  # a search is tried over a few rows first, as it is of many pictures
    train_features(dataset, BASE, Request())
    assert len(searches) == 2
    train_features(dataset, BASE, Request())
    assert len(searches) == 2


@pytest.mark.usefixtures("fresh_cache")
def test_kept_logits__of_held_out_pictures_are_those_of_the_very_same():
    random, labels = np.random.default_rng(0), np.arange(40) % 2
    seen, folds = random.normal(size=(40, 6)).astype(np.float32), stratified_folds(labels, groups=None, seed=0)
    logits = held_out_logits(seen, labels, folds=folds, setting=HeadSetting(l2=0.01))
    kept_logits(seen, labels, folds, setting=HeadSetting(l2=0.01)).put(logits)
    assert np.array_equal(kept_logits(seen, labels, folds, setting=HeadSetting(l2=0.01)).get(), logits)
    assert kept_logits(seen, labels, folds, setting=HeadSetting(l2=0.02)).get() is None
    assert kept_logits(seen, labels, folds, setting=HeadSetting(l2=0.01, scale=COMMON)).get() is None
    assert kept_logits(seen + 1, labels, folds, setting=HeadSetting(l2=0.01)).get() is None
    assert (
        kept_logits(seen, labels, stratified_folds(labels, groups=None, seed=1), setting=HeadSetting(l2=0.01)).get()
        is None
    )
    with pytest.raises(ValueError, match="reshape"):
        kept_logits(seen, labels, folds, setting=HeadSetting(l2=0.01)).unpack(bytes(8))
