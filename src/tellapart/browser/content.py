"""What the page that answers is told of a model: its classes, and its test cards with what must be answered.

What counts as a difference is what `export.agreement` says, told in numbers that need no mathematics in the page.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from tellapart.bundle.bundle import Bundle
from tellapart.classifier import Classifier
from tellapart.data.rgb import REDUCE_ABOVE
from tellapart.explain.colours import palette
from tellapart.explain.exact import AGREEMENT
from tellapart.explain.overlay import STRONGEST
from tellapart.export.agreement import CLOSE, FEATURES_APART, LIKENESS_APART, PROBABILITY_APART, Said, worse_by
from tellapart.export.verify import cards_of
from tellapart.heads.abstention import is_weak
from tellapart.heads.calibration import answer_probability

DIGITS: Final = 6  # of probabilities


def page_content(model: dict[str, Any] | None) -> dict[str, Any]:
    """What a page has inside: a model's content, or None where a server is asked for it, and numbers of ours."""
    palette_and_limits = {**palette(), "strongest": STRONGEST, "agreement": AGREEMENT}
    return {"model": model, "palette": palette_and_limits, "large": REDUCE_ABOVE}


def model_content(bundle: Bundle, *, name: str, heat: bool) -> dict[str, Any]:
    """What the page must know of a model, for JSON.

    Args:
        bundle: the model file.
        name: what it is called.
        heat: whether heat maps can be had.
    """
    classifier = bundle.classifier
    last = classifier.base.last
    pictures, expected = cards_of(bundle)
    guarantee = classifier.abstention.guarantee
    promise = None if guarantee is None else guarantee.to_json()
    return {
        "name": name,
        "classes": list(classifier.classes),
        "side": classifier.base.preprocess.size,
        "heat": heat,
        "bias": [float(value) for value in classifier.head.bias],
        "last": [last.start, last.stop],
        "promise": {"weak": is_weak(promise), "error": None if promise is None else promise["error"]},
        "tolerance": {"features": FEATURES_APART, "probability": PROBABILITY_APART},
        "cards": [
            {"png": base64.b64encode(picture).decode("ascii"), **must_be_said(classifier, expected, row)}
            for row, picture in enumerate(pictures)
        ],
    }


def must_be_said(classifier: Classifier, expected: Said, row: int) -> Mapping[str, Any]:
    """What must be answered about one card; `accepted` classes and `close` marks are close calls."""
    probabilities, last = expected.probabilities[row], classifier.base.last
    unsure, unlike = expected.flags.of(row)
    features = None if expected.features is None else expected.features[row, last.start : last.stop]
    return {
        "label": int(expected.labels[row]),
        "accepted": accepted(classifier, expected, row),
        "probabilities": [round(float(value), DIGITS) for value in probabilities],
        "unsure": unsure,
        "unlike": unlike,
        "close": close_marks(classifier, expected, row),
        "features": None if features is None else [float(f"{value:.4g}") for value in features],
    }


def accepted(classifier: Classifier, expected: Said, row: int) -> list[int]:
    """The classes that may be answered: the one that must be, and those that are nearly as good."""
    count = len(classifier.classes)
    same = np.repeat(expected.probabilities[row][np.newaxis], count, axis=0)
    worse = worse_by(classifier, same, np.arange(count))
    return [place for place in range(count) if worse[place] <= CLOSE or place == expected.labels[row]]


def close_marks(classifier: Classifier, expected: Said, row: int) -> list[str]:
    """The marks that may fall either way, because the card is near to their threshold."""
    one, close = slice(row, row + 1), list[str]()
    least = classifier.abstention.thresholds(expected.labels[one])
    sure = answer_probability(expected.probabilities[one], expected.labels[one])
    if len(accepted(classifier, expected, row)) > 1 or (
        least is not None and (np.abs(sure - least) <= PROBABILITY_APART).any()
    ):
        close.append("unsure")
    known, last = classifier.abstention.out_of_distribution, classifier.base.last
    if known is not None and known.threshold is not None and expected.features is not None:
        like = known.similarity(expected.features[one, last.start : last.stop])
        if (np.abs(like - known.threshold) <= LIKENESS_APART).any():
            close.append("unlike")
    return close
