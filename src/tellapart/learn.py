"""From an index to a trained classifier with its figures: the only way, for `train` and for `ImageClassifier.fit`.

Legend: N pictures, n of one split, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.answers import EXACT, with_exact_rows
from tellapart.audit.training import tell_findings, with_conflicts
from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import native_precision
from tellapart.classifier import Classifier
from tellapart.data.ledger import check_skips
from tellapart.data.split import one_part_as_test
from tellapart.errors import DataError, UsageError
from tellapart.evaluation.costs import operating_figures
from tellapart.evaluation.grouped import picture_weight
from tellapart.evaluation.metrics import evaluate
from tellapart.features.embed import Embedded
from tellapart.features.look import look_at, with_white
from tellapart.heads.abstention import Flags, Promises, learn_abstention
from tellapart.heads.calibration import answer_probability, fit_temperature
from tellapart.heads.class_promise import choose_thresholds
from tellapart.heads.operating_point import cost_thresholds, promises_by_costs
from tellapart.heads.out_of_distribution import Seen, sampled_rows
from tellapart.progress import Progress, Stopwatch
from tellapart.recipes.catalogue import RECIPES
from tellapart.recipes.looking import features_seen, rows_of, see_the_same
from tellapart.recipes.operating_point import check_asked, operating_point, say_recalls
from tellapart.recipes.prior import without_prior
from tellapart.recipes.request import Dataset, Request, weights_of
from tellapart.runs.leakage import (
    count_kinds,
    draw_together,
    look_for_duplicates,
    say_copies,
    say_leaks,
    score_without,
)
from tellapart.seeds import generator
from tellapart.text import counted
from tellapart.types import Features, Index, Labels, LedgerEntry, Probabilities, SplitName


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a classifier says of one split.

    Attributes:
        probabilities: float64 [n, K].
        predicted: int64 [n], the classes that are answered.
        flags: what is said beside each of the n answers.
        figures: how good they are; JSON-ready.
    """

    probabilities: Probabilities
    predicted: Labels
    flags: Flags
    figures: dict[str, Any]


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
        leaks: pictures whose like is in a split before theirs.
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
        about: what there is to say of the pictures.
        answered: what it says of valid, and of test where there is one.
        seconds: of each part of the work.
    """

    classifier: Classifier
    dataset: Dataset
    about: About
    answered: Mapping[SplitName, Answered]
    seconds: Mapping[str, float]


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
    RECIPES[request.recipe].check_request(index, request)
    check_asked(index.classes, request)
    check_weights(index, request)
    base = with_white(base, index, request.progress)
    dataset, about = prepare(index, base, request, watch)
    with watch.part("head_s"):
        trained = RECIPES[request.recipe].train(dataset, base, request)
    with watch.part("evaluate_s"):
        classifier, answered = judge(trained, dataset, base, request)
        if "test" in answered:
            tested = answered["test"]
            more = score_without(dataset, tested.probabilities, tested.predicted, about.leaks)
            answered["test"] = replace(tested, figures={**tested.figures, **more})
    return Learned(classifier=classifier, dataset=dataset, about=about, answered=answered, seconds=watch.parts)


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
    embedded = look_at(index, base, progress, keep=RECIPES[request.recipe].has_base)
    watch.parts |= {"decode_s": round(embedded.decode_s, 3), "embed_s": round(embedded.embed_s, 3)}
    check_skips(index, embedded.ledger, force=request.force)
    check_labels(embedded, force=request.force, progress=progress)
    with watch.part("findings_s"):
        findings = tell_findings(embedded, seed=request.seed, progress=progress)
    with watch.part("duplicates_s"):
        embedded, known = look_for_duplicates(
            embedded, last=base.depths[-1], drop_leaks=request.drop_leaks, progress=progress
        )
    drawn, together = draw_together(known, seed=request.seed, shares=request.shares, progress=progress)
    leaks = say_leaks(known, drawn, progress=progress)
    say_copies(known, drawn, progress=progress)
    about = About(
        ledger=(*index.skipped, *embedded.ledger),
        digests={each.path: digest for each, digest in zip(embedded.index.pictures, embedded.digests, strict=True)},
        precision=embedded.precision,
        fresh=embedded.fresh,
        findings=with_conflicts(findings, known.groups, known.index.pictures),
        duplicates=count_kinds(known.groups),
        together=together,
        leaks=leaks,
    )
    valid_is_given = any(picture.split == "valid" for picture in known.index.pictures)
    leaked = [leak["path"] for leak in leaks if leak["split"] == "valid"]
    features = in_order(embedded, drawn)
    return Dataset.of(drawn, features, valid_is_given=valid_is_given, leaked=leaked), about


def in_order(embedded: Embedded, drawn: Index) -> Features:
    """The features float32 [N, D] of the same pictures in another order; copied only where it is another one."""
    row_of = {picture.path: row for row, picture in enumerate(embedded.index.pictures)}
    rows = [row_of[picture.path] for picture in drawn.pictures]
    return embedded.features if rows == list(range(len(rows))) else embedded.take(rows).features


def check_labels(embedded: Embedded, *, force: bool, progress: Progress) -> None:
    """Stop where one and the same picture is labelled with two classes.

    Raises:
        DataError: it is, and force is not given.
    """
    first: dict[bytes, int] = {}
    pictures = embedded.index.pictures
    conflicts = [
        (pictures[earlier], picture)
        for row, (digest, picture) in enumerate(zip(embedded.digests, pictures, strict=True))
        if pictures[earlier := first.setdefault(digest, row)].label != picture.label
    ]
    if not conflicts:
        return
    left, right = conflicts[0]
    what = f"the same picture is labelled {left.label} and {right.label} ({counted(len(conflicts), 'such pair')})"
    where = f"{left.path} and {right.path}"
    if not force:
        raise DataError(
            what, where=where, hint="Keep the right one, or go on with --force; `tellapart audit DATA` lists them all."
        )
    progress.note(f"Going on although {what}: {where}")


def judge(
    classifier: Classifier, dataset: Dataset, base: Backbone, request: Request
) -> tuple[Classifier, dict[SplitName, Answered]]:
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
    see = partial(features_seen, dataset, base, classifier.base, progress=progress)
    clean, valid = dataset.clean_valid, see(rows=rows_of(dataset.valid))
    say_left_out(len(valid) - len(clean), progress=progress)
    classifier, weights = without_prior(classifier, dataset, valid, clean, request)
    # Once to tell close calls, and again, since temperature and thresholds belong to the precision that answers.
    apart = thinned(one_of_each_group(clean, dataset.groups, seed=request.seed), dataset.weights, seed=request.seed)
    settle = partial(settled, dataset=dataset, clean=clean, apart=apart, weights=weights, request=request)
    classifier = settle(classifier, valid)
    valid = exact_rows(classifier, dataset, "valid", valid, keep=keep, progress=progress)
    classifier = settle(classifier, valid)
    say_recalls(classifier.operating, dataset.classes, progress)
    typical = train.start + sampled_rows(len(rows_of(train)), class_count=len(dataset.classes), seed=request.seed)
    seen = valid[apart - dataset.valid.start]
    last = classifier.base.depths[-1]
    trained_on = Seen(
        last=see(rows=typical.tolist())[:, last.start : last.stop],
        labels=dataset.labels[typical],
        groups=dataset.groups[typical],
        held_out=classifier.weights is None,
    )
    abstention = learn_abstention(
        train=trained_on,
        valid=seen,
        labels=dataset.labels[apart],
        probabilities=(probabilities := classifier.probabilities(seen)),
        promises=promised(classifier, dataset, probabilities, rows=apart, request=request),
        last=last,
        max_error=request.max_error,
        seed=request.seed,
    )
    classifier = replace(classifier, abstention=abstention)
    found: dict[SplitName, Answered] = {"valid": answered(classifier, dataset, "valid", valid)}
    if tested := rows_of(dataset.rows["test"]):
        test = exact_rows(classifier, dataset, "test", see(rows=tested), keep=keep, progress=progress)
        found["test"] = answered(classifier, dataset, "test", test)
    return classifier, found


def settled(
    classifier: Classifier,
    valid: Features,
    *,
    dataset: Dataset,
    clean: NDArray[np.int64],
    apart: NDArray[np.int64],
    weights: NDArray[np.float64] | None,
    request: Request,
) -> Classifier:
    """The classifier with its temperature and operating point, by what its base sees in valid, float32 [n, D].

    The temperature is fitted on the rows `clean`, the operating point chosen on the rows `apart`, one of each group.
    """
    classifier = calibrated(classifier, dataset, valid, clean, weights=weights)
    probabilities = classifier.probabilities(valid[apart - dataset.valid.start])
    point = operating_point(probabilities, dataset.labels[apart], classes=dataset.classes, request=request)
    return replace(classifier, operating=point)


def calibrated(
    classifier: Classifier,
    dataset: Dataset,
    valid: Features,
    clean: NDArray[np.int64],
    *,
    weights: NDArray[np.float64] | None,
) -> Classifier:
    """The classifier with the temperature that suits it on rows of valid, whose features are float32 [n, D].

    Weights float64 [K] say what a picture of each class counts, beside its own weight; None where all count alike.
    """
    logits, labels = classifier.head.logits(valid[clean - dataset.valid.start]), dataset.labels[clean]
    counting = None if dataset.weights is None else dataset.weights[clean]
    if weights is not None:
        counting = weights[labels] if counting is None else counting * weights[labels]
    return replace(classifier, temperature=fit_temperature(logits, labels, weights=counting))


def promised(
    classifier: Classifier, dataset: Dataset, probabilities: Probabilities, *, rows: NDArray[np.int64], request: Request
) -> Promises:
    """What can be promised of answers float64 [n, K] like those about rows of valid, one of each group."""
    predicted, point = classifier.predicted(probabilities), classifier.operating
    about: dict[str, Any] = {
        "predicted": predicted,
        "labels": dataset.labels[rows],
        "learned": np.bincount(dataset.labels[dataset.train], minlength=len(dataset.classes)),
        "max_error": request.max_error,
    }
    confidence = answer_probability(probabilities, predicted)
    if point is None or point.asked is None or point.person is None:
        return choose_thresholds(confidence, **about)
    thresholds = cost_thresholds(probabilities, predicted, costs=point.asked, person=point.person)
    return promises_by_costs(confidence, thresholds=thresholds, **about)


def say_left_out(count: int, *, progress: Progress) -> None:
    """Say that valid pictures which train has shown set no threshold; nothing where there are none."""
    if count:
        progress.note(
            f"{counted(count, 'picture of valid has its like', 'pictures of valid have their like')} in train, and "
            f"{'is' if count == 1 else 'are'} left out of the temperature, the thresholds and the learning curve."
        )


def one_of_each_group(rows: NDArray[np.int64], groups: NDArray[np.int64], *, seed: int) -> NDArray[np.int64]:
    """One row of each group, drawn by the seed, in rising order: what a promise may count as one picture each.

    Pictures of a patient or a burst err together, so that each of them tells less than a picture of its own.
    """
    shuffled = generator(seed, "one of each group").permutation(rows)
    _, first = np.unique(groups[shuffled], return_index=True)
    return np.sort(shuffled[first])


def thinned(rows: NDArray[np.int64], weights: NDArray[np.float64] | None, *, seed: int) -> NDArray[np.int64]:
    """Of these rows those to promise by, each kept as often as its weight float64 [N] beside the largest of theirs.

    What is left is drawn from pictures as the weights make them up, each counting once (rejection sampling, von
    Neumann, 1951), so that the exact tests hold for those; the price is that they are fewer. Without weights it is all.
    """
    if weights is None or not len(rows):
        return rows
    kept = generator(seed, "thinned by weight").random(len(rows)) * weights[rows].max() < weights[rows]
    left: NDArray[np.int64] = rows[kept]
    return left


def exact_rows(
    classifier: Classifier, dataset: Dataset, name: SplitName, features: Features, *, keep: bool, progress: Progress
) -> Features:
    """The features float32 [n, D] of one split, those of close calls as float32 computes them."""
    if native_precision() == EXACT:
        return features
    index = replace(dataset.index, pictures=dataset.index.pictures[dataset.rows[name]])
    return with_exact_rows(classifier, index, features, keep=keep, progress=progress)


def answered(classifier: Classifier, dataset: Dataset, name: SplitName, features: Features) -> Answered:
    """The answers of a classifier about one split, and their figures."""
    probabilities = classifier.probabilities(features)
    flags, predicted = classifier.flags(probabilities, features), classifier.predicted(probabilities)
    labels = dataset.labels[dataset.rows[name]]
    commonest = int(np.bincount(dataset.labels[dataset.train]).argmax())
    weight = picture_weight(predicted == labels, dataset.groups[dataset.rows[name]])
    figures = evaluate(
        probabilities,
        labels,
        classes=dataset.classes,
        flags=flags,
        commonest=commonest,
        predicted=predicted,
        weight=weight,
    )
    figures |= operating_figures(
        probabilities, labels, predicted=predicted, flags=flags, point=classifier.operating, classes=dataset.classes
    )
    return Answered(probabilities=probabilities, predicted=predicted, flags=flags, figures=figures)
