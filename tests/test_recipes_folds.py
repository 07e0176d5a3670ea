from pathlib import Path

import pytest

from tellapart.data.cost_table import costs_from
from tellapart.data.split import SHARES
from tellapart.errors import UsageError
from tellapart.recipes import auto
from tellapart.recipes.catalogue import RECIPES, check_folds, check_wanted
from tellapart.recipes.folds import fold_count
from tellapart.recipes.request import Request
from tellapart.types import Index, Picture


def index_of(count, split=None):
    pictures = tuple(Picture(path=f"{n}", file=Path(f"{n}"), label="ab"[n % 2], split=split) for n in range(count))
    return Index(name="d", root=Path("d"), layout="folders", classes=("a", "b"), pictures=pictures)


def counted(index, *, kept=True, **options):
    return fold_count(index, Request(**options), kept=kept)


@pytest.mark.parametrize(
    ("count", "split", "options", "expected"),
    [
        (1333, None, {}, 5),
        (1334, None, {}, 0),
        (300, "train", {}, 5),
        (300, "test", {}, 0),
        (300, None, {"folds": 0}, 0),
        (5000, None, {"folds": 3}, 3),
        (300, None, {"shares": {"train": 85, "valid": 15}}, 0),
        (300, None, {"shares": {"train": 85, "valid": 15}, "folds": 4}, 4),
    ],
)
def test_fold_count__where_a_drawn_test_would_be_small(count, split, options, expected):
    assert counted(index_of(count, split), **options) == expected


def test_fold_count__other_recipes_and_data_with_splits():
    assert counted(index_of(300), kept=False) == 0
    assert SHARES["test"] == 15
    with pytest.raises(UsageError, match="the data has splits of its own"):
        counted(index_of(300, "test"), folds=5)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"costs": costs_from({"a": {"a": 0, "b": 1}, "b": {"a": 5, "b": 0}})}, "costs"),
        ({"min_recall": {"a": 0.9}}, "recall of a class to reach"),
    ],
)
def test_fold_count__what_valid_chooses_takes_a_split_of_valid(options, what):
    assert counted(index_of(300), **options) == 0
    with pytest.raises(UsageError, match=f"folds take no {what}"):
        counted(index_of(300), folds=5, **options)


@pytest.mark.parametrize("folds", [-1, 1, 51, 2.5, True, "5"])
def test_request__refuses_what_is_no_number_of_folds(folds):
    with pytest.raises(UsageError, match="no such number of folds"):
        Request(folds=folds)


@pytest.mark.parametrize("recipe", ["frozen", "finetune", "scratch"])
def test_check_folds__are_for_recipes_on_kept_features(recipe):
    check_folds(Request(recipe=recipe))
    with pytest.raises(UsageError, match=f"folds are for recipes on kept features: {recipe}"):
        check_folds(Request(recipe=recipe, folds=5))


@pytest.mark.parametrize("installed", [True, False])
def test_check_folds__auto_only_without_a_budget_since_other_bases_need_nothing(installed, monkeypatch):
    monkeypatch.setattr(auto, "find_spec", lambda _name: object() if installed else None)
    kept = RECIPES["auto"].on_kept_features
    assert kept(Request(recipe="auto", budget=0))
    assert not kept(Request(recipe="auto"))
    with pytest.raises(UsageError, match="kept features"):
        check_wanted(Request(recipe="auto", folds=5), "lite0", weights=None)
