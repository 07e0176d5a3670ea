"""The search for a head: a path of strengths for each choice of depths, judged by log loss, the best one polished.

Log loss is the criterion because it is a proper score and reads every picture's probability: of 20 settings several tie
in accuracy on a few hundred pictures, and accuracy cannot see a head that is right but sure of too much.

Legend: N pictures, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import DataError
from tellapart.heads.cross_validation import FoldScorer, ValidationScorer
from tellapart.heads.dual_space import COMMON, OWN, ColumnScale, training_space
from tellapart.heads.effective_settings import EFFECTIVE, effective_settings
from tellapart.heads.folds import stratified_folds
from tellapart.heads.large import CandidateHead, TrainingRows, is_large, search_large
from tellapart.heads.linear import ABSENT_LOGIT, LinearHead, widen_head
from tellapart.heads.pooling import promising
from tellapart.heads.products import one_thread_if_small
from tellapart.heads.regularization_path import (
    POLISHED,
    WEAKEST,
    HeldOutScore,
    HeldOutScorer,
    Path,
    PathPoint,
    regularization_path,
)
from tellapart.heads.rows import FeatureRows, RowsHere
from tellapart.heads.setting import HeadSetting, chosen_setting
from tellapart.progress import Progress, Silent, in_stage
from tellapart.types import DEVIATION, MAXIMUM, MEAN, Depth, Features, Labels, columns_of, last_of

LEFT_OUT = "leave-one-out"
LAST, ALL = "last", "all"  # choices of depths
TOLD_APART = 0.25  # nat, of all held-out pictures together: what betters another by less is not better
FEW = 100  # training pictures: so few tell deviations of columns badly, and which depths are better


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSearch:
    """The head that was chosen, and why."""

    head: LinearHead  # for the whole feature matrix, with K classes
    # depths, scale, l2, criterion, score, accuracy, chosen_by, out_of {depths, scale, l2} and always_trained, how many
    # pictures are never scored, None for none; ready for JSON. Where nothing could be held out, score and accuracy are
    # None. Where valid chose, also how many independent settings it chose among
    selected: dict[str, Any]
    # a row for each setting that was tried: depths, scale, l2, train_log_loss, log_loss, accuracy, iterations, seconds;
    # ready for JSON
    history: tuple[dict[str, Any], ...]
    # float64 [n, K], logits of each training row by the fold that lacks it, at what was chosen; NaN for a row that none
    # holds out; None where it was not chosen by folds
    held_out: NDArray[np.float64] | None = None

    @property
    def setting(self) -> HeadSetting:
        """What the head is fitted anew with.

        Raises:
            ValueError: it is one in closed form.
        """
        found = chosen_setting(self.selected, slice(self.head.start, self.head.stop))
        if found is None:
            raise ValueError("this head has no setting of a logistic one")
        return found


class _Try(NamedTuple):
    """A choice of depths, and what their columns are divided by."""

    depths: str
    scale: ColumnScale


@dataclass(frozen=True, slots=True)
class _Found:
    """What a search has found: the best point of each choice, and of every point a row and its score."""

    best: dict[_Try, PathPoint] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    scores: list[HeldOutScore | None] = field(default_factory=list)

    def add(self, tried: _Try, point: PathPoint) -> None:
        self.rows.append(_row(tried, point))
        self.scores.append(point.score)
        self.best[tried] = min(self.best.get(tried, point), point, key=lambda one: one.loss)

    def taken(self, *, margin: float) -> _Try:
        """The first choice whose loss is within a margin of the least."""
        least = min(self.best.values(), key=lambda one: one.loss)
        near = (tried for tried, one in self.best.items() if one is least or one.loss - least.loss <= margin)
        return next(near)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How settings are scored: a scorer for given columns (None: not at all), and in words.

    A picture that is alone in its class, or whose class has no other group, always trains and is never scored.
    """

    scorer: Callable[[slice], HeldOutScorer] | None
    chosen_by: str
    always_trained: int = 0
    judged: int = 0  # how many pictures score a setting
    valid_scorer: Callable[[slice], ValidationScorer] | None = None  # the same, where valid pictures score


