"""Answers as a table that programs read: CSV, JSON Lines and Parquet, with the same columns in the same order.

Legend: K classes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Any, BinaryIO

from tellapart import files
from tellapart.answers import Answers
from tellapart.data.given import GivenColumns
from tellapart.data.names import written
from tellapart.extras import load_extra
from tellapart.runs.folder import class_columns
from tellapart.text import inert

FIRST = ("path", "predicted", "probability")
MARKS = ("unsure", "unlike", "empty")
LAST = "error"
OTHERS = ("file", "probabilities")  # names that tables and objects made of answers have besides
WORDS = {True: "yes", False: "no", None: ""}
PARQUET_HINT = "Install it with: pip install arro3-core arro3-io"
ROW_GROUP = 8192  # rows


def columns(answers: Answers) -> list[str]:
    """path, predicted, probability, one for each of K classes, unsure, unlike, empty, error; then what data gives."""
    return [*own_columns(answers.classes), *given_columns(answers).names]


def own_columns(classes: Sequence[str]) -> list[str]:
    return [*FIRST, *class_columns(classes), *MARKS, LAST]


def given_columns(answers: Answers) -> GivenColumns:
    """What the data says of pictures: the place of each box, and the columns of its own."""
    taken = (*own_columns(answers.classes), *OTHERS)
    return GivenColumns.of(answers.columns, boxes=answers.boxed, taken=taken)


def answer_rows(answers: Answers) -> Iterator[tuple[str, int | None, str]]:
    """Path, row among the answers or None, and the reason for None, in the order in which the pictures were given."""
    readable = count()
    for entry in answers.ledger:
        skipped = entry.status == "skipped"
        yield entry.path, None if skipped else next(readable), entry.reason if skipped else ""


def answer_values(answers: Answers) -> Iterator[list[Any]]:
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
    for row in answer_values(answers):
        yield [cell_text(value) for value in row]


def cell_text(value: str | float | bool | None) -> str:
    if isinstance(value, float):
        return f"{value:.6f}"
    return inert(written(value)) if isinstance(value, str) else WORDS[value]


def csv_head(answers: Answers) -> str:
    """The names of the columns, a line."""
    return files.csv_rows([columns(answers)])


def answers_csv_rows(answers: Answers) -> str:
    """A row for each picture given, unreadable ones with their reason in the column error."""
    return files.csv_rows(text_rows(answers))


def jsonl_rows(answers: Answers) -> str:
    """A line for each picture given, as `documents` has them."""
    return "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents(answers))


def documents(answers: Answers) -> Iterator[dict[str, Any]]:
    """An object for each picture given, unreadable ones with their reason under error."""
    names = given_columns(answers).names
    for row in answer_values(answers):
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


def kept_rows(answers: Answers) -> str:
    """A line of JSON for each picture given: the values that a row of a Parquet file will have."""
    rows = ([written(value) if isinstance(value, str) else value for value in row] for row in answer_values(answers))
    return "".join(json.dumps(row) + "\n" for row in rows)


def write_answers_parquet(lines: Iterable[bytes], file: BinaryIO, *, head: Answers) -> None:
    """A Parquet file of lines of `kept_rows`, so many rows a group that one group at a time is held in memory.

    Text, probabilities as float64, marks as booleans, null where there is nothing.

    Args:
        lines: the rows.
        file: is written to.
        head: answers about no picture, for the columns.

    Raises:
        MissingExtraError: arro3 is not installed.
    """
    arro3 = load_extra("arro3.core", "arro3", hint=PARQUET_HINT)
    write = load_extra("arro3.io", "arro3", hint=PARQUET_HINT).write_parquet
    kind = arro3.DataType
    texts = ("path", "predicted", LAST, *given_columns(head).names)
    kinds = {name: kind.utf8() for name in texts} | {name: kind.bool() for name in MARKS}
    fields = [arro3.Field(name, kinds.get(name, kind.float64()), nullable=True) for name in columns(head)]
    schema = arro3.Schema(fields)

    def batches() -> Iterator[Any]:
        rest = iter(lines)
        while rows := [json.loads(line) for line in islice(rest, ROW_GROUP)]:
            made = [
                arro3.Array(list(column), type=field.type)
                for column, field in zip(zip(*rows, strict=True), fields, strict=True)
            ]
            yield arro3.RecordBatch.from_arrays(made, schema=schema)

    write(arro3.RecordBatchReader.from_batches(schema, batches()), file, max_row_group_size=ROW_GROUP)


def check_parquet() -> None:
    """Find out, before any work, whether Parquet can be written.

    Raises:
        MissingExtraError: arro3 is not installed.
    """
    for module in ("arro3.core", "arro3.io"):
        load_extra(module, "arro3", hint=PARQUET_HINT)
