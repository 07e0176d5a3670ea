"""From probabilities and true labels to every figure that is reported.

Legend: N pictures, K classes. Nothing of size [N, K] is ever copied.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.evaluation.intervals import UNKNOWN, Interval, wilson
from tellapart.evaluation.paired import mcnemar
from tellapart.evaluation.reliability import calibration_error, reliability
from tellapart.evaluation.resampling import balanced_interval, calibration_noise, figure_intervals
from tellapart.evaluation.selective import risk_coverage, selective_figures
from tellapart.heads.abstention import Flags
from tellapart.heads.calibration import SMALLEST_PROBABILITY, answer_probability
from tellapart.heads.prior import are_unequal
from tellapart.types import Labels, Probabilities

LARGEST_LOG_LOSS = -math.log(SMALLEST_PROBABILITY)
# Softmax in single precision over a thousand classes sums to one within 1e-6; logits or raw scores are far off.
SUM_TOLERANCE = 1e-4
SIGNIFICANT = 0.05


def evaluate(
    probabilities: Probabilities,
    labels: Labels,
    *,
    classes: Sequence[str],
    flags: Flags | None = None,
    commonest: int | None = None,
    predicted: Labels | None = None,
    weight: float = 1.0,
) -> dict[str, Any]:
    """Every figure of one split, ready for JSON.

    Shares carry their 95 % Wilson interval. A class without pictures has null for precision, recall and F1 and does not
    count in the balanced accuracy; a class that is never predicted has null for precision.

    Args:
        probabilities: float64 [N, K], rows that sum to one.
        labels: int64 [N], positions in classes.
        classes: the K class names.
        flags: what is said beside each of the N answers; None where that is not asked about.
        predicted: int64 [N], the classes that are answered; None for the likeliest, the first of them on a tie.
        commonest: the class that was commonest in training; None for that of these pictures.
        weight: what each picture counts as in the intervals, in (0, 1]; less than 1 where they do not err apart.

    Returns:
        `n`; `accuracy` {value, low, high}; `balanced_accuracy`, the mean recall of the classes present; `baseline`, see
        `always_the_commonest`; `log_loss` in nats, with probabilities clipped from below at 1e-15; `brier`, the mean
        squared error, 0 to 2 (Brier, 1950); `ece`, see `calibration_error`; `per_class`
        [{class, n, precision, recall, f1}], each {value, low, high}; `confusion`, K x K counts, a row a true class;
        `intervals`, {low, high, method} of each bare number; `ece_noise`, the calibration error that chance
        alone would give; `reliability`, its bins; `risk_coverage`, what is answered and what of it is wrong at each
        threshold; and with flags `selective`, see `selective_figures`.

    Raises:
        ValueError: no pictures, shapes that do not fit, labels outside the classes, or rows that are no probabilities.
    """
    _check(probabilities, labels, class_count=len(classes))
    predicted = probabilities.argmax(axis=1) if predicted is None else predicted
    correct, confidence = predicted == labels, answer_probability(probabilities, predicted)
    log_losses, brier_losses = losses(probabilities, labels)
    confusion = confusion_counts(labels, predicted, class_count=len(classes))
    support, hits = confusion.sum(axis=1), confusion.diagonal()
    recalls = hits[support > 0].tolist(), support[support > 0].tolist()
    samples = {"log_losses": log_losses, "brier_losses": brier_losses, "confidence": confidence, "correct": correct}
    return {
        "n": len(labels),
        "accuracy": wilson(int(hits.sum()), len(labels), weight=weight).to_json(),
        "balanced_accuracy": float(np.divide(*recalls).mean()),
        "baseline": always_the_commonest(confusion, classes, commonest=commonest, weight=weight),
        "log_loss": float(log_losses.mean()),
        "brier": float(brier_losses.mean()),
        "ece": calibration_error(confidence, correct=correct),
        "per_class": _per_class(confusion, classes, weight=weight),
        "confusion": confusion.tolist(),
        "intervals": figure_intervals(**samples, recalls=recalls, largest_log_loss=LARGEST_LOG_LOSS, weight=weight),
        "ece_noise": calibration_noise(confidence, weight=weight),
        "reliability": reliability(confidence, correct=correct, weight=weight),
        "risk_coverage": risk_coverage(confidence, correct=correct, weight=weight),
        **({} if flags is None else {"selective": selective_figures(flags, correct=correct, weight=weight)}),
    }


def leading_figure(figures: Mapping[str, Any]) -> str:
    """The name of the figure that says more of a split: the balanced accuracy where classes are unequal in it."""
    counts = np.array([row["n"] for row in figures["per_class"]], np.int64)
    return "balanced_accuracy" if are_unequal(counts) else "accuracy"


def losses(probabilities: Probabilities, labels: Labels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The log loss and the Brier loss, float64 [N] each, of probabilities float64 [N, K] and labels int64 [N]."""
    own = probabilities[np.arange(len(labels)), labels]
    # Sum over classes of (p - y)^2 = sum of p^2, less 2 p of the true class, plus 1.
    brier = np.maximum(np.einsum("nk,nk->n", probabilities, probabilities) - 2 * own + 1, 0.0)
    return -np.log(np.maximum(own, SMALLEST_PROBABILITY)), brier