def search_head(
    features: Features | FeatureRows,
    labels: Labels,
    *,
    class_count: int,
    depths: Sequence[Depth],
    train: slice,
    valid: slice | None,
    copies: int = 1,
    groups: NDArray[np.int64] | None = None,
    weights: NDArray[np.float64] | None = None,
    closed_form: bool = False,
    own_scale: bool = False,
    seed: int,
    progress: Progress = Silent(),  # noqa: B008 - it has no state
) -> HeadSearch:
    """Choose depths and strength of a multinomial logistic regression, and fit it on the training rows.

    The head minimises, over columns standardised by the training rows, the mean log loss plus l2 / 2 times the sum of
    the squared weights; the bias is not penalised. The strengths l2 are those of a `StrengthSearch`.

    Args:
        features: float32 [N, D], read in place, never copied; or rows that are elsewhere.
        labels: int64 [N], below class_count.
        class_count: K. A class without a training picture gets a constant, very low logit.
        depths: the columns of each depth, contiguous; what is tried of them says `_choices`.
        train: the rows to fit on.
        valid: the rows to choose by; None (or no row) for folds of the training rows.
        copies: C; the rows are n pictures as they are, then the same in C - 1 views, which no fold parts or scores.
        groups: int64 [n], equal for training pictures that folds hold out together; None for none.
        weights: float64 [N], above 0, how much each picture counts in losses and scores; None for all alike.
        closed_form: whether a ridge head may be taken, see `heads.large`; never for pictures in several views.
        own_scale: whether each column is divided by its own deviation whatever the depths.
        seed: of the folds.
        progress: told of each strength.

    Raises:
        DataError: fewer than two classes have training pictures, a feature is not finite, or a picture is gone.
    """
    source = RowsHere(features) if isinstance(features, np.ndarray) else features
    classes, known = _present(labels[train], class_count)
    plan = None if valid is None else _by_valid(source, labels, valid, present=classes.present, weights=weights)
    plain, weights = known[: len(known) // copies], _of(weights, train)
    plan = plan or _by_folds(plain, copies=copies, groups=groups, seed=seed)
    choices = _choices(depths, source, train.start, plain, groups=groups) if plan.scorer else _last(depths)
    if closed_form and copies == 1 and is_large(known):
        rows = TrainingRows(source, train, known, choices=choices, scorer=plan.valid_scorer, weights=weights)
        return _taken(search_large(rows, seed=seed, progress=progress), plan=plan, classes=classes)
    tries, found = _tries(choices, pictures=len(plain), own_scale=own_scale), _Found()
    total = len(tries) * (WEAKEST + 1)
    with in_stage(progress, "Searching a head", total=total, unit="settings"), one_thread_if_small(len(known)):
        for each, columns in tries.items():
            space = training_space(source.at(train, columns), each.scale)
            scorer = plan.scorer and plan.scorer(columns)
            for point in regularization_path(space, known, scorer=scorer, weights=weights):
                found.add(each, point)
                progress.advance()
        taken = found.taken(margin=0.0 if own_scale else _margin(len(plain), judged=plan.judged))
        head = _head(found.best[taken], known, classes=classes, start=tries[taken].start)
    return _told(head, found, taken, plan=plan, classes=classes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Classes:
    """Which classes have training pictures."""

    present: NDArray[np.int64]  # int64, rising
    count: int  # K, all of them


def _present(labels: Labels, class_count: int) -> tuple[_Classes, Labels]:
    """The classes that have training pictures, at least two, and the place of each label among them."""
    present, known = np.unique(labels, return_inverse=True)
    if len(present) < 2:
        raise DataError("fewer than two classes have training pictures", hint="Add pictures of a second class.")
    return _Classes(present=present, count=class_count), known


def _of(weights: NDArray[np.float64] | None, rows: slice) -> NDArray[np.float64] | None:
    return None if weights is None else weights[rows]


def _by_valid(
    rows: FeatureRows,
    labels: Labels,
    valid: slice,
    *,
    present: NDArray[np.int64],
    weights: NDArray[np.float64] | None,
) -> _Plan | None:
    """Score by the valid rows of classes that the training rows have; None where there is no such row."""
    positions = np.searchsorted(present, labels[valid]).clip(max=len(present) - 1)
    positions[present[positions] != labels[valid]] = -1
    if not (positions >= 0).any():
        return None

    def scorer(columns: slice) -> ValidationScorer:
        return ValidationScorer(
            rows=rows, valid=valid, labels=positions, weights=_of(weights, valid), start=columns.start
        )

    return _Plan(scorer=scorer, chosen_by="valid", judged=int((positions >= 0).sum()), valid_scorer=scorer)


def _by_folds(known: Labels, *, copies: int, groups: NDArray[np.int64] | None, seed: int) -> _Plan:
    """Score by folds of the training pictures, whose labels are int64 [n]; not at all where nothing can be held out."""
    folds = stratified_folds(known, groups=groups, seed=seed).copied(copies)
    if not folds.count:
        return _Plan(scorer=None, chosen_by="default", always_trained=len(folds.fold) // copies)
    alone = int((folds.fold < 0).sum()) // copies
    chosen_by = f"{folds.count}-fold cross-validation"
    judged = len(folds.fold) // copies - alone
    return _Plan(scorer=lambda _: FoldScorer(folds), chosen_by=chosen_by, always_trained=alone, judged=judged)


def _tries(choices: Mapping[str, slice], *, pictures: int, own_scale: bool) -> dict[_Try, slice]:
    """Each choice of depths on the scale that suits it, see `dual_space`; for few pictures all depths on both."""
    tries = [_Try(depth, COMMON if depth == LAST and not own_scale else OWN) for depth in choices]
    if ALL in choices and pictures <= FEW and not own_scale:
        tries.append(_Try(ALL, COMMON))
    return {each: choices[each.depths] for each in tries}


def _last(depths: Sequence[Depth]) -> dict[str, slice]:
    """The columns of "last"."""
    deepest = last_of(depths)
    return {LAST: slice(deepest.start, deepest.stop)}


def _choices(
    depths: Sequence[Depth], rows: FeatureRows, first: int, labels: Labels, *, groups: NDArray[np.int64] | None
) -> dict[str, slice]:
    """The columns of "last", and of "all" where that is more; then of all with another pooling, if one is promising.

    The training pictures as they are, with labels int64 [n], are rows from the first on.
    """
    choices, means = _last(depths), columns_of(depths, MEAN)
    if means == choices[LAST]:
        return choices
    choices[ALL] = means
    maxima, deviations = columns_of(depths, MAXIMUM), columns_of(depths, DEVIATION)
    if maxima == deviations:  # there are neither
        return choices
    others = {
        f"{ALL} with {MAXIMUM}": slice(maxima.start, means.stop),
        f"{ALL} with {DEVIATION}": slice(means.start, deviations.stop),
    }
    columns = slice(maxima.start, deviations.stop)
    moved = {name: slice(each.start - columns.start, each.stop - columns.start) for name, each in others.items()}
    with one_thread_if_small(len(labels)):
        chosen = promising(
            lambda asked: rows.at(first + asked, columns),
            labels,
            mean=slice(means.start - columns.start, means.stop - columns.start),
            others=moved,
            groups=groups,
        )
    return choices if chosen is None else {**choices, chosen: others[chosen]}


def _margin(pictures: int, *, judged: int) -> float:
    """By how much less loss a choice must have to be better, where so many held-out pictures judge heads of so many.

    Heads of few pictures that are right about every other differ in how sure of it they are, which says nothing of the
    next one.
    """
    return TOLD_APART / max(judged, 1) if pictures <= FEW else 0.0


def _told(head: LinearHead, found: _Found, taken: _Try, *, plan: _Plan, classes: _Classes) -> HeadSearch:
    """The head of the choice that was taken, and what is told of all that were tried."""
    return HeadSearch(
        head=head,
        selected=_selected(taken, found.best[taken], found.rows, plan=plan) | _effective(found.scores, plan=plan),
        history=tuple(found.rows),
        held_out=_held_out(found.best[taken], classes=classes),
    )


def _head(point: PathPoint, labels: Labels, *, classes: _Classes, start: int) -> LinearHead:
    """The head of a point, minimised to the last digit that counts, with a column for each of K classes."""
    path = Path(point.space, labels, start=point.fit.parameters, weights=point.weights)
    parameters = path.fit(point.fit.l2, tolerance=POLISHED).parameters[0]
    trained = point.space.head(parameters[:, :-1], parameters[:, -1], start=start)
    return widen_head(trained, classes.present, class_count=classes.count)


def _taken(tried: Sequence[CandidateHead], *, plan: _Plan, classes: _Classes) -> HeadSearch:
    """The best of the heads that were tried for many pictures or classes."""
    best = min(tried, key=lambda candidate: candidate.loss)
    selected = {
        "head": best.kind,
        "depths": best.depths,
        "scale": OWN,
        "l2": best.l2,
        "criterion": "log loss",
        "score": best.score.log_loss,
        "accuracy": best.score.accuracy,
        "chosen_by": plan.chosen_by if plan.valid_scorer else LEFT_OUT,
        "out_of": {
            "head": list(dict.fromkeys(candidate.kind for candidate in tried)),
            "depths": list(dict.fromkeys(candidate.depths for candidate in tried)),
            "l2": sorted({candidate.l2 for candidate in tried}, reverse=True),
        },
        "always_trained": None,
        **_effective([candidate.score for candidate in tried], plan=plan),
    }
    head = widen_head(best.head, classes.present, class_count=classes.count)
    return HeadSearch(head=head, selected=selected, history=tuple(candidate.row() for candidate in tried))


def _effective(scores: Sequence[HeldOutScore | None], *, plan: _Plan) -> dict[str, float]:
    """How many independent settings valid chose among, to be told with what was chosen; nothing where folds chose."""
    losses = [score.losses for score in scores if score is not None and score.losses is not None]
    return {EFFECTIVE: round(effective_settings(losses), 3)} if plan.valid_scorer and losses else {}


def _held_out(point: PathPoint, *, classes: _Classes) -> NDArray[np.float64] | None:
    """The logits of the folds at a point, with a column for each of K classes."""
    if point.score is None or point.score.logits is None:
        return None
    logits = np.full((len(point.score.logits), classes.count), ABSENT_LOGIT)
    logits[:, classes.present] = point.score.logits
    logits[np.isnan(point.score.logits).any(axis=1)] = np.nan
    return logits


def _selected(taken: _Try, point: PathPoint, history: list[dict[str, Any]], *, plan: _Plan) -> dict[str, Any]:
    return {
        "depths": taken.depths,
        "scale": taken.scale,
        "l2": point.fit.l2,
        "criterion": "log loss",
        "score": point.score.log_loss if point.score else None,
        "accuracy": point.score.accuracy if point.score else None,
        "chosen_by": plan.chosen_by,
        "out_of": {
            "depths": list(dict.fromkeys(row["depths"] for row in history)),
            "scale": list(dict.fromkeys(row["scale"] for row in history)),
            "l2": sorted({row["l2"] for row in history}, reverse=True),
        },
        "always_trained": plan.always_trained or None,
    }


def _row(tried: _Try, point: PathPoint) -> dict[str, Any]:
    return {
        "depths": tried.depths,
        "scale": tried.scale,
        "l2": point.fit.l2,
        "train_log_loss": point.fit.log_loss,
        "log_loss": point.score.log_loss if point.score else None,
        "accuracy": point.score.accuracy if point.score else None,
        "iterations": point.fit.iterations,
        "seconds": round(point.seconds, 4),
    }
