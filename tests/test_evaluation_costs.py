"""What answers cost and how often classes are found, with intervals that hold."""

from __future__ import annotations

import numpy as np

from tellapart.evaluation.costs import operating_figures
from tellapart.evaluation.metrics import evaluate
from tellapart.heads.abstention import Flags
from tellapart.heads.operating_point import OperatingPoint, RecallPromise

CLASSES = ("ape", "bee")
ASKED = np.array([[0.0, 50.0], [0.2, 0.0]])
RECALL = RecallPromise(place=1, asked=0.9, shown=0.9, pictures=50, weight=1.0)
POINT = OperatingPoint(costs=ASKED, asked=ASKED, recalls=(RECALL,))


def figures_of(labels, predicted, *, weight=1.0):
    shares = np.full((len(labels), 2), 0.1)
    shares[np.arange(len(labels)), predicted] = 0.9
    about = {"classes": CLASSES, "predicted": predicted, "flags": Flags(), "weight": weight}
    return evaluate(shares, labels, **about) | operating_figures(shares, labels, **about, point=POINT)


def test_operating_figures__pictures_of_groups_count_as_they_do_in_the_other_intervals():
    labels = np.arange(200) % 2
    predicted = np.where(np.arange(200) < 20, 1 - labels, labels)
    alone, grouped = (figures_of(labels, predicted, weight=weight) for weight in (1.0, 0.25))
    for figures in (alone, grouped):
        for name in ("recall", "precision"):
            assert figures["recalls"][0][name] == figures["per_class"][1][name]
    wide, narrow = (figures["cost"]["mean"] for figures in (grouped, alone))
    assert wide["low"] < narrow["low"] < narrow["value"] == wide["value"] < narrow["high"] < wide["high"]
