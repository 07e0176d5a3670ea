"""The settings of one choice of depths, tried one after another for as long as they get better."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np

from tellapart.heads.cross_validation import HeldOutScorer, Score
from tellapart.heads.dual_space import Space
from tellapart.heads.regularization_path import Fit, Path
from tellapart.types import Labels

FIRST, WEAKEST, STRONGEST = 2, 12, -4  # in half decades below 1: 0.1, 1e-6 and 100
PATIENCE = 2  # strengths in a row that better the best by less than GAIN end the path
GAIN = 1e-3  # nat


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One setting, with all that is needed to go on from it; without a score where nothing could be held out."""

    space: Space
    fit: Fit
    score: Score | None
    seconds: float

    @property
    def loss(self) -> float:
        """What the best trial has least of."""
        return self.score.log_loss if self.score else self.fit.log_loss


def strength(step: int) -> float:
    """The L2 strength so many half decades below 1: 1, 0.3, 0.1, 0.03 …, exactly as they are written."""
    return float(f"{10.0 ** (-step / 2):.0e}")


def trials(space: Space, labels: Labels, *, scorer: HeldOutScorer | None) -> Iterator[Trial]:
    """Fit labels int64 [N] below K at strengths from 0.1 down while they get better; where 0.1 was best, also up.

    Without a scorer, 0.1 alone: the strong end of what was best on real pictures.
    """
    path = Path(space, labels, start=np.zeros((1, int(labels.max()) + 1, space.matrix.shape[1] + 1)))
    first = _trial(path, FIRST, scorer=scorer)
    yield first
    if scorer is None:
        return
    best = yield from _while_better(path, range(FIRST + 1, WEAKEST + 1), best=first, scorer=scorer)
    if best is first:
        upwards = Path(space, labels, start=first.fit.parameters)
        yield from _while_better(upwards, range(FIRST - 1, STRONGEST - 1, -1), best=first, scorer=scorer)


def _while_better(path: Path, steps: range, *, best: Trial, scorer: HeldOutScorer) -> Generator[Trial, None, Trial]:
    """Yield trials until PATIENCE of them in a row gained nothing worth it; return the best, best included."""
    idle = 0
    for step in steps:
        trial = _trial(path, step, scorer=scorer)
        yield trial
        idle = 0 if trial.loss < best.loss - GAIN else idle + 1
        best = trial if trial.loss < best.loss else best
        if idle == PATIENCE:
            break
    return best


def _trial(path: Path, step: int, *, scorer: HeldOutScorer | None) -> Trial:
    begun = time.perf_counter()
    fit = path.fit(strength(step))
    score = scorer.score(path, fit) if scorer else None
    return Trial(space=path.space, fit=fit, score=score, seconds=time.perf_counter() - begun)
