"""How many pictures of a kind that was never seen are called unlike: measured with classes that are left out.

Legend: n pictures, d features of the last depth, K classes.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tellapart import seeds
from tellapart.features.kept import Kept, result_key
from tellapart.heads.out_of_distribution import TrainingFeatures, learn_out_of_distribution
from tellapart.shape import COUNT, NUMBER, NUMBER_OR_NULL, misfit
from tellapart.types import Features, Labels

UNKNOWN_KINDS = {
    "marked": dict.fromkeys(("value", "low", "high"), NUMBER_OR_NULL),
    "classes": [{"class": COUNT, "n": COUNT, "marked": NUMBER}],
    "reason": str,
}
FEWEST_CLASSES = 3
MOST_LEFT_OUT = 8  # classes, drawn by the seed: each takes as long as learning what is unlike
FEWEST_PICTURES = 5  # of a class that is left out


def measure_unknown_kinds(
    train: TrainingFeatures, valid: Features, labels: Labels, *, class_count: int, seed: int
) -> dict[str, Any]:
    """What becomes of pictures of each class when all is learned without it; ready for JSON.

    Args:
        train: pictures that were trained on, by a base that has not learned from them.
        valid: float32 [n, d] of the pictures of valid that set the threshold, one of each group.
        labels: int64 [n] of valid.
        class_count: K.
        seed: of what is drawn.

    Returns:
        `marked` {value, low, high}: the mean share of a left-out class that is called unlike, and the least and the
        most of the classes; all None where it cannot be measured; `classes` [{class, n, marked}]: the place of each,
        its pictures of train and valid, which were asked about; `reason`, why it cannot be measured, or "".
    """
    nothing = {"marked": {"value": None, "low": None, "high": None}, "classes": []}
    if not train.held_out:
        return {**nothing, "reason": "the net itself has learned from every class"}
    counts = np.bincount(np.concatenate([train.labels, labels]), minlength=class_count)
    left_out = np.flatnonzero(counts >= FEWEST_PICTURES)
    if np.count_nonzero(counts) < FEWEST_CLASSES or not len(left_out):
        return {**nothing, "reason": f"it takes three classes, and {FEWEST_PICTURES} pictures of one to leave out"}
    chosen = np.sort(seeds.generator(seed, "left out").permutation(left_out)[:MOST_LEFT_OUT])
    rows = [
        {"class": int(label), "n": int(counts[label]), "marked": _marked(train, valid, labels, int(label), seed=seed)}
        for label in chosen
    ]
    shares = [row["marked"] for row in rows]
    return {
        "marked": {"value": float(np.mean(shares)), "low": min(shares), "high": max(shares)},
        "classes": rows,
        "reason": "",
    }


def kept_unknown_kinds(
    train: TrainingFeatures, valid: Features, labels: Labels, *, class_count: int, seed: int
) -> dict[str, Any]:
    """The same as it was measured before by the very same: it takes as long as to learn what is unlike, K times."""
    about = json.dumps([class_count, seed, train.held_out]).encode()
    arrays = (train.last, train.labels, train.groups, valid, labels)
    key = result_key("unknown kinds", [about, *map(np.ascontiguousarray, arrays)], sources=("heads", "seeds.py"))
    kept = Kept(key=key, pack=lambda found: json.dumps(found).encode(), unpack=read_unknown_kinds)
    return kept.get() or kept.put(measure_unknown_kinds(train, valid, labels, class_count=class_count, seed=seed))


def read_unknown_kinds(packed: bytes) -> dict[str, Any]:
    """What was measured, from JSON.

    Raises:
        ValueError: it is not that.
    """
    found = json.loads(packed)
    if (wrong := misfit(found, UNKNOWN_KINDS)) is not None:
        raise ValueError(f"no shares of unknown kinds at {wrong}")
    return dict(found)


def _marked(train: TrainingFeatures, valid: Features, labels: Labels, left_out: int, *, seed: int) -> float:
    """The share of the pictures of a class that is called unlike by what is learned without it."""
    kept, judged = train.labels != left_out, labels != left_out
    rest = TrainingFeatures(last=train.last[kept], labels=train.labels[kept], groups=train.groups[kept], held_out=True)
    class_count = len(np.unique(rest.labels))
    known = learn_out_of_distribution(rest, valid[judged], class_count=class_count, seed=seed)
    return float(known.unlike(np.concatenate([train.last[~kept], valid[~judged]])).mean())
