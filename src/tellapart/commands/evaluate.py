"""The score of a model file on labelled pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.answers import answer
from tellapart.bundle.bundle import read_bundle
from tellapart.bundle.known_base import on_known_base
from tellapart.data.columns import some_names
from tellapart.data.groups import declare_groups, group_numbers, label_numbers
from tellapart.data.ledger import check_skips
from tellapart.data.reading import AS_IT_IS, Reading
from tellapart.data.scan import scan
from tellapart.data.split import part_to_score
from tellapart.duplicates.find import find_duplicates
from tellapart.errors import DataError
from tellapart.evaluation.costs import operating_figures
from tellapart.evaluation.grouped import picture_weight
from tellapart.evaluation.metrics import evaluate
from tellapart.features.embed import Embedded
from tellapart.features.look import look_at, say_too_bright, with_white
from tellapart.progress import Progress, Silent
from tellapart.runs.leakage import FoundDuplicates, united
from tellapart.runs.overlap import seen_before
from tellapart.types import Depth, Index


def evaluate_model(
    model: Path,
    data: Path,
    *,
    reading: Reading = AS_IT_IS,
    group_by: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The figures of a model file on labelled pictures: the test split where the data has one, else all of them.

    Under trained_on stands how many of them the model learned from, or None where that is not known; under together
    the groups that the data or `group_by` declare and those of copies, and what each picture counts as in intervals.

    Raises:
        UsageError: the pattern cannot be used.
        ModelFileError: the model file is damaged or gives other answers than it must.
        DataError: the data cannot be used, or has a class that the model does not know.
    """
    progress = progress or Silent()
    bundle, engine = read_bundle(model)
    classifier, engine = on_known_base(bundle, engine)
    index = scan(data, reading=replace(reading, scoring=True, grouped=group_by is not None), progress=progress)
    index = part_to_score(index if group_by is None else declare_groups(index, group_by, progress=progress))
    check_classes_known(index, classifier.classes, where=data)
    classifier = replace(classifier, base=with_white(classifier.base, index.pictures, progress))
    embedded = look_at(index, classifier.base, progress, engine=engine)
    check_skips(index, embedded.ledger, force=True)
    say_too_bright(embedded.ledger, progress)
    trained_on = seen_before(model, embedded, progress=progress)
    answers = answer(classifier, embedded, progress=progress)
    labels = label_numbers(answers.pictures, classifier.classes)
    predicted = answers.predicted
    groups = groups_with_copies(embedded, last=classifier.base.last, progress=progress)
    weight = picture_weight(predicted == labels, groups)
    statuses = [entry.status for entry in [*index.skipped, *embedded.ledger]]
    about: dict[str, Any] = {
        "classes": classifier.classes,
        "predicted": predicted,
        "flags": answers.flags,
        "weight": weight,
    }
    figures = evaluate(answers.probabilities, labels, **about)
    return {
        "schema": 1,
        "model": str(model),
        "data": {"name": index.name, "layout": index.layout},
        "split": "test" if {picture.split for picture in index.pictures} == {"test"} else "all",
        "classes": list(classifier.classes),
        "ledger": {status: statuses.count(status) for status in ("used", "converted", "skipped")},
        "trained_on": trained_on,
        "together": grouping_figures(groups, weight=weight),
        "thresholds": classifier.abstention.to_json(),
        **figures,
        **operating_figures(answers.probabilities, labels, **about, point=classifier.operating),
    }


def check_classes_known(index: Index, classes: Sequence[str], *, where: Path) -> None:
    """Stop at a class that the model does not know.

    Raises:
        DataError: there is one.
    """
    unknown = sorted({picture.label or "" for picture in index.pictures} - set(classes))
    if unknown:
        more = f" and {len(unknown) - 1:,} more" if len(unknown) > 1 else ""
        hint = f"Call it as the model does, or take its pictures out; the model knows: {some_names(classes)}."
        raise DataError(f"the model does not know the class {unknown[0]!r}{more}", where=where, hint=hint)


def groups_with_copies(embedded: Embedded, *, last: Depth, progress: Progress) -> NDArray[np.int64]:
    """A number for each picture, int64 [N], equal for those of one declared group and for copies of each other."""
    copies = find_duplicates(embedded, last=last, progress=progress)
    return group_numbers(united(FoundDuplicates(index=embedded.index, groups=copies), copies).pictures)


def grouping_figures(groups: NDArray[np.int64], *, weight: float) -> dict[str, Any]:
    """How many groups int64 [N] hold more than one picture, the largest, and what each picture counts as."""
    sizes = np.bincount(groups)
    return {"groups": int((sizes > 1).sum()), "largest": int(sizes.max()), "weight": round(weight, 4)}
