"""Labels that are probably wrong, told by heads that have not seen the pictures.

How labels go wrong, at random and from one class to another, is estimated by `find_label_noise`, and with it how
certain each label is wrong. The temperature of the heads is found together with that, as what makes the observed labels
most probable: heads that were fitted with wrong labels are less sure than they could be, and a temperature that had to
explain the wrong labels as well would keep them so.

The suspects are the most certain ones for as long as the mean certainty among them is at least a stated precision (the
Bayesian false discovery rate, Efron and Tibshirani 2002). On clean labels no noise is found, and nobody is suspected.

Legend: N pictures, D features, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart.evaluation.label_noise import Direction, LabelNoise, find_label_noise, fit_label_noise
from tellapart.heads.calibration import BOUND
from tellapart.heads.calibration import probabilities as softmax
from tellapart.heads.cross_validation import held_out_logits
from tellapart.heads.folds import Folds, stratified_folds
from tellapart.heads.search import search_head
from tellapart.heads.setting import HeadSetting
from tellapart.progress import Progress, Silent, in_stage
from tellapart.types import Depth, Features, Labels, Probabilities

SEARCHED = 2500  # pictures that depths and strength are chosen on: a sample is as good, and its copy stays small
ONE_FOLD = 100  # pictures; with fewer in it they are chosen by all folds
PRECISION = 0.85  # of the suspects, how many are to be wrong
PRIOR_PICTURES = (
    2.0  # as of `fit_temperature`, but weaker: heads that wrong labels made unsure may be sharpened by much
)
# Times the temperature without directions, at which directions are looked for: labels that go one way look to an
# estimate that knows of none like heads that are unsure.
SHARPER = (1.0, 0.8, 0.64)


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
    setting = _choose(features, known, depths=depths, folds=folds, groups=groups, seed=seed, progress=progress)
    with in_stage(progress, "Asking heads about pictures they have not seen", total=1, unit="rounds"):
        logits = held_out_logits(features, known, folds=folds, setting=setting)
        progress.advance()
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
    noises = list(noise_of_parts(probabilities, labels, parts=parts))
    certainty, suggestions = np.zeros(len(labels)), np.zeros(len(labels), np.int64)
    for rows, noise in noises:
        certainty[rows] = noise.certainty
        suggestions[rows] = noise.meant(probabilities[rows], labels[rows])
    order = np.argsort(-certainty, kind="stable")
    among = np.cumsum(certainty[order]) / np.arange(1, len(order) + 1)  # falls, since each adds the least so far
    return tuple(
        LabelSuspect(
            row=int(row),
            given=int(labels[row]),
            suggested=int(suggestions[row]),
            probability_given=float(probabilities[row, labels[row]]),
            probability_suggested=float(probabilities[row, suggestions[row]]),
            certainty=float(certainty[row]),
        )
        for row in order[: int((among >= PRECISION).sum())]
    )


def noise_of_parts(
    probabilities: Probabilities, labels: Labels, *, parts: NDArray[np.int64] | None = None
) -> Iterator[tuple[NDArray[np.int64], LabelNoise]]:
    """The rows that could be judged of each part, in rising order, and the noise of their labels.

    Arguments as `find_suspects`; a part of which nothing could be judged is passed over.
    """
    home = np.zeros(len(labels), np.int64) if parts is None else parts
    judged = np.isfinite(probabilities[:, 0]) if len(labels) else np.zeros(0, np.bool_)
    for part in np.unique(home):
        rows = np.flatnonzero(judged & (home == part))
        if len(rows):
            yield rows, find_label_noise(probabilities[rows], labels[rows])


def noisy_temperature(logits: NDArray[np.float64], labels: Labels) -> float:
    """The temperature under which labels int64 [N], some of them wrong, are most probable by logits float64 [N, K].

    With a weaker prior than that of `fit_temperature`, and within the same bounds. Where directions are found at it, or
    at a sharper one, it is the one that suits them.
    """
    from scipy.optimize import minimize_scalar

    def prior(log_temperature: float) -> float:
        return PRIOR_PICTURES * log_temperature**2 / 2

    def best(directions: dict[Direction, float], low: float, high: float) -> float:
        def loss(log_temperature: float) -> float:
            shares = softmax(logits, temperature=math.exp(log_temperature))
            return fit_label_noise(shares, labels, directions=directions).label_loss + prior(log_temperature)

        return float(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-3}).x)

    plain = best({}, -BOUND, BOUND)
    tried = [max(plain + math.log(factor), -BOUND) for factor in SHARPER]
    noises = [find_label_noise(softmax(logits, temperature=math.exp(each)), labels) for each in tried]
    losses = [noise.loss + prior(each) for noise, each in zip(noises, tried, strict=True)]
    directions = noises[int(np.argmin(losses))].directions
    if not directions:
        return math.exp(plain)
    return math.exp(best(directions, max(plain - 1.0, -BOUND), min(plain + 0.5, BOUND)))


def _choose(
    features: Features,
    labels: Labels,
    *,
    depths: Sequence[Depth],
    folds: Folds,
    groups: NDArray[np.int64] | None,
    seed: int,
    progress: Progress,
) -> HeadSetting:
    """The setting that does best on one fold of a sample, or on all folds where one is too few.

    A wrong label or two in a fold of 16 pictures decide there which strength is chosen, and the weakest learns them.
    Columns are on a scale of their own: on a common one wrong labels ask for so strong a penalty that of 40 pictures a
    wrong one no longer stood out.
    """
    every = np.arange(len(labels))
    step = max(1.0, len(labels) / SEARCHED)
    by_fold = np.lexsort((labels, folds.fold == 0))  # the rows that are not of fold 0, class by class; then fold 0
    sample = by_fold[(every[: int(len(every) / step)] * step).astype(np.int64)]
    trains = int((folds.fold[sample] != 0).sum())
    few = len(sample) - trains < ONE_FOLD
    if few:
        sample, trains = every, len(every)
    found = search_head(
        features[sample],
        labels[sample],
        class_count=int(labels.max()) + 1,
        depths=depths,
        train=slice(0, trains),
        valid=None if few else slice(trains, len(sample)),
        groups=groups if few else None,
        own_scale=True,
        seed=seed,
        progress=progress,
    )
    return found.setting
