"""How often intervals hold the truth and promises are kept, by the very functions that `train` calls.

    python benchmarks/coverage.py [--draws 2000]

Answers are simulated: groups of 1, 3, 5 or 10 pictures that share how hard they are (correlations of 0.1 to 0.8),
50 to 1000 pictures, three classes, accuracies of 0.7 to 0.97. Each row has the share of draws in which the interval of
the accuracy, of the recall of a class, or of a difference (of two classifiers that differ seldom, or often; and as it
would be if correlations were known) holds what was simulated; or in which a promise is broken,
with the 95 % interval of that share itself, and whether it passes. Exits with 1 where one does not that is claimed to.

A valid set is `iid`; `grouped`, of which one picture a group counts; `leaked`, of which a third is copies that are told
right and known as such, so that they are left out; `chosen`, by which the best of 16 settings of one head was chosen,
which err on much the same pictures; and `chosen apart`, by which the best of 16 that err apart was. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tellapart.evaluation.grouped import picture_weight
from tellapart.evaluation.intervals import wilson
from tellapart.evaluation.paired import compare_answers, paired_difference
from tellapart.heads.abstention import choose_threshold
from tellapart.heads.effective_settings import effective_settings
from tellapart.learn import one_of_each_group
from tellapart.seeds import generator

SIZES, GROUPS = (50, 100, 300, 1000), (1, 3, 5, 10)
ACCURACIES, CORRELATIONS = (0.7, 0.9, 0.97), (0.1, 0.4, 0.8)
ENOUGH, BROKEN = 0.93, 0.05  # what the share of intervals, and of broken promises, is held against
SELDOM, OFTEN = (0.02, 0.05, 0.1), (0.1, 0.2, 0.3)  # on how many pictures one of two classifiers alone is right
PROMISED = (0.02, 0.1)
CHOSEN_AMONG = 16
SETTINGS_APART = 0.3  # of the log odds, how much one setting of a head differs from another
KINDS = ("iid", "grouped", "leaked", "chosen", "chosen apart")


def shares(random: np.random.Generator, count: int, *, mean: float, correlation: float) -> np.ndarray:
    """How probable a right answer is in each of so many groups."""
    ends = np.array([mean, 1 - mean]) * (1 - correlation) / correlation
    return random.beta(*ends, count)


def shown(random: np.random.Generator, pictures: int, size: int, *, mean: float) -> tuple[np.ndarray, np.ndarray]:
    """Whether each picture is told right, and its group."""
    groups = np.arange(pictures) // size
    if size == 1:
        return random.random(pictures) < mean, groups
    hard = shares(random, groups[-1] + 1, mean=mean, correlation=float(random.choice(CORRELATIONS)))
    return random.random(pictures) < hard[groups], groups


def accuracy_held(random: np.random.Generator, pictures: int, size: int) -> bool:
    mean = float(random.choice(ACCURACIES))
    right, groups = shown(random, pictures, size, mean=mean)
    interval = wilson(int(right.sum()), pictures, weight=picture_weight(right, groups))
    return bool(interval.low <= mean <= interval.high)


def recall_held(random: np.random.Generator, pictures: int, size: int) -> bool:
    """Of the class of a third of the groups, all of whose pictures show it; weighed as all pictures are."""
    mean = float(random.choice(ACCURACIES))
    right, groups = shown(random, pictures, size, mean=mean)
    mine = groups % 3 == 0
    interval = wilson(int(right[mine].sum()), int(mine.sum()), weight=picture_weight(right, groups))
    return bool(interval.low <= mean <= interval.high)


def drawn_differences(
    random: np.random.Generator, pictures: int, size: int, *, rates: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Two classifiers on the same pictures, of which those of a group are hard for one of them together.

    Who alone is right, the groups, the true difference, and the correlation of two pictures of a group.
    """
    only_a, only_b = random.choice(rates, 2)
    groups = np.arange(pictures) // size
    whole = random.random(groups[-1] + 1)[groups]
    share = 0.0 if size == 1 else float(random.choice(CORRELATIONS))
    kind = np.where(random.random(pictures) < share, whole, random.random(pictures))
    differences = (kind > 1 - only_b).astype(np.int64) - (kind < only_a)
    return differences, groups, float(only_b - only_a), share**2


def difference_held(random: np.random.Generator, pictures: int, size: int, *, rates: tuple[float, ...]) -> bool:
    differences, groups, truth, _ = drawn_differences(random, pictures, size, rates=rates)
    difference = compare_answers(differences, groups)["difference"]
    return bool(difference["low"] <= truth <= difference["high"])


