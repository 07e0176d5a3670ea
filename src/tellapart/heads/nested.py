"""Nested cross-validation: every picture is answered by a head that has seen neither it nor its group.

For each outer fold everything is chosen from the other folds alone: depths, strength, how much of the
shares of unequal classes is taken out, temperature, and all thresholds.
Inside, settings are chosen by folds of the training rows, or where that would take long by one held-out part of them.

How much the accuracy of such heads depends on the luck of their training pictures is told by two more heads a fold,
each from one half of its training pictures: the share of held-out pictures that one of them gets right and the other
wrong. `evaluation.cross_validated` makes an interval of it.

Legend: N pictures, n training rows of one fold, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.abstention import Abstention, Promises, abstaining, one_of_each_group
from tellapart.heads.calibration import answer_probability, fit_temperature, probabilities
from tellapart.heads.class_promise import choose_thresholds
from tellapart.heads.folds import stratified_folds
from tellapart.heads.linear import LinearHead
from tellapart.heads.out_of_distribution import TrainingFeatures, learn_out_of_distribution, sampled_rows
from tellapart.heads.prior import are_unequal, choose_fraction, prior_shift, weights_of_classes, without_shares
from tellapart.heads.products import SMALL_ROWS, one_thread_if_small
from tellapart.heads.regularization_path import POLISHED, fit_head
from tellapart.heads.search import HeadSearch, search_head
from tellapart.progress import Progress, Silent, in_stage
from tellapart.types import Depth, Features, Labels, Probabilities, last_of

# Training pictures times classes up to which settings are chosen by folds inside a fold; beyond, by one part in five.
# Five such searches of 240 pictures of six classes take 2 s on two cores, of 800 they would take ten times as long.
INNER_FOLDS_AT_MOST = 2_000
ROUGHLY = 1e-4  # of the objective, for heads that are asked for no more than a label
WORKERS = 2  # folds that are trained at once, where each takes one thread


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedPlan:
    """What all folds have in common."""

    class_count: int  # K
    depths: Sequence[Depth]
    max_error: float  # the largest share of wrong answers among those that stand, in (0, 1)
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldHead:
    """What answers about the pictures of one fold, from all others alone."""

    fitted: LinearHead  # with the shares of the classes still in its logits
    head: LinearHead  # what answers
    temperature: float
    abstention: Abstention
    halves: NDArray[np.bool_]  # bool [2, held out], whether a head from either half of the training rows is right


def nested_heads(
    features: Features,
    labels: Labels,
    *,
    folds: NDArray[np.int64],
    groups: NDArray[np.int64],
    plan: NestedPlan,
    progress: Progress = Silent(),  # noqa: B008 - it has no state
) -> list[FoldHead]:
    """One head for each fold, from features float32 [N, D] and labels int64 [N] of the pictures outside it.

    Args:
        features: what the base sees; each fold copies those of its training rows.
        labels: positions in the classes.
        folds: int64 [N], the fold from 0 up of each picture.
        groups: int64 [N], equal for pictures that are held out together; no group is in two folds.
        plan: what is asked for.
        progress: told of each fold.

    Raises:
        DataError: as search_head.
    """
    rests = [np.flatnonzero(folds != number) for number in range(int(folds.max()) + 1)]
    search = partial(search_inside, features, labels, groups=groups, plan=plan, most=INNER_FOLDS_AT_MOST)
    make = partial(_fold_head, features, labels, groups=groups, plan=plan)
    with in_stage(progress, "Testing by folds", total=len(rests), unit="folds"):
        searched = []
        workers = WORKERS if len(labels) < SMALL_ROWS else 1
        with one_thread_if_small(len(labels)), ThreadPoolExecutor(workers) as pool:
            for found in pool.map(search, rests):  # what takes the time
                searched.append(found)
                progress.advance()
            made = list(pool.map(make, rests, searched))
    return made


def search_inside(
    features: Features,
    labels: Labels,
    rows: NDArray[np.int64],
    *,
    groups: NDArray[np.int64],
    plan: NestedPlan,
    most: int,
    progress: Progress = Silent(),  # noqa: B008 - it has no state
) -> HeadSearch:
    """A head on some rows int64 [n], with settings chosen from just these; `held_out` has a logit for some of them.

    Settings are chosen by folds where pictures times classes are at most `most`, else by one part in five, after which
    the head is fitted on all n rows anew. Features float32 [N, D], labels and groups int64 [N] are of all pictures;
    rows are in rising order, and copied unless they are all.
    """
    labels, groups = labels[rows], groups[rows]
    search = partial(search_head, class_count=plan.class_count, depths=plan.depths, seed=plan.seed, progress=progress)
    everything = slice(0, len(labels))
    part = stratified_folds(labels, groups=groups, seed=plan.seed).fold == 0
    if len(labels) * plan.class_count <= most or not part.any():
        return search(_only(features, rows), labels, train=everything, valid=None, groups=groups)
    order = np.argsort(part, kind="stable")
    train, valid = slice(0, int((~part).sum())), slice(int((~part).sum()), len(labels))
    moved = features[rows[order]]
    found = search(moved, labels[order], train=train, valid=valid, groups=None)
    logits = np.full((len(labels), plan.class_count), np.nan)
    logits[part] = found.head.logits(moved[valid])
    del moved
    return HeadSearch(
        head=refit(found, plan)(_only(features, rows), labels, tolerance=POLISHED),
        selected={**found.selected, "chosen_by": "a held-out fifth"},
        history=found.history,
        held_out=logits,
    )


def refit(found: HeadSearch, plan: NestedPlan) -> partial[LinearHead]:
    """`fit_head` with what was found."""
    return partial(fit_head, class_count=plan.class_count, setting=found.setting)


def _only(features: Features, rows: NDArray[np.int64]) -> Features:
    """Some rows of features, in rising order; not copied where they are all."""
    return features if len(rows) == len(features) else features[rows]


def _fold_head(
    features: Features,
    labels: Labels,
    rest: NDArray[np.int64],
    found: HeadSearch,
    *,
    groups: NDArray[np.int64],
    plan: NestedPlan,
) -> FoldHead:
    """The head that was found for the rows outside of a fold, int64 [n], and what it is calibrated by."""
    held = np.setdiff1d(np.arange(len(labels)), rest, assume_unique=True)
    mine, own, own_groups = features[rest], labels[rest], groups[rest]
    logits = np.zeros((0, plan.class_count)) if found.held_out is None else found.held_out
    judged = np.flatnonzero(~np.isnan(logits).any(axis=1))
    counts = np.bincount(own, minlength=plan.class_count)
    fraction = 0.0
    if are_unequal(counts) and len(judged):
        fraction = choose_fraction(logits[judged], own[judged], counts).fraction
    moved = logits + prior_shift(counts, fraction=fraction)
    temperature = weighted_temperature(
        moved[judged], own[judged], weights=weights_of_classes(counts, fraction=fraction)
    )
    apart = one_of_each_group(judged, own_groups, seed=plan.seed)
    deepest = last_of(plan.depths)
    last = mine[:, deepest.start : deepest.stop]
    part = stratified_folds(own, groups=own_groups, seed=plan.seed).fold == 0
    typical, held_out = typical_rows(last, own, own_groups, part=part, plan=plan)
    known = learn_out_of_distribution(typical, last[held_out], class_count=plan.class_count, seed=plan.seed)
    answers = probabilities(moved[apart], temperature=temperature)
    promises = fold_promises(answers, own[apart], learned=counts, max_error=plan.max_error)
    return FoldHead(
        fitted=found.head,
        head=without_shares(found.head, counts, fraction=fraction),
        temperature=temperature,
        abstention=abstaining(promises, known),
        halves=_halves(
            mine, own, own_groups, found=found, held=features[held], truth=labels[held], fraction=fraction, plan=plan
        ),
    )


def weighted_temperature(logits: NDArray[np.float64], labels: Labels, *, weights: NDArray[np.float64] | None) -> float:
    """The temperature of logits float64 [N, K], where a picture of each class counts as weights float64 [K] say."""
    return fit_temperature(logits, labels, weights=None if weights is None else weights[labels])


def fold_promises(answers: Probabilities, labels: Labels, *, learned: NDArray[np.int64], max_error: float) -> Promises:
    """The thresholds of unsure, from answers float64 [N, K] about pictures that the heads had not seen.

    `learned` int64 [K] are the pictures of each class that were trained on.
    """
    predicted = answers.argmax(axis=1)
    confidence = answer_probability(answers, predicted)
    found = choose_thresholds(confidence, predicted=predicted, labels=labels, learned=learned, max_error=max_error)
    return replace(found, overall=replace(found.overall, by_folds=True))


def typical_rows(
    last: Features, labels: Labels, groups: NDArray[np.int64], *, part: NDArray[np.bool_], plan: NestedPlan
) -> tuple[TrainingFeatures, NDArray[np.int64]]:
    """What unlike is learned from: typical rows outside a part of the last depth, and one row of each group of it."""
    rest = np.flatnonzero(~part)
    typical = rest[sampled_rows(len(rest), class_count=plan.class_count, seed=plan.seed)]
    apart = one_of_each_group(np.flatnonzero(part), groups, seed=plan.seed)
    return TrainingFeatures(last=last[typical], labels=labels[typical], groups=groups[typical], held_out=True), apart


def _halves(
    features: Features,
    labels: Labels,
    groups: NDArray[np.int64],
    *,
    found: HeadSearch,
    held: Features,
    truth: Labels,
    fraction: float,
    plan: NestedPlan,
) -> NDArray[np.bool_]:
    """Whether heads from either half of the training rows are right on what is held out, bool [2, held out]."""
    half = stratified_folds(labels, groups=groups, seed=plan.seed, count=2).fold
    right = []
    for side in (0, 1):
        rows = np.flatnonzero(half != 1 - side)
        head = refit(found, plan)(features[rows], labels[rows], tolerance=ROUGHLY)
        head = without_shares(head, np.bincount(labels[rows], minlength=plan.class_count), fraction=fraction)
        right.append(head.logits(held).argmax(axis=1) == truth)
    return np.array(right, np.bool_)
