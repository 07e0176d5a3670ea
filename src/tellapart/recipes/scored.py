"""What a classifier says of a split, with the figures of how good that is.

Legend: n pictures of the split, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tellapart.classifier import Classifier
from tellapart.evaluation.costs import operating_figures
from tellapart.evaluation.grouped import picture_weight
from tellapart.evaluation.metrics import evaluate
from tellapart.heads.abstention import Flags
from tellapart.recipes.request import Dataset
from tellapart.types import Labels, Probabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredAnswers:
    """What a classifier says of one split.

    Attributes:
        probabilities: float64 [n, K].
        predicted: int64 [n], the classes that are answered.
        flags: what is said beside each of the n answers.
        figures: how good they are; JSON-ready.
        weight: how many independent pictures one of them counts as.
    """

    probabilities: Probabilities
    predicted: Labels
    flags: Flags
    figures: dict[str, Any]
    weight: float = 1.0


def score_answers(
    classifier: Classifier,
    dataset: Dataset,
    probabilities: Probabilities,
    flags: Flags,
    *,
    rows: slice,
    weight: float | None = None,
) -> ScoredAnswers:
    """Answers about pictures whose labels are known, with their figures.

    Args:
        classifier: chooses the class that is answered.
        dataset: the pictures, and which class is commonest in train.
        probabilities: float64 [n, K].
        flags: what is said beside each of the n answers.
        rows: the n pictures.
        weight: how many independent pictures one of them counts as; None for what their groups make of it.
    """
    labels, predicted = dataset.labels[rows], classifier.predicted(probabilities)
    weight = picture_weight(predicted == labels, dataset.groups[rows]) if weight is None else weight
    figures = evaluate(
        probabilities,
        labels,
        classes=dataset.classes,
        flags=flags,
        commonest=dataset.commonest,
        predicted=predicted,
        weight=weight,
    )
    figures |= operating_figures(
        probabilities,
        labels,
        predicted=predicted,
        flags=flags,
        point=classifier.operating,
        classes=dataset.classes,
        weight=weight,
    )
    return ScoredAnswers(probabilities=probabilities, predicted=predicted, flags=flags, figures=figures, weight=weight)
