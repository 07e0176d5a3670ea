"""What is gained by not answering: the share of wrong answers among those that are sure enough.

Legend: N pictures, P points of a curve.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.evaluation.intervals import wilson

MOST_POINTS = 101


def risk_coverage(confidence: NDArray[np.float64], *, correct: NDArray[np.bool_]) -> dict[str, list[Any]]:
    """Coverage and error at every threshold that is worth a point, from the strictest to answering everything.

    Args:
        confidence: float64 [N], the probability of the predicted class, as it is printed.
        correct: bool [N].

    Returns:
        Lists of P ≤ 101 points: `threshold`; `answered`, the pictures with at least that confidence; `wrong` among
        them; `low` and `high`, the 95 % Wilson interval of wrong / answered.
    """
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    wrong = np.cumsum(~correct[order])
    ends = np.flatnonzero(np.append(ranked[:-1] != ranked[1:], True))  # a threshold cannot part equal confidences
    marks = np.linspace(0, len(ranked) - 1, MOST_POINTS)
    places = np.unique(ends[np.searchsorted(ends, marks)])
    errors = [wilson(int(wrong[place]), int(place) + 1) for place in places]
    return {
        "threshold": ranked[places].tolist(),
        "answered": (places + 1).tolist(),
        "wrong": wrong[places].tolist(),
        "low": [error.low for error in errors],
        "high": [error.high for error in errors],
    }
