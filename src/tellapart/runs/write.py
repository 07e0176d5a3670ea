"""The files of a run that have a form of their own.

Legend: N pictures, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tellapart import files
from tellapart.data.given import GivenColumns
from tellapart.heads.abstention import Flags
from tellapart.runs import folder as run_folder
from tellapart.runs.environment import installed_version
from tellapart.runs.read import ANALYSIS_SCHEMA, model_digest
from tellapart.types import Labels, Picture, Probabilities


def write_predictions(
    path: Path,
    pictures: Sequence[Picture],
    probabilities: Probabilities,
    *,
    classes: Sequence[str],
    flags: Flags,
    predicted: Labels | None = None,
    columns: Sequence[str] = (),
) -> None:
    """predictions.csv: path, label, predicted, the probability of each class under p:NAME, unsure, unlike.

    The last two are yes or no, or empty where the model has no threshold to say it by. The classes answered are
    `predicted` int64 [N]; None for the likeliest. Behind them stands what the data says of each picture: the place of a
    box, and a text for each of its own columns.
    """
    best = probabilities.argmax(axis=1) if predicted is None else predicted
    header = ["path", "label", "predicted", *run_folder.class_columns(classes), "unsure", "unlike"]
    given = GivenColumns.of(columns, boxes=any(picture.box for picture in pictures), taken=header)
    rows = prediction_rows(pictures, probabilities, best, classes=classes, flags=flags)
    both = ([*row, *given.values(picture)] for row, picture in zip(rows, pictures, strict=True))
    files.write_csv(path, [*header, *given.names], both if given.names else rows)


def prediction_rows(
    pictures: Sequence[Picture], probabilities: Probabilities, best: Labels, *, classes: Sequence[str], flags: Flags
) -> Iterator[list[str]]:
    """Rows for probabilities float64 [N, K], each to six decimals, and the class int64 [N] that is answered."""
    for number, (picture, row, place) in enumerate(zip(pictures, probabilities, best, strict=True)):
        shares = (f"{value:.6f}" for value in row)
        yield [picture.path, picture.label or "", classes[place], *shares, *flags.words(number)]


def write_history(path: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """history.jsonl, a row a line, in a folder that is made where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, "".join(map(files.to_json_line, history)))


def write_analysis(run: Path, found: Mapping[str, Any]) -> dict[str, Any]:
    """Write RUN/analysis.json, and return what stands in it."""
    head = {"schema": ANALYSIS_SCHEMA, "tellapart": installed_version("tellapart"), "model_sha256": model_digest(run)}
    document = {**found, **head}
    files.write_json(run / run_folder.ANALYSIS, document)
    return document
