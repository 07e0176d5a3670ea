"""What a trained classifier gets from pictures of valid: its temperature, its operating point, and what it promises.

Legend: N pictures, n of valid, D features, K classes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier import Classifier
from tellapart.heads.abstention import Promises
from tellapart.heads.calibration import answer_probability, fit_temperature, probabilities
from tellapart.heads.class_promise import choose_thresholds
from tellapart.heads.effective_settings import chosen_among
from tellapart.heads.operating_point import cost_thresholds, promises_by_costs
from tellapart.progress import Progress
from tellapart.recipes.operating_point import operating_point
from tellapart.recipes.request import Dataset, Request
from tellapart.text import counted
from tellapart.types import Features, Probabilities


def settled(
    classifier: Classifier,
    valid: Features,
    *,
    dataset: Dataset,
    clean: NDArray[np.int64],
    apart: NDArray[np.int64],
    weights: NDArray[np.float64] | None,
    request: Request,
) -> Classifier:
    """The classifier with its temperature and operating point, by what its base sees in valid, float32 [n, D].

    The temperature is fitted on the rows `clean`, the operating point chosen on the rows `apart`, one of each group.
    """
    logits = classifier.head.logits(valid)
    temperature = suited_temperature(logits, dataset, clean, weights=weights)
    answered = probabilities(logits[apart - dataset.valid.start], temperature=temperature)
    point = operating_point(answered, dataset.labels[apart], classes=dataset.classes, request=request)
    return replace(classifier, temperature=temperature, operating=point)


def suited_temperature(
    logits: NDArray[np.float64],
    dataset: Dataset,
    clean: NDArray[np.int64],
    *,
    weights: NDArray[np.float64] | None,
) -> float:
    """The temperature that suits logits float64 [n, K] of valid, by those of its pictures that are in the rows `clean`.

    Weights float64 [K] say what a picture of each class counts, beside its own weight; None where all count alike.
    """
    labels = dataset.labels[clean]
    counting = None if dataset.weights is None else dataset.weights[clean]
    if weights is not None:
        counting = weights[labels] if counting is None else counting * weights[labels]
    return fit_temperature(logits[clean - dataset.valid.start], labels, weights=counting)


def promised(
    classifier: Classifier, dataset: Dataset, answers: Probabilities, *, rows: NDArray[np.int64], request: Request
) -> Promises:
    """What can be promised of answers float64 [n, K] like those about rows of valid, one of each group."""
    predicted, point = classifier.predicted(answers), classifier.operating
    about: dict[str, Any] = {
        "predicted": predicted,
        "labels": dataset.labels[rows],
        "learned": np.bincount(dataset.labels[dataset.train], minlength=len(dataset.classes)),
        "max_error": request.max_error,
        "among": chosen_among(classifier.selected),
    }
    confidence = answer_probability(answers, predicted)
    if point is None or point.asked is None or point.person is None:
        return choose_thresholds(confidence, **about)
    thresholds = cost_thresholds(answers, predicted, costs=point.asked, person=point.person)
    return promises_by_costs(confidence, thresholds=thresholds, **about)


def say_left_out(count: int, *, progress: Progress) -> None:
    """Say that valid pictures which train has shown set no threshold; nothing where there are none."""
    if count:
        progress.note(
            f"{counted(count, 'picture of valid has', 'pictures of valid have')} a near-duplicate, or one of the same "
            f"group, in train, and {'is' if count == 1 else 'are'} left out of the "
            "temperature, the thresholds and the learning curve."
        )
