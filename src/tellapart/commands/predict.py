"""Answers of a model file about pictures, and its score on labelled ones.

Legend: N pictures given, M of them readable, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tellapart.bundle.bundle import Bundle, read_bundle
from tellapart.data.groups import label_numbers
from tellapart.data.ledger import check_skips
from tellapart.data.scan import index_of_paths, scan
from tellapart.errors import DataError
from tellapart.evaluation.metrics import evaluate
from tellapart.evaluation.selective import selective_figures
from tellapart.features.embed import Embedded, embed
from tellapart.features.look import look_at
from tellapart.heads.abstention import Flags
from tellapart.progress import Progress, Silent
from tellapart.types import Index, LedgerEntry, Picture, Probabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a model says.

    Attributes:
        classes: K names.
        pictures: the M readable pictures.
        probabilities: float64 [M, K].
        flags: what is to be said beside each of the M answers.
        ledger: one entry for each of the N pictures given.
    """

    classes: tuple[str, ...]
    pictures: tuple[Picture, ...]
    probabilities: Probabilities
    flags: Flags
    ledger: tuple[LedgerEntry, ...]


def predict(model: Path, paths: Sequence[str | Path], *, progress: Progress | None = None) -> Answers:
    """Answer for picture files, and for every picture below folders.

    Raises:
        ModelFileError: the model file is damaged or gives other answers than it must.
        DataError: a path does not exist, or not one of the pictures can be read.
    """
    bundle, engine = read_bundle(model)
    embedded = embed(index_of_paths(paths), bundle.backbone, progress=progress, engine=engine)
    answers = answer(bundle, embedded)
    if not answers.pictures:
        entry = answers.ledger[0]
        hint = "docs/formats.md lists what can be read; `tellapart audit` says why each picture cannot."
        raise DataError(f"none of the pictures can be read ({entry.reason})", where=entry.path, hint=hint)
    return answers


def answer(bundle: Bundle, embedded: Embedded) -> Answers:
    probabilities = bundle.probabilities(embedded.features)
    return Answers(
        classes=bundle.classes,
        pictures=embedded.index.pictures,
        probabilities=probabilities,
        flags=bundle.flags(probabilities, embedded.features),
        ledger=embedded.ledger,
    )


def evaluate_model(model: Path, data: Path, *, progress: Progress | None = None) -> dict[str, Any]:
    """The figures of a model file on labelled pictures: the test split where the data has one, else all of them.

    Under trained_on stands how many of them the model learned from, or None where that is not known.

    Raises:
        ModelFileError: the model file is damaged or gives other answers than it must.
        DataError: the data cannot be used, or has a class that the model does not know.
    """
    from tellapart.runs.overlap import seen_before  # it reads runs, and what reads runs knows the report's evidence

    progress = progress or Silent()
    bundle, engine = read_bundle(model)
    index = test_part(scan(data))
    unknown = sorted({picture.label or "" for picture in index.pictures} - set(bundle.classes))
    if unknown:
        hint = f"The model knows: {', '.join(bundle.classes)}."
        raise DataError(f"the model does not know the class {unknown[0]!r}", where=data, hint=hint)
    embedded = look_at(index, bundle.backbone, progress, engine=engine)
    check_skips(index, embedded.ledger, force=True)
    seen = seen_before(model, embedded, progress=progress)
    labels = label_numbers(embedded.index.pictures, bundle.classes)
    answers = answer(bundle, embedded)
    figures = evaluate(answers.probabilities, labels, classes=bundle.classes)
    correct = answers.probabilities.argmax(axis=1) == labels
    statuses = [entry.status for entry in [*index.skipped, *embedded.ledger]]
    return {
        "schema": 1,
        "model": str(model),
        "data": {"name": index.name, "layout": index.layout},
        "split": "test" if {picture.split for picture in index.pictures} == {"test"} else "all",
        "classes": list(bundle.classes),
        "ledger": {status: statuses.count(status) for status in ("used", "converted", "skipped")},
        "trained_on": seen,
        "thresholds": bundle.doubt.to_json(),
        **figures,
        "selective": selective_figures(answers.flags, correct=correct),
    }


def test_part(index: Index) -> Index:
    """The test pictures of an index that has some, else the whole index."""
    tested = tuple(picture for picture in index.pictures if picture.split == "test")
    return replace(index, pictures=tested) if tested else index
