"""What a fit is judged by: pictures it has not seen, either a split of their own or each fold's.

Legend: N training pictures, P folds, K classes, d coordinates; parameters float64 [P, K, d + 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.folds import Folds
from tellapart.heads.linear import row_blocks
from tellapart.heads.objective import Objective, Parameters, scaled, softmax_loss
from tellapart.heads.products import product
from tellapart.heads.regularization_path import TOLERANCE, Fit, Path, minimise_at
from tellapart.types import Features, Labels

COLUMNS = 128  # folds times classes that are fitted together: bounds what the minimiser keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Mean log loss in nats, and accuracy, on pictures that were held out."""

    log_loss: float
    accuracy: float


class Judge(Protocol):
    """Scores the newest fit of a path."""

    def score(self, path: Path, fit: Fit) -> Score:
        """The score of fit, which path has just made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidJudge:
    """Judges by the pictures of a valid split.

    Attributes:
        features: float32 [M, d] of the columns in question.
        labels: int64 [M]; -1 for a picture of a class that no training picture has: no strength helps it, so it is
            left out.
    """

    features: Features
    labels: Labels

    def score(self, path: Path, fit: Fit) -> Score:
        parameters = fit.parameters[0]
        head = path.space.head(parameters[:, :-1], parameters[:, -1], start=0)
        known = self.labels >= 0
        return _score(head.logits(self.features)[known], self.labels[known])


class FoldJudge:
    """Judges by cross-validation: every fold is fitted at the strength of the fit, and scores the pictures it lacks.

    The folds share the path's curvature and start from its solution, moved by what separated them from it last time.
    They are row weights on one matrix, so all of them are one wide matrix product. Each is minimised until it makes no
    difference that the start had seen the pictures held out.
    """

    __slots__ = ("_folds", "_offset")

    def __init__(self, folds: Folds) -> None:
        self._folds = folds
        self._offset: list[Parameters | float] = [0.0] * folds.count

    def score(self, path: Path, fit: Fit) -> Score:
        logits = np.zeros((len(path.labels), fit.parameters.shape[1]))
        scored = self._folds.scored
        together = max(1, COLUMNS // fit.parameters.shape[1])
        for first in range(0, self._folds.count, together):
            numbers = np.arange(first, min(first + together, self._folds.count))
            parameters = self._fit(path, fit, numbers=numbers)
            fill_held_out(path, parameters, held_out=np.where(scored, self._folds.fold - first, -1), logits=logits)
        return _score(logits[scored], path.labels[scored])

    def _fit(self, path: Path, fit: Fit, *, numbers: NDArray[np.int64]) -> Parameters:
        """The parameters [P, K, d + 1] of some folds; their offsets are kept for the next strength."""
        trains = self._folds.fold[:, None] != numbers
        objective = Objective(
            space=path.space,
            labels=path.labels,
            row_weights=(trains / trains.sum(axis=0)).astype(np.float32),
            l2=fit.l2,
        )
        start = np.concatenate([fit.parameters + self._offset[number] for number in numbers])
        minimum = minimise_at(objective, start, curvature=path.curvature, tolerance=TOLERANCE)
        for number, parameters in zip(numbers, minimum.parameters, strict=True):
            self._offset[number] = parameters - fit.parameters
        return minimum.parameters


def fill_held_out(
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


def _score(logits: NDArray[np.float64], labels: Labels) -> Score:
    losses, _ = softmax_loss(logits[:, None, :], labels)
    return Score(log_loss=float(losses.mean()), accuracy=float((logits.argmax(axis=1) == labels).mean()))
