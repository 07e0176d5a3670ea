"""What answers cost, and what other thresholds and weights would cost and miss.

Legend: N pictures, K classes, P points of a curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.evaluation.intervals import wilson
from tellapart.evaluation.resampling import TAIL, loss_interval, resampled_sums
from tellapart.heads.abstention import Flags
from tellapart.heads.calibration import answer_probability
from tellapart.heads.operating_point import OperatingPoint, RecallPromise, weighted, weights_to_answer
from tellapart.types import Labels, Probabilities

MOST_POINTS = 101


def operating_figures(
    probabilities: Probabilities,
    labels: Labels,
    *,
    predicted: Labels,
    flags: Flags,
    point: OperatingPoint | None,
    classes: Sequence[str],
    weight: float = 1.0,
) -> dict[str, Any]:
    """`cost`, see `cost_figures`, and `recalls`, see `recall_figures`, where they were asked for; ready for JSON.

    `weight` is what each picture counts as in the intervals.
    """
    if point is None:
        return {}
    about: dict[str, Any] = {"predicted": predicted, "point": point, "weight": weight}
    cost = cost_figures(probabilities, labels, flags=flags, **about)
    recalls = recall_figures(probabilities, labels, classes=classes, **about)
    return {**({} if cost is None else {"cost": cost}), **({"recalls": recalls} if recalls else {})}


def cost_figures(
    probabilities: Probabilities,
    labels: Labels,
    *,
    predicted: Labels,
    flags: Flags,
    point: OperatingPoint,
    weight: float = 1.0,
) -> dict[str, Any] | None:
    """What the answers cost a picture by the costs that were asked for; None where there were none.

    Returns:
        `mean` {value, low, high}: with what is unsure handed to a person, where that has a cost; `likeliest`: had the
        likeliest class always been answered; `handed`: pictures handed over, None without a person; and `curve`
        {threshold, cost}, lists of P: the mean had every answer below one threshold been handed over, None without.
    """
    if point.asked is None:
        return None
    count, person = len(labels), point.person
    answered = point.asked[labels, predicted]
    likeliest = float(point.asked[labels, probabilities.argmax(axis=1)].mean())
    if person is None:
        return {"mean": _mean(answered, point, weight=weight), "likeliest": likeliest, "handed": None, "curve": None}
    over = person[labels]
    handed = np.zeros(count, np.bool_) if flags.unsure is None else flags.unsure
    return {
        "mean": _mean(np.where(handed, over, answered), point, weight=weight),
        "likeliest": likeliest,
        "handed": int(handed.sum()),
        "curve": _curve(answer_probability(probabilities, predicted), answered, over),
    }


def _mean(spent: NDArray[np.float64], point: OperatingPoint, *, weight: float) -> dict[str, Any]:
    """The mean of what N pictures cost, float64 [N], with its interval.

    Samples hold no mistake that these pictures do not: with none among 300, none that costs 50 either. So the interval
    of the bootstrap reaches on by as much as pictures dearer or cheaper than all of these may add: at most a share of
    1 - TAIL ** (1 / N) of pictures is so (Clopper and Pearson, 1934), and none costs more or less than the tables say.
    """
    tables = [table for table in (point.asked, point.person) if table is not None]
    least, most = min(float(table.min()) for table in tables), max(float(table.max()) for table in tables)
    value = float(spent.mean())
    interval = loss_interval(spent, resampled_sums(np.stack([spent, spent**2], axis=1)), most=most, weight=weight)
    if interval["low"] is None:
        return {"value": value, "low": None, "high": None}
    unseen = 1 - TAIL ** (1 / (weight * len(spent)))
    low = max(interval["low"] - unseen * (float(spent.min()) - least), least)
    high = min(interval["high"] + unseen * (most - float(spent.max())), most)
    return {"value": value, "low": low, "high": high}


def _curve(
    confidence: NDArray[np.float64], answered: NDArray[np.float64], over: NDArray[np.float64]
) -> dict[str, list[float]]:
    """From handing over nothing to everything: an answer is handed over below the threshold."""
    order = np.argsort(confidence, kind="stable")
    ranked = confidence[order]
    more = np.concatenate([[0.0], np.cumsum((over - answered)[order])])
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    places = np.unique(starts[np.linspace(0, len(starts) - 1, MOST_POINTS).round().astype(int)])
    total = float(answered.sum())
    thresholds = [*ranked[places].tolist(), 1.0]
    costs = [(total + float(more[place])) / len(ranked) for place in (*places, len(ranked))]
    return {"threshold": thresholds, "cost": costs}


def recall_figures(
    probabilities: Probabilities,
    labels: Labels,
    *,
    predicted: Labels,
    point: OperatingPoint,
    classes: Sequence[str],
    weight: float = 1.0,
) -> list[dict[str, Any]]:
    """For each class whose recall was asked for: what these pictures show of it, and what other weights would give.

    Returns:
        [{class, recall {value, low, high}, precision {value, low, high}, curve {weight, recall, precision}}]: lists of
        P points from answering the class least to most often; the weights of the other classes stay.
    """
    return [
        {
            "class": classes[promise.place],
            "recall": _share(predicted == promise.place, labels == promise.place, weight=weight),
            "precision": _share(labels == promise.place, predicted == promise.place, weight=weight),
            "curve": _recall_curve(probabilities, labels, point=point, promise=promise),
        }
        for promise in point.recalls
    ]


def _share(right: NDArray[np.bool_], among: NDArray[np.bool_], *, weight: float) -> dict[str, float | None]:
    return wilson(int((right & among).sum()), int(among.sum()), weight=weight).to_json()


def _recall_curve(
    probabilities: Probabilities, labels: Labels, *, point: OperatingPoint, promise: RecallPromise
) -> dict[str, list[float]]:
    costs = weighted(point.costs, {promise.place: 1 / promise.weight})
    needed = weights_to_answer(probabilities, costs, place=promise.place)
    order = np.argsort(needed, kind="stable")
    ranked, mine = needed[order], (labels == promise.place)[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True) & np.isfinite(ranked))
    if not len(ends) or not mine.any():
        return {"weight": [], "recall": [], "precision": []}
    places = np.unique(ends[np.linspace(0, len(ends) - 1, MOST_POINTS).round().astype(int)])
    found = np.cumsum(mine)[places]
    return {
        "weight": ranked[places].tolist(),
        "recall": (found / mine.sum()).tolist(),
        "precision": (found / (places + 1)).tolist(),
    }
