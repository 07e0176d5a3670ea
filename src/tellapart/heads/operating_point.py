"""Which class is answered where mistakes do not all cost the same: the one of least expected cost.

Without costs that is the likeliest class. A class whose recall must not be missed gets a weight: what its pictures
cost when they are answered otherwise counts that many times (Elkan, 2001, "The foundations of cost-sensitive
learning"). Both are one matrix, so whoever has the probabilities answers alike: `(probabilities @ costs).argmin()`.

Legend: N pictures, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.abstention import (
    NEVER,
    RISK,
    ClassPromise,
    Promises,
    SelectiveGuarantee,
    fewest_pictures,
    highest_error,
    reachable_error,
)
from tellapart.types import Labels, Probabilities

Matrix = NDArray[np.float64]  # float64 [K, K], what it costs to answer a class (column) where another is shown (row)
HEAVIEST = 1e6  # weight of a class: beyond it nearly everything is answered with it
ROUNDS = 20  # in which weights of several classes are chosen beside each other
SAFELY = 1 + 1e-9  # a weight at which a picture is just answered with the class must do so in float32 too


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallPromise:
    """What can be said of the recall that was asked for of a class."""

    place: int  # of the class
    asked: float
    shown: float  # the recall that valid shows, with 95 % confidence
    pictures: int  # of the class in valid, one of each group
    weight: float  # how many times its missed pictures count; 1 where nothing had to change

    @property
    def needed(self) -> int:
        """The pictures it takes if not one of them is missed."""
        return fewest_pictures(1 - self.asked)

    @property
    def kept(self) -> bool:
        return self.shown >= self.asked

    def to_json(self) -> dict[str, Any]:
        return {
            "place": self.place,
            "asked": self.asked,
            "shown": self.shown,
            "kept": self.kept,
            "pictures": self.pictures,
            "needed": self.needed,
            "weight": self.weight,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """By what a model answers where not the likeliest class is the answer."""

    costs: Matrix  # what answers are chosen by, weights of classes included
    asked: Matrix | None = None  # the costs that were given; None where only a recall was asked for
    person: NDArray[np.float64] | None = None  # float64 [K], of handing a picture of each class over; None without
    recalls: tuple[RecallPromise, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As model.json and metrics.json have it; rows are classes shown, columns classes answered."""
        return {
            "costs": self.costs.tolist(),
            "asked": None if self.asked is None else self.asked.tolist(),
            "person": None if self.person is None else self.person.tolist(),
            "recalls": [recall.to_json() for recall in self.recalls],
        }


def answered_class(probabilities: Probabilities, costs: Matrix | None) -> Labels:
    """The class int64 [N] of least expected cost, the first on a tie; without costs the likeliest."""
    found: Labels = probabilities.argmax(axis=1) if costs is None else (probabilities @ costs).argmin(axis=1)
    return found


def equal_costs(class_count: int) -> Matrix:
    """Every mistake costs 1: then the likeliest class is the answer."""
    return 1.0 - np.eye(class_count)


def weighted(costs: Matrix, weights: Mapping[int, float]) -> Matrix:
    """The same with what pictures of some classes cost counted several times, by the place of the class."""
    factors = np.ones(len(costs))
    for place, weight in weights.items():
        factors[place] = weight
    return costs * factors[:, None]


def weights_to_answer(probabilities: Probabilities, costs: Matrix, *, place: int) -> NDArray[np.float64]:
    """The least weight of a class with which each picture is answered with it, float64 [N]; infinite for none.

    With r the expected costs of each answer but for the class's own share p, answer j costs r_j + w p C_j. The class is
    the answer where that is least for it: where w ≥ (r_c - r_j) / (p (C_j - C_c)) for every other j.
    """
    own = probabilities[:, place]
    rest = probabilities @ costs - np.outer(own, costs[place])
    gained = np.outer(own, costs[place] - costs[place, place])  # by answering it, for each other answer, a unit weight
    more = rest[:, [place]] - rest
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = np.where(gained > 0, more / gained, np.where(more > 0, np.inf, 0.0))
    needed[:, place] = 0.0
    found: NDArray[np.float64] = np.maximum(needed.max(axis=1), 0.0)
    return found


def choose_weights(
    probabilities: Probabilities, labels: Labels, costs: Matrix, *, asked: Mapping[int, float]
) -> tuple[RecallPromise, ...]:
    """A weight for each class whose recall is asked for, and what the pictures show of it beside all other weights.

    Each is chosen by `choose_weight`, one after the other. A later weight draws pictures away from the classes before,
    so all are chosen again beside those of the others, until each shows what is asked, or as much as it ever did.
    Recalls that are at odds only drive each other up: after ROUNDS the weights of the first round are kept. Either way
    it is told what each class shows by the weights that are kept.

    Args:
        probabilities: float64 [N, K] of valid pictures, one of each group.
        labels: int64 [N].
        costs: what answers are chosen by without these weights.
        asked: recalls in (0, 1), by the place of the class.
    """
    needed = partial(_needed_beside, probabilities, labels, costs)
    weights: dict[int, float] = {}
    most: dict[int, float] = {}  # of what is asked of a class, that it showed when its weight was chosen
    first: tuple[RecallPromise, ...] = ()
    for _ in range(ROUNDS):
        for place, recall in asked.items():
            chosen = choose_weight(needed(weights, place), place=place, asked=recall)
            weights[place], most[place] = chosen.weight, max(min(chosen.shown, recall), most.get(place, 0.0))
        told = tuple(
            recall_promise(needed(weights, place), weight=weights[place], place=place, asked=recall)
            for place, recall in asked.items()
        )
        if all(each.shown >= most[each.place] for each in told):
            return told
        first = first or told
    return first


