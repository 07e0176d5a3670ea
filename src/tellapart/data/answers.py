"""One label a picture out of what annotators and their tools say of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tellapart.data.tables import Row, Table, check_lengths
from tellapart.errors import DataError
from tellapart.text import shortened

_BOXES: Final = (
    "{} gives boxes or shapes, which are not used yet: each picture counts as a whole, by the label of its boxes."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is said of one picture.

    Attributes:
        number: its place in the file, from 1.
        path: as the file names it.
        labels: all that are given to it.
        split: the split the file puts it in, "" for none.
    """

    number: int
    path: str
    labels: Sequence[str]
    split: str = ""


def table_of(answers: Iterable[Answer], path: Path, *, layout: str, boxes: bool, how: str) -> Table:
    """The rows of those that have one label; those without are listed, one with several is an error.

    Args:
        answers: one for each picture.
        path: the file they are in.
        layout: as in `Index`.
        boxes: whether the labels are those of boxes.
        how: what to do about several labels, a sentence.

    Raises:
        DataError: no picture has a label, or one has several.
    """
    rows, unlabelled, torn = [], [], []
    for answer in answers:
        labels = list(dict.fromkeys(unicodedata.normalize("NFC", label.strip()) for label in answer.labels))
        labels = [label for label in labels if label]
        if len(labels) > 1:
            torn.append((answer, labels))
        elif not labels:
            unlabelled.append(_row(answer, "", path).path)
        else:
            rows.append(_row(answer, labels[0], path))
    if torn:
        first, labels = torn[0]
        count = f"{len(torn):,} pictures have" if len(torn) > 1 else "1 picture has"
        one, other = map(shortened, labels[:2])
        what = f"{count} several labels, the first {shortened(first.path)}: {one!r} and {other!r}"
        raise DataError(what, where=path, hint=how)
    if not rows:
        raise DataError("no picture has a label", where=path, hint="Label some, and export them again.")
    notes = (_BOXES.format(path.name),) if boxes else ()
    return Table(rows=rows, layout=layout, notes=notes, unlabelled=tuple(unlabelled), foreign=True, sure=False)


def _row(answer: Answer, label: str, path: Path) -> Row:
    row = Row(number=answer.number, path=answer.path, label=label, split=answer.split, group="")
    return check_lengths(row, path)
