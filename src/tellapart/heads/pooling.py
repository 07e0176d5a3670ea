"""Which pooling is worth a search beside the mean: asked by ridge heads that leave out one picture at a time.

A search of logistic regressions for each way of pooling would take as long again as the search itself. A ridge head on
some of the pictures says in a fraction of that what is promising (see `heads.ridge` for its left-out answers): here in
the space of the pictures, where the widths of the features cost nothing but one product. What it finds is only tried;
whether it is taken, the search decides by the score by which it decides everything.

Legend: N training pictures, n of them asked, D features, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.dual_space import column_standard
from tellapart.heads.objective import softmax_loss
from tellapart.heads.ridge import MOST_LEVERAGE, fit_scale, leave_out, standardised
from tellapart.types import Features, Labels

ASKED: Final = 800  # pictures
FEWEST: Final = 60  # of fewer, what is left out tells nothing for sure
STRENGTHS: Final = (3.0, 1.0, 0.3)  # of the ridge heads: on real pictures 0.1 to 3 was best
ERRORS: Final = 1.0  # standard errors of the paired gain that a pooling must gain over the mean


def promising(
    ask: Callable[[NDArray[np.int64]], Features],
    labels: Labels,
    *,
    mean: slice,
    others: Mapping[str, slice],
    groups: NDArray[np.int64] | None = None,
) -> str | None:
    """The one of other columns, by name, whose left-out log loss is best, and surely below that of the means; or None.

    Args:
        ask: gives features float32 [n, D] of rows int64 [n] of the N.
        labels: int64 [N], below K.
        mean: the columns of the means; each of the others holds them, and more.
        others: columns by the name of their pooling.
        groups: int64 [N], equal for pictures that belong together, of which one is asked; None for none.
    """
    rows = spread_rows(len(labels), groups)
    if len(rows) < FEWEST or not others:
        return None
    _, known = np.unique(labels[rows], return_inverse=True)
    if known.max() == 0:
        return None
    seen = {name: left_out_losses(gram, known) for name, gram in grams(ask(rows), mean, others).items()}
    before = seen.pop("")
    best = min(seen, key=lambda name: float(seen[name].mean()))
    gains = before - seen[best]
    error = float(gains.std(ddof=1)) / math.sqrt(len(gains))
    return best if float(gains.mean()) > ERRORS * error else None


def spread_rows(count: int, groups: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """At most ASKED rows, evenly spread, and one of each group."""
    rows = np.arange(count) if groups is None else np.sort(np.unique(groups, return_index=True)[1])
    places = np.linspace(0, len(rows) - 1, min(ASKED, len(rows))).round().astype(np.int64)
    return rows[np.unique(places)]


def grams(features: Features, mean: slice, others: Mapping[str, slice]) -> dict[str, NDArray[np.float32]]:
    """The products of standardised rows float32 [n, D] over n, float32 [n, n]: of the means as "", of the others."""
    found = {"": _gram(features[:, mean])}
    for name, columns in others.items():
        rest = np.r_[columns.start : mean.start, mean.stop : columns.stop]
        found[name] = found[""] + _gram(features[:, rest])
    return found


def _gram(features: Features) -> NDArray[np.float32]:
    rows = standardised(features, column_standard(features))
    gram: NDArray[np.float32] = rows @ rows.T / np.float32(len(rows))
    return gram


def left_out_losses(gram: NDArray[np.float32], labels: Labels) -> NDArray[np.float64]:
    """The log losses float64 [n] of rows that ridge heads leave out, at the strength where their mean is least."""
    count, targets = len(labels), np.eye(int(labels.max()) + 1)[labels]
    shares = targets.mean(axis=0)
    best: NDArray[np.float64] | None = None
    for l2 in STRENGTHS:
        inverse = _inverse(gram, added=l2)
        answers = targets - l2 * (inverse @ (targets - shares))
        leverage = 1 / count + 1 - l2 * inverse.diagonal()
        left_out = leave_out(answers, labels, np.minimum(leverage, MOST_LEVERAGE))
        scale, _ = fit_scale(left_out, labels)
        losses = softmax_loss((left_out * scale)[:, np.newaxis, :], labels)[0][:, 0]
        if best is None or losses.mean() < best.mean():
            best = np.asarray(losses, np.float64)
    return np.zeros(count) if best is None else best


def _inverse(gram: NDArray[np.float32], *, added: float) -> NDArray[np.float32]:
    """The inverse of (gram + added * identity), which is far enough from singular for float32."""
    from scipy.linalg.lapack import spotrf, spotri

    damped = np.array(gram, np.float32, order="F")
    damped.flat[:: len(gram) + 1] += np.float32(added)
    lower = spotri(spotrf(damped, lower=1, clean=1, overwrite_a=1)[0], lower=1, overwrite_c=1)[0]
    inverse: NDArray[np.float32] = lower + np.tril(lower, -1).T
    return inverse
