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
from tellapart.heads.calibration import answer_probability, fit_temperature
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
    classifier = calibrated(classifier, dataset, valid, clean, weights=weights)
    probabilities = classifier.probabilities(valid[apart - dataset.valid.start])
    point = operating_point(probabilities, dataset.labels[apart], classes=dataset.classes, request=request)
    return replace(classifier, operating=point)


def calibrated(
    classifier: Classifier,
    dataset: Dataset,
    valid: Features,
    clean: NDArray[np.int64],
    *,
    weights: NDArray[np.float64] | None,
) -> Classifier:
    """The classifier with the temperature that suits it on rows of valid, whose features are float32 [n, D].

    Weights float64 [K] say what a picture of each class counts, beside its own weight; None where all count alike.
    """
    logits, labels = classifier.head.logits(valid[clean - dataset.valid.start]), dataset.labels[clean]
    counting = None if dataset.weights is None else dataset.weights[clean]
    if weights is not None:
        counting = weights[labels] if counting is None else counting * weights[labels]
    return replace(classifier, temperature=fit_temperature(logits, labels, weights=counting))


def promised(
    classifier: Classifier, dataset: Dataset, probabilities: Probabilities, *, rows: NDArray[np.int64], request: Request
) -> Promises:
    """What can be promised of answers float64 [n, K] like those about rows of valid, one of each group."""
    predicted, point = classifier.predicted(probabilities), classifier.operating
    about: dict[str, Any] = {
        "predicted": predicted,
        "labels": dataset.labels[rows],
        "learned": np.bincount(dataset.labels[dataset.train], minlength=len(dataset.classes)),
        "max_error": request.max_error,
        "among": chosen_among(classifier.selected),
    }
    confidence = answer_probability(probabilities, predicted)
    if point is None or point.asked is None or point.person is None:
        return choose_thresholds(confidence, **about)
    thresholds = cost_thresholds(probabilities, predicted, costs=point.asked, person=point.person)
    return promises_by_costs(confidence, thresholds=thresholds, **about)


def say_left_out(count: int, *, progress: Progress) -> None:
    """Say that valid pictures which train has shown set no threshold; nothing where there are none."""
    if count:
        progress.note(
            f"{counted(count, 'picture of valid has', 'pictures of valid have')} a near-duplicate, or one of the same "
            f"group, in train, and {'is' if count == 1 else 'are'} left out of the "
            "temperature, the thresholds and the learning curve."
        )
