"""What a picture counts as where pictures of a group err together.

Thirty pictures of one patient tell less than thirty patients. How much less is told by the design effect: the variance
of the share over whole groups, divided by what it would be if pictures erred apart (Kish, 1965; for shares, Rao and
Scott, 1992, doi:10.2307/2532311). An interval of a share then counts each picture as one divided by that.

Legend: N pictures, m groups.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tellapart.evaluation.intervals import CONFIDENCE

# Groups in which nothing is known but that their pictures are all alike, as which an estimate of few groups begins.
PRIOR_GROUPS = 0.5


def picture_weight(right: NDArray[np.bool_], groups: NDArray[np.int64]) -> float:
    """What each of the pictures, right or not bool [N], counts as by the groups int64 [N] they belong to; in (0, 1].

    The design effect lies between 1 and what it is where pictures of a group are all alike. It is drawn towards the
    latter by as much as half a group weighs among those that hold a mistake (or something right, if those are fewer):
    where few do, it is known badly. That so few groups say how much shares vary is what Student's t with m - 1 degrees
    of freedom is for, whose quantile takes the place of the normal one.
    """
    from scipy.special import ndtri, stdtrit

    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    count, many = len(right), len(sizes)
    if many == count:
        return 1.0
    alike = float((sizes**2).sum()) / count
    share = float(right.mean())
    informed, effect = 0, alike
    if 0 < share < 1 and many > 1:
        sums = np.bincount(group, weights=right - share)
        measured = many / (many - 1) * float((sums**2).sum()) / (count * share * (1 - share))
        informed = int(min(np.count_nonzero(np.bincount(group, weights=each)) for each in (right, ~right)))
        effect = min(max(measured, 1.0), alike)
    effect = (informed * effect + PRIOR_GROUPS * alike) / (informed + PRIOR_GROUPS)
    tail = (1 + CONFIDENCE) / 2
    wider = float(stdtrit(max(many - 1, 1), tail) / ndtri(tail))
    return 1 / (effect * wider**2)
