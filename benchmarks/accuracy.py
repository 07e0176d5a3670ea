"""How good a head is on each base: log loss of held-out pictures of train and valid, then the test once.

    python benchmarks/accuracy.py [DATA …] [--bases lite0 lite2 lite0+lite2]
                                   [--parts leave_one_out folds test] [--digits 4000]

Bases are compared on all that is not test, each at the strength that is best for it: by ridge heads with pictures left
out one at a time, and by logistic regressions on four folds, dealt twice, without a temperature; each for all depths by
their means, with maxima, and with deviations. The test is that of
`tellapart train` with seed 0, one look at it for each base, and chooses nothing. Features come from the user's cache,
or go into it. Of IDX files only some digits are taken, half of them from their train files.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.catalogue import find_base
from tellapart.backbones.engine import native_precision
from tellapart.cores import thread_count
from tellapart.data.scan import scan
from tellapart.features.look import look_at
from tellapart.heads.cross_validation import FoldScorer
from tellapart.heads.dual_space import training_space
from tellapart.heads.folds import stratified_folds
from tellapart.heads.large import TrainingRows, search_large
from tellapart.heads.products import one_thread_if_small
from tellapart.heads.regularization_path import regularization_path
from tellapart.heads.rows import RowsHere
from tellapart.learn import learn
from tellapart.progress import Silent
from tellapart.recipes.request import Request
from tellapart.types import Features, Index, Labels

SETS = ("trashnet", "cats_vs_dogs_small", "neu_surface", "mnist")
BASES = ("lite0", "lite2", "lite0+lite2")
FOLDS, DEALS = 4, 2
PARTS = ("leave_one_out", "folds", "test")


def main() -> None:
    shared = Path(__file__).parents[2] / "shared" / "data"
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("data", nargs="*", type=Path, default=[shared / name for name in SETS])
    parser.add_argument("--bases", nargs="+", default=BASES)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure")
    parser.add_argument("--digits", type=int, default=4000, help="pictures taken of IDX files")
    arguments = parser.parse_args()
    rows = []
    for data in arguments.data:
        index = some_digits(scan(data), count=arguments.digits)
        for name in arguments.bases:
            rows.append(measured(index, find_base(name), parts=arguments.parts))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    machine = {"processor": platform.processor(), "threads": thread_count(), "precision": native_precision()}
    print(json.dumps({"benchmark": "accuracy", "folds": FOLDS, "deals": DEALS, **machine, "rows": rows}, indent=2))


def some_digits(index: Index, *, count: int) -> Index:
    """The index, or of IDX files so many pictures of it, half of them from train."""
    if not index.arrays:
        return index
    random, kept = np.random.default_rng(0), []
    for split in ("train", "test"):
        pictures = [picture for picture in index.pictures if picture.split == split]
        chosen = np.sort(random.permutation(len(pictures))[: count // 2])
        kept += [pictures[place] for place in chosen.tolist()]
    return replace(index, pictures=tuple(kept))


def measured(index: Index, base: Backbone, *, parts: Sequence[str]) -> dict[str, Any]:
    """One base on one set."""
    seen = look_at(index, base, Silent())
    own = [row for row, picture in enumerate(seen.index.pictures) if picture.split != "test"]
    labels = np.array([index.classes.index(seen.index.pictures[row].label or "") for row in own])
    made = {
        "leave_one_out": lambda: {
            pooling: left_out(seen.features[own][:, columns], labels) for pooling, columns in poolings(base).items()
        },
        "folds": lambda: {
            pooling: by_folds(seen.features[own][:, columns], labels) for pooling, columns in poolings(base).items()
        },
        "test": lambda: tested(index, base),
    }
    return {"data": index.name, "base": base.name, "features": base.width, **{part: made[part]() for part in parts}}


def poolings(base: Backbone) -> dict[str, slice]:
    """The columns of all depths by their means, and of the means with maxima or deviations where there are such."""
    means = base.means
    return {
        "mean": means,
        **({"maximum": slice(0, means.stop)} if means.start else {}),
        **({"deviation": slice(means.start, base.width)} if means.stop < base.width else {}),
    }


def tested(index: Index, base: Backbone) -> dict[str, Any]:
    """What `tellapart train` scores on the test."""
    learned = learn(index, base, Request())
    figures = learned.answered["test"].figures
    return {
        "pictures": figures["n"],
        "accuracy": figures["accuracy"],
        "log_loss": figures["log_loss"],
        "log_loss_interval": figures["intervals"]["log_loss"],
        "depths": learned.classifier.selected["depths"],
    }


def left_out(features: Features, labels: Labels) -> dict[str, Any]:
    """Log loss and accuracy of ridge heads on all depths, of pictures left out one at a time."""
    choices = {"all": slice(0, features.shape[1])}
    rows = TrainingRows(RowsHere(features), slice(0, len(labels)), labels, choices=choices, scorer=None)
    best = min(search_large(rows, seed=0, progress=Silent()), key=lambda candidate: candidate.loss)
    return {"l2": best.l2, "log_loss": round(best.loss, 4), "accuracy": round(best.score.accuracy, 4)}


def by_folds(features: Features, labels: Labels) -> dict[str, Any]:
    """Mean log loss and accuracy of held-out quarters, at the strength that is best for the mean of the deals."""
    scores = defaultdict(list)
    with one_thread_if_small(len(labels)):
        space = training_space(features)
        for deal in range(DEALS):
            scorer = FoldScorer(stratified_folds(labels, seed=deal, count=FOLDS))
            for point in regularization_path(space, labels, scorer=scorer):
                if point.score is not None:
                    scores[point.fit.l2].append((point.score.log_loss, point.score.accuracy))
    whole = {l2: np.mean(found, axis=0) for l2, found in scores.items() if len(found) == DEALS}
    best = min(whole, key=lambda l2: whole[l2][0])
    return {"l2": best, "log_loss": round(float(whole[best][0]), 4), "accuracy": round(float(whole[best][1]), 4)}


if __name__ == "__main__":
    main()
