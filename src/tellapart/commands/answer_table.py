"""Answers as a table that programs read: CSV, JSON Lines and Parquet, with the same columns in the same order.

Legend: K classes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from tellapart import files
from tellapart.answers import Answers
from tellapart.data.given import GivenColumns
from tellapart.data.names import written
from tellapart.extras import load
from tellapart.runs.folder import class_columns
from tellapart.text import inert

FIRST = ("path", "predicted", "probability")
MARKS = ("unsure", "unlike", "empty")
LAST = "error"
OTHERS = ("file", "probabilities")  # names that tables and objects made of answers have besides
WORDS = {True: "yes", False: "no", None: ""}
PARQUET_HINT = "Install it with: pip install arro3-core arro3-io"


def columns(answers: Answers) -> list[str]:
    """path, predicted, probability, one for each of K classes, unsure, unlike, empty, error; then what data gives."""
    return [*own_columns(answers.classes), *given_columns(answers).names]


def own_columns(classes: Sequence[str]) -> list[str]:
    return [*FIRST, *class_columns(classes), *MARKS, LAST]


def given_columns(answers: Answers) -> GivenColumns:
    """What the data says of pictures: the place of each box, and the columns of its own."""
    taken = (*own_columns(answers.classes), *OTHERS)
    return GivenColumns.of(answers.given, answers.columns, taken=taken)


def answer_rows(answers: Answers) -> Iterator[tuple[str, int | None, str]]:
    """Path, row among the answers or None, and the reason for None, in the order in which the pictures were given."""
    readable = count()
    for entry in answers.ledger:
        skipped = entry.status == "skipped"
        yield entry.path, None if skipped else next(readable), entry.reason if skipped else ""


def values(answers: Answers) -> Iterator[list[Any]]:
    """A row for each picture given, as `columns` names them; of an unreadable one there is only its reason."""
    predicted = answers.predicted
    table = given_columns(answers)
    pictures = iter(answers.given)
    for path, number, reason in answer_rows(answers):
        given = table.values(next(pictures)) if table.names else []
        if number is None:
            yield [path, None, None, *(None for _ in answers.classes), *(None for _ in MARKS), reason, *given]
        else:
            shares = [round(float(value), 6) for value in answers.probabilities[number]]
            best = int(predicted[number])
            yield [path, answers.classes[best], shares[best], *shares, *answers.marks(number), None, *given]


def text_rows(answers: Answers) -> Iterator[list[str]]:
    """The same as text: probabilities to six decimals, marks as yes or no, nothing where there is nothing.

    It is meant for spreadsheets, so a name that they would take for a formula is made inert; JSON Lines has it exactly.
    """
    for row in values(answers):
        yield [cell_text(value) for value in row]


def cell_text(value: str | float | bool | None) -> str:
    if isinstance(value, float):
        return f"{value:.6f}"
    return inert(written(value)) if isinstance(value, str) else WORDS[value]


def csv_text(answers: Answers) -> str:
    """A row for each picture given, unreadable ones with their reason in the column error."""
    return files.csv_text(columns(answers), text_rows(answers))


def excel_text(answers: Answers) -> str:
    """The same behind the mark by which Excel tells UTF-8."""
    return f"\ufeff{csv_text(answers)}"


def jsonl_text(answers: Answers) -> str:
    """A line for each picture given, as `documents` has them."""
    return "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents(answers))


def documents(answers: Answers) -> Iterator[dict[str, Any]]:
    """An object for each picture given, unreadable ones with their reason under error."""
    names = given_columns(answers).names
    for row in values(answers):
        path, *rest, reason = row[: len(row) - len(names)]
        document: dict[str, Any] = {"path": path}
        if reason is not None:
            document["error"] = reason
        else:
            predicted, probability, *shares = rest[: -len(MARKS)]
            document |= {"predicted": predicted, "probability": probability}
            document["probabilities"] = dict(zip(answers.classes, shares, strict=True))
            document |= dict(zip(MARKS, rest[-len(MARKS) :], strict=True))
        document |= dict(zip(names, row[len(row) - len(names) :], strict=True))
        yield document


def parquet_bytes(answers: Answers) -> bytes:
    """A Parquet file: text, probabilities as float64, marks as booleans, null where there is nothing.

    Raises:
        MissingExtraError: arro3 is not installed.
    """
    arro3 = load("arro3.core", "arro3", hint=PARQUET_HINT)
    write_parquet = load("arro3.io", "arro3", hint=PARQUET_HINT).write_parquet
    kind, names = arro3.DataType, columns(answers)
    texts = ("path", "predicted", LAST, *given_columns(answers).names)
    kinds = {name: kind.utf8() for name in texts} | {name: kind.bool() for name in MARKS}
    rows = [[written(value) if isinstance(value, str) else value for value in row] for row in values(answers)]
    arrays = [
        arro3.Array([row[place] for row in rows], type=kinds.get(name, kind.float64()))
        for place, name in enumerate(names)
    ]
    file = io.BytesIO()
    write_parquet(arro3.Table.from_arrays(arrays, names=names), file)
    return file.getvalue()
