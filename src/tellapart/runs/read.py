"""What a run's own files say beside its metrics, read back for the report.

Legend: K classes.
"""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart import files
from tellapart.data.scan import scan
from tellapart.errors import DataError, TellapartError
from tellapart.report import choose
from tellapart.report.evidence import Answer, Evidence, SuspectCard
from tellapart.report.sections import SUSPECTS_LISTED, ledger_summary
from tellapart.report.shots import take_shots
from tellapart.runs import folder as run_folder
from tellapart.types import Index

LARGEST = 1_000_000_000  # bytes of a file of ours; the predictions of a million pictures of a hundred classes
FLAGS = {"": None, "yes": True, "no": False}
AGAIN = "Train again with --force, or restore the file."


def gather(folder: Path, document: Mapping[str, Any], *, index: Index | str, analysis: Mapping[str, Any]) -> Evidence:
    """Everything the page shows beside the metrics.

    Args:
        folder: the run.
        document: the metrics.
        index: where the pictures are, or why they cannot be had, a clause.
        analysis: the document of analysis.json, {} where there is none.

    Raises:
        DataError: a file of the run is there and is not what a run writes.
    """
    classes = document["classes"]
    answers = read_answers(folder / run_folder.PREDICTIONS, classes)
    suspects = read_suspects(analysis, classes)
    wrong = choose.mistakes(answers)[: choose.MISTAKES]
    right = choose.samples(answers, class_count=len(classes))
    suspected = [suspect.path for suspect in (suspects or ())[:SUSPECTS_LISTED]]
    wanted = choose.in_order_of_need(wrong, suspected, right)
    heats = read_heats(analysis)
    shots = {} if isinstance(index, str) else take_shots(index, wanted, heats=heats)
    without = index if isinstance(index, str) else ""
    if wanted and not shots and not without:
        without = "none of them is where it was; --data names another place"
    return Evidence(
        answers=tuple(answers),
        ledger=ledger_summary(read_ledger(folder / run_folder.LEDGER)),
        history=tuple(read_history(folder / run_folder.HISTORY)),
        analysis=analysis,
        suspects=suspects,
        shots=shots,
        without=without,
    )


def find_pictures(data: str | None) -> Index | str:
    """Index the data of a run again, or say why that cannot be done, as a clause."""
    if not data:
        return "the run does not say where its data was; --data names it"
    try:
        return scan(Path(data))
    except (TellapartError, OSError) as error:
        reason = error.what if isinstance(error, TellapartError) else str(error.strerror)
        return f"the data is no longer where it was ({reason}: {data}); --data names another place"


def read_answers(path: Path, classes: Sequence[str]) -> list[Answer]:
    """The rows of predictions.csv; none where the file is missing.

    The columns are found by their place, since a class may have any name: path, label, predicted, a probability for
    each class, unsure, unlike.

    Raises:
        DataError: a row is not what a run writes.
    """
    position = {name: place for place, name in enumerate(classes)}
    try:
        return [answer_of(row, position) for row in read_rows(path)]
    except (KeyError, ValueError, IndexError) as error:
        raise DataError("predictions.csv does not fit the run", where=path, hint=AGAIN) from error


def answer_of(row: Sequence[str], position: Mapping[str, int]) -> Answer:
    stop = 3 + len(position)
    shares = tuple(map(float, row[3:stop]))
    if len(shares) != len(position):
        raise ValueError("a probability is missing")
    return Answer(
        path=row[0],
        label=position[row[1]],
        predicted=position[row[2]],
        probabilities=shares,
        unsure=FLAGS[row[stop]],
        unlike=FLAGS[row[stop + 1]] if len(row) > stop + 1 else None,
    )


def read_ledger(path: Path) -> Iterator[tuple[str, str]]:
    """(status, reason) of each row of ledger.csv."""
    for row in read_rows(path):
        if len(row) < 3:
            raise DataError("ledger.csv does not fit the run", where=path, hint=AGAIN)
        yield row[1], row[2]


def read_rows(path: Path) -> Iterator[list[str]]:
    """The rows of a CSV file of ours without its header; none where there is no such file."""
    text = read_text(path)
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        if text and next(rows, [])[:1] != ["path"]:
            raise DataError(f"{path.name} has other columns than a run writes", where=path, hint=AGAIN)
        yield from rows
    except csv.Error as error:
        raise DataError(f"{path.name} cannot be read ({error})", where=path, hint=AGAIN) from error


def read_history(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of history.jsonl."""
    for line in read_text(path).splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError("history.jsonl is not JSON Lines", where=path, hint=AGAIN) from error
        if isinstance(row, dict):
            yield row


def read_text(path: Path) -> str:
    """A file of a run as text; "" where it is missing.

    Raises:
        DataError: it is there and cannot be read.
    """
    try:
        return files.read_bounded(path, limit=LARGEST).decode("utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise DataError(f"{path.name} cannot be read ({error})", where=path, hint=AGAIN) from error


def read_suspects(analysis: Mapping[str, Any], classes: Sequence[str]) -> tuple[SuspectCard, ...] | None:
    """The suspects of an analysis; None where it has not looked for any."""
    if analysis.get("suspects") is None:
        return None
    position = {name: place for place, name in enumerate(classes)}
    return tuple(
        SuspectCard(
            path=str(row["path"]),
            given=position[row["label"]],
            suggested=position[row["suggested"]],
            given_share=float(row["probability_label"]),
            suggested_share=float(row["probability_suggested"]),
        )
        for row in analysis["suspects"]
    )


def read_heats(analysis: Mapping[str, Any]) -> dict[str, NDArray[np.int8]]:
    """The heat maps of an analysis by path, int8 [h, w] each."""
    maps = analysis.get("heat_maps") or ()
    return {
        row["path"]: np.frombuffer(base64.b64decode(row["values"], validate=True), np.int8).reshape(row["shape"])
        for row in maps
    }
