"""What heads say of pictures they have not seen: one head a fold, all at one strength, fitted together.

Legend: N pictures, P folds, K classes, d coordinates; parameters float64 [P, K, d + 1].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.cross_validation import COLUMNS, fill_held_out
from tellapart.heads.dual_space import training_space
from tellapart.heads.folds import Folds
from tellapart.heads.objective import Objective, Parameters
from tellapart.heads.products import one_thread_if_small
from tellapart.heads.regularization_path import Path, minimise_at
from tellapart.types import Features, Labels

NEAR_ENOUGH = 1e-4  # of the objective: what is asked of these heads does not need the last digits


def held_out_logits(features: Features, labels: Labels, *, folds: Folds, l2: float) -> NDArray[np.float64]:
    """Logits float64 [N, K] of each picture by the head of the fold that lacks it; NaN where the fold is -1.

    Args:
        features: float32 [N, d], the columns the heads read.
        labels: int64 [N], every one of 0 to K - 1 present.
        folds: which fold holds out which row.
        l2: the strength of every head.

    Raises:
        DataError: a feature is not finite.
    """
    classes = int(labels.max()) + 1
    logits = np.full((len(labels), classes), np.nan)
    together = max(1, COLUMNS // classes)
    with one_thread_if_small(len(labels)):
        space = training_space(features)
        path = Path(space, labels, start=np.zeros((1, classes, space.matrix.shape[1] + 1)))
        start = path.fit(l2, tolerance=NEAR_ENOUGH).parameters
        for first in range(0, folds.count, together):
            numbers = np.arange(first, min(first + together, folds.count))
            parameters = _fitted(path, start, trains=folds.fold[:, None] != numbers, l2=l2)
            fill_held_out(path, parameters, held_out=folds.fold - first, logits=logits)
    return logits


def _fitted(path: Path, start: Parameters, *, trains: NDArray[np.bool_], l2: float) -> Parameters:
    """One head for each column of trains [N, P], fitted on its rows, from start [1, K, d + 1]."""
    weights = (trains / trains.sum(axis=0)).astype(np.float32)
    objective = Objective(space=path.space, labels=path.labels, row_weights=weights, l2=l2)
    everywhere = np.repeat(start, trains.shape[1], axis=0)
    return minimise_at(objective, everywhere, curvature=path.curvature, tolerance=NEAR_ENOUGH).parameters
