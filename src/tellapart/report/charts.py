"""The numbers behind the charts, as the page's script reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tellapart.errors import one_line
from tellapart.evaluation.run_metrics import RunMetrics
from tellapart.report.evidence import Evidence
from tellapart.report.wording import value_text

BARS = 60  # classes that a bar chart can still tell apart
SMOOTHING = 0.8  # of the curves, as in the chapter: how much of what came before a point keeps
NOTHING_CHOSEN: Mapping[str, Any] = MappingProxyType({})
FEW = 2  # pictures of a bin of confidence whose interval says next to nothing
CURVES = 12  # classes with a learning curve of their own
STEP_NAMES = ("epoch", "step")
CURVE = ("threshold", "answered", "wrong", "low", "high")  # what risk_coverage lists
GOOD_ENOUGH = 0.01  # of the answers may be wrong where the slider opens without a threshold of the model
NO_CURVES = {"iterations", "seconds", "pictures_per_s", "l2", "learning_rate", *STEP_NAMES}


def chart_data(metrics: RunMetrics, evidence: Evidence) -> dict[str, Any]:
    """One document for all charts; a part that is null has no chart."""
    test = metrics.test
    return {
        "title": one_line(str(metrics.data["name"])),
        "classes": [one_line(name) for name in metrics.classes],
        "bars": class_bars(test["per_class"]),
        "reliability": test.get("reliability"),
        "thresholds": threshold_curve(metrics),
        "costs": cost_curve(test),
        "recalls": recall_curves(test),
        "smoothing": SMOOTHING,
        "few": FEW,
        "history": history_curves(evidence.history, selected=metrics.selected),
        "learning": learning_points(evidence.analysis.get("learning_curve")),
    }


def class_bars(per_class: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A bar a class: its three figures with their intervals; of more than BARS classes those with the lowest recall."""
    rows = [
        {"name": one_line(row["class"])}
        | {key: [row[key][end] for end in ("value", "low", "high")] for key in ("recall", "precision", "f1")}
        for row in per_class
    ]
    if len(rows) <= BARS:
        return rows
    return sorted(rows, key=lambda row: 2.0 if row["recall"][0] is None else row["recall"][0])[:BARS]


def threshold_curve(metrics: RunMetrics) -> dict[str, Any] | None:
    """What every threshold would answer and get wrong, the strictest first; None where the run has no such curve.

    The curve has about a hundred points, and the model's own threshold lies between two of them: it gets a point of its
    own, so that the slider opens on exactly what the run says of itself.

    Returns:
        `n`, the lists of `risk_coverage`, and `start`, the place the slider opens on: the model's own threshold, or
        where it has none, the loosest at which at most GOOD_ENOUGH of the answers are wrong.
    """
    test, own = metrics.test, chosen_threshold(metrics)
    curve = test.get("risk_coverage")
    if not curve:
        return None
    points = list(zip(*(curve[name] for name in CURVE), strict=True))
    if own is None or "selective" not in test:
        good = [place for place, (_, count, wrong, *_) in enumerate(points) if wrong <= GOOD_ENOUGH * count]
        start = max(good, default=0)
    else:
        stands = test["selective"]
        if not stands["answered"] and own <= points[0][0]:  # classes have thresholds of their own, which none reached
            own = 1.0
        point = (own, stands["answered"], stands["wrong"], stands["error"]["low"], stands["error"]["high"])
        start = sum(count < point[1] for _, count, *_ in points)
        points = [*points[:start], point, *(other for other in points[start:] if other[1] > point[1])]
    lists = {name: [point[place] for point in points] for place, name in enumerate(CURVE)}
    return {"n": test["n"], **lists, "start": start}


def cost_curve(test: Mapping[str, Any]) -> dict[str, Any] | None:
    """What handing over below each threshold would cost, and what the model's own cost; None without a person."""
    cost = test.get("cost")
    return {**cost["curve"], "own": cost["mean"]["value"]} if cost and cost["curve"] else None


def recall_curves(test: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Recall and precision of each class whose recall was asked for, and the model's own point; None without any."""
    rows = [
        {
            "name": one_line(row["class"]),
            "recall": row["curve"]["recall"],
            "precision": row["curve"]["precision"],
            "own": [row["recall"]["value"], row["precision"]["value"]],
        }
        for row in test.get("recalls", ())
    ]
    return rows or None


def chosen_threshold(metrics: RunMetrics) -> float | None:
    """The probability below which the model itself is unsure; None where it has no such threshold."""
    unsure = metrics.thresholds.get("unsure")
    return float(unsure) if isinstance(unsure, int | float) else None


def history_curves(
    history: Sequence[Mapping[str, Any]], *, selected: Mapping[str, Any] = NOTHING_CHOSEN
) -> dict[str, Any] | None:
    """Every column of numbers against the steps, losses apart from shares; None where there are fewer than two rows.

    Returns:
        `step`, the name of what is counted; `in_order`, whether the rows follow one another, as epochs do, or are
        settings side by side; `chosen`, the place of the row that was chosen, or null; `labels`, what each row was
        tried with; and `losses` and `shares`, each {column: numbers or null}.
    """
    if len(history) < 2:
        return None
    settings = selected.get("out_of", {})
    columns = list(dict.fromkeys(key for row in history for key in row if key not in {*NO_CURVES, *settings}))
    numeric = {key: [_number(row.get(key)) for row in history] for key in columns}
    numeric = {key: values for key, values in numeric.items() if sum(value is not None for value in values) > 1}
    shares = {key: values for key, values in numeric.items() if "accuracy" in key}
    step = next((name for name in STEP_NAMES if name in history[0]), "step")
    return {
        "step": step,
        "in_order": step in history[0],
        "chosen": chosen_row(history, selected),
        "labels": [_tried_with(row, place, step=step, settings=settings) for place, row in enumerate(history, start=1)],
        "losses": {one_line(key): values for key, values in numeric.items() if key not in shares},
        "shares": {one_line(key): values for key, values in shares.items()},
    }


def chosen_row(history: Sequence[Mapping[str, Any]], selected: Mapping[str, Any]) -> int | None:
    """The place of the row that has every setting which was chosen; None where there is none, or more than one."""
    settings = [key for key in selected.get("out_of", {}) if key in selected and any(key in row for row in history)]
    places = [
        place
        for place, row in enumerate(history)
        if settings and all(row.get(key) == selected[key] for key in settings)
    ]
    return places[0] if len(places) == 1 else None


def learning_points(curve: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The points of a learning curve with their band, and each class's recall at them; None with fewer than two."""
    points: Sequence[Mapping[str, Any]] = curve["points"] if curve else []
    if len(points) < 2:
        return None
    names = [one_line(row["class"]) for row in points[0]["per_class"]]
    return {
        "points": [
            {"n": point["n"], **{key: point["accuracy"][key] for key in ("value", "low", "high")}} for point in points
        ],
        "per_class": [
            {"class": name, "values": [point["per_class"][place]["recall"]["value"] for point in points]}
            for place, name in enumerate(names[:CURVES])
        ],
    }


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _tried_with(row: Mapping[str, Any], place: int, *, step: str, settings: Iterable[str]) -> str:
    keys = dict.fromkeys((*settings, "depths", "scale", "l2", "stage"))
    tried = [f"{key} {value_text(row[key])}" for key in keys if key in row and key != step]
    return ", ".join([value_text(row.get(step, place)), *tried])
