"""Answers of a model file about pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tellapart.answers import EXACT, Answers, answer
from tellapart.audit.pixels import nothing_on_them
from tellapart.backbones.engine import AnyEngine
from tellapart.bundle.bundle import read_bundle
from tellapart.classifier import Classifier
from tellapart.data.reading import AS_IT_IS, Reading
from tellapart.data.scan import index_of_paths
from tellapart.errors import DataError
from tellapart.features.embed import embed_pictures
from tellapart.features.look import say_too_bright, with_white
from tellapart.progress import Progress, Silent
from tellapart.types import Index

FEW = 64  # pictures that are looked at in float32 from the start: no second look, and no second decoding


def predict(
    model: Path, paths: Sequence[str | Path], *, reading: Reading = AS_IT_IS, progress: Progress | None = None
) -> Answers:
    """Answer for picture files, for every picture below folders, or for the pictures and boxes that a file lists.

    Raises:
        ModelFileError: the model file is damaged or gives other answers than it must.
        DataError: a path does not exist, or not one of the pictures can be read.
    """
    progress = progress or Silent()
    index = index_of_paths(paths, reading=reading)
    for note in index.notes:
        progress.note(note)
    bundle, engine = read_bundle(model, precision=EXACT if len(index.pictures) <= FEW else None)
    base = with_white(bundle.classifier.base, index, progress)
    answers = answers_about(index, replace(bundle.classifier, base=base), engine, progress=progress)
    if not answers.pictures:
        entry = answers.ledger[0]
        hint = "docs/formats.md lists what can be read; `tellapart audit` says why each picture cannot."
        raise DataError(f"none of the pictures can be read ({entry.reason})", where=entry.path, hint=hint)
    return answers


def answers_about(
    index: Index, classifier: Classifier, engine: AnyEngine, *, progress: Progress | None = None
) -> Answers:
    """What a classifier says of the pictures of an index, by its compiled base; none of it is kept."""
    progress = progress or Silent()
    embedded = embed_pictures(index, classifier.base, progress=progress, engine=engine)
    answers = answer(classifier, embedded, keep=False, progress=progress)
    say_too_bright(answers.ledger, progress)
    empty = nothing_on_them(embedded.miniatures)
    return replace(answers, empty=empty, given=index.pictures, columns=index.columns)
