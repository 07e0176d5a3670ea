"""What can be promised class by class: of the answers that name it, and of the pictures that show it.

The promise of all answers together says little of a rare class: at 1 picture in 100, all of them may be wrong and 99 %
of the answers right. So the answers that name a class have a promise of their own, by the same exact tests on those
valid pictures alone, and a threshold of their own where the common one does not keep it. Given how many valid pictures
are answered with a class, whether each is right is a draw of its own, so each promise is false in at most 5 % of cases.

Each holds by itself, for somebody who relies on the answers that name that class; of K promises together one in twenty
may be false. To hold all of them at once at 95 %, a class would need log(20 K) / log(20) times the pictures.

Legend: N pictures of valid, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.abstention import (
    NEVER,
    RISK,
    TOO_LARGE,
    ClassPromise,
    Promises,
    choose_threshold,
    fewest_pictures,
    highest_error,
)
from tellapart.heads.prior import rare_classes
from tellapart.text import counted, percent
from tellapart.types import Labels

WORTHLESS = 0.5  # a promise that more than this share of the answers are right is the least that is worth anything
NAMED = 3  # classes that are warned of by name; the page has a row for each


def choose_thresholds(
    confidence: NDArray[np.float64],
    *,
    predicted: Labels,
    labels: Labels,
    learned: NDArray[np.int64],
    max_error: float,
    among: float = 1.0,
) -> Promises:
    """One threshold for all answers as `choose_threshold` has it, and a stricter one for classes that need it.

    A class keeps the common threshold where its own promise is kept by it. Its own is that of `choose_threshold` on the
    pictures answered with it: `fair_error`, or what so few allow, or what they show. No answer stands that names one
    - with less than a third of the training pictures of the largest, of which not even one wrong answer in five can
      be promised; where too few pictures are answered with it for that, they also leave the promise of all answers;
    - of which half of the answers may be wrong, as those tell that are tested (see `first_tested`): of many, that may
      be the surer half of them, though fewer of all are wrong.

    Args:
        confidence: float64 [N], of the answer, as `top_probability` rounds it.
        predicted: int64 [N], the class that is answered.
        labels: int64 [N], the class that is shown.
        learned: int64 [K], pictures in train.
        max_error: the largest share of wrong answers asked for.
        among: how many independent settings the same pictures chose among; each promise counts them.
    """
    correct, count = predicted == labels, len(learned)
    answered = np.bincount(predicted, minlength=count)
    rare = rare_classes(learned)
    hopeless = rare & (answered < fewest_pictures(TOO_LARGE, risk=RISK / among))
    judged = ~hopeless[predicted]
    overall = choose_threshold(confidence[judged], correct=correct[judged], max_error=max_error, among=among)
    if overall.threshold is None:
        return Promises(overall=overall, classes=())
    promises = []
    for place in range(count):
        mine, shown = predicted == place, labels == place
        fair = fair_error(max_error, count)
        own = choose_threshold(confidence[mine], correct=correct[mine], max_error=fair, among=among)
        most = TOO_LARGE if rare[place] else WORTHLESS
        withheld = hopeless[place] or (own.error is not None and own.error > most)
        promises.append(
            ClassPromise(
                threshold=NEVER if withheld else stricter(overall.threshold, own.threshold, among=confidence[mine]),
                error=None if withheld else own.error,
                answered=int(mine.sum()),
                missed=highest_error(int((shown & ~correct).sum()), int(shown.sum()), risk=RISK / among),
                shown=int(shown.sum()),
                learned=int(learned[place]),
            )
        )
    return Promises(overall=overall, classes=tuple(promises))


def stricter(common: float, own: float | None, *, among: NDArray[np.float64]) -> float:
    """A class's own threshold where fewer of its answers, of confidence float64 [n], stand than by the common one."""
    if own is None or not ((among >= common) & (among < own)).any():
        return common
    return own


def fair_error(max_error: float, class_count: int) -> float:
    """The share of wrong answers that is asked for each of K classes: what the common promise leaves one of them.

    Where K classes are answered equally often and at most max_error of all answers are wrong, at most K times as much
    of those that name one class are: there the common threshold keeps the promise of every class.
    """
    return max(max_error, min(class_count * max_error, TOO_LARGE))


def warnings(thresholds: Mapping[str, Any], classes: Sequence[str]) -> list[str]:
    """What to say of classes that may be missed often, or that no answer names surely: a sentence of each.

    Args:
        thresholds: as `Abstention.to_json` writes them; of older models they say nothing of classes.
        classes: K names.
    """
    rows = [row for row in promise_rows(thresholds, classes) if row["lost"]]
    more = len(rows) - NAMED
    others = [f"the same is true of {counted(more, 'other class', 'other classes')}"] if more > 0 else []
    return [*map(_warning, rows[:NAMED]), *others]


def promise_rows(thresholds: Mapping[str, Any], classes: Sequence[str]) -> list[dict[str, Any]]:
    """What is promised of each class, the rarest first; nothing for older runs, and where nothing is promised.

    Returns:
        {name, learned, threshold, error, answered, missed, shown, lost}: threshold is None where no answer that names
        the class stands, and lost says whether that is so or more of its pictures than TOO_LARGE may be missed.
    """
    made, least = thresholds.get("promise_by_class") or [], thresholds.get("unsure_by_class") or []
    rows = [
        {
            "name": name,
            **row,
            "threshold": own if own < NEVER else None,
            "lost": row["missed"] > TOO_LARGE or own >= NEVER,
        }
        for name, row, own in zip(classes, made, least, strict=False)
    ]
    return sorted(rows, key=lambda row: row["learned"])


def _warning(row: Mapping[str, Any]) -> str:
    """A class that may be missed often, or that no answer names surely."""
    pictures = f"{row['learned']:,} to learn from, {row['shown']:,} held out to show it"
    missed = f"up to {percent(row['missed'])} of its pictures may be missed, with 95 % confidence"
    said = f"{row['name']}: {missed} ({pictures})"
    return said if row["threshold"] is not None else f"{said}; every answer that names it is marked unsure"
