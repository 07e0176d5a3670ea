"""Documents as a run writes them into metrics.json, for tests that read one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tellapart.evaluation.metrics import evaluate
from tellapart.evaluation.run_metrics import RunMetrics
from tellapart.report import charts, figures, page

RUBBISH = ("cardboard", "glass", "metal", "paper", "plastic", "trash")


def metrics_document(
    classes: tuple[str, ...] = RUBBISH, *, test: int = 430, valid: int = 327, skill: float = 2.9, seed: int = 0
) -> dict[str, Any]:
    """A whole document for classes, with made-up predictions on `test` and `valid` pictures.

    Args:
        classes: the class names.
        test: pictures in the test split.
        valid: pictures in the valid split.
        skill: how far the score of the true class stands out; 0 guesses, 20 is always right.
        seed: of the made-up predictions.
    """
    random = np.random.default_rng(seed)
    return {
        "schema": 1,
        "tellapart": "0.1.0",
        "data": {"name": "trashnet", "layout": "split folders"},
        "command": "tellapart train data/trashnet --seed 0",
        "seed": 0,
        "recipe": "features",
        "backbone": {"name": "lite0", "digest": "5d0c" * 16, "size": 224, "precision": "bf16"},
        "classes": list(classes),
        "counts": {"train": 1764, "valid": valid, "test": test},
        "ledger": {"used": 2517, "converted": 4, "skipped": 2},
        "valid": _scores(random, classes, count=valid, skill=skill),
        "test": _scores(random, classes, count=test, skill=skill),
        "temperature": 1.0734,
        "selected": {
            "depths": "all",
            "l2": 0.01,
            "criterion": "log loss",
            "score": 0.2059,
            "chosen_by": "valid",
            "out_of": {"depths": ["last", "all"], "l2": [1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001]},
        },
        "timing": {
            "scan_s": 0.031,
            "decode_s": 1.42,
            "embed_s": 8.713,
            "duplicates_s": 0.4,
            "head_s": 0.84,
            "evaluate_s": 0.012,
            "write_s": 0.21,
            "total_s": 10.94,
            "images_per_s": 289.3,
            "fresh": 2521,
        },
        "environment": {
            "python": "3.12.7",
            "platform": "Linux-6.1.0-x86_64-with-glibc2.36",
            "cpu": "AMD EPYC 9R14",
            "cpu_features": ["avx2", "avx512f", "avx512_bf16"],
            "threads": 2,
            "precision": "bf16",
            "versions": {
                "tellapart": "0.1.0",
                "numpy": "2.1.3",
                "openvino": "2025.3.0",
                "scikit-learn": "1.7.2",
                "pillow": "11.3.0",
            },
        },
        "peak_rss_mb": 512.4,
    }


def run_metrics(document: Any) -> RunMetrics:
    """A document as the reader of metrics.json takes it."""
    return RunMetrics.from_json(document, where=Path("metrics.json"))


def render(document: Any, *evidence: Any) -> str:
    """The page of a document."""
    return page.render_report(run_metrics(document), *evidence)


def write_report(path: Path, document: Any, *evidence: Any) -> None:
    """Write the page of a document."""
    page.write_report(path, run_metrics(document), *evidence)


def write_figures(folder: Path, document: Any, evidence: Any) -> list[Path]:
    """Write the plots of a document."""
    return figures.write_figures(folder, run_metrics(document), evidence)


def chart_data(document: Any, evidence: Any) -> dict[str, Any]:
    """The numbers behind the charts of a document."""
    return charts.chart_data(run_metrics(document), evidence)


def _scores(random: np.random.Generator, classes: tuple[str, ...], *, count: int, skill: float) -> dict[str, Any]:
    # Class sizes fall off, as in most folders; the first pictures make sure that no class is empty.
    labels = np.minimum(random.geometric(2 / len(classes), count) - 1, len(classes) - 1)
    labels[: len(classes)] = np.arange(len(classes))[:count]
    scores = random.normal(size=(count, len(classes))) + skill * np.eye(len(classes))[labels]
    # Of scores with unit noise, this is the true probability of each class, so that the figures look calibrated.
    logits = skill * scores
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return evaluate(exponentials / exponentials.sum(axis=1, keepdims=True), labels, classes=classes)
