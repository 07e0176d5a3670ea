"""A head for many pictures or classes: in closed form first, and by logistic regression where that is affordable.

A search among logistic regressions takes its time times pictures times classes. Beyond SEARCHED_AT_MOST the depths and
the strength of a ridge head are chosen instead, whose sums are one pass. Up to REFINED_AT_MOST a logistic regression is
then fitted on the depths that were best, at the strength that was best for a sample of the pictures: a penalty of the
sum, not the mean, stays what it was, so its strength goes down as pictures become more. What has the lower log loss on
held-out pictures is taken: of valid, or of training pictures left out one at a time.

Legend: N training pictures, M valid ones, K classes that have training pictures, D features.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.cross_validation import ValidationScorer
from tellapart.heads.dual_space import training_space
from tellapart.heads.linear import LinearHead
from tellapart.heads.regularization_path import GAIN, WEAKEST, HeldOutScore, Path, StrengthSearch, regularization_path
from tellapart.heads.ridge import Moments, moments_of, ridge_fit
from tellapart.heads.sums import Sums, sums_of
from tellapart.progress import Progress
from tellapart.seeds import generator
from tellapart.types import Features, Labels

SEARCHED_AT_MOST: Final = 100_000  # training pictures times classes: some 20 s on two cores at 3000 features
REFINED_AT_MOST: Final = 1_500_000
SAMPLED: Final = 60_000  # pictures times classes of the sample that the strength is found with
STRENGTHS: Final = (3.0, 1.0)  # of what the sample says, that are tried on all rows
RIDGE_FIRST: Final = 0  # 1; on real pictures 0.1 to 3 was best
RIDGE, LOGISTIC = "ridge", "logistic"


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateHead:
    """A head that may be taken."""

    kind: str  # RIDGE or LOGISTIC
    depths: str
    l2: float
    head: LinearHead  # of the K classes, on its columns of the whole feature matrix
    score: HeldOutScore  # of held-out pictures
    iterations: int
    seconds: float

    @property
    def loss(self) -> float:
        """What the best has least of."""
        return self.score.log_loss

    def row(self) -> dict[str, Any]:
        """What is told of it in the history; ready for JSON."""
        return {
            "head": self.kind,
            "depths": self.depths,
            "l2": self.l2,
            "log_loss": self.score.log_loss,
            "accuracy": self.score.accuracy,
            "iterations": self.iterations,
            "seconds": round(self.seconds, 4),
        }


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """The training rows, and how heads are judged.

    Attributes:
        features: float32 [N, D], all depths.
        labels: int64 [N], below K.
        choices: the columns of each choice of depths; all of them end where the widest one ends.
        scorer: scores heads on some columns by the valid pictures; None to leave training pictures out.
        weights: float64 [N], how much each counts; None for all alike.
    """

    features: Features
    labels: Labels
    choices: Mapping[str, slice]
    scorer: Callable[[slice], ValidationScorer] | None
    weights: NDArray[np.float64] | None = None

    @property
    def class_count(self) -> int:
        return int(self.labels.max()) + 1


def is_large(labels: Labels) -> bool:
    """Whether training pictures with labels int64 [N] below K are too many for a search."""
    return len(labels) * (int(labels.max()) + 1) > SEARCHED_AT_MOST


def search_large(rows: TrainingRows, *, seed: int, progress: Progress) -> list[CandidateHead]:
    """Every head that was tried, the best of them to be taken."""
    tried: list[CandidateHead] = []
    refined = rows.scorer is not None and len(rows.labels) * rows.class_count <= REFINED_AT_MOST
    first = min(columns.start for columns in rows.choices.values())
    last = max(columns.stop for columns in rows.choices.values())
    features = rows.features[:, first:last]
    sums = sums_of(features, rows.labels, class_count=rows.class_count, weights=rows.weights, progress=progress)
    progress.start("Searching a head in closed form", total=len(rows.choices) * (WEAKEST + 1), unit="settings")
    try:
        for candidate in _ridge_heads(rows, sums, first=first):
            tried.append(candidate)
            progress.advance()
    finally:
        progress.finish()
    best = min(tried, key=lambda candidate: candidate.loss)
    if refined and best.loss > GAIN:  # else there is nothing left to gain
        progress.start("Fitting it as a logistic regression", total=len(STRENGTHS), unit="fits")
        try:
            for candidate in _logistic_heads(rows, best.depths, seed=seed):
                tried.append(candidate)
                progress.advance()
        finally:
            progress.finish()
    return tried


def _ridge_heads(rows: TrainingRows, sums: Sums, *, first: int) -> Iterator[CandidateHead]:
    """Ridge heads along the strengths, for each choice of depths, from sums of the columns from the first on."""
    for depths, columns in rows.choices.items():
        moments = moments_of(sums.part(slice(columns.start - first, columns.stop - first)))
        walk = StrengthSearch(first=RIDGE_FIRST)
        for l2 in walk:
            candidate = _ridge_head(rows, depths, moments, l2=l2)
            yield candidate
            walk.tell(candidate.loss)


def _ridge_head(rows: TrainingRows, depths: str, moments: Moments, *, l2: float) -> CandidateHead:
    begun, columns = time.perf_counter(), rows.choices[depths]
    fit = ridge_fit(moments, rows.features[:, columns], rows.labels, l2=l2, weights=rows.weights)
    head = fit.head(start=columns.start)
    score = HeldOutScore(log_loss=fit.log_loss, accuracy=fit.accuracy)
    if rows.scorer is not None:
        score = rows.scorer(columns).score_head(replace(head, start=0, stop=len(head.weight)))
    seconds = time.perf_counter() - begun
    return CandidateHead(kind=RIDGE, depths=depths, l2=l2, head=head, score=score, iterations=1, seconds=seconds)


def _logistic_heads(rows: TrainingRows, depths: str, *, seed: int) -> Iterator[CandidateHead]:
    """Logistic regressions on all rows, at the strength that is best for a sample of them, and a stronger one."""
    if rows.scorer is None:
        return
    columns, count = rows.choices[depths], len(rows.labels)
    scorer, features = rows.scorer(columns), rows.features[:, columns]
    size = min(count, max(SAMPLED // rows.class_count, 1))
    sample = np.sort(generator(seed, "sample for the strength").permutation(count)[:size])
    found, labels = np.unique(rows.labels[sample], return_inverse=True)
    if len(found) < rows.class_count:  # some class is too rare for a sample to tell
        return
    weights = None if rows.weights is None else rows.weights[sample]
    points = regularization_path(training_space(features[sample]), labels, scorer=scorer, weights=weights)
    l2 = min(points, key=lambda point: point.loss).fit.l2 * size / count
    space = training_space(features)
    start = np.zeros((1, rows.class_count, space.matrix.shape[1] + 1))
    path = Path(space, rows.labels, start=start, weights=rows.weights)
    for strength in (factor * l2 for factor in STRENGTHS):
        begun = time.perf_counter()
        fit = path.fit(strength)
        parameters = fit.parameters[0]
        head = space.head(parameters[:, :-1], parameters[:, -1], start=columns.start)
        score = scorer.score(path, fit)
        seconds = time.perf_counter() - begun
        yield CandidateHead(
            kind=LOGISTIC,
            depths=depths,
            l2=strength,
            head=head,
            score=score,
            iterations=fit.iterations,
            seconds=seconds,
        )
