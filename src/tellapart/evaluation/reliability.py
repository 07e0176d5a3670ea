"""How far "90 % sure" is from right nine times in ten: in bins, in one figure, and how much of that is chance.

Legend: N pictures, B bins.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.evaluation.intervals import wilson

CALIBRATION_BINS = 15


def bins_of(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin int64 [N] of each confidence float64 [N]: B of equal width, open below and closed above."""
    return np.ceil(confidence * CALIBRATION_BINS).astype(np.int64).clip(1, CALIBRATION_BINS) - 1


def in_bins(values: NDArray[np.float64], confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [N, B]: each value in the column of its confidence's bin, zero elsewhere; sums over rows are the bins."""
    spread = np.zeros((len(values), CALIBRATION_BINS))
    spread[np.arange(len(values)), bins_of(confidence)] = values
    return spread


def calibration_error(confidence: NDArray[np.float64], *, correct: NDArray[np.bool_]) -> float:
    """Expected calibration error over 15 equal-width bins (Guo et al., 2017, arXiv:1706.04599, equation 3).

    Confidences float64 [N] are the probabilities of the predicted class.
    """
    gaps = np.bincount(bins_of(confidence), weights=correct - confidence, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def reliability(
    confidence: NDArray[np.float64], *, correct: NDArray[np.bool_], weight: float = 1.0
) -> list[dict[str, Any]]:
    """The bins of the calibration error that hold a picture, from low to high.

    Returns:
        [{from, to, n, confidence, accuracy}]: the bin (from, to], how many pictures fell into it, their mean
        confidence, and the share of them that was right as {value, low, high} with its 95 % Wilson interval, a picture
        counting as `weight`.
    """
    bins = bins_of(confidence)
    counts = np.bincount(bins, minlength=CALIBRATION_BINS).tolist()
    said = np.bincount(bins, weights=confidence, minlength=CALIBRATION_BINS).tolist()
    right = np.bincount(bins, weights=correct, minlength=CALIBRATION_BINS).astype(int).tolist()
    return [
        {
            "from": place / CALIBRATION_BINS,
            "to": (place + 1) / CALIBRATION_BINS,
            "n": counts[place],
            "confidence": said[place] / counts[place],
            "accuracy": wilson(right[place], counts[place], weight=weight).to_json(),
        }
        for place in range(CALIBRATION_BINS)
        if counts[place]
    ]
