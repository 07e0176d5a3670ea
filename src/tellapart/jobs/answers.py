"""Answers about pictures, as rows of a table that people and programs read.

Legend: N pictures, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tellapart import files
from tellapart.types import Picture, Probabilities


def write_predictions(
    path: Path, pictures: Sequence[Picture], probabilities: Probabilities, *, classes: Sequence[str]
) -> None:
    """predictions.csv: path, label, predicted, the probability of each class under its name, unsure.

    The column unsure stays empty as long as the model has no threshold to be unsure by.
    """
    header = ["path", "label", "predicted", *classes, "unsure"]
    files.write_csv(path, header, prediction_rows(pictures, probabilities, classes=classes))


def prediction_rows(
    pictures: Sequence[Picture], probabilities: Probabilities, *, classes: Sequence[str]
) -> Iterator[list[str]]:
    """Rows for probabilities float64 [N, K], each to six decimals."""
    best = probabilities.argmax(axis=1)
    for picture, row, place in zip(pictures, probabilities, best, strict=True):
        yield [picture.path, picture.label or "", classes[place], *(f"{value:.6f}" for value in row), ""]
