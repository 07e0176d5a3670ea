"""A path of fits on all training rows, from one strength to the next.

Legend: N pictures, P problems, K classes, d coordinates; parameters float64 [P, K, d + 1].
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.dual_space import Space, training_space
from tellapart.heads.lbfgs import minimise
from tellapart.heads.linear import LinearHead, widen_head
from tellapart.heads.objective import Objective, Parameters, squared_norm
from tellapart.heads.preconditioner import Curvature, curvature_at
from tellapart.heads.setting import HeadSetting
from tellapart.types import Features, Labels

TOLERANCE = 1e-6  # of the objective: held-out log loss is then right to 2e-4 nat, see docs/log.md
WEAK = 0.1  # a strength; weaker ones are not begun from nothing
APPROACH = 8  # steps from nothing; then the curvature is found anew, for at zero every picture was fully unsure
POLISHED = 1e-9  # of the objective: probabilities are then right to 2e-4
FIRST, WEAKEST, STRONGEST = 2, 12, -4  # in half decades below 1: 0.1, 1e-6 and 100
PATIENCE = 2  # strengths in a row that better the best by less than GAIN end the path
GAIN = 1e-3  # nat


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A fit on all training rows."""

    l2: float  # its strength
    parameters: Parameters  # float64 [1, K, d + 1]
    log_loss: float  # the mean log loss on the training rows, without the penalty
    iterations: int  # steps it took


