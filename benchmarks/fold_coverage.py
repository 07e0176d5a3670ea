"""Do the intervals of folds cover? Sets are drawn and tested by folds, the head that leaves is asked about new ones.

Pictures are points of normal clouds, on their own or in groups that share most of what they are; heads, folds, halves
and intervals are those of `tellapart train --folds`. Prints one JSON document: for each setting the share of intervals
that hold the true accuracy, of folds (`covered`) and of as many coins (`plain`), with the standard error of a share of
0.95, the share of promises that are broken, and the mean inflation of the variance.

    python benchmarks/fold_coverage.py [--sets 400] [--seed 0] [--pictures 60 120 300]
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart.evaluation.cross_validated import fold_inflation
from tellapart.evaluation.intervals import wilson
from tellapart.heads.abstention import choose_threshold, one_of_each_group
from tellapart.heads.calibration import fit_temperature, probabilities, top_probability
from tellapart.heads.folds import stratified_folds
from tellapart.heads.nested import NestedPlan, nested_heads, search_inside
from tellapart.heads.products import one_thread_if_small
from tellapart.types import Depth, Features, Labels

NEW = 4000  # pictures that the truth is told by
MAX_ERROR = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What sets are drawn from: classes, features, how far apart centres are, and the size of groups."""

    classes: int
    width: int
    apart: float
    size: int = 1
    shared: float = 0.0  # of the variance inside a class, what a group has in common


SETTINGS = (
    Setting(classes=2, width=32, apart=2.0),
    Setting(classes=3, width=64, apart=3.0),
    Setting(classes=4, width=16, apart=2.0),
    Setting(classes=2, width=8, apart=2.0),
    Setting(classes=3, width=32, apart=3.0, size=5, shared=0.6),
    Setting(classes=2, width=32, apart=2.0, size=5, shared=0.5),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=int, nargs="+", default=[60, 120, 300])
    given = parser.parse_args()
    rows = []
    with one_thread_if_small(max(given.pictures)):
        for number, setting in enumerate(SETTINGS):
            for pictures in given.pictures:
                random = np.random.default_rng([given.seed, number, pictures])
                rows.append(measure(random, setting, pictures=pictures, sets=given.sets))
    print(
        json.dumps({"sets": given.sets, "standard_error": math.sqrt(0.95 * 0.05 / given.sets), "rows": rows}, indent=1)
    )


def measure(random: np.random.Generator, setting: Setting, *, pictures: int, sets: int) -> dict[str, object]:
    """One setting at one size."""
    covered = plain = broken = 0
    inflations = []
    for _ in range(sets):
        inside, coins, false, inflation = one_set(random, setting, pictures=pictures)
        covered, plain, broken = covered + inside, plain + coins, broken + false
        inflations.append(inflation)
    shares = {"covered": covered / sets, "plain": plain / sets, "broken": broken / sets}
    about = {name: getattr(setting, name) for name in ("classes", "width", "apart", "size", "shared")}
    return {"pictures": pictures, **about, **shares, "inflation": round(float(np.mean(inflations)), 2)}


def one_set(random: np.random.Generator, setting: Setting, *, pictures: int) -> tuple[bool, bool, bool, float]:
    """Whether both intervals cover and the promise is broken, and the inflation, of one set."""
    centres = setting.apart * random.normal(size=(setting.classes, setting.width)) / math.sqrt(setting.width)
    features, labels, groups = drawn(random, setting, centres, pictures)
    new, truth, _ = drawn(random, setting, centres, NEW)
    depths = (Depth(name="last", start=0, stop=setting.width),)
    seed = int(random.integers(1 << 30))
    plan = NestedPlan(class_count=setting.classes, depths=depths, max_error=MAX_ERROR, seed=seed)
    folds = stratified_folds(labels, groups=groups, seed=seed, count=5).fold
    heads = nested_heads(features, labels, folds=folds, groups=groups, plan=plan)
    logits, halves = np.empty((pictures, setting.classes)), np.empty((2, pictures), np.bool_)
    for number, fold in enumerate(heads):
        logits[folds == number] = fold.head.logits(features[folds == number])
        halves[:, folds == number] = fold.halves
    correct = logits.argmax(axis=1) == labels
    weight = fold_inflation(correct, halves, groups).weight
    leaving = search_inside(
        features, labels, np.arange(len(labels)), groups=groups, plan=plan, most=15_000
    ).head.logits(new)
    right = leaving.argmax(axis=1) == truth
    ends = [wilson(int(correct.sum()), pictures, weight=each) for each in (weight, 1.0)]
    inside, coins = (float(end.low or 0) <= right.mean() <= float(end.high or 0) for end in ends)
    temperature = fit_temperature(logits, labels)
    apart = one_of_each_group(np.arange(pictures), groups, seed=seed)
    confidence = top_probability(probabilities(logits[apart], temperature=temperature))
    promise = choose_threshold(confidence, correct=correct[apart], max_error=MAX_ERROR)
    stands = top_probability(probabilities(leaving, temperature=temperature)) >= (promise.threshold or 2.0)
    false = bool(stands.any() and promise.error is not None and (~right[stands]).mean() > promise.error)
    return bool(inside), bool(coins), false, 1 / weight


def drawn(
    random: np.random.Generator, setting: Setting, centres: NDArray[np.float64], count: int
) -> tuple[Features, Labels, NDArray[np.int64]]:
    """Points of clouds float32 [count, width] with labels and groups; classes in turn, a group to one class."""
    groups = np.arange(count) // setting.size
    labels = groups % setting.classes
    common = random.normal(size=(int(groups.max()) + 1, setting.width))[groups]
    own = random.normal(size=(count, setting.width))
    points = centres[labels] + math.sqrt(setting.shared) * common + math.sqrt(1 - setting.shared) * own
    return points.astype(np.float32), labels.astype(np.int64), groups.astype(np.int64)


if __name__ == "__main__":
    main()