def known_held(random: np.random.Generator, pictures: int, size: int, *, rates: tuple[float, ...]) -> bool:
    """As it would be if the correlation were known, which no pictures tell: what is left is that answers are counts."""
    differences, _, truth, correlation = drawn_differences(random, pictures, size, rates=rates)
    weight = 1 / (1 + (size - 1) * correlation)
    lost, gained = (int((differences == sign).sum()) for sign in (-1, 1))
    interval = paired_difference(lost, gained, pictures=pictures, weight=weight)
    return bool(interval.low <= truth <= interval.high)


INTERVALS: tuple[tuple[str, Callable[..., bool]], ...] = (
    ("accuracy", accuracy_held),
    ("recall", recall_held),
    ("difference", partial(difference_held, rates=SELDOM)),
    ("difference of such as differ often", partial(difference_held, rates=OFTEN)),
    ("difference if correlations were known", partial(known_held, rates=SELDOM)),
)


def answers(random: np.random.Generator, pictures: int, *, skill: float) -> tuple[np.ndarray, np.ndarray]:
    """How sure answers are, and whether they are right: as often as they say."""
    sure = 1 - random.beta(0.6, skill, pictures) / 2
    return np.round(sure, 6), random.random(pictures) < sure


def settings(random: np.random.Generator, pictures: int, *, skill: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """The answers of 16 settings of one head: a picture that is hard for one is hard for all."""
    sure, _ = answers(random, pictures, skill=skill)
    odds, luck = np.log(sure / np.maximum(1 - sure, 1e-6)), random.random(pictures)
    tried = []
    for _ in range(CHOSEN_AMONG):
        own = 1 / (1 + np.exp(-np.abs(odds + random.normal(0, SETTINGS_APART, pictures))))
        tried.append((np.round(own, 6), luck < own))
    return tried


def promise_broken(random: np.random.Generator, pictures: int, *, kind: str) -> bool:
    """Whether more of the answers that stand are wrong than was promised; the truth is told by 20,000 others."""
    skill, asked = float(random.choice([2, 4, 10])), float(random.choice(PROMISED))
    sure, right = answers(random, pictures, skill=skill)
    among = 1.0
    if kind.startswith("chosen"):
        tried = [answers(random, pictures, skill=skill) for _ in range(CHOSEN_AMONG)]
        if kind == "chosen":
            tried = settings(random, pictures, skill=skill)
        losses = [-np.log(np.where(right, sure, 1 - sure + 1e-6)) for sure, right in tried]
        sure, right = tried[int(np.argmin([each.sum() for each in losses]))]
        among = effective_settings(losses)
    if kind == "grouped":  # three copies of each picture
        rows = one_of_each_group(np.arange(3 * pictures), np.arange(3 * pictures) // 3, seed=int(random.integers(99)))
        sure, right = np.repeat(sure, 3)[rows], np.repeat(right, 3)[rows]
    if kind == "leaked":  # copies of train, told right, are known as such
        leaked = np.arange(pictures) % 3 == 0
        sure, right = sure[~leaked], (right | leaked)[~leaked]
    promise = choose_threshold(sure, correct=right, max_error=asked, among=among)
    if promise.error is None:
        return False
    later, _ = answers(random, 20_000, skill=skill)
    stands = later >= promise.threshold
    return bool(stands.any() and (1 - later[stands]).mean() > promise.error)


def held(check: Callable[..., bool], *, draws: int, name: str, pictures: int, **case: int | str) -> dict[str, Any]:
    """How often a check is true, and whether that passes."""
    random = generator(0, "coverage", name, pictures, *map(str, case.values()))
    count = sum(check(random, pictures, **case) for _ in range(draws))
    share = wilson(count, draws)
    broken = name == "promise broken"
    passes = share.low <= BROKEN if broken else share.high >= ENOUGH
    return {"what": name, "pictures": pictures, **case, "share": share.to_json(), "passes": bool(passes)}


def measure(*, draws: int, sizes: tuple[int, ...] = SIZES) -> list[dict[str, Any]]:
    """A row for each kind of figure, size and kind of data."""
    rows = []
    for pictures in sizes:
        for size in GROUPS:
            for name, check in INTERVALS:
                rows.append(held(check, draws=draws, name=name, pictures=pictures, size=size))
        rows += [
            held(promise_broken, draws=draws, name="promise broken", pictures=pictures, kind=kind) for kind in KINDS
        ]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--draws", type=int, default=2000)
    given = parser.parse_args()
    rows = measure(draws=given.draws)
    json.dump({"benchmark": "coverage", "draws": given.draws, "rows": rows}, sys.stdout, indent=2)
    sys.stdout.write("\n")
    sys.exit(0 if all(row["passes"] for row in rows) else 1)


if __name__ == "__main__":
    main()
