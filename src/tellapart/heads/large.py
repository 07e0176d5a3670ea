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
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.cross_validation import ValidationScorer
from tellapart.heads.dual_space import OWN, training_space
from tellapart.heads.linear import LinearHead
from tellapart.heads.regularization_path import GAIN, WEAKEST, HeldOutScore, Path, StrengthSearch, regularization_path
from tellapart.heads.ridge import moments_of, ridge_fit, scored_rows
from tellapart.heads.rows import FeatureRows
from tellapart.heads.setting import LOGISTIC, RIDGE
from tellapart.heads.sums import Sums
from tellapart.progress import Progress, in_stage
from tellapart.seeds import generator
from tellapart.types import Labels

SEARCHED_AT_MOST: Final = 100_000  # training pictures times classes: some 20 s on two cores at 3000 features
REFINED_AT_MOST: Final = 1_500_000
SAMPLED: Final = 60_000  # pictures times classes of the sample that the strength is found with
STRENGTHS: Final = (3.0, 1.0)  # of what the sample says, that are tried on all rows
RIDGE_FIRST: Final = 0  # 1; on real pictures 0.1 to 3 was best


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
            "scale": OWN,
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
        rows: of all depths, wherever they are.
        train: which of them are trained on, N.
        labels: int64 [N], below K.
        choices: the columns of each choice of depths; all of them end where the widest one ends.
        scorer: scores heads on some columns by the valid pictures; None to leave training pictures out.
        weights: float64 [N], how much each counts; None for all alike.
    """

    rows: FeatureRows
    train: slice
    labels: Labels
    choices: Mapping[str, slice]
    scorer: Callable[[slice], ValidationScorer] | None
    weights: NDArray[np.float64] | None = None

    @property
    def class_count(self) -> int:
        return int(self.labels.max()) + 1


def is_large(labels: Labels) -> bool:
    """Whether training pictures with labels int64 [N] below K are too many for a search."""
    return is_many(len(labels) * (int(labels.max()) + 1))


def is_many(values: int) -> bool:
    """Whether so many training pictures times classes are too many for a search."""
    return values > SEARCHED_AT_MOST


def search_large(rows: TrainingRows, *, seed: int, progress: Progress) -> list[CandidateHead]:
    """Every head that was tried, the best of them to be taken."""
    tried: list[CandidateHead] = []
    refined = rows.scorer is not None and len(rows.labels) * rows.class_count <= REFINED_AT_MOST
    columns = slice(min(each.start for each in rows.choices.values()), max(each.stop for each in rows.choices.values()))
    sums = rows.rows.sums(rows.train, rows.labels, columns=columns, weights=rows.weights, progress=progress)
    with in_stage(
        progress, "Searching a head in closed form", total=len(rows.choices) * (WEAKEST + 1), unit="settings"
    ):
        for candidate in _ridge_heads(rows, sums, columns=columns):
            tried.append(candidate)
            progress.advance()
    tried.sort(key=lambda candidate: list(rows.choices).index(candidate.depths))
    best = min(tried, key=lambda candidate: candidate.loss)
    if refined and best.loss > GAIN:  # else there is nothing left to gain
        with in_stage(progress, "Fitting it as a logistic regression", total=len(STRENGTHS), unit="fits"):
            for candidate in _logistic_heads(rows, best.depths, seed=seed):
                tried.append(candidate)
                progress.advance()
    return tried


def _ridge_heads(rows: TrainingRows, sums: Sums, *, columns: slice) -> Iterator[CandidateHead]:
    """Ridge heads along the strengths, for each choice of depths, from sums of some columns.

    The choices walk side by side, so that one pass over valid judges a head of each.
    """
    sample = scored_rows(len(rows.labels))
    seen = rows.rows.at(rows.train.start + sample, columns)
    weights = None if rows.weights is None else rows.weights[sample]
    inside = {name: slice(each.start - columns.start, each.stop - columns.start) for name, each in rows.choices.items()}
    moments = {name: moments_of(sums.part(each)) for name, each in inside.items()}
    walks = {name: StrengthSearch(first=RIDGE_FIRST) for name in rows.choices}
    ways = {name: iter(walk) for name, walk in walks.items()}
    while steps := {name: l2 for name, way in ways.items() if (l2 := next(way, None)) is not None}:
        begun = time.perf_counter()
        fits = {
            name: ridge_fit(moments[name], seen[:, inside[name]], rows.labels[sample], l2=l2, weights=weights)
            for name, l2 in steps.items()
        }
        heads = {name: fit.head(start=rows.choices[name].start) for name, fit in fits.items()}
        if rows.scorer is None:
            scores = [HeldOutScore(log_loss=fit.log_loss, accuracy=fit.accuracy) for fit in fits.values()]
        else:
            scores = rows.scorer(columns).score_heads(list(heads.values()))
        seconds = (time.perf_counter() - begun) / len(steps)
        for (name, l2), score in zip(steps.items(), scores, strict=True):
            candidate = CandidateHead(
                kind=RIDGE, depths=name, l2=l2, head=heads[name], score=score, iterations=1, seconds=seconds
            )
            yield candidate
            walks[name].tell(candidate.loss)


def _logistic_heads(rows: TrainingRows, depths: str, *, seed: int) -> Iterator[CandidateHead]:
    """Logistic regressions on all rows, at the strength that is best for a sample of them, and a stronger one."""
    if rows.scorer is None:
        return
    columns, count = rows.choices[depths], len(rows.labels)
    scorer, features = rows.scorer(columns), rows.rows.at(rows.train, columns)
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
