"""Labels that are probably wrong, told by heads that have not seen the pictures.

A label is taken for the true one with probability 1 - e, and for any other with e / (K - 1). With p the probability
that a head gives to the label of a picture it has not seen, the label was observed with probability

    (1 - e) * p + e / (K - 1) * (1 - p),

and it is wrong with the probability that is the second term's part of it. The temperature of the heads and e are found
together as what makes the observed labels most probable: heads that were fitted with wrong labels are less sure than
they could be, and a temperature that had to explain the wrong labels as well would keep them so.

The suspects are the most certain ones for as long as the mean certainty among them is at least a stated precision (the
Bayesian false discovery rate, Efron and Tibshirani 2002). On clean labels e goes to 0, and nobody is suspected.

Legend: N pictures, D features, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.calibration import BOUND, PRIOR_PICTURES
from tellapart.heads.calibration import probabilities as softmax
from tellapart.heads.cross_validation import held_out_logits
from tellapart.heads.folds import Folds, stratified_folds
from tellapart.heads.search import search_head
from tellapart.progress import Progress, Silent
from tellapart.types import Depth, Features, Labels, Probabilities

SEARCHED = 2500  # pictures that depths and strength are chosen on: a sample is as good, and its copy stays small
PRECISION = 0.85  # of the suspects, how many are to be wrong
FIRST_RATE = 0.05  # where the estimate of the share of wrong labels begins
HIGHEST_RATE = 0.5  # beyond it, no label would mean anything
ROUNDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSuspect:
    """A picture whose label is probably wrong."""

    row: int  # its row in the matrix
    given: int  # its label, a position in the classes
    suggested: int  # the most probable other class
    probability_given: float  # of the given label, by heads that have not seen the picture
    probability_suggested: float  # of the suggested class
    certainty: float  # the probability that the given label is wrong


def out_of_fold_probabilities(
    features: Features,
    labels: Labels,
    *,
    class_count: int,
    depths: Sequence[Depth],
    seed: int,
    groups: NDArray[np.int64] | None = None,
    progress: Progress | None = None,
) -> Probabilities:
    """How probable each class is by heads that have not seen the picture: float64 [N, K], rows that sum to one.

    Depths and strength are chosen once, on a sample. A row of NaN is a picture that could not be held out: the only one
    of its class, or of a group that holds the whole class. A class without pictures has probability 0. Arguments are as
    for `search_head`; some labels may be wrong.

    Raises:
        DataError: fewer than two classes have pictures, or a feature is not finite.
    """
    progress = progress or Silent()
    present, known = np.unique(labels, return_inverse=True)
    result = np.full((len(labels), class_count), np.nan)
    folds = stratified_folds(known, groups=groups, seed=seed)
    if len(present) < 2 or not folds.count:
        return result
    columns, l2 = _choose(features, known, depths=depths, folds=folds, seed=seed, progress=progress)
    progress.start("Asking heads about pictures they have not seen", total=1, unit="rounds")
    logits = held_out_logits(features[:, columns], known, folds=folds, l2=l2)
    progress.advance()
    progress.finish()
    judged = folds.fold >= 0
    temperature = noisy_temperature(logits[judged], known[judged])
    result[judged] = 0.0
    result[np.ix_(judged, present)] = softmax(logits[judged], temperature=temperature)
    return result


def find_suspects(
    probabilities: Probabilities, labels: Labels, *, parts: NDArray[np.int64] | None = None
) -> tuple[LabelSuspect, ...]:
    """The pictures whose labels [N] are probably wrong, by probabilities out of fold [N, K]; the most certain first.

    The share of wrong labels is estimated for each of the parts int64 [N] by itself, since splits (or sources) are
    often labelled by different people; None: all are one part. Rows of NaN are passed over.
    """
    certainty = wrong_label_certainty(probabilities, labels, parts=parts)
    order = np.argsort(-certainty, kind="stable")
    among = np.cumsum(certainty[order]) / np.arange(1, len(order) + 1)  # falls, since each adds the least so far
    rows = order[: int((among >= PRECISION).sum())]
    others = probabilities[rows].copy()
    others[np.arange(len(rows)), labels[rows]] = -1.0
    return tuple(
        LabelSuspect(
            row=int(row),
            given=int(labels[row]),
            suggested=int(suggested),
            probability_given=float(probabilities[row, labels[row]]),
            probability_suggested=float(probabilities[row, suggested]),
            certainty=float(certainty[row]),
        )
        for row, suggested in zip(rows, others.argmax(axis=1), strict=True)
    )


def wrong_label_certainty(
    probabilities: Probabilities, labels: Labels, *, parts: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """The probability that each given label is wrong, float64 [N]; 0 for a row of NaN. Arguments as `find_suspects`."""
    own = probabilities[np.arange(len(labels)), labels]
    home = np.zeros(len(labels), np.int64) if parts is None else parts
    result = np.zeros(len(labels))
    for part in np.unique(home):
        judged = np.isfinite(own) & (home == part)
        if judged.any():
            result[judged] = _mixture(own[judged], classes=probabilities.shape[1])[0]
    return result


def noisy_temperature(logits: NDArray[np.float64], labels: Labels) -> float:
    """The temperature under which labels int64 [N], some of them wrong, are most probable by logits float64 [N, K].

    With the weak prior of `fit_temperature`, and within the same bounds.
    """
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        own = softmax(logits, temperature=math.exp(log_temperature))[np.arange(len(labels)), labels]
        return _mixture(own, classes=logits.shape[1])[1] + PRIOR_PICTURES * log_temperature**2 / 2

    return math.exp(minimize_scalar(loss, bounds=(-BOUND, BOUND), method="bounded", options={"xatol": 1e-3}).x)


def _mixture(own: NDArray[np.float64], *, classes: int) -> tuple[NDArray[np.float64], float]:
    """How certain each label is wrong, float64 [N], and the sum of all log losses in nats, by EM.

    That is in the most probable mixture of labels whose classes have the probabilities own [N].
    """
    right = own.clip(1e-15, 1.0)
    wrong = (1.0 - right) / max(classes - 1, 1)
    rate = FIRST_RATE
    for _ in range(ROUNDS):
        observed = rate * wrong + (1 - rate) * right
        certainty = rate * wrong / observed
        rate = min(float(certainty.mean()), HIGHEST_RATE)
    return certainty, -float(np.log(observed).sum())


def _choose(
    features: Features, labels: Labels, *, depths: Sequence[Depth], folds: Folds, seed: int, progress: Progress
) -> tuple[slice, float]:
    """The columns and the strength that do best on one fold of a sample."""
    every = np.arange(len(labels))
    step = max(1.0, len(labels) / SEARCHED)
    by_fold = np.lexsort((labels, folds.fold == 0))  # the rows that are not of fold 0, class by class; then fold 0
    sample = by_fold[(every[: int(len(every) / step)] * step).astype(np.int64)]
    trains = int((folds.fold[sample] != 0).sum())
    selected = search_head(
        features[sample],
        labels[sample],
        class_count=int(labels.max()) + 1,
        depths=depths,
        train=slice(0, trains),
        valid=slice(trains, len(sample)),
        seed=seed,
        progress=progress,
    ).selected
    first = depths[0] if selected["depths"] == "all" else depths[-1]
    return slice(first.start, depths[-1].stop), float(selected["l2"])
