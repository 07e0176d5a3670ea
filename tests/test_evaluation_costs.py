"""What answers cost and how often classes are found, with intervals that hold."""

from __future__ import annotations

import numpy as np
import pytest

from tellapart.evaluation.costs import operating_figures
from tellapart.evaluation.metrics import evaluate
from tellapart.heads.abstention import Flags
from tellapart.heads.operating_point import OperatingPoint, RecallPromise

CLASSES = ("ape", "bee")
ASKED = np.array([[0.0, 50.0], [0.2, 0.0]])
RECALL = RecallPromise(place=1, asked=0.9, shown=0.9, pictures=50, weight=1.0)
POINT = OperatingPoint(costs=ASKED, asked=ASKED, recalls=(RECALL,))


def shares_of(predicted):
    return np.where(np.arange(2) == predicted[:, None], 0.9, 0.1)


def figures_of(labels, predicted, *, weight=1.0):
    about = {"classes": CLASSES, "predicted": predicted, "flags": Flags(), "weight": weight}
    return operating_figures(shares_of(predicted), labels, **about, point=POINT)


def test_operating_figures__pictures_of_groups_count_as_they_do_in_the_other_intervals():
    labels = np.arange(200) % 2
    predicted = np.where(np.arange(200) < 20, 1 - labels, labels)
    alone, grouped = (figures_of(labels, predicted, weight=weight) for weight in (1.0, 0.25))
    for weight, figures in ((1.0, alone), (0.25, grouped)):
        per_class = evaluate(shares_of(predicted), labels, classes=CLASSES, weight=weight)["per_class"][1]
        for name in ("recall", "precision"):
            assert figures["recalls"][0][name] == per_class[name]
    wide, narrow = (figures["cost"]["mean"] for figures in (grouped, alone))
    assert wide["low"] < narrow["low"] < narrow["value"] == wide["value"] < narrow["high"] < wide["high"]


def test_operating_figures__without_a_mistake_the_cost_may_be_what_the_recalls_leave_open():
    labels = np.arange(300) % 2
    mean = figures_of(labels, labels)["cost"]["mean"]
    assert (mean["value"], mean["low"]) == (0, 0)
    assert mean["high"] == pytest.approx(50 * (1 - 0.025 ** (1 / 300)))
    assert figures_of(labels, labels, weight=0.25)["cost"]["mean"]["high"] > 3 * mean["high"]


@pytest.mark.parametrize("pictures", [100, 300])
def test_operating_figures__the_interval_holds_the_cost_where_a_dear_mistake_is_rare(pictures):
    random, runs, share, cheap = np.random.default_rng(pictures), 100, 0.002, 0.05
    held = 0
    for _ in range(runs):
        kind = random.choice(3, p=[share, cheap, 1 - share - cheap], size=pictures)  # dear, cheap, right
        labels = np.where(kind == 1, 1, random.integers(2, size=pictures) * (kind != 0))
        mean = figures_of(labels, np.where(kind == 2, labels, 1 - labels))["cost"]["mean"]
        held += mean["low"] <= share * 50 + cheap * 0.2 <= mean["high"]
    assert held / runs >= 0.95 - 3 * (0.05 * 0.95 / runs) ** 0.5