def _needed_beside(
    probabilities: Probabilities, labels: Labels, costs: Matrix, weights: Mapping[int, float], place: int
) -> NDArray[np.float64]:
    """The least weights float64 [n] that the pictures of a class need, where all other classes have those given."""
    others = {other: weight for other, weight in weights.items() if other != place}
    return weights_to_answer(probabilities[labels == place], weighted(costs, others), place=place)


def choose_weight(needed: NDArray[np.float64], *, place: int, asked: float) -> RecallPromise:
    """The least weight from 1 up at which valid shows the recall that was asked for, with 95 % confidence.

    Weights are tried from the heaviest down, each by the exact binomial test that too many pictures of the class are
    missed; the last before the first that fails is taken (fixed-sequence testing, as in `choose_threshold`): the one
    that misses the most pictures that the test allows. Where even none missed would not show it, the weight is that
    which shows most, and `shown` says how much; where that is less than half, nothing is changed.

    Args:
        needed: float64 [n], of `weights_to_answer`, of the valid pictures of the class, one of each group.
        place: of the class.
        asked: the recall, in (0, 1).
    """
    allowed = _most_missed(len(needed), asked)
    weight = 1.0
    if allowed is not None:
        ranked = np.sort(needed)[::-1]
        weight = min(max(float(ranked[allowed]) * SAFELY, 1.0), HEAVIEST)
    return recall_promise(needed, weight=weight, place=place, asked=asked)


def recall_promise(needed: NDArray[np.float64], *, weight: float, place: int, asked: float) -> RecallPromise:
    """What valid shows of a class at a weight; arguments as for `choose_weight`."""
    count, missed = len(needed), int((needed > weight).sum())
    shown, allowed = 1 - highest_error(missed, count), _most_missed(count, asked)
    # At the allowed number the exact interval ends at what was asked; rounding must not make it less.
    if count >= fewest_pictures(1 - asked) and allowed is not None and missed <= allowed:
        shown = max(shown, asked)
    return RecallPromise(place=place, asked=asked, shown=shown, pictures=count, weight=weight)


def _most_missed(count: int, asked: float) -> int | None:
    """How many of the pictures of a class may be missed where they are to show a recall, or the most that they can.

    None where they can show nothing.
    """
    from scipy.special import bdtr

    target = 1 - asked if count >= fewest_pictures(1 - asked) else reachable_error(count, 1 - asked)
    if target >= 1:
        return None
    tails = bdtr(np.arange(count + 1), count, target)  # chances to miss so few although too many are missed
    return int((tails <= RISK).sum()) - 1


def cost_thresholds(
    probabilities: Probabilities, predicted: Labels, *, costs: Matrix, person: NDArray[np.float64]
) -> NDArray[np.float64]:
    """From which probability on an answer of each class costs less than a person, float64 [K]; NEVER for none.

    An answer j of probability p is expected to cost p C_jj + (1 - p) a, a person p h_j + (1 - p) b, where a and b are
    what the other classes cost on average, by the probabilities that answers with j leave them. With two classes that
    is exact. No label is looked at, so that those of valid can still say what it is worth.
    """
    thresholds = np.zeros(len(costs))
    for place in range(len(costs)):
        mine = predicted == place
        shares = (probabilities[mine] if mine.any() else probabilities).sum(axis=0)
        shares[place] = 0.0
        if not shares.sum() > 0:
            shares = equal_costs(len(costs))[place]
        shares = shares / shares.sum()
        wrong = float(shares @ (costs[:, place] - person))
        right = float(person[place] - costs[place, place])
        if wrong <= 0:
            thresholds[place] = 0.0 if right >= 0 else NEVER
        else:
            thresholds[place] = wrong / (wrong + right) if right > 0 else NEVER
    return np.where(thresholds < NEVER, np.round(thresholds, 6), NEVER)


def promises_by_costs(
    confidence: NDArray[np.float64],
    *,
    predicted: Labels,
    labels: Labels,
    learned: NDArray[np.int64],
    thresholds: NDArray[np.float64],
    max_error: float,
    among: float = 1.0,
) -> Promises:
    """What can be promised of the answers that can be relied on, by thresholds float64 [K] chosen without the labels.

    One exact interval each (Clopper and Pearson, 1934), of all answers and of those that name a class; arguments as for
    `choose_thresholds`.
    """
    correct, stands, risk = predicted == labels, confidence >= thresholds[predicted], RISK / among
    count = int(stands.sum())
    overall = SelectiveGuarantee(
        threshold=min(float(thresholds.min()), 1.0) if len(confidence) else None,
        asked=max_error,
        error=highest_error(int((stands & ~correct).sum()), count, risk=risk) if count else None,
        pictures=len(confidence),
        needed=fewest_pictures(max_error, risk=risk),
        by_costs=True,
    )
    if overall.threshold is None:
        return Promises(overall=overall, classes=())
    classes = []
    for place in range(len(thresholds)):
        mine, shown = stands & (predicted == place), labels == place
        classes.append(
            ClassPromise(
                threshold=float(thresholds[place]),
                error=highest_error(int((mine & ~correct).sum()), int(mine.sum()), risk=risk) if mine.any() else None,
                answered=int((predicted == place).sum()),
                missed=highest_error(int((shown & ~correct).sum()), int(shown.sum()), risk=risk),
                shown=int(shown.sum()),
                learned=int(learned[place]),
            )
        )
    return Promises(overall=overall, classes=tuple(classes))
