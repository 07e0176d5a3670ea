"""What a fit is scored by: pictures it has not seen, either a split of their own or each fold's.

Legend: N training pictures, P folds, K classes, d coordinates; parameters float64 [P, K, d + 1].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.dual_space import training_space
from tellapart.heads.folds import Folds
from tellapart.heads.lbfgs import minimise
from tellapart.heads.linear import LinearHead, row_blocks
from tellapart.heads.objective import Objective, Parameters, scaled
from tellapart.heads.products import one_thread_if_small, product
from tellapart.heads.regularization_path import TOLERANCE, Fit, HeldOutScore, Path
from tellapart.heads.rows import FeatureRows, JudgedHead, judged
from tellapart.heads.setting import HeadSetting
from tellapart.types import Features, Labels

COLUMNS = 128  # folds times classes that are fitted together: bounds what the minimiser keeps
NEAR_ENOUGH = 1e-4  # of the objective, for held-out logits: what is asked of them does not need the last digits


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationScorer:
    """Scores on the pictures of a valid split.

    Attributes:
        rows: where they are.
        valid: which ones, M of them.
        labels: int64 [M]; -1, left out, for a class without a training picture, which no strength helps.
        weights: float64 [M]; None for all alike.
        start: the first column that the heads of a path read.
    """

    rows: FeatureRows
    valid: slice
    labels: Labels
    weights: NDArray[np.float64] | None = None
    start: int = 0

    def score(self, path: Path, fit: Fit) -> HeldOutScore:
        parameters = fit.parameters[0]
        return self.score_heads([path.space.head(parameters[:, :-1], parameters[:, -1], start=self.start)])[0]

    def score_heads(self, heads: Sequence[LinearHead]) -> list[HeldOutScore]:
        """The score of each head."""
        weights = None if self.weights is None else self.weights[self.labels >= 0]
        return [_score(each, weights) for each in self.rows.judged(self.valid, self.labels, heads)]


class FoldScorer:
    """Scores by cross-validation: every fold is fitted at the strength of the fit, and scores the pictures it lacks.

    The folds share the path's curvature and start from its solution, moved by what separated them from it last time.
    They are row weights on one matrix, so all of them are one wide matrix product. Each is minimised until it makes no
    difference that the start had seen the pictures held out.
    """

    __slots__ = ("_folds", "_offset")

    def __init__(self, folds: Folds) -> None:
        self._folds = folds
        self._offset: list[Parameters | float] = [0.0] * folds.count

    def score(self, path: Path, fit: Fit) -> HeldOutScore:
        logits = np.zeros((len(path.labels), fit.parameters.shape[1]))
        scored = self._folds.scored
        for numbers in _batches(self._folds.count, classes=fit.parameters.shape[1]):
            start = np.concatenate([fit.parameters + self._offset[number] for number in numbers])
            objective = _objective(path, folds=self._folds, numbers=numbers, l2=fit.l2)
            metric = path.curvature.metric(fit.l2)
            found = minimise(objective.value_and_gradient, start, metric=metric, tolerance=TOLERANCE)
            for number, solution in zip(numbers, found.parameters, strict=True):
                self._offset[number] = solution - fit.parameters
            held_out = np.where(scored, self._folds.fold - numbers[0], -1)
            _fill_held_out(path, found.parameters, held_out=held_out, logits=logits)
        weights = None if path.weights is None else path.weights[scored]
        score = _score(judged(logits[scored], path.labels[scored]), weights)
        logits[~scored] = np.nan
        return replace(score, logits=logits)


def held_out_logits(features: Features, labels: Labels, *, folds: Folds, setting: HeadSetting) -> NDArray[np.float64]:
    """Logits float64 [N, K] of each picture by the head of the fold that lacks it; NaN where the fold is -1.

    Features are float32 [N, D]; every label int64 [N] from 0 to K - 1 is there.
    """
    l2 = setting.l2
    classes = int(labels.max()) + 1
    logits = np.full((len(labels), classes), np.nan)
    with one_thread_if_small(len(labels)):
        space = training_space(features[:, setting.columns], setting.scale)
        path = Path(space, labels, start=np.zeros((1, classes, space.matrix.shape[1] + 1)))
        everywhere = path.fit(l2, tolerance=NEAR_ENOUGH).parameters
        for numbers in _batches(folds.count, classes=classes):
            start = np.repeat(everywhere, len(numbers), axis=0)
            objective, metric = _objective(path, folds=folds, numbers=numbers, l2=l2), path.curvature.metric(l2)
            found = minimise(objective.value_and_gradient, start, metric=metric, tolerance=NEAR_ENOUGH)
            _fill_held_out(path, found.parameters, held_out=folds.fold - numbers[0], logits=logits)
    return logits


def _batches(folds: int, *, classes: int) -> Iterator[NDArray[np.int64]]:
    """The numbers of the folds that are fitted at once: as many as fit in COLUMNS, at least one."""
    size = max(1, COLUMNS // classes)
    for first in range(0, folds, size):
        yield np.arange(first, min(first + size, folds))


def _objective(path: Path, *, folds: Folds, numbers: NDArray[np.int64], l2: float) -> Objective:
    """What a head of each of P numbered folds has least of, by the rows that its fold does not hold out."""
    trains = folds.fold[:, None] != numbers
    counts = trains if path.weights is None else trains * path.weights[:, None]
    weights = (counts / counts.sum(axis=0)).astype(np.float32)
    return Objective(space=path.space, labels=path.labels, row_weights=weights, l2=l2)


def _fill_held_out(
    path: Path, parameters: Parameters, *, held_out: NDArray[np.int64], logits: NDArray[np.float64]
) -> None:
    """Fill the logits of each row that held_out [N] assigns to one of the parameters [P, K, d + 1]."""
    weight, bias = scaled(path.space, parameters)
    for rows in row_blocks(len(logits)):
        fold = held_out[rows]
        mine = np.flatnonzero((fold >= 0) & (fold < len(parameters)))
        if not len(mine):  # augmented views only
            continue
        everything = product(path.space.block(rows), weight.T) + bias
        everything = everything.reshape(-1, *parameters.shape[:2])
        logits[rows][mine] = everything[mine, fold[mine]]


def _score(found: JudgedHead, weights: NDArray[np.float64] | None) -> HeldOutScore:
    return HeldOutScore(
        log_loss=float(np.average(found.losses, weights=weights)),
        accuracy=float(np.average(found.right, weights=weights)),
        losses=found.losses.astype(np.float32),
    )
