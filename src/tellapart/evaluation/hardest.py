"""What a model finds hardest: single pictures, classes, and pairs of classes.

Legend: N pictures, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tellapart.evaluation.intervals import wilson
from tellapart.evaluation.metrics import SMALLEST_PROBABILITY, confusion_counts
from tellapart.types import Labels, Probabilities

MOST = 20


def hardest(
    probabilities: Probabilities, labels: Labels, *, classes: Sequence[str], most: int = MOST
) -> dict[str, Any]:
    """Top losses, hardest classes and hardest pairs, ready for JSON.

    Args:
        probabilities: float64 [N, K].
        labels: int64 [N].
        classes: K names.
        most: how long each list may be.

    Returns:
        `top_losses`, see `top_losses`; `classes` [{class, n, errors, recall {value, low, high}, taken_for}], the lowest
        recall first, classes without an error left out; taken_for is the class that it is most often taken for;
        `pairs` [{true, predicted, n, errors, share {value, low, high}}], the most errors first: of n pictures of a
        class so many were taken for another.
    """
    counts = confusion_counts(labels, probabilities.argmax(axis=1), class_count=len(classes))
    support, wrong = counts.sum(axis=1), counts.copy()
    np.fill_diagonal(wrong, 0)
    errors = wrong.sum(axis=1)
    order = sorted(np.flatnonzero(errors).tolist(), key=lambda place: (-errors[place] / support[place], place))
    pairs = sorted(zip(*np.nonzero(wrong), strict=True), key=lambda pair: (-wrong[pair], pair))
    return {
        "top_losses": top_losses(probabilities, labels, classes=classes, most=most),
        "classes": [
            {
                "class": classes[place],
                "n": int(support[place]),
                "errors": int(errors[place]),
                "recall": wilson(int(support[place] - errors[place]), int(support[place])).to_json(),
                "taken_for": classes[int(wrong[place].argmax())],
            }
            for place in order[:most]
        ],
        "pairs": [
            {
                "true": classes[true],
                "predicted": classes[predicted],
                "n": int(support[true]),
                "errors": int(wrong[true, predicted]),
                "share": wilson(int(wrong[true, predicted]), int(support[true])).to_json(),
            }
            for true, predicted in pairs[:most]
        ],
    }


def top_losses(
    probabilities: Probabilities, labels: Labels, *, classes: Sequence[str], most: int = MOST
) -> list[dict[str, Any]]:
    """The pictures whose true class got the lowest probability, the lowest first; also those told right, by a hair.

    Returns:
        [{row, label, predicted, probability_label, probability_predicted, loss}], row being the position in labels and
        loss in nats.
    """
    own = probabilities[np.arange(len(labels)), labels]
    predicted = probabilities.argmax(axis=1)
    order = np.argsort(own, kind="stable")[:most]
    return [
        {
            "row": int(row),
            "label": classes[labels[row]],
            "predicted": classes[predicted[row]],
            "probability_label": float(own[row]),
            "probability_predicted": float(probabilities[row, predicted[row]]),
            "loss": float(-np.log(max(own[row], SMALLEST_PROBABILITY))),
        }
        for row in order
    ]
