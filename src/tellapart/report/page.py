"""From the document in metrics.json to report.html: one file that needs no network and no script.

Every text that comes from the document passes `one_line`, which shows control and direction characters instead of
obeying them, and then Jinja's escaping; the page's own policy forbids scripts, so a class may have any name at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from jinja2.exceptions import UndefinedError

from tellapart import files
from tellapart.errors import DataError, one_line
from tellapart.report import wording

SCHEMA = 1
TEMPLATES = ("report.html.jinja", "report.css")
# 150 x 150 cells are 0.3 MB of page; beyond that nobody reads a matrix, and the list of mistakes says more.
LARGEST_MATRIX = 150
MISTAKES_SHOWN = 10

# Name, what it says, key in the metrics, how its number reads.
MEASURES = (
    ("Accuracy", "pictures told right", "accuracy", wording.percent),
    ("Balanced accuracy", "the same, with every class counting alike", "balanced_accuracy", wording.percent),
    ("Log loss", "0 is perfect; being sure and wrong costs most", "log_loss", wording.loss),
    ("Brier score", "0 is perfect; 2 is certain and always wrong", "brier", wording.loss),
    ("Calibration error", "how far “90 % sure” is from right nine times in ten", "ece", wording.percent),
)
CHOICES = {
    "depths": "Depths of the base",
    "l2": "L2 strength",
    "criterion": "Criterion",
    "score": "Its value",
    "accuracy": "Accuracy there",
    "note": "Remark",
    "chosen_by": "Judged by",
    "out_of": "Out of",
}
TIMES = {
    "scan_s": "Find the pictures",
    "decode_s": "Read and decode",
    "embed_s": "Run the base",
    "duplicates_s": "Look for duplicates",
    "head_s": "Search and train the head",
    "evaluate_s": "Evaluate",
    "write_s": "Write the results",
    "total_s": "In all",
}
SPEED = {
    "findings_s": "Look for flaws in the data, in seconds",
    "images_per_s": "Pictures a second",
    "fresh": "Pictures not in the cache",
}
SURROUNDINGS = {
    "python": "Python",
    "platform": "System",
    "cpu": "CPU",
    "cpu_features": "CPU features",
    "threads": "Threads",
    "precision": "Precision",
}


def write_report(path: Path, metrics: Mapping[str, Any]) -> None:
    """Write the page that shows a run, from its metrics alone.

    Args:
        path: where the page goes; an older one is replaced.
        metrics: the document of metrics.json, schema 1.

    Raises:
        DataError: metrics is no such document, or lacks something.
        OutputError: the page cannot be written.
    """
    hint = "Train again with this version to make the run anew."
    schema = metrics.get("schema") if isinstance(metrics, Mapping) else None
    if schema != SCHEMA:
        what = f"the run's metrics have schema {wording.plain(schema)}, and this version reads {SCHEMA}"
        raise DataError(what, where=path.parent, hint=hint)
    try:
        page = render(metrics)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, UndefinedError) as error:
        raise DataError(f"the run's metrics are incomplete ({error})", where=path.parent, hint=hint) from error
    files.write_text(path, page)


def render(metrics: Mapping[str, Any]) -> str:
    """The page as text; the arguments and the errors of a broken document are those of `write_report`."""
    sources = {name: resources.files(__package__).joinpath(name).read_text(encoding="utf-8") for name in TEMPLATES}
    environment = Environment(
        loader=DictLoader(sources), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        percent=wording.percent,
        between=wording.between,
        span=wording.span,
        counted=wording.counted,
        plain=wording.plain,
    )
    return environment.get_template(TEMPLATES[0]).render(run=metrics, **_sections(metrics))


def _sections(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What the template shows beside the document itself, worked out so that it only has to lay it out."""
    test, environment = metrics["test"], dict(metrics["environment"])
    names = [one_line(name) for name in metrics["classes"]]
    versions = {"tellapart": metrics["tellapart"]} | environment.pop("versions")
    return {
        "names": names,
        "measures": _measures(test, metrics["valid"]),
        "matrix": _matrix(test["confusion"]) if len(names) <= LARGEST_MATRIX else None,
        "mistakes": _mistakes(test["confusion"], names)[:MISTAKES_SHOWN],
        "wrong": test["n"] - sum(row[position] for position, row in enumerate(test["confusion"])),
        "choices": wording.rows(_spread(metrics["selected"]), CHOICES),
        "times": _times(metrics["timing"], metrics["peak_rss_mb"]),
        "surroundings": wording.rows(environment, SURROUNDINGS),
        "versions": wording.rows(versions, {}),
    }


def _measures(*splits: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row a measure: its name, what it says, and its figure in each split."""
    flat = [{**scores, "accuracy": scores["accuracy"]["value"]} for scores in splits]
    return [(name, meaning, *(show(scores[key]) for scores in flat)) for name, meaning, key, show in MEASURES]


def _spread(selected: Mapping[str, Any]) -> dict[str, Any]:
    """What was chosen, with the alternatives of each choice beside it."""
    choices = {key: value for key, value in selected.items() if key != "out_of"}
    for key, alternatives in selected["out_of"].items():
        choices[key] = f"{wording.plain(choices[key])} (out of {wording.plain(alternatives)})"
    return choices


def _times(timing: Mapping[str, Any], peak: float | None) -> list[tuple[str, str]]:
    """Each stage in seconds in the order of the work, then what else was measured; peak is in megabytes or unknown."""
    seconds = [(label, f"{timing[key]:.2f} s") for key, label in TIMES.items() if key in timing]
    others = {key: value for key, value in timing.items() if key not in TIMES}
    memory = wording.plain(None) if peak is None else f"{peak:,.0f} MB"
    return [*seconds, *wording.rows(others, SPEED), ("Most memory", memory)]


def _matrix(confusion: list[list[int]]) -> list[list[tuple[int, int]]]:
    """Each cell as (count, tint): the tint 0..100 follows the root of its share of the row, so that few show too."""
    return [[(count, round(100 * (count / max(sum(row), 1)) ** 0.5)) for count in row] for row in confusion]


def _mistakes(confusion: list[list[int]], names: list[str]) -> list[dict[str, Any]]:
    """Every pair that was taken one for the other, the most frequent first, ties in the order of the classes."""
    pairs = [
        {"true": names[true], "predicted": names[predicted], "count": count, "of": sum(row)}
        for true, row in enumerate(confusion)
        for predicted, count in enumerate(row)
        if true != predicted and count
    ]
    return sorted(pairs, key=lambda pair: -pair["count"])
