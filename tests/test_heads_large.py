"""Beyond what a search can take, a head in closed form; and by logistic regression where that is affordable."""

import numpy as np
import pytest

from tellapart.heads import large
from tellapart.heads.ridge import moments_of, ridge_fit
from tellapart.heads.search import search_head
from tellapart.heads.sums import sums_of
from tellapart.progress import Silent
from tellapart.report.labels import named
from tellapart.types import Depth

CLASSES = 4
DEPTHS = (Depth(name="early", start=0, stop=10), Depth(name="last", start=10, stop=24))
TRAIN, VALID = slice(0, 240), slice(240, 400)


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(5)
    labels = random.integers(0, CLASSES, 400)
    centres = random.normal(0, 1.0, (CLASSES, 24))
    return (centres[labels] + random.normal(0, 1.6, (400, 24))).astype(np.float32), labels


@pytest.fixture(params=["refined", "ridge alone"])
def kinds(request, monkeypatch):
    """What may be taken where 240 pictures of four classes are too many."""
    monkeypatch.setattr(large, "SEARCHED_AT_MOST", 500)
    monkeypatch.setattr(large, "SAMPLED", 400)
    monkeypatch.setattr(large, "REFINED_AT_MOST", 10_000 if request.param == "refined" else 0)
    return ["ridge", "logistic"] if request.param == "refined" else ["ridge"]


def found(data, **changed):
    given = {"train": TRAIN, "valid": VALID, "closed_form": True, "seed": 0} | changed
    return search_head(*data, class_count=CLASSES, depths=DEPTHS, **given)


def test_search_head__many_pictures_are_searched_in_closed_form(data, kinds):
    search = found(data)
    assert search.selected["out_of"]["head"] == kinds
    assert search.selected["chosen_by"] == "valid"
    best = min(search.history, key=lambda row: row["log_loss"])
    assert {key: search.selected[key] for key in ("head", "depths", "l2")} == {
        key: best[key] for key in ("head", "depths", "l2")
    }
    logits = search.head.logits(data[0][VALID])
    assert (logits.argmax(axis=1) == data[1][VALID]).mean() == pytest.approx(search.selected["accuracy"])
    # It is as good as the search that it stands for.
    usual = found(data, closed_form=False)
    assert search.selected["score"] < usual.selected["score"] + 0.05
    assert "head" not in usual.selected


@pytest.mark.usefixtures("kinds")
def test_search_head__without_valid_it_leaves_pictures_out_one_at_a_time(data):
    search = found(data, valid=None)
    assert (search.selected["head"], search.selected["chosen_by"]) == ("ridge", "leave-one-out")
    columns = slice(0 if search.selected["depths"] == "all" else 10, 24)
    sums = sums_of(data[0][TRAIN], data[1][TRAIN], class_count=CLASSES).part(columns)
    fit = ridge_fit(moments_of(sums), data[0][TRAIN, columns], data[1][TRAIN], l2=search.selected["l2"])
    assert search.selected["score"] == pytest.approx(fit.log_loss)


@pytest.mark.usefixtures("kinds")
def test_search_head__pictures_in_several_views_are_searched_as_before(data):
    assert "head" not in found(data, copies=2).selected


@pytest.mark.usefixtures("kinds")
def test_search_head__a_class_without_a_training_picture_and_weights(data):
    features, labels = data
    labels = np.where(labels == 1, 2, labels)
    weights = np.random.default_rng(0).uniform(0.5, 2, len(labels))
    search = found((features, labels), weights=weights)
    assert search.head.weight.shape[1] == CLASSES
    assert (search.head.weight[:, 1] == 0).all()
    assert search.head.bias[1] < -10


def test_search_head__says_what_it_does(data, monkeypatch):
    monkeypatch.setattr(large, "SEARCHED_AT_MOST", 500)
    heard = []

    class Heard(Silent):
        def start(self, what, *, total, unit):
            heard.append(what)

        def advance(self, steps=1):
            heard.append(steps)

    search = found(data, progress=Heard())
    assert [each for each in heard if isinstance(each, str)] == [
        "Adding up what the base saw",
        "Searching a head in closed form",
        "Fitting it as a logistic regression",
    ]
    assert heard.count(240) == 1  # pictures, all in one block
    assert heard.count(1) == len(search.history)
    assert named("ridge").en == "ridge regression in closed form"
    assert named("leave-one-out").zh == "逐一留出的训练图片"
