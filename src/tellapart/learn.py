"""From an index to a trained classifier with its figures: the only way, for `train` and for `ImageClassifier.fit`.

Legend: N pictures, n of one split, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from tellapart.answers import close_calls, exact_at, with_exact_rows
from tellapart.audit.training import check_labels, tell_findings, with_conflicts
from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import EXACT, native_precision
from tellapart.bundle.parity import compared_rows
from tellapart.classifier import Classifier
from tellapart.data.folds import check_foldable
from tellapart.data.ledger import check_skips
from tellapart.data.split import check_drawable, one_part_as_test
from tellapart.errors import UsageError
from tellapart.features.embed import Embedded
from tellapart.features.left import LeftFeatures
from tellapart.features.look import look_at, with_white
from tellapart.features.take import NOTHING, Take
from tellapart.heads.abstention import Flags, learn_abstention, one_of_each_group, thinned
from tellapart.heads.nested import FoldHead, nested_heads
from tellapart.heads.out_of_distribution import TrainingFeatures, sampled_rows
from tellapart.progress import Once, Stopwatch
from tellapart.recipes.calibration import promised, say_left_out, settled
from tellapart.recipes.catalogue import RECIPES
from tellapart.recipes.features import nested_plan
from tellapart.recipes.folds import fold_count, say_folds
from tellapart.recipes.left import Narrowed, brought, leaves_features
from tellapart.recipes.looking import features_seen, moved_to, rows_of, see_the_same
from tellapart.recipes.operating_point import check_asked, say_recalls
from tellapart.recipes.out_of_fold import OutOfFold, score_by_folds
from tellapart.recipes.prior import without_prior
from tellapart.recipes.request import Dataset, Request, weights_of
from tellapart.recipes.scored import ScoredAnswers, score_answers
from tellapart.recipes.sums import with_sums
from tellapart.runs.leakage import (
    count_kinds,
    draw_together,
    look_for_duplicates,
    say_copies,
    say_leaks,
    score_without,
)
from tellapart.types import Features, Index, LedgerEntry, Probabilities, SplitName


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedAnswers:
    """What a classifier says of some pictures, no figures made of it.

    Attributes:
        rows: int64 [n], the pictures, by their place in the dataset.
        probabilities: float64 [n, K].
        flags: what is said beside each of the n answers.
    """

    rows: NDArray[np.int64]
    probabilities: Probabilities
    flags: Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What there is to say of the pictures themselves; everything JSON-ready but ledger and digests.

    Attributes:
        ledger: one entry for each file.
        digests: sha256 of the content of each picture, by its path.
        precision: what the base computed in.
        fresh: pictures that the base had to look at; the others came from the cache.
        findings: what an audit that costs nothing found.
        duplicates: how many groups there are of each kind of copy.
        together: how groups were kept on one side of the splits.
        leaks: pictures with a near-duplicate, or one of their group, in a split before theirs.
    """

    ledger: tuple[LedgerEntry, ...]
    digests: Mapping[str, bytes]
    precision: str
    fresh: int
    findings: list[dict[str, Any]]
    duplicates: dict[str, int]
    together: dict[str, Any]
    leaks: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What came of it.

    Attributes:
        classifier: trained and calibrated, with its thresholds.
        dataset: what it was trained on, and what the base saw in it.
        base: that base; a trained classifier may have one of its own.
        about: what there is to say of the pictures.
        answered: what it says of valid, and of test where there is one; where folds test, of all pictures by the heads
            of the folds, see `score_by_folds`.
        asked: answers of the classifier itself, about the pictures that its file is compared by.
        seconds: of each part of the work.
        folds: how folds tested; {} where a split did; JSON-ready.
    """

    classifier: Classifier
    dataset: Dataset
    base: Backbone
    about: About
    answered: Mapping[SplitName, ScoredAnswers]
    asked: ComparedAnswers | None
    seconds: Mapping[str, float]
    folds: Mapping[str, Any]


def learn(index: Index, base: Backbone, request: Request) -> Learned:
    """Look at labelled pictures, find what shows the same, draw splits, train, calibrate, and score valid and test.

    Args:
        index: labelled pictures, with splits or without.
        base: what looks at them first.
        request: what is asked for.

    Raises:
        UsageError: what is asked for cannot be done with such pictures.
        DataError: they cannot be used.
        OutputError: the recipe keeps files while it works, and they cannot be written.
    """
    watch = Stopwatch()
    request = replace(request, progress=Once(request.progress))  # each pass over left features has the same to say
    RECIPES[request.recipe].check_request(index, request)
    check_asked(index.classes, request)
    check_weights(index, request)
    base = with_white(base, index.pictures, request.progress)
    dataset, about = prepare(index, base, request, watch)
    with watch.part("head_s"):
        trained = RECIPES[request.recipe].train(dataset, base, request)
        dataset, base = moved_to(dataset, base, trained, request.progress)
        trained = with_sums(trained, dataset, base, request, precision=about.precision)
    with watch.part("evaluate_s"):
        if dataset.folds is None:
            judged = judged_by_splits(*calibrate_and_score(trained, dataset, base, request), dataset, about)
        else:
            heads = nested_heads(
                dataset.features,
                dataset.labels,
                folds=dataset.folds,
                groups=dataset.groups,
                plan=nested_plan(dataset, base, request),
                progress=request.progress,
            )
            judged = judged_by_folds(trained, heads, dataset, dataset.folds, request)
    return Learned(dataset=dataset, base=base, about=about, seconds=watch.parts, **judged)


class Judged(TypedDict):
    """Those attributes of Learned that come of judging."""

    classifier: Classifier
    answered: Mapping[SplitName, ScoredAnswers]
    asked: ComparedAnswers | None
    folds: Mapping[str, Any]


def check_weights(index: Index, request: Request) -> None:
    """Stop at weights where the recipe has no use for them.

    Raises:
        UsageError: it is so.
    """
    if weights_of(index) is not None and not RECIPES[request.recipe].weighs:
        able = ", ".join(name for name, recipe in RECIPES.items() if recipe.weighs)
        hint = f"Choose one of: {able}; or leave sample_weight out."
        raise UsageError("this recipe takes no weights of pictures", where=request.recipe, hint=hint)


def prepare(index: Index, base: Backbone, request: Request, watch: Stopwatch) -> tuple[Dataset, About]:
    """Everything before training: what the base sees, what shows the same, and the splits.

    Raises:
        DataError: the pictures cannot be used.
    """
    progress = request.progress
    index, line = one_part_as_test(index, shares=request.shares)
    if line:
        progress.note(line)
    folds = fold_count(index, request, kept=RECIPES[request.recipe].on_kept_features(request))
    check_parts = check_foldable if folds else partial(check_drawable, shares=request.shares)
    check_parts(index)
    keep = RECIPES[request.recipe].has_base
    leaves = keep and leaves_features(index, base, request, folds=folds)
    embedded = look_at(
        index,
        base,
        progress,
        keep=keep,
        take=NOTHING if leaves else None,
        workers=request.workers,
        purpose="" if keep else "to find copies",
    )
    left = LeftFeatures.of(embedded, base, request.workers, progress) if leaves else None
    watch.parts |= {"decode_s": round(embedded.decode_s, 3), "embed_s": round(embedded.embed_s, 3)}
    check_skips(index, embedded.ledger, force=request.force)
    check_labels(embedded, force=request.force, progress=progress)
    with watch.part("findings_s"):
        findings = tell_findings(embedded, seed=request.seed, progress=progress)
    with watch.part("duplicates_s"):
        embedded, known = look_for_duplicates(
            embedded,
            last=base.last,
            left=left,
            drop_leaks=request.drop_leaks,
            progress=progress,
            workers=request.workers,
        )
    draw = partial(draw_together, known, seed=request.seed, shares=request.shares, progress=progress)
    drawn, together = draw(folds=folds, fewer=request.folds is None)
    if folds:
        say_folds(drawn, request)
    leaks = say_leaks(known, drawn, progress=progress)
    say_copies(known, drawn, progress=progress)
    about = About(
        ledger=(*index.skipped, *embedded.ledger),
        digests={each.path: digest for each, digest in zip(embedded.index.pictures, embedded.digests, strict=True)},
        precision=embedded.precision,
        fresh=embedded.fresh,
        findings=with_conflicts(findings, known.groups, known.index.pictures),
        duplicates=count_kinds(known.groups),
        together={**together, "parted": together["parted"] or any("left_out" not in leak for leak in leaks)},
        leaks=leaks,
    )
    valid_is_given = any(picture.split == "valid" for picture in known.index.pictures)
    leaked = [leak["path"] for leak in leaks if leak["split"] == "valid"]
    digests = tuple(about.digests[picture.path] for picture in drawn.pictures)
    features = replace(left, index=drawn, digests=digests) if left else in_order(embedded, drawn)
    return brought(Dataset.of(drawn, features, valid_is_given=valid_is_given, leaked=leaked)), about


def in_order(embedded: Embedded, drawn: Index) -> Features:
    """The features float32 [N, D] of the same pictures in another order; copied only where it is another one."""
    row_of = {picture.path: row for row, picture in enumerate(embedded.index.pictures)}
    rows = [row_of[picture.path] for picture in drawn.pictures]
    return embedded.features if rows == list(range(len(rows))) else embedded.features[rows]


def judged_by_splits(
    classifier: Classifier, answered: dict[SplitName, ScoredAnswers], dataset: Dataset, about: About
) -> Judged:
    """What `calibrate_and_score` found, with test also scored without what leaks into it."""
    if "test" not in answered:
        return {"classifier": classifier, "answered": answered, "asked": None, "folds": {}}
    tested = answered["test"]
    more = score_without(dataset, tested.probabilities, tested.predicted, about.leaks)
    answered["test"] = replace(tested, figures={**tested.figures, **more})
    rows = compared_rows(len(tested.probabilities))
    flags = tested.flags.at(rows)
    asked = ComparedAnswers(rows=rows + dataset.tested.start, probabilities=tested.probabilities[rows], flags=flags)
    return {"classifier": classifier, "answered": answered, "asked": asked, "folds": {}}


def calibrate_and_score(
    classifier: Classifier, dataset: Dataset, base: Backbone, request: Request
) -> tuple[Classifier, dict[SplitName, ScoredAnswers]]:
    """Learn on valid when not to answer, then answer and score valid and test.

    Args:
        classifier: trained.
        dataset: the pictures, and what base sees in them.
        base: the base that first looked at them; where a net of its own was trained, that one looks again.
        request: seed, largest error and listener.

    Returns:
        The classifier with its thresholds, and what it says of each split that has pictures.
    """
    train, progress, keep = dataset.train, request.progress, see_the_same(classifier.base, base)
    see: Callable[..., Features] = partial(features_seen, dataset, base, classifier.base, progress=progress)
    exact = partial(exact_rows, base=classifier.base, keep=keep, request=request)
    narrowed = None if dataset.left is None else Narrowed.of(classifier, dataset.left)
    if narrowed is not None:
        classifier, see, exact = narrowed.classifier, narrowed.see, partial(exact, take=narrowed.take)
    clean, valid = (
        dataset.clean_valid,
        see(rows=rows_of(dataset.valid), purpose="of valid, to set thresholds"),
    )
    say_left_out(len(valid) - len(clean), progress=progress)
    classifier, weights = without_prior(classifier, dataset, valid, clean, request)
    apart = thinned(one_of_each_group(clean, dataset.groups, seed=request.seed), dataset.weights, seed=request.seed)
    settle = partial(settled, dataset=dataset, clean=clean, apart=apart, weights=weights, request=request)
    classifier, before = settle(classifier, valid), valid
    valid = exact(classifier, dataset, "valid", valid)
    if valid is not before:  # temperature and thresholds belong to the precision that answers close calls
        classifier = settle(classifier, valid)
    say_recalls(classifier.operating, dataset.classes, progress)
    typical = train.start + sampled_rows(len(rows_of(train)), class_count=len(dataset.classes), seed=request.seed)
    last, setting = classifier.base.last, apart - dataset.valid.start
    lasts = slice(last.start, last.stop)
    trained_on = TrainingFeatures(
        last=see(rows=typical.tolist(), columns=lasts, purpose="of train, for what is unlike them"),
        labels=dataset.labels[typical],
        groups=dataset.groups[typical],
        held_out=classifier.weights is None,
    )
    abstention = learn_abstention(
        train=trained_on,
        valid=valid[setting, lasts],
        labels=dataset.labels[apart],
        promises=promised(classifier, dataset, classifier.probabilities(valid)[setting], rows=apart, request=request),
        class_count=len(dataset.classes),
        seed=request.seed,
    )
    classifier = replace(classifier, abstention=abstention)
    found: dict[SplitName, ScoredAnswers] = {"valid": scored_split(classifier, dataset, "valid", valid)}
    if tested := rows_of(dataset.rows["test"]):
        test = exact(classifier, dataset, "test", see(rows=tested, purpose="of test, for its figures"))
        found["test"] = scored_split(classifier, dataset, "test", test)
    return classifier if narrowed is None else narrowed.widened(classifier), found


def exact_rows(
    classifier: Classifier,
    dataset: Dataset,
    name: SplitName,
    features: Features,
    *,
    base: Backbone,
    take: Take | None = None,
    keep: bool,
    request: Request,
) -> Features:
    """The features float32 [n, D] of one split, or what is taken of them, those of close calls as float32 has them."""
    if native_precision() == EXACT:
        return features
    index = replace(dataset.index, pictures=dataset.index.pictures[dataset.rows[name]])
    close = np.flatnonzero(close_calls(classifier, features))
    return exact_at(
        close, base, index, features, keep=keep, take=take, progress=request.progress, workers=request.workers
    )


def scored_split(classifier: Classifier, dataset: Dataset, name: SplitName, features: Features) -> ScoredAnswers:
    """The answers of a classifier about one split, of which its base sees features float32 [n, D]."""
    probabilities = classifier.probabilities(features)
    flags = classifier.flags(probabilities, features)
    return score_answers(classifier, dataset, probabilities, flags, rows=dataset.rows[name])


def judged_by_folds(
    trained: Classifier, heads: Sequence[FoldHead], dataset: Dataset, folds: NDArray[np.int64], request: Request
) -> Judged:
    """Let the heads of folds, int64 [N], answer about every picture, and calibrate by that the one trained on all.

    No figure is made of what the classifier says of pictures that it has seen.
    """
    found, answered = score_by_folds(trained, heads, dataset, folds, request)
    told = {"count": int(folds.max()) + 1, "intervals": found.inflation.to_json()}
    asked = asked_about(found, dataset, request)
    return {"classifier": found.classifier, "answered": answered, "asked": asked, "folds": told}


def asked_about(found: OutOfFold, dataset: Dataset, request: Request) -> ComparedAnswers:
    """What the classifier that leaves says of the pictures that its file is compared by."""
    rows = compared_rows(len(dataset.labels))
    index = replace(dataset.index, pictures=tuple(dataset.index.pictures[row] for row in rows))
    features = found.features[rows]
    if native_precision() != EXACT:
        features = with_exact_rows(
            found.classifier, index, features, keep=True, progress=request.progress, workers=request.workers
        )
    probabilities = found.classifier.probabilities(features)
    return ComparedAnswers(
        rows=rows, probabilities=probabilities, flags=found.classifier.flags(probabilities, features)
    )
