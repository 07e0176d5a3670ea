"""What heads of folds say of every picture, and the classifier that leaves, calibrated by it.

Legend: N pictures, n of them, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tellapart.answers import close_calls, exact_at
from tellapart.backbones.engine import EXACT, native_precision
from tellapart.classifier import Classifier
from tellapart.evaluation.cross_validated import Inflation, fold_inflation
from tellapart.heads.abstention import Flags, abstaining, one_of_each_group
from tellapart.heads.calibration import answer_probability, probabilities
from tellapart.heads.linear import LinearHead
from tellapart.heads.nested import FoldHead, fold_promises, typical_rows, weighted_temperature
from tellapart.heads.out_of_distribution import learn_out_of_distribution
from tellapart.heads.prior import prior_shift
from tellapart.heads.unknown_kinds import measure_unknown_kinds
from tellapart.recipes.features import nested_plan
from tellapart.recipes.prior import taken_out, train_counts, without_prior_of
from tellapart.recipes.request import Dataset, Request
from tellapart.recipes.scored import ScoredAnswers, score_answers
from tellapart.types import Features, Probabilities, SplitName


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfFold:
    """Answers about every picture, by a head that has seen neither it nor its group.

    Attributes:
        classifier: the one that leaves: trained on all pictures, with temperature and thresholds from these answers.
        nested: float64 [N, K], by what was chosen inside each fold: shares of classes taken out, and temperature.
        nested_flags: by the thresholds that were chosen inside each fold.
        leaving: float64 [N, K], with the shares taken out and at the temperature of the classifier that leaves.
        leaving_flags: by its thresholds of unsure; unlike is that of each fold.
        inflation: by how much an interval is wider than that of as many independent pictures.
        features: float32 [N, D], those of close calls as float32 computes them.
    """

    classifier: Classifier
    nested: Probabilities
    nested_flags: Flags
    leaving: Probabilities
    leaving_flags: Flags
    inflation: Inflation
    features: Features


def score_by_folds(
    trained: Classifier, heads: Sequence[FoldHead], dataset: Dataset, folds: NDArray[np.int64], request: Request
) -> tuple[OutOfFold, dict[SplitName, ScoredAnswers]]:
    """Let heads of folds answer about every picture, calibrate by that the head that was trained on all, and score.

    Args:
        trained: on all pictures.
        heads: one for each fold.
        dataset: the pictures, all of them train.
        folds: int64 [N], the fold of each.
        request: seed, largest error and listener.

    Returns:
        What the heads of the folds say; and with figures, under `test` their answers at the temperature and thresholds
        that were chosen inside each fold, under `valid` those at the temperature and the thresholds of the classifier,
        which were chosen by them.
    """
    found = answer_by_folds(trained, heads, dataset, folds, request)
    score = partial(
        score_answers, found.classifier, dataset, rows=slice(0, len(dataset.labels)), weight=found.inflation.weight
    )
    return found, {
        "valid": score(found.leaving, found.leaving_flags),
        "test": score(found.nested, found.nested_flags),
    }


def answer_by_folds(
    trained: Classifier, heads: Sequence[FoldHead], dataset: Dataset, folds: NDArray[np.int64], request: Request
) -> OutOfFold:
    """Let a head of each fold, int64 [N], answer about its pictures, and calibrate what was trained on all of them."""
    labels, groups, plan = dataset.labels, dataset.groups, nested_plan(dataset, trained.base, request)
    by_fold = [
        replace(trained, head=each.head, temperature=each.temperature, abstention=each.abstention) for each in heads
    ]
    features = exact_by_folds(by_fold, dataset, folds, request)
    nested, nested_flags = answers_inside(by_fold, features, folds)
    halves = np.empty((2, len(labels)), np.bool_)
    for number, head in enumerate(heads):
        halves[:, folds == number] = head.halves
    logits = logits_by_folds([each.fitted for each in heads], features, folds)
    classifier, leaving = calibrated_by_folds(trained, logits, dataset=dataset, request=request)
    apart = one_of_each_group(np.arange(len(labels)), groups, seed=request.seed)
    promises = fold_promises(leaving[apart], labels[apart], learned=train_counts(dataset), max_error=request.max_error)
    last = features[:, trained.base.last.start : trained.base.last.stop]
    typical, held_out = typical_rows(last, labels, groups, part=folds == 0, plan=plan)
    about = {"class_count": plan.class_count, "seed": plan.seed}
    abstention = abstaining(
        promises,
        learn_out_of_distribution(typical, last[held_out], **about),
        unknown_kinds=measure_unknown_kinds(typical, last[held_out], labels[held_out], **about),
    )
    predicted = classifier.predicted(leaving)
    least = abstention.thresholds(predicted)
    return OutOfFold(
        classifier=replace(classifier, abstention=abstention),
        nested=nested,
        nested_flags=nested_flags,
        leaving=leaving,
        leaving_flags=Flags(
            unsure=None if least is None else answer_probability(leaving, predicted) < least,
            unlike=nested_flags.unlike,
        ),
        inflation=fold_inflation(nested.argmax(axis=1) == labels, halves, groups),
        features=features,
    )


def calibrated_by_folds(
    trained: Classifier, logits: NDArray[np.float64], *, dataset: Dataset, request: Request
) -> tuple[Classifier, Probabilities]:
    """The classifier without the shares of unequal classes and with its temperature, and answers float64 [N, K] so.

    Both are chosen by logits float64 [N, K] out of fold, which have the shares in them as those of the classifier do.
    """
    labels, counts = dataset.labels, train_counts(dataset)
    classifier, weights = without_prior_of(trained, logits, labels, dataset=dataset, request=request)
    moved = logits + prior_shift(counts, fraction=taken_out(classifier.selected))
    temperature = weighted_temperature(moved, labels, weights=weights)
    return replace(classifier, temperature=temperature), probabilities(moved, temperature=temperature)


def exact_by_folds(
    by_fold: Sequence[Classifier], dataset: Dataset, folds: NDArray[np.int64], request: Request
) -> Features:
    """The features float32 [N, D], those of close calls to the classifier of their fold as float32 computes them."""
    if native_precision() == EXACT:
        return dataset.features
    close = np.zeros(len(folds), np.bool_)
    for number, classifier in enumerate(by_fold):
        rows = folds == number
        close[rows] = close_calls(classifier, dataset.features[rows])
    return exact_at(
        np.flatnonzero(close),
        by_fold[0].base,
        dataset.index,
        dataset.features,
        keep=True,
        progress=request.progress,
        workers=request.workers,
    )


def logits_by_folds(heads: Sequence[LinearHead], features: Features, folds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Logits float64 [N, K] of each picture by the head of its fold."""
    logits = np.empty((len(folds), len(heads[0].bias)))
    for number, head in enumerate(heads):
        rows = np.flatnonzero(folds == number)
        logits[rows] = head.logits(features[rows])
    return logits


def answers_inside(
    by_fold: Sequence[Classifier], features: Features, folds: NDArray[np.int64]
) -> tuple[Probabilities, Flags]:
    """Probabilities float64 [N, K] and marks by what was chosen inside each fold.

    Where one fold has too few pictures for a threshold, nothing is said by it of any picture.
    """
    shares = np.empty((len(folds), len(by_fold[0].classes)))
    said: dict[str, list[NDArray[np.bool_] | None]] = {"unsure": [], "unlike": []}
    order = []
    for number, classifier in enumerate(by_fold):
        rows = np.flatnonzero(folds == number)
        shares[rows] = classifier.probabilities(features[rows])
        flags = classifier.flags(shares[rows], features[rows])
        said["unsure"].append(flags.unsure)
        said["unlike"].append(flags.unlike)
        order.append(rows)
    place = np.argsort(np.concatenate(order))
    return shares, Flags(unsure=whole(said["unsure"], place), unlike=whole(said["unlike"], place))


def whole(parts: Sequence[NDArray[np.bool_] | None], place: NDArray[np.int64]) -> NDArray[np.bool_] | None:
    """Parts one after the other, at the places int64 [N] of their rows; None where one is."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known)[place] if len(known) == len(parts) else None
