"""Taking the shares of the classes in train out of what a recipe trained, where classes are unequal.

Legend: N pictures, n of valid, D features, K classes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier import Classifier
from tellapart.features.kept import Input, Kept, result_key
from tellapart.heads.cross_validation import held_out_logits
from tellapart.heads.folds import Folds, stratified_folds
from tellapart.heads.linear import ABSENT_LOGIT, row_blocks
from tellapart.heads.prior import are_unequal, choose_fraction, weights_of_classes, without_shares
from tellapart.heads.setting import HeadSetting, chosen_setting
from tellapart.recipes.features import CROSS_VALIDATED_AT_MOST
from tellapart.recipes.request import Dataset, Request
from tellapart.types import Features, Labels

TAKEN = "prior_taken_out"  # in `selected`: the fraction; absent where classes are about equal


def without_prior(
    classifier: Classifier, dataset: Dataset, valid: Features, clean: NDArray[np.int64], request: Request
) -> tuple[Classifier, NDArray[np.float64] | None]:
    """The classifier without the shares of unequal classes, and what a picture of each class then counts, float64 [K].

    Where train has more than three times as many pictures of one class as of another, the fraction that is taken out
    of the logits is chosen by the balanced log loss of pictures that the head has not seen: those of valid, and with a
    head on kept features also those of train, by folds. It goes into the bias, and so into every form of the model.
    Where costs are given they stay: an expected cost needs the shares that pictures really have. And where weights of
    pictures are given, since those have said how much each class counts.

    Args:
        classifier: trained.
        dataset: what it was trained on.
        valid: float32 [n, D], what its base sees in valid.
        clean: the rows of valid that judge.
        request: seed and listener.
    """
    if not are_unequal(train_counts(dataset)) or request.costs is not None or dataset.weights is not None:
        return classifier, None
    logits = classifier.head.logits(valid[clean - dataset.valid.start])
    labels = dataset.labels[clean]
    more = out_of_fold(classifier, dataset, seed=request.seed)
    if more is not None:
        logits, labels = np.concatenate([logits, more[0]]), np.concatenate([labels, more[1]])
    return without_prior_of(classifier, logits, labels, dataset=dataset, request=request)


def without_prior_of(
    classifier: Classifier, logits: NDArray[np.float64], labels: Labels, *, dataset: Dataset, request: Request
) -> tuple[Classifier, NDArray[np.float64] | None]:
    """The same, judged by logits float64 [n, K] of pictures that their head had not seen, and labels int64 [n]."""
    counts = train_counts(dataset)
    if not are_unequal(counts) or not len(labels):
        return classifier, None
    choice = choose_fraction(logits, labels, counts)
    say_prior(choice.fraction, counts, dataset, request)
    out_of = {**classifier.selected.get("out_of", {}), TAKEN: list(map(float, choice.losses))}
    selected = {**classifier.selected, TAKEN: choice.fraction, "prior_scores": dict(choice.losses), "out_of": out_of}
    head = without_shares(classifier.head, counts, fraction=choice.fraction)
    weights = weights_of_classes(counts, fraction=choice.fraction)
    return replace(classifier, head=head, selected=selected), weights


def train_counts(dataset: Dataset) -> NDArray[np.int64]:
    """Pictures of each class in train, int64 [K]."""
    counts: NDArray[np.int64] = np.bincount(dataset.labels[dataset.train], minlength=len(dataset.classes))
    return counts


def out_of_fold(classifier: Classifier, dataset: Dataset, *, seed: int) -> tuple[NDArray[np.float64], Labels] | None:
    """Logits float64 [N, K] of training pictures by heads that have not seen them, and their labels int64 [N].

    None for a net that was trained, whose base has seen them all, and where train is large: there valid is large too.
    """
    head, rows = classifier.head, dataset.train
    setting = chosen_setting(classifier.selected, slice(head.start, head.stop))
    pictures = rows.stop - rows.start
    if classifier.weights is not None or setting is None or pictures * len(dataset.classes) > CROSS_VALIDATED_AT_MOST:
        return None
    labels = dataset.labels[rows]
    present, known = np.unique(labels, return_inverse=True)
    folds = stratified_folds(known, groups=dataset.groups[rows], seed=seed)
    if not folds.count:
        return None
    seen, setting = dataset.features[rows, setting.columns], setting.of_all_columns
    kept = kept_logits(seen, known, folds, setting=setting)
    found = kept.get()
    if found is None:
        found = kept.put(held_out_logits(seen, known, folds=folds, setting=setting))
    logits = np.full((pictures, len(dataset.classes)), ABSENT_LOGIT)
    logits[:, present] = found
    scored = folds.fold >= 0
    return logits[scored], labels[scored]


def kept_logits(features: Features, labels: Labels, folds: Folds, *, setting: HeadSetting) -> Kept[NDArray[np.float64]]:
    """Where `held_out_logits` of the very same are kept, float64 [n, K]."""
    shape = len(labels), int(labels.max()) + 1
    inputs: list[Input] = [
        json.dumps([setting.l2, setting.scale, folds.count]).encode(),
        np.ascontiguousarray(labels),
        folds.fold,
    ]
    rows = (np.ascontiguousarray(features[part]) for part in row_blocks(len(features)))
    return Kept(
        key=result_key("held-out logits", chain(inputs, rows), sources=("heads",)),
        pack=lambda logits: logits.astype("<f8").tobytes(),
        unpack=lambda packed: np.frombuffer(packed, "<f8").astype(np.float64).reshape(shape),
    )


def taken_out(selected: Mapping[str, Any]) -> float:
    """The fraction of the log shares that was taken out of a head; 0 where nothing is said of it."""
    fraction = selected.get(TAKEN)
    return float(fraction) if isinstance(fraction, int | float) and not isinstance(fraction, bool) else 0.0


def say_prior(fraction: float, counts: NDArray[np.int64], dataset: Dataset, request: Request) -> None:
    """Say what was taken out, and what a probability means then."""
    present = np.flatnonzero(counts)
    most, least = (present[place] for place in (counts[present].argmax(), counts[present].argmin()))
    names = f"train has {counts[most]:,} pictures of {dataset.classes[most]} and {counts[least]:,} of "
    meaning = {
        0.0: "held-out pictures are told apart best with these shares left in the scores.",
        0.5: "half of the log of these shares is taken out of the scores, and a probability is that of a world in "
        "which they are nearer to equal (their square roots).",
        1.0: "these shares are taken out of the scores, and a probability is that of a world in which all classes are "
        "equally frequent.",
    }
    request.progress.note(f"Unequal classes: {names}{dataset.classes[least]}; {meaning[fraction]}")
