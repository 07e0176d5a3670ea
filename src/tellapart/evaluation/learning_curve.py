"""Accuracy against the number of training pictures, from features that are kept already.

Heads of the strength and depths that were chosen are trained on ever smaller draws of the training pictures, half as
many each time, and judged on valid. The strength stays as it is: on 62 to 1000 of the 2000 pictures of cats and dogs
and 55 to 882 of the 1764 of trashnet, one grown by as much as the draw shrank gave the same accuracy to 0.3 points.
The test split is never looked at. Groups are drawn whole: half of the pictures of every patient teach nearly as much as
all of them, and would tell nothing of what other patients would teach.

Its end is a power law: the share of errors of most learners falls about as a * n ** -b (Hestness et al., 2017,
arXiv:1712.00409). Only the last three doublings count, because curves bend. The forecast is for twice the pictures; the
interval of its errors is that of b and that of where the curve is now, together.

Legend: N pictures, D features, K classes, n training pictures, M of valid, R draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart import seeds
from tellapart.evaluation.advice import Suspicion, advise
from tellapart.evaluation.grouped import picture_weight
from tellapart.evaluation.intervals import wilson
from tellapart.evaluation.metrics import LARGEST_LOG_LOSS
from tellapart.heads.linear import LinearHead
from tellapart.heads.objective import softmax_loss
from tellapart.heads.prior import without_shares
from tellapart.heads.products import one_thread_if_small
from tellapart.heads.regularization_path import fit_head
from tellapart.heads.setting import HeadSetting
from tellapart.progress import Progress, Silent, in_stage
from tellapart.types import Depth, Features, Labels

DRAWS = 4  # of each size; all pictures can be drawn in one way only
FOLD_DRAWS = 2  # of each size where folds judge: each is a head a fold
MOST_SIZES = 8
# Training pictures times classes of one fit: half a second or so; beyond it only the given head stands.
LARGEST = 15_000
Z = 1.959964  # of 95 %
SPAN = 9.0  # sizes below the largest by more than this factor are too far back
SMALLEST = 1e-9  # a share of errors that a logarithm sees
SMOOTHING = 0.5  # of an error more, out of one picture more: no share is 0, and no logarithm infinite


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveHead:
    """One head of the curve."""

    size: int  # n, the pictures it was trained on
    correct: NDArray[np.bool_]  # bool [M], which pictures of valid it got right
    log_loss: float  # its mean log loss on valid, in nats


@dataclass(frozen=True, slots=True, kw_only=True)
class Materials:
    """What curve and suspects are made from: train and then valid, as the head saw them."""

    features: Features  # float32 [N, D]
    labels: Labels  # int64 [N]
    classes: Sequence[str]  # K names
    train: slice  # the rows of train
    valid: slice  # the rows of valid, which the curve is judged on
    head: LinearHead | None = None  # trained on just these rows, which saves the longest fit
    setting: HeadSetting  # as the head was fitted
    seed: int  # of folds and draws
    depths: Sequence[Depth] = ()  # the columns of each depth
    paths: Sequence[str] = ()  # of the training pictures
    groups: NDArray[np.int64] | None = None  # int64, one number for training pictures that belong together
    judged_groups: NDArray[np.int64] | None = None  # int64 [M], the same for those that the curve is judged on
    # int64 [N], the fold from 0 up that judges each picture, where folds test and train and valid are all rows
    folds: NDArray[np.int64] | None = None
    prior_taken_out: float = 0.0  # how much of the classes' log shares the head was given without


def learning_curve(
    materials: Materials, *, draws: int = DRAWS, suspicion: Suspicion | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """The curve of what the head saw, what it promises, and what to do next; ready for JSON. R is `draws`.

    Returns:
        `judged_on` "valid" or "folds"; `valid_n`; `train_n`; `l2`; `draws`; `points` [{n, draws, accuracy {value, low,
        high}, log_loss, per_class [{class, n, recall}], alike}] from the smallest n to all,
        where low and high are the extremes of the draws; `power_law`, see `fit_power_law`, None with fewer than two
        points; `advice`, see `advise`. Without a picture in train or valid, or with one class, `points` is [].
    """
    classes, train, valid_labels = materials.classes, materials.train, materials.labels[materials.valid]
    train_labels = materials.labels[train]
    folds, progress = materials.folds, progress or Silent()
    scored: list[CurveHead] = []
    if folds is not None:
        scored = list(_score_folds(materials, folds, draws=min(draws, FOLD_DRAWS), progress=progress))
    elif len(valid_labels):
        sizes = curve_sizes(train_labels, class_count=len(classes), largest=None if materials.head else LARGEST)
        scored = list(_score_heads(materials, sizes=sizes, draws=draws, progress=progress))
    points = [_point(rows, valid_labels, classes=classes) for rows in _by_size(scored)]
    law = fit_power_law(
        [(row.size, float(np.mean(~row.correct))) for row in scored],
        trials=len(valid_labels),
        now=_size(train),
        weight=_judged_weight(scored, materials.judged_groups),
    )
    errors = _errors_by_class(scored, valid_labels, class_count=len(classes))
    counts = np.bincount(train_labels, minlength=len(classes))
    return {
        "judged_on": "valid" if folds is None else "folds",
        "valid_n": len(valid_labels),
        "train_n": _size(train),
        "l2": materials.setting.l2,
        "draws": draws,
        "points": points,
        "power_law": law,
        "advice": advise(
            law,
            classes=classes,
            errors=errors,
            train_counts=counts.tolist(),
            valid_counts=np.bincount(valid_labels, minlength=len(classes)).tolist(),
            suspicion=suspicion,
        ),
    }


def curve_sizes(labels: Labels, *, class_count: int, largest: int | None) -> list[int]:
    """Sizes from the smallest to all, each about twice the one before; [] where nothing can be drawn.

    The smallest still has every class that train has, and two pictures a class on average. Sizes whose product with
    the number of classes is beyond `largest` are left out; None takes all, the full one for free.
    """
    counts = np.bincount(labels, minlength=class_count)
    present = counts[counts > 0]
    if len(present) < 2:
        return []
    smallest = max(2 * len(present), int(np.ceil(len(labels) / present.min())))
    sizes = [len(labels) >> step for step in range(MOST_SIZES)]
    fitted = [size for size in sizes[1:] if size >= smallest and size * class_count <= LARGEST]
    whole = sizes[:1] if largest is None or sizes[0] * class_count <= largest else []
    return [*fitted[::-1], *whole]


def nested_order(
    labels: Labels, random: np.random.Generator, groups: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """A random order of rows whose every beginning has the classes in their proportions, the rarest included.

    In each class, rows of a group, equal numbers of int64 [N], follow one another, and groups of any size are as likely
    to come early.
    """
    shuffled = random.permutation(len(labels))
    if groups is not None:
        numbers, group = np.unique(groups, return_inverse=True)
        if len(numbers) < len(groups):  # by their first pictures large ones would come early
            turn = random.permutation(len(numbers))
            shuffled = shuffled[np.argsort(turn[group[shuffled]], kind="stable")]
    place = np.empty(len(labels))
    for label in np.unique(labels):
        rows = shuffled[labels[shuffled] == label]
        place[rows] = np.arange(len(rows)) / len(rows)  # the first of each class comes first of all
    return np.lexsort((shuffled, place))


def fit_power_law(
    errors: Sequence[tuple[int, float]], *, trials: int, now: int, weight: float = 1.0
) -> dict[str, Any] | None:
    """The law at the end of a curve, ready for JSON; None with fewer than two sizes.

    Errors are (n, share of errors on M = `trials` pictures of valid) of every head, `now` the training pictures there
    are; each picture of valid counts as `weight`. Each share is weighted by the number of errors it counts, whose
    logarithm has about the inverse of that for its variance. Heads that are judged on the same pictures err alike, so
    the true interval is narrower: this is cautious.

    Returns:
        `exponent` {value, low, high}: b; `error_now`: the share of errors by the law at `now`; `doubled`:
        {n, error {value, low, high}, gain {value, low, high}}: what twice the pictures promise, gain being the points
        of accuracy, as a share. The gain is uncertain as b is: whether valid is easier than other pictures matters to
        both of its ends alike. The errors are uncertain as both are.
    """
    sizes = sorted({size for size, _ in errors})
    if len(sizes) < 2 or not trials:
        return None
    kept = [size for size in sizes if size * SPAN >= sizes[-1]]
    kept = kept if len(kept) >= 2 else sizes[-2:]
    rows = [(size, share) for size, share in errors if size in kept]
    shares = np.array([(share * trials + SMOOTHING) / (trials + 1) for _, share in rows])
    # Draws of one size share the pictures of valid, so together they count like one.
    repeats = np.array([sum(size == other for other, _ in rows) for size, _ in rows])
    weights = weight * shares * trials / repeats
    x = np.log([size / now for size, _ in rows])
    y = np.log(shares)
    middle = np.average(x, weights=weights)
    spread = float(np.sum(weights * (x - middle) ** 2))
    slope = float(np.sum(weights * (x - middle) * y) / spread)
    level = float(np.average(y, weights=weights) - slope * middle)
    reach = Z / np.sqrt(spread)
    exponent = {"value": -slope, "low": -slope - reach, "high": -slope + reach}
    error_now = float(min(1.0, np.exp(level)))
    # More pictures are not thought to make more errors: an exponent below 0 is noise.
    left = {name: error_now * 2.0 ** -max(0.0, float(value)) for name, value in exponent.items()}
    gain = {name: error_now - value for name, value in left.items()}
    return {
        "exponent": {name: float(value) for name, value in exponent.items()},
        "error_now": error_now,
        "doubled": {
            "n": 2 * now,
            "error": _errors_left(
                left["value"], error_now, by_slope=reach * (np.log(2) - middle), trials=trials, weight=weight
            ),
            "gain": gain,
        },
    }


def _errors_left(value: float, error_now: float, *, by_slope: float, trials: int, weight: float) -> dict[str, float]:
    """The share of errors at twice the pictures, with the uncertainty of the slope and of the level.

    `by_slope` is what the slope leaves open there, as a logarithm. The level is a share of M = `trials` pictures, each
    of which counts as `weight`, with Wilson's interval. Distances are joined as those of independent factors, on the
    scale of logarithms (MOVER: Zou and Donner, 2008, doi:10.1002/sim.3095).
    """
    level = wilson(round(error_now * trials), trials, weight=weight)
    below, above = (
        float(np.log(max(end or 0.0, SMALLEST) / max(error_now, SMALLEST))) for end in (level.low, level.high)
    )
    low, high = value * np.exp(-np.hypot(by_slope, below)), value * np.exp(np.hypot(by_slope, above))
    return {"value": value, "low": float(low), "high": float(min(high, 1.0))}


def _score_heads(materials: Materials, *, sizes: Sequence[int], draws: int, progress: Progress) -> Iterator[CurveHead]:
    """A scored head for every size and draw, the smallest first."""
    setting, labels = materials.setting.of_all_columns, materials.labels
    columns = materials.features[:, materials.setting.columns]
    train, valid, total = materials.train, materials.valid, _size(materials.train)
    random = [seeds.generator(materials.seed, "learning curve", draw) for draw in range(draws)]
    orders = [nested_order(labels[train], each, materials.groups) for each in random]
    heads, largest = sum(1 if size == total else draws for size in sizes), max(sizes, default=0)
    with in_stage(progress, "Drawing a learning curve", total=heads, unit="heads"), one_thread_if_small(largest):
        for size in sizes:
            for order in orders[:1] if size == total else orders:
                if size == total and materials.head is not None:
                    logits = materials.head.logits(materials.features[valid])
                else:
                    rows, count = train.start + np.sort(order[:size]), len(materials.classes)
                    fitted = fit_head(columns[rows], labels[rows], class_count=count, setting=setting)
                    drawn = np.bincount(labels[rows], minlength=count)
                    fitted = without_shares(fitted, drawn, fraction=materials.prior_taken_out)
                    logits = fitted.logits(columns[valid])
                yield _scored(size, logits, labels[valid])
                progress.advance()


def _score_folds(
    materials: Materials, folds: NDArray[np.int64], *, draws: int, progress: Progress
) -> Iterator[CurveHead]:
    """A scored head for every size and draw, the smallest first, each made of one head a fold that judges there."""
    setting, labels, classes = materials.setting.of_all_columns, materials.labels, len(materials.classes)
    columns = materials.features[:, materials.setting.columns]
    numbers, held = np.unique(folds, return_counts=True)
    sizes = curve_sizes(labels[folds != numbers[held.argmax()]], class_count=classes, largest=LARGEST)
    times = {size: 1 if size == sizes[-1] else draws for size in sizes}
    with in_stage(progress, "Drawing a learning curve", total=len(numbers) * sum(times.values()), unit="heads"):
        settings = [(size, draw) for size in sizes for draw in range(times[size])]
        with one_thread_if_small(max(sizes, default=0)):
            for size, draw in settings:
                logits = np.empty((len(labels), classes))
                for number in numbers.tolist():
                    rest, inside = np.flatnonzero(folds != number), np.flatnonzero(folds == number)
                    random = seeds.generator(materials.seed, "learning curve", draw, number)
                    together = None if materials.groups is None else materials.groups[rest]
                    order = nested_order(labels[rest], random, together)
                    rows = rest[np.sort(order[:size])]
                    head = fit_head(columns[rows], labels[rows], class_count=classes, setting=setting)
                    drawn = np.bincount(labels[rows], minlength=classes)
                    head = without_shares(head, drawn, fraction=materials.prior_taken_out)
                    logits[inside] = head.logits(columns[inside])
                    progress.advance()
                yield _scored(size, logits, labels)


def _scored(size: int, logits: NDArray[np.float64], labels: Labels) -> CurveHead:
    losses, _ = softmax_loss(logits[:, None, :], labels)
    # A class that train lacks has no finite share in the loss; what is wrong for certain costs as much as elsewhere.
    log_loss = float(np.minimum(losses, LARGEST_LOG_LOSS).mean())
    return CurveHead(size=size, correct=logits.argmax(axis=1) == labels, log_loss=log_loss)


def _by_size(scored: Sequence[CurveHead]) -> Iterator[list[CurveHead]]:
    for size in sorted({row.size for row in scored}):
        yield [row for row in scored if row.size == size]


def _point(rows: Sequence[CurveHead], labels: Labels, *, classes: Sequence[str]) -> dict[str, Any]:
    per_class = []
    for place, name in enumerate(classes):
        mine = labels == place
        recalls = [float(row.correct[mine].mean()) for row in rows] if mine.any() else []
        per_class.append({"class": name, "n": int(mine.sum()), "recall": _band(recalls)})
    return {
        "n": rows[0].size,
        "draws": len(rows),
        "accuracy": _band([float(row.correct.mean()) for row in rows]),
        "log_loss": _band([row.log_loss for row in rows]),
        "per_class": per_class,
    }


def _band(values: Sequence[float]) -> dict[str, float | None]:
    """The mean of the draws and their extremes."""
    if not values:
        return {"value": None, "low": None, "high": None}
    return {"value": float(np.mean(values)), "low": min(values), "high": max(values)}


def _errors_by_class(scored: Sequence[CurveHead], labels: Labels, *, class_count: int) -> list[int]:
    """Pictures of each class in valid that the head of all training pictures gets wrong."""
    if not scored:
        return [0] * class_count
    counts: list[int] = np.bincount(labels[~scored[-1].correct], minlength=class_count).tolist()
    return counts


def _judged_weight(scored: Sequence[CurveHead], groups: NDArray[np.int64] | None) -> float:
    """What each picture counts as that the heads were judged on, by how the head of all training pictures errs."""
    return 1.0 if groups is None or not scored else picture_weight(scored[-1].correct, groups)


def _size(rows: slice) -> int:
    return int(rows.stop - rows.start)