class Path:
    """Fits at one strength after another, each warm-started where the last two point to.

    A path is for strengths at even ratios: the solution then moves nearly straight from one to the next, and a start on
    that line saves a third to a half of the steps.
    """

    __slots__ = ("_before", "_curvature", "_last", "labels", "space", "weights")

    def __init__(
        self, space: Space, labels: Labels, *, start: Parameters, weights: NDArray[np.float64] | None = None
    ) -> None:
        """Begin at parameters [1, K, d + 1]; labels int64 [N] are below K.

        Weights float64 [N] say how much each row counts; None is for all alike.
        """
        self.weights = weights
        self.space = space
        self.labels = labels
        self._last = self._before = start
        self._curvature: Curvature | None = None

    @property
    def curvature(self) -> Curvature:
        """The curvature at the newest solution, found when it is first asked for."""
        if self._curvature is None:
            self._curvature = curvature_at(self.space, self.labels, self._last)
        return self._curvature

    def shares(self) -> NDArray[np.float32]:
        """The part [N, 1] that each row has in the mean log loss."""
        if self.weights is None:
            return np.full((len(self.labels), 1), 1 / len(self.labels), dtype=np.float32)
        shares: NDArray[np.float32] = (self.weights / self.weights.sum())[:, None].astype(np.float32)
        return shares

    def fit(self, l2: float, *, tolerance: float = TOLERANCE) -> Fit:
        """Fit at strength l2, in the metric that the curvature of the last solution makes.

        A weak strength is first approached from stronger ones: from nothing, its first steps go so far that they end
        where no solution is.
        """
        way = [l2]
        while way[0] < WEAK and not self._last.any():
            way.insert(0, 10 * way[0])
        iterations = 0
        for strength_on_way in way:
            objective = Objective(
                space=self.space, labels=self.labels, row_weights=self.shares(), l2=strength_on_way
            ).value_and_gradient
            cold = not self._last.any()
            if cold:
                metric = self.curvature.metric(strength_on_way)
                near = minimise(objective, self._last, metric=metric, tolerance=tolerance, iterations=APPROACH)
                self._last = self._before = near.parameters
                self._curvature = None
                iterations += near.iterations
            start = 2 * self._last - self._before
            metric = self.curvature.metric(strength_on_way)
            minimum = minimise(objective, start, metric=metric, tolerance=tolerance)
            self._before = minimum.parameters if cold else self._last
            self._last = minimum.parameters
            self._curvature = None
            iterations += minimum.iterations
        penalty = l2 / 2 * squared_norm(minimum.parameters[..., :-1])
        return Fit(
            l2=l2,
            parameters=minimum.parameters,
            log_loss=float((minimum.value - penalty)[0]),
            iterations=iterations,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutScore:
    """Mean log loss in nats, and accuracy, on pictures that were held out."""

    log_loss: float
    accuracy: float
    logits: NDArray[np.float64] | None = None  # float64 [N, K] of folds; NaN for a row that none of them holds out
    losses: NDArray[np.float32] | None = None  # float32 [M] nats of each picture of valid, where it scores


class HeldOutScorer(Protocol):
    """Scores the newest fit of a path."""

    def score(self, path: Path, fit: Fit) -> HeldOutScore:
        """The score of fit, which path has just made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPoint:
    """One setting, with all that is needed to go on from it; without a score where nothing could be held out."""

    space: Space
    fit: Fit
    score: HeldOutScore | None
    seconds: float
    weights: NDArray[np.float64] | None = None  # float64 [N], how much each row counts; None for all alike

    @property
    def loss(self) -> float:
        """What the best point has least of."""
        return self.score.log_loss if self.score else self.fit.log_loss


def strength_at(step: int) -> float:
    """The L2 strength so many half decades below 1: 1, 0.3, 0.1, 0.03 …, exactly as they are written."""
    return float(f"{10.0 ** (-step / 2):.0e}")


def regularization_path(
    space: Space, labels: Labels, *, scorer: HeldOutScorer | None, weights: NDArray[np.float64] | None = None
) -> Iterator[PathPoint]:
    """Fit labels int64 [N] below K along the strengths of a `StrengthSearch`; without a scorer at 0.1 alone.

    Weights float64 [N] say how much each row counts; None is for all alike. 0.1 is the strong end of what was best on
    real pictures.
    """
    walk = StrengthSearch()
    best: PathPoint | None = None
    path = Path(space, labels, start=np.zeros((1, int(labels.max()) + 1, space.matrix.shape[1] + 1)), weights=weights)
    for l2 in walk:
        begun = time.perf_counter()
        if walk.turned and best is not None:
            path = Path(space, labels, start=best.fit.parameters, weights=weights)
        fit = path.fit(l2)
        score = scorer.score(path, fit) if scorer else None
        seconds = time.perf_counter() - begun
        point = PathPoint(space=space, fit=fit, score=score, seconds=seconds, weights=weights)
        yield point
        if scorer is None:
            return
        best = point if best is None or point.loss < best.loss else best
        walk.tell(point.loss)


class StrengthSearch:
    """Strengths from the first down while they get better; where the first was best, also up.

    Either way ends after PATIENCE in a row that gained nothing worth it. Whoever walks tells the loss at each strength
    before asking for the next one.
    """

    __slots__ = ("_best", "_first", "_idle", "turned")

    def __init__(self, *, first: int = FIRST) -> None:
        """Begin at so many half decades below 1."""
        self._first = first
        self._best = math.inf
        self._idle = 0
        self.turned = False  # whether the strength just given is the first on the way up

    def __iter__(self) -> Iterator[float]:
        yield strength_at(self._first)
        start = self._best
        for step in range(self._first + 1, WEAKEST + 1):
            yield strength_at(step)
            if self._idle == PATIENCE:
                break
        if self._best < start:
            return
        self._idle, self.turned = 0, True
        for step in range(self._first - 1, STRONGEST - 1, -1):
            yield strength_at(step)
            self.turned = False
            if self._idle == PATIENCE:
                return

    def tell(self, loss: float) -> None:
        """The loss at the strength just given."""
        if math.isfinite(self._best):
            self._idle = 0 if loss < self._best - GAIN else self._idle + 1
        self._best = min(self._best, loss)


def fit_head(
    features: Features,
    labels: Labels,
    *,
    class_count: int,
    setting: HeadSetting,
    tolerance: float = TOLERANCE,
) -> LinearHead:
    """A head of rows float32 [n, D], as a setting has it; classes without a row get the logit ABSENT_LOGIT."""
    present, known = np.unique(labels, return_inverse=True)
    start, stop, _ = setting.columns.indices(features.shape[1])
    space = training_space(features[:, start:stop], setting.scale)
    path = Path(space, known, start=np.zeros((1, len(present), space.matrix.shape[1] + 1)))
    parameters = path.fit(setting.l2, tolerance=tolerance).parameters[0]
    fitted = space.head(parameters[:, :-1], parameters[:, -1], start=start)
    return widen_head(fitted, present, class_count=class_count)
