"""Rows out of what annotators and their tools say: one for each box, or one with one label for a whole picture."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tellapart.data.boxes import check_numbers
from tellapart.data.tables import Table, TableRow
from tellapart.errors import DataError
from tellapart.text import counted, shortened
from tellapart.types import Box

_WHOLE: Final = "{} gives shapes without a box: each such picture counts as a whole, by the label of its shapes."


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A labelled box.

    Attributes:
        label: what it is.
        box: where it is.
        given: what else is said of it, in the order of the table's columns.
    """

    label: str
    box: Box
    given: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """What is said of one picture.

    Attributes:
        number: its place in the file, from 1.
        path: as the file names it.
        labels: all that are given to the whole of it.
        parts: its labelled boxes.
        split: the split the file puts it in, "" for none.
        source: what errors call it, where there is no file with numbered pictures.
    """

    number: int
    path: str
    labels: Sequence[str] = ()
    parts: Sequence[Part] = ()
    split: str = ""
    source: str = ""


def table_of(
    answers: Iterable[Annotation],
    path: Path,
    *,
    layout: str,
    how: str,
    unlabelled: bool,
    shapes: bool = False,
    columns: tuple[str, ...] = (),
    notes: Sequence[str] = (),
) -> Table:
    """A row for each box, and for each picture that has one label as a whole; one that has several is an error.

    Args:
        answers: one for each picture.
        path: the file they are in.
        layout: as in `Index`.
        how: what to do about several labels, a sentence.
        unlabelled: whether a picture without a label has a row too; else it is listed.
        shapes: whether labels of pictures are those of shapes that have no box.
        columns: the names of what else is said of boxes.
        notes: what there is to say beside how boxes were read.

    Raises:
        DataError: no picture has a label, one has several, or a box cannot be one.
    """
    rows, lacking, torn = list[TableRow](), list[str](), list[tuple[Annotation, list[str]]]()
    for answer in answers:
        for part in answer.parts:
            check_numbers(part.box, where=path)
            given = part.given or ("",) * len(columns)
            rows.append(_row(answer, _label(part.label), box=part.box, given=given))
        labels = list(dict.fromkeys(filter(None, map(_label, answer.labels))))
        if len(labels) > 1 and not unlabelled:
            torn.append((answer, labels))
        elif len(labels) == 1 or (unlabelled and not answer.parts):
            rows.append(_row(answer, labels[0] if labels else "", given=("",) * len(columns)))
        elif not answer.parts:
            lacking.append(answer.path)
    if torn:
        first, labels = torn[0]
        count = f"{len(torn):,} pictures have" if len(torn) > 1 else "1 picture has"
        one, other = map(shortened, labels[:2])
        what = f"{count} several labels, the first {shortened(first.path)}: {one!r} and {other!r}"
        raise DataError(what, where=path, hint=how)
    if not rows:
        raise DataError("no picture has a label", where=path, hint="Label some, and export them again.")
    said = [*notes, *_notes(rows, path.name, shapes=shapes)]
    return Table(
        rows=rows,
        layout=layout,
        notes=tuple(said),
        unlabelled=tuple(lacking),
        foreign=True,
        sure=False,
        columns=columns,
    )


def _label(label: str) -> str:
    return unicodedata.normalize("NFC", label.strip())


def _row(answer: Annotation, label: str, *, box: Box | None = None, given: tuple[str, ...]) -> TableRow:
    return TableRow(
        number=answer.number,
        path=answer.path,
        label=label,
        split=answer.split,
        group="",
        box=box,
        given=given,
        source=answer.source,
    )


def _notes(rows: Sequence[TableRow], name: str, *, shapes: bool) -> list[str]:
    boxes = sum(row.box is not None for row in rows)
    notes = [_WHOLE.format(name)] if shapes and boxes < len(rows) else []
    if boxes:
        whole = counted(len(rows) - boxes, "picture") if boxes < len(rows) else ""
        beside = (
            f"; {whole} without a box {'counts' if len(rows) - boxes == 1 else 'count'} as a whole" if whole else ""
        )
        notes.append(
            f"{counted(boxes, 'box', 'boxes')} of {name} {'is a picture' if boxes == 1 else 'are a picture each'}"
            f"{beside} (--boxes none takes whole pictures)."
        )
    return notes
