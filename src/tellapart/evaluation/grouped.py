"""What a picture counts as where pictures of a group err together.

Thirty pictures of one patient tell less than thirty patients. How much less is told by the design effect: the variance
of the mean over whole groups, divided by what it would be if pictures erred apart (Kish, 1965; for shares, Rao and
Scott, 1992, doi:10.2307/2532311). An interval of a share, or of a difference of two shares, then counts each picture as
one divided by that.

Legend: N pictures, m groups.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Groups in which nothing is known but that their pictures are all alike, as which an estimate of few groups begins.
PRIOR_GROUPS = 1.0


def picture_weight(scores: NDArray[np.bool_] | NDArray[np.int64], groups: NDArray[np.int64]) -> float:
    """What each picture counts as by the groups int64 [N] the pictures belong to, see `design_effect`; in (0, 1]."""
    return 1 / design_effect(scores, groups)


def design_effect(scores: NDArray[np.bool_] | NDArray[np.int64], groups: NDArray[np.int64]) -> float:
    """By how much groups int64 [N] widen the variance of the mean of scores [N], right or not, or a few whole numbers.

    It lies between 1 and what it is where pictures of a group are all alike, which is exactly as many independent
    answers as there are groups of one size. It is drawn towards the latter by as much as one group weighs among those
    that hold another score than the rest: where few do, it is known badly. Of equal scores alone it is the latter.
    """
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    count, many = len(scores), len(sizes)
    if many == count:
        return 1.0
    alike = float((sizes**2).sum()) / count
    residual = scores - scores.mean()
    total = float((residual**2).sum())
    if total == 0 or many == 1:
        return alike
    sums = np.bincount(group, weights=residual)
    measured = many / (many - 1) * float((sums**2).sum()) / total
    others = [np.count_nonzero(np.bincount(group, weights=scores != score)) for score in np.unique(scores)]
    informed = int(min(others))
    return (informed * min(max(measured, 1.0), alike) + PRIOR_GROUPS * alike) / (informed + PRIOR_GROUPS)
