"""The files of a run, read back: one reader for each.

Legend: K classes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tellapart import files
from tellapart.errors import DataError
from tellapart.evaluation.run_metrics import SHARE, SURE_SHARE, RunMetrics
from tellapart.report.evidence import Answer
from tellapart.runs import folder as run_folder
from tellapart.shape import COUNT, NULL, NUMBER, misfit

LARGEST_TABLE = 2_000_000_000  # bytes; the predictions of a million pictures of a hundred classes take about 1 GB
LONGEST_LINE = 8_000_000  # characters; a thousand classes take about 10,000
LARGEST_HISTORY, MOST_EPOCHS = 64_000_000, 200_000  # bytes, rows
LARGEST_MODEL = 3_300_000_000  # bytes; what `bundle.container` lets a model file have
LARGEST_JSON = 256_000_000  # bytes; the metrics of a thousand classes take about 8 MB
ANALYSIS_SCHEMA = 1
POINT = {"n": COUNT, "accuracy": SURE_SHARE, "per_class": [{"class": str, "recall": SHARE}]}
SUSPECT = {
    "path": str,
    "label": str,
    "suggested": str,
    "probability_label": NUMBER,
    "probability_suggested": NUMBER,
}
HEAT_MAP = {
    **dict.fromkeys(("path", "class", "method", "values"), str),
    "shape": [COUNT],
    **dict.fromkeys(("strongest?", "score?"), NUMBER),
}
ANALYSIS = {
    "schema": COUNT,
    "model_sha256": str,
    "note?": (str, NULL),
    "learning_curve?": {"points": [POINT], "advice": {"sentence": {"en": str, "zh": str}}},
    "suspects?": [SUSPECT],
    "checked?": {"pictures": COUNT, "of": COUNT},
    "heat_maps?": [HEAT_MAP],
    "heat_maps_all?": bool,
}
LONGEST_NUMBER = 4  # digits of a fold
OLD_COLUMNS = 4  # of split.csv, before it had the sha256 of the content
FLAGS = {"": None, "yes": True, "no": False}
AGAIN = "Train again with --force, or restore the file."


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRow:
    """A row of split.csv."""

    path: str
    label: str
    split: str  # "train", "valid" or "test"
    group: str  # "" where there is none
    sha256: str = ""  # of the content; "" in a run of an older version
    fold: str = ""  # from "1" up, in which it was held out and tested; "" where a split tests


def read_metrics(run: Path) -> RunMetrics:
    """RUN/metrics.json.

    Raises:
        DataError: there is none, it is not JSON, of another schema, or damaged.
    """
    source = run / run_folder.METRICS
    try:
        document = files.parse_json(files.read_bounded(source, limit=LARGEST_JSON))
    except OSError as error:
        hint = "`tellapart train DATA -o RUN` makes one."
        raise DataError("no finished run in this folder", where=run, hint=hint) from error
    except ValueError as error:
        raise DataError("metrics.json is not JSON", where=source, hint=AGAIN) from error
    return RunMetrics.from_json(document, where=source)


def read_analysis(run: Path) -> dict[str, Any]:
    """RUN/analysis.json where it is about the very model of the run; {} where there is none that can be used."""
    try:
        known = files.parse_json(files.read_bounded(run / run_folder.ANALYSIS, limit=LARGEST_JSON))
    except (OSError, ValueError):
        return {}
    if misfit(known, ANALYSIS) is not None or known["schema"] != ANALYSIS_SCHEMA:
        return {}
    return dict(known) if known["model_sha256"] == model_digest(run) else {}


def model_digest(run: Path) -> str | None:
    """sha256 of the model file; None where there is none."""
    try:
        with files.open_regular(run / run_folder.MODEL) as file:
            if os.fstat(file.fileno()).st_size > LARGEST_MODEL:
                return None
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def read_splits(run: Path) -> list[SplitRow]:
    """The rows of RUN/split.csv; none where there is no such file.

    Raises:
        DataError: it is not what a run writes.
    """
    path = run / run_folder.SPLIT
    names, rows = [field.name for field in fields(SplitRow)], []
    for row in read_rows(path):
        if len(row) < OLD_COLUMNS:
            raise DataError("split.csv does not fit the run", where=path, hint=AGAIN)
        rows.append(SplitRow(**dict(zip(names, row, strict=False))))
        if rows[-1].fold and (len(rows[-1].fold) > LONGEST_NUMBER or not rows[-1].fold.isdecimal()):
            raise DataError("split.csv does not fit the run", where=path, hint=AGAIN)
    return rows


def read_answers(run: Path, classes: Sequence[str]) -> list[Answer]:
    """The rows of RUN/predictions.csv; none where the file is missing.

    Raises:
        DataError: a row is not what a run writes.
    """
    path, rows = run / run_folder.PREDICTIONS, read_table(run / run_folder.PREDICTIONS)
    if (names := next(rows, None)) is None:
        return []
    position = {name: place for place, name in enumerate(classes)}
    try:
        columns = answer_columns(names, classes)
        answers = [answer_of(row, columns, position) for row in rows]
    except (KeyError, ValueError, IndexError) as error:
        raise DataError("predictions.csv does not fit the run", where=path, hint=AGAIN) from error
    if len({answer.path for answer in answers}) < len(answers):
        raise DataError("predictions.csv has a path twice", where=path, hint=AGAIN)
    return answers


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerColumns:
    """Where each column of predictions.csv stands; unlike is None where a run of schema 1 has none."""

    path: int
    label: int
    predicted: int
    probabilities: tuple[int, ...]
    unsure: int
    unlike: int | None


def answer_columns(names: Sequence[str], classes: Sequence[str]) -> AnswerColumns:
    """The columns of predictions.csv by their names, those of the classes under `p:CLASS`.

    Runs of schema 1 call them as the classes are called. As a class may have any name, only their order tells there.

    Raises:
        KeyError, ValueError: it has no such columns, or one of them twice.
    """
    shares = run_folder.class_columns(classes)
    if not set(shares) <= set(names):
        before = ["path", "label", "predicted", *classes, "unsure", "unlike"]
        if list(names) not in (before, before[:-1]):
            raise ValueError(f"other columns than of {len(classes)} classes")
        names = ["path", "label", "predicted", *shares, "unsure", "unlike"][: len(names)]
    places = {name: place for place, name in enumerate(names)}
    if len(places) < len(names):
        raise ValueError("a column twice")
    return AnswerColumns(
        path=places["path"],
        label=places["label"],
        predicted=places["predicted"],
        probabilities=tuple(places[name] for name in shares),
        unsure=places["unsure"],
        unlike=places.get("unlike"),
    )


def answer_of(row: Sequence[str], columns: AnswerColumns, position: Mapping[str, int]) -> Answer:
    """A row of predictions.csv, with the classes as their positions.

    Raises:
        KeyError, ValueError, IndexError: it is not what a run writes.
    """
    return Answer(
        path=row[columns.path],
        label=position[row[columns.label]],
        predicted=position[row[columns.predicted]],
        probabilities=tuple(float(row[place]) for place in columns.probabilities),
        unsure=FLAGS[row[columns.unsure]],
        unlike=None if columns.unlike is None else FLAGS[row[columns.unlike]],
    )


def read_ledger(run: Path) -> Iterator[tuple[str, str]]:
    """(status, reason) of each row of RUN/ledger.csv."""
    path = run / run_folder.LEDGER
    for row in read_rows(path):
        if len(row) < 3:
            raise DataError("ledger.csv does not fit the run", where=path, hint=AGAIN)
        yield row[1], row[2]


def read_rows(path: Path) -> Iterator[list[str]]:
    """The rows of a CSV file of ours without its header; none where there is no such file.

    Raises:
        DataError: as `read_table`.
    """
    rows = read_table(path)
    next(rows, None)
    yield from rows


def read_table(path: Path) -> Iterator[list[str]]:
    """The header of a CSV file of ours, and its rows; nothing where there is no such file.

    Raises:
        DataError: it cannot be read, or is not what a run writes.
    """
    try:
        with files.open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > LARGEST_TABLE:
                raise ValueError(f"larger than {LARGEST_TABLE:,} bytes")  # noqa: TRY301  said below with the path
            text = io.TextIOWrapper(io.BufferedReader(file), "utf-8-sig", errors="surrogateescape", newline="")
            rows = csv.reader(bounded_lines(text), strict=True)
            for number, row in enumerate(rows):
                if not number and row[:1] != ["path"]:
                    raise DataError(f"{path.name} has other columns than a run writes", where=path, hint=AGAIN)
                yield row
    except FileNotFoundError:
        return
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path.name} cannot be read ({error})", where=path, hint=AGAIN) from error


def bounded_lines(text: io.TextIOWrapper) -> Iterator[str]:
    """The lines of a text, none of them endless.

    Raises:
        ValueError: one is.
    """
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise ValueError(f"a line of more than {LONGEST_LINE:,} characters")
        yield line


def read_history(run: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of RUN/history.jsonl; none where there is no such file.

    Raises:
        DataError: it is there and cannot be read.
    """
    path = run / run_folder.HISTORY
    try:
        lines = files.read_bounded(path, limit=LARGEST_HISTORY).splitlines()
        if len(lines) > MOST_EPOCHS:
            raise ValueError(f"more than {MOST_EPOCHS:,} rows")  # noqa: TRY301  said below with the path
        rows = [files.parse_json(line) for line in lines]
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise DataError(f"history.jsonl is not JSON Lines ({error})", where=path, hint=AGAIN) from error
    yield from (row for row in rows if isinstance(row, dict))
