"""What is gained by not answering: the share of wrong answers among those that are sure enough.

Legend: N pictures, P points of a curve.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.evaluation.intervals import UNKNOWN, wilson
from tellapart.heads.abstention import Flags, ranked_answers

MOST_POINTS = 101


def selective_figures(flags: Flags, *, correct: NDArray[np.bool_], weight: float = 1.0) -> dict[str, Any]:
    """How many answers stand at the model's own threshold, and how many of those are wrong.

    `answered` and `wrong`, in pictures; `coverage`, the share that is answered, `error`, the share of those that is
    wrong, and `unlike`, the share that is called unlike the training set (answered or not), as {value, low, high} each
    with its 95 % Wilson interval, in which each picture counts as `weight`. Without a threshold everything is answered.
    """
    count = len(correct)
    stands = np.ones(count, np.bool_) if flags.unsure is None else ~flags.unsure
    answered, wrong = int(stands.sum()), int((stands & ~correct).sum())
    unlike = UNKNOWN if flags.unlike is None else wilson(int(flags.unlike.sum()), count, weight=weight)
    return {
        "answered": answered,
        "wrong": wrong,
        "coverage": wilson(answered, count, weight=weight).to_json(),
        "error": wilson(wrong, answered, weight=weight).to_json(),
        "unlike": unlike.to_json(),
    }


def risk_coverage(
    confidence: NDArray[np.float64], *, correct: NDArray[np.bool_], weight: float = 1.0
) -> dict[str, list[Any]]:
    """Coverage and error at every threshold that is worth a point, from the strictest to answering everything.

    Lists of P ≤ 101 points: `threshold`; `answered`, the pictures with at least that confidence, as it is printed;
    `wrong` among them; `low` and `high`, the 95 % Wilson interval of wrong / answered, a picture counting as `weight`.
    """
    ranked, wrong, ends = ranked_answers(confidence, correct)
    marks = np.linspace(0, len(ranked) - 1, MOST_POINTS)
    places = np.unique(ends[np.searchsorted(ends, marks)])
    errors = [wilson(int(wrong[place]), int(place) + 1, weight=weight) for place in places]
    return {
        "threshold": ranked[places].tolist(),
        "answered": (places + 1).tolist(),
        "wrong": wrong[places].tolist(),
        "low": [error.low for error in errors],
        "high": [error.high for error in errors],
    }
