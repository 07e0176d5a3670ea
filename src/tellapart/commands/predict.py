"""Answers of a model file about pictures.

Legend: N pictures given, M of them readable, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tellapart.bundle.bundle import read_bundle
from tellapart.classifier import Classifier
from tellapart.data.scan import index_of_paths
from tellapart.errors import DataError
from tellapart.features.embed import Embedded, embed
from tellapart.heads.abstention import Flags
from tellapart.progress import Progress
from tellapart.types import LedgerEntry, Picture, Probabilities


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
    embedded = embed(index_of_paths(paths), bundle.classifier.base, progress=progress, engine=engine)
    answers = answer(bundle.classifier, embedded)
    if not answers.pictures:
        entry = answers.ledger[0]
        hint = "docs/formats.md lists what can be read; `tellapart audit` says why each picture cannot."
        raise DataError(f"none of the pictures can be read ({entry.reason})", where=entry.path, hint=hint)
    return answers


def answer(classifier: Classifier, embedded: Embedded) -> Answers:
    """What a classifier says of pictures that its base has looked at."""
    probabilities = classifier.probabilities(embedded.features)
    return Answers(
        classes=classifier.classes,
        pictures=embedded.index.pictures,
        probabilities=probabilities,
        flags=classifier.flags(probabilities, embedded.features),
        ledger=embedded.ledger,
    )