def always_the_commonest(
    confusion: NDArray[np.int64], classes: Sequence[str], *, commonest: int | None, weight: float = 1.0
) -> dict[str, Any]:
    """What answering one class for every picture would score, and whether the classifier can be told from that.

    Args:
        confusion: int64 [K, K], a row a true class.
        classes: K names.
        commonest: the class that is always answered; None for the commonest of these pictures.
        weight: what each picture counts as, in (0, 1].

    Returns:
        `class`; `accuracy` {value, low, high}; `balanced_accuracy`; `p_value` of McNemar's exact test on the same
        pictures; and `beaten`, whether the classifier is right more often at p < 0.05 or, of unequal classes, the whole
        interval of its balanced accuracy is better: of 1,000 cats and 20 dogs it could be right on all and hardly more
        often than one that finds no dog.
    """
    support, total, hits = confusion.sum(axis=1), int(confusion.sum()), confusion.diagonal()
    place = int(support.argmax()) if commonest is None else commonest
    both = int(confusion[place, place])
    only_classifier, only_baseline = int(confusion.trace()) - both, int(support[place]) - both
    p_value = mcnemar(*(round(weight * count) for count in (only_baseline, only_classifier)))
    shown = support > 0
    balanced = float(shown[place] / shown.sum())
    sure = balanced_interval(hits[shown].tolist(), support[shown].tolist(), weight=weight)
    return {
        "class": classes[place],
        "accuracy": wilson(int(support[place]), total, weight=weight).to_json(),
        "balanced_accuracy": balanced,
        "p_value": p_value,
        "beaten": (only_classifier > only_baseline and p_value < SIGNIFICANT)
        or (are_unequal(support) and sure["low"] > balanced),
    }


def is_worse(baseline: Mapping[str, Any]) -> bool:
    """Whether always answering one class is right more often, beyond chance; as `always_the_commonest` found it."""
    return not baseline["beaten"] and bool(baseline["p_value"] < SIGNIFICANT)


def confusion_counts(labels: Labels, predicted: NDArray[np.int64], *, class_count: int) -> NDArray[np.int64]:
    """Counts int64 [K, K] of labels and predictions int64 [N]: a row a true class, a column a predicted one."""
    pairs = np.bincount(labels * class_count + predicted, minlength=class_count**2)
    return pairs.reshape(class_count, class_count)


def _check(probabilities: Probabilities, labels: Labels, *, class_count: int) -> None:
    if probabilities.ndim != 2 or labels.ndim != 1:
        raise ValueError(f"expected [N, K] and [N], got {list(probabilities.shape)} and {list(labels.shape)}")
    if len(labels) == 0:
        raise ValueError("there are no pictures to evaluate")
    if probabilities.shape != (len(labels), class_count):
        expected = [len(labels), class_count]
        raise ValueError(f"expected probabilities of shape {expected}, got {list(probabilities.shape)}")
    if labels.min() < 0 or labels.max() >= class_count:
        raise ValueError(f"labels must lie in 0..{class_count - 1}, got {labels.min()}..{labels.max()}")
    # Written so that NaN fails it.
    if not (probabilities.min() >= 0 and np.abs(probabilities.sum(axis=1) - 1).max() <= SUM_TOLERANCE):
        raise ValueError("each row must be probabilities that sum to one")


def _per_class(confusion: NDArray[np.int64], classes: Sequence[str], *, weight: float) -> list[dict[str, Any]]:
    columns = confusion.diagonal().tolist(), confusion.sum(axis=1).tolist(), confusion.sum(axis=0).tolist()
    return [
        {"class": name, "n": support, **_class_scores(hits, support, called, weight=weight)}
        for name, hits, support, called in zip(classes, *columns, strict=True)
    ]


def _class_scores(hits: int, support: int, called: int, *, weight: float) -> dict[str, Any]:
    """Precision, recall and F1 of a class with `support` pictures, `called` predictions and `hits` in both.

    F1 = 2J / (1 + J) rises with the Jaccard share J = hits / (support + called - hits), and J is a plain binomial share
    of the pictures that are or were called this class; so the ends of Wilson's interval of J, mapped, bound F1.
    """
    scores: tuple[Interval, Interval, Interval] = (UNKNOWN, UNKNOWN, UNKNOWN)
    if support:
        precision, recall, jaccard = (
            wilson(hits, of, weight=weight) for of in (called, support, support + called - hits)
        )
        scores = precision, recall, jaccard.mapped(lambda share: 2 * share / (1 + share))
    return {name: score.to_json() for name, score in zip(("precision", "recall", "f1"), scores, strict=True)}
