"""The document of metrics.json: what was trained on what, and how good it is.

Legend: K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from tellapart.errors import DataError, one_line
from tellapart.heads.unknown_kinds import UNKNOWN_KINDS
from tellapart.shape import ANYTHING, COUNT, NULL, NUMBER, NUMBER_OR_NULL, misfit

SCHEMA = 1
SHARE = {"value": NUMBER_OR_NULL, "low": NUMBER_OR_NULL, "high": NUMBER_OR_NULL}
SURE_SHARE = dict.fromkeys(SHARE, NUMBER)
CLASS_FIGURES = {"class": str, "n": COUNT, "precision": SHARE, "recall": SHARE, "f1": SHARE}
BIN = {"from": NUMBER, "to": NUMBER, "n": COUNT, "confidence": NUMBER, "accuracy": SURE_SHARE}
CURVE = {"threshold": [NUMBER], "answered": [COUNT], "wrong": [COUNT], "low": [NUMBER], "high": [NUMBER]}
SELECTIVE = {"answered": COUNT, "wrong": COUNT, "coverage": SHARE, "error": SHARE, "unlike": SHARE}
FIGURES: dict[str, Any] = {
    "n": COUNT,
    "accuracy": SURE_SHARE,
    "balanced_accuracy": NUMBER,
    "baseline?": {
        "class": str,
        "accuracy": SURE_SHARE,
        "balanced_accuracy?": NUMBER,
        "p_value": NUMBER,
        "beaten": bool,
    },
    "log_loss": NUMBER,
    "brier": NUMBER,
    "ece": NUMBER,
    "per_class": [CLASS_FIGURES],
    "confusion": [[COUNT]],
    "intervals?": {str: {"low": NUMBER_OR_NULL, "high": NUMBER_OR_NULL}},
    "ece_noise?": {"mean": NUMBER, "high": NUMBER},
    "reliability?": [BIN],
    "risk_coverage?": CURVE,
    "selective?": SELECTIVE,
    "cost?": {"mean": SHARE, "likeliest": NUMBER, "handed": (int, NULL), "curve": ANYTHING},
    "recalls?": [
        {
            "class": str,
            "recall": SHARE,
            "precision": SHARE,
            "curve": {"weight": [NUMBER], "recall": [NUMBER], "precision": [NUMBER]},
        }
    ],
}
COST_CURVE = {"threshold": [NUMBER], "cost": [NUMBER]}
RECALL = {
    "place": COUNT,
    "asked": NUMBER,
    "shown": NUMBER,
    "kept": bool,
    "pictures": COUNT,
    "needed": COUNT,
    "weight": NUMBER,
}
GUARANTEE = {
    "asked": NUMBER,
    "error": NUMBER_OR_NULL,
    "kept": bool,
    "pictures": COUNT,
    "needed": COUNT,
    "sentence": str,
}
CLASS_PROMISE = {"error": NUMBER_OR_NULL, "answered": COUNT, "missed": NUMBER, "shown": COUNT, "learned": COUNT}
FINDING = {
    "code": str,
    "title": str,
    "outcome": str,
    "severity": (str, NULL),
    "message": str,
    "advice?": str,
    "facts?": {str: ANYTHING},
}
FOLDS = {"count": COUNT, "intervals": {"design_effect": NUMBER, "luck": NUMBER, "weight": NUMBER}}
SECONDS = ("scan_s", "decode_s", "embed_s", "head_s", "evaluate_s", "write_s", "total_s")
LATER_SECONDS = ("findings_s?", "duplicates_s?", "analyse_s?")
SHAPE: dict[str, Any] = {
    "tellapart": (str, NULL),
    "data": {"name": str, "layout": str},
    "command": str,
    "seed": int,
    "recipe": str,
    "max_error?": NUMBER,
    "data_path?": (str, NULL),
    "backbone": {"name": str, "digest": str, "size": COUNT, "sizes?": [COUNT], "precision": str},
    "classes": [str],
    "ledger": {"used": COUNT, "converted": COUNT, "skipped": COUNT},
    "counts": {"train": COUNT, "valid": COUNT, "test": COUNT},
    "valid": FIGURES,
    "test": FIGURES,
    "folds?": ANYTHING,
    "leaks?": [{str: ANYTHING}],
    "duplicates?": {str: COUNT},
    "together?": {str: ANYTHING},
    "leads?": str,
    "thresholds?": {
        "unsure": NUMBER_OR_NULL,
        "unsure_by_class?": [NUMBER],
        "unlike": NUMBER_OR_NULL,
        "promise": ANYTHING,
        "promise_by_class?": [CLASS_PROMISE],
        "unknown_kinds?": UNKNOWN_KINDS,
    },
    "temperature": NUMBER,
    "operating_point?": {"recalls?": [RECALL]},
    "selected": {"out_of": {str: [ANYTHING]}},
    "findings?": [FINDING],
    "test_uses?": {"runs": (int, NULL), "flattery": NUMBER_OR_NULL},
    "parity?": {
        "pictures": COUNT,
        **dict.fromkeys(("labels", "unsure", "unlike"), (int, NULL)),
        **dict.fromkeys(("largest", "mean"), NUMBER_OR_NULL),
    },
    "timing": {**dict.fromkeys((*SECONDS, *LATER_SECONDS), NUMBER), "images_per_s": NUMBER_OR_NULL},
    "environment": {"versions": {str: ANYTHING}},
    "peak_rss_mb": NUMBER_OR_NULL,
    "features_mb?": NUMBER,
}
HINT = "Train again with this version to make the run anew."


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMetrics:
    """metrics.json; every mapping is ready for JSON."""

    schema: int = SCHEMA  # of this document
    tellapart: str | None  # the version that wrote it; None where it was not installed
    data: Mapping[str, str]  # `name` and `layout` of the set
    command: str = ""  # how the run was asked for; "" from Python
    seed: int  # of everything random
    recipe: str  # what was trained, by name
    max_error: float | None = None  # of wrong answers, the largest share asked for; None in a run of an older version
    data_path: str | None = None  # where the data was; None in a run of an older version
    # `name`, `digest`, `size` in pixels and `precision` of the base that answers; of a joined one `sizes`, its halves'
    backbone: Mapping[str, Any]
    classes: tuple[str, ...]  # K names, in the order of every column
    ledger: Mapping[str, int]  # how many files were `used`, `converted` and `skipped`
    counts: Mapping[str, int]  # how many pictures are in each split
    valid: Mapping[str, Any]  # the figures of valid, see `evaluate`
    test: Mapping[str, Any]  # those of test, with `without_leaks` where pictures leak
    leads: str = "accuracy"  # the figure that says more, or balanced_accuracy: where test classes are unequal
    folds: Mapping[str, Any] = field(default_factory=dict)  # how folds tested every picture; {} where a split did
    leaks: tuple[
        Mapping[str, Any], ...
    ] = ()  # pictures with a near-duplicate, or one of their group, in a split before theirs
    duplicates: Mapping[str, int] = field(default_factory=dict)  # how many groups of each kind of copy there are
    together: Mapping[str, Any] = field(default_factory=dict)  # how groups were kept on one side of the splits
    thresholds: Mapping[str, Any] = field(default_factory=dict)  # of unsure and unlike, and the promise
    temperature: float  # what logits are divided by
    operating_point: Mapping[str, Any] = field(default_factory=dict)  # by what answers are chosen; {} the likeliest
    selected: Mapping[str, Any]  # what was chosen, and out of what
    findings: tuple[Mapping[str, Any], ...] = ()  # what an audit that costs nothing found
    test_uses: Mapping[str, Any] = field(default_factory=dict)  # models scored on this test so far, see `test_uses`
    parity: Mapping[str, Any] = field(default_factory=dict)  # what the model file says of test pictures; {} if old
    timing: Mapping[str, Any] = field(default_factory=dict)  # seconds of each stage, and pictures a second
    environment: Mapping[str, Any] = field(default_factory=dict)  # versions, processor and precision
    peak_rss_mb: float | None = None  # the most memory that was used, in megabytes; None where the system does not say
    features_mb: float | None = None  # the size of the features, in megabytes; None in a run of an older version

    def to_json(self) -> dict[str, Any]:
        """The document, in the order of the attributes."""
        document = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in document.items()}

    @classmethod
    def from_json(cls, document: object, *, where: Path) -> Self:
        """The metrics of a document from a file, checked for all that anything of ours reads of it.

        Raises:
            DataError: it is none of this schema, or something in it is missing or of another kind.
        """
        schema = document.get("schema") if isinstance(document, dict) else None
        if not isinstance(document, dict) or schema != SCHEMA or isinstance(schema, bool):
            what = f"the run's metrics have schema {one_line(str(schema))}, and this version reads {SCHEMA}"
            raise DataError(what, where=where, hint=HINT)
        place = misfit(document, SHAPE) or _misfit_of_classes(document)
        if place is not None:
            raise DataError(f"metrics.json is damaged at {one_line(place)}", where=where, hint=HINT)
        known: dict[str, Any] = {each.name: document[each.name] for each in fields(cls) if each.name in document}
        lists = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
        return cls(**{**known, **lists})


def _misfit_of_classes(document: Mapping[str, Any]) -> str | None:
    """Where a table does not have a row, or a column, for each class."""
    count = len(document["classes"])
    if count < 2:
        return "classes"
    for split in ("valid", "test"):
        if len(document[split]["per_class"]) != count:
            return f"{split}.per_class"
        if [len(row) for row in document[split]["confusion"]] != [count] * count:
            return f"{split}.confusion"
        if len({len(column) for column in document[split].get("risk_coverage", {}).values()}) > 1:
            return f"{split}.risk_coverage"
        if (place := _misfit_of_curves(document[split], where=split)) is not None:
            return place
    return _misfit_of_thresholds(document.get("thresholds", {}), count=count) or _misfit_of_folds(document)


def _misfit_of_folds(document: Mapping[str, Any]) -> str | None:
    """Where what is said of folds is not that."""
    folds = document.get("folds")
    return misfit(folds, FOLDS, where="folds") if folds else None


def _misfit_of_thresholds(thresholds: Mapping[str, Any], *, count: int) -> str | None:
    """Where what is promised is not of each of K classes, or no promise."""
    for name in ("unsure_by_class", "promise_by_class"):
        if len(thresholds.get(name) or range(count)) != count:
            return f"thresholds.{name}"
    guarantee = thresholds.get("promise")
    return None if guarantee is None else misfit(guarantee, GUARANTEE, where="thresholds.promise")


def _misfit_of_curves(figures: Mapping[str, Any], *, where: str) -> str | None:
    """Where a curve of costs or recalls is none."""
    curves = [(f"{where}.recalls", row["curve"]) for row in figures.get("recalls", ())]
    if (cost := figures.get("cost", {}).get("curve")) is not None:
        if (place := misfit(cost, COST_CURVE, where=f"{where}.cost.curve")) is not None:
            return place
        curves.append((f"{where}.cost.curve", cost))
    return next((place for place, curve in curves if len({len(column) for column in curve.values()}) > 1), None)
