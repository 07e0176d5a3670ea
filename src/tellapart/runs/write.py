"""Answers about pictures, as rows of a table that people and programs read.

Legend: N pictures, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tellapart import files
from tellapart.heads.abstention import Flags
from tellapart.types import Picture, Probabilities


def write_predictions(
    path: Path,
    pictures: Sequence[Picture],
    probabilities: Probabilities,
    *,
    classes: Sequence[str],
    flags: Flags,
) -> None:
    """predictions.csv: path, label, predicted, the probability of each class under its name, unsure, unlike.

    The last two are yes or no, or empty where the model has no threshold to say it by.
    """
    header = ["path", "label", "predicted", *classes, "unsure", "unlike"]
    files.write_csv(path, header, prediction_rows(pictures, probabilities, classes=classes, flags=flags))


def prediction_rows(
    pictures: Sequence[Picture], probabilities: Probabilities, *, classes: Sequence[str], flags: Flags
) -> Iterator[list[str]]:
    """Rows for probabilities float64 [N, K], each to six decimals."""
    best = probabilities.argmax(axis=1)
    for number, (picture, row, place) in enumerate(zip(pictures, probabilities, best, strict=True)):
        shares = (f"{value:.6f}" for value in row)
        yield [picture.path, picture.label or "", classes[place], *shares, *flags.words(number)]
