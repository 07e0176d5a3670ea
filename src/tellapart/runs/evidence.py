"""What the page shows beside the metrics of a run, gathered from its other files and from its pictures."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.evaluation.run_metrics import RunMetrics
from tellapart.report import choose
from tellapart.report.evidence import Evidence, SuspectCard
from tellapart.report.sections import SUSPECTS_LISTED, ledger_summary
from tellapart.report.shots import take_shots
from tellapart.runs.read import read_answers, read_history, read_ledger
from tellapart.types import Index


def gather(folder: Path, metrics: RunMetrics, *, index: Index | str, analysis: Mapping[str, Any]) -> Evidence:
    """Everything the page shows beside the metrics.

    Args:
        folder: the run.
        metrics: its figures.
        index: where the pictures are, or why they cannot be had, a clause.
        analysis: the document of analysis.json, {} where there is none.

    Raises:
        DataError: a file of the run is there and is not what a run writes.
    """
    classes = metrics.classes
    answers = read_answers(folder, classes)
    suspects = suspect_cards(analysis, classes)
    wrong, right = choose.shown_answers(answers, class_count=len(classes))
    suspected = [suspect.path for suspect in (suspects or ())[:SUSPECTS_LISTED]]
    wanted = choose.in_order_of_need(wrong, suspected, right)
    heats = heat_maps_of(analysis)
    shots = {} if isinstance(index, str) else take_shots(index, wanted, heats=heats)
    without = index if isinstance(index, str) else ""
    if wanted and not shots and not without:
        without = "none of them is where it was; --data names another place"
    return Evidence(
        answers=tuple(answers),
        ledger=ledger_summary(read_ledger(folder)),
        history=tuple(read_history(folder)),
        analysis=analysis,
        suspects=suspects,
        shots=shots,
        strengths=strengths_of(analysis),
        without=without,
    )


def suspect_cards(analysis: Mapping[str, Any], classes: Sequence[str]) -> tuple[SuspectCard, ...] | None:
    """The suspects of an analysis; None where it has not looked for any, or is about other classes."""
    position = {name: place for place, name in enumerate(classes)}
    rows = analysis.get("suspects")
    if rows is None or not position.keys() >= {row[key] for row in rows for key in ("label", "suggested")}:
        return None
    return tuple(
        SuspectCard(
            path=row["path"],
            given=position[row["label"]],
            suggested=position[row["suggested"]],
            given_share=row["probability_label"],
            suggested_share=row["probability_suggested"],
        )
        for row in rows
    )


def strengths_of(analysis: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """The strongest evidence of each heat map and the score of its class, by path; older analyses tell neither."""
    rows = analysis.get("heat_maps", ())
    return {row["path"]: (row["strongest"], row["score"]) for row in rows if "strongest" in row and "score" in row}


def heat_maps_of(analysis: Mapping[str, Any]) -> dict[str, NDArray[np.int8]]:
    """The heat maps of an analysis by path, int8 [h, w] each; without those that are damaged."""
    found = {}
    for row in analysis.get("heat_maps", ()):
        try:
            values = np.frombuffer(base64.b64decode(row["values"], validate=True), np.int8)
        except ValueError:
            continue
        if len(row["shape"]) == 2 and min(row["shape"]) > 0 and math.prod(row["shape"]) == values.size:
            found[row["path"]] = values.reshape(row["shape"])
    return found
