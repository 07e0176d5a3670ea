"""Intervals of the figures that are no shares, by drawing the pictures again and again (Efron, 1979).

Everything is drawn from one seed, so the same answers have the same intervals.

Legend: N pictures, R samples, C columns, B bins of confidence, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart import seeds
from tellapart.evaluation.intervals import Interval, wilson
from tellapart.evaluation.reliability import calibration_error, in_bins

SEED = 0
MOST_SAMPLES, LEAST_SAMPLES = 1000, 200
MOST_DRAWS = 20_000_000  # pictures drawn in all: half a second at the most, whatever N is
DRAWS_AT_ONCE = 1_000_000  # 24 MB while a block is counted
TAIL = 0.025  # outside either end of a 95 % interval
# A sample that happens to leave out the few pictures that cost something has next to no spread of its own, and would
# stretch the interval without bound; it is given this share of the spread of all pictures.
LEAST_SPREAD = 0.1


def loss_interval(
    losses: NDArray[np.float64], sums: NDArray[np.float64], *, most: float, weight: float = 1.0
) -> dict[str, Any]:
    """The interval of a mean of losses float64 [N] by the bootstrap-t (Efron and Tibshirani, 1993, chapter 12).

    The plain percentile interval of a mean of losses is too low, because a few pictures carry the mean: with 1000
    calibrated answers of which 99 % are right it held the true log loss 88 times in 100, this one 95 times. `sums`
    float64 [R, 2] are those of the losses and of their squares over each sample, `most` is the largest loss there is,
    `weight` what each picture counts as.
    """
    count, mean, spread = len(losses), float(losses.mean()), float(losses.std())
    method = f"bootstrap-t over pictures, {len(sums)} samples"
    if count < 2:
        return {"low": None, "high": None, "method": method}
    means = sums[:, 0] / count
    spreads = np.sqrt(np.maximum(sums[:, 1] / count - means**2, 0.0))
    ratios = (means - mean) / np.maximum(spreads, LEAST_SPREAD * spread) if spread else np.zeros(len(sums))
    below, above = np.quantile(ratios, [1 - TAIL, TAIL])
    spread /= math.sqrt(weight)
    low, high = mean - float(below) * spread, mean - float(above) * spread
    return {"low": min(max(low, 0.0), mean), "high": max(min(high, most), mean), "method": method}


def calibration_interval(
    value: float, gaps: NDArray[np.float64], sums: NDArray[np.float64], *, weight: float = 1.0
) -> dict[str, Any]:
    """An interval of the expected calibration error, measured as `value`, that is rather too wide than too narrow.

    The measured error is above the true one on average, since chance opens gaps but closes none. By the triangle
    inequality it is above it by no more than the sum over bins of how far each gap is from its true one, of which the
    samples show the size; that bounds it from below. From above its own scatter around its mean does. `gaps` float64
    [N, B] are right less confidence of each picture, in the column of its bin, `sums` [R, B] the same over each sample.
    """
    count = len(gaps)
    method = f"bootstrap over pictures and bins, {len(sums)} samples"
    if count < 2:
        return {"low": None, "high": None, "method": method}
    moved = np.abs(sums - gaps.sum(axis=0)).sum(axis=1) / count
    errors = np.abs(sums).sum(axis=1) / count
    reach = float(np.quantile(errors, 1 - TAIL) - errors.mean())
    wider = 1 / math.sqrt(weight)
    low = value - wider * float(np.quantile(moved, 1 - TAIL))
    return {"low": max(low, 0.0), "high": min(value + wider * reach, 1.0), "method": method}


def balanced_interval(hits: Sequence[int], support: Sequence[int], *, weight: float = 1.0) -> dict[str, Any]:
    """The interval of a mean of recalls, from Wilson's of each (MOVER: Zou and Donner, 2008, doi:10.1002/sim.3095)."""
    recalls: list[Interval] = [wilson(right, count, weight=weight) for right, count in zip(hits, support, strict=True)]
    ends = np.array([[recall.value, recall.low, recall.high] for recall in recalls], np.float64)
    mean = float(ends[:, 0].mean())
    reach = np.sqrt(((ends[:, 1:] - ends[:, :1]) ** 2).sum(axis=0)) / len(ends)
    low, high = max(mean - float(reach[0]), 0.0), min(mean + float(reach[1]), 1.0)
    return {"low": low, "high": high, "method": "MOVER from Wilson's interval of each recall"}


def calibration_noise(confidence: NDArray[np.float64], *, weight: float = 1.0) -> dict[str, Any]:
    """The calibration error that chance alone gives: each answer is right with just its confidence float64 [N].

    `mean` and `high`, the 95 % quantile; a measured error below `high` is no sign of bad calibration. As a share of
    fewer pictures does, it grows with the root of what each picture counts less than one, `weight`.
    """
    random = seeds.generator(SEED, "calibration noise")
    ones = in_bins(np.ones(len(confidence)), confidence)
    expected = confidence @ ones
    errors = [
        np.abs((random.random((rows, len(confidence))) < confidence) @ ones - expected).sum(axis=1)
        for rows in sample_blocks(len(confidence))
    ]
    found = np.minimum(np.concatenate(errors) / (len(confidence) * math.sqrt(weight)), 1.0)
    method = f"{len(found)} simulations of a perfectly calibrated classifier"
    return {"mean": float(found.mean()), "high": float(np.quantile(found, 0.95)), "method": method}


def resampled_sums(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums float64 [R, C] of the columns float64 [N, C] over R samples of N pictures each, drawn with replacement."""
    random = seeds.generator(SEED, "bootstrap")
    count = len(columns)
    blocks = []
    for rows in sample_blocks(count):
        drawn = random.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        blocks.append(times.astype(np.float64) @ columns)
    return np.concatenate(blocks)


def sample_blocks(count: int) -> Iterator[int]:
    """How many samples of count pictures to draw at once, until there are enough of them."""
    left = min(max(MOST_DRAWS // count, LEAST_SAMPLES), MOST_SAMPLES)
    while left:
        rows = min(left, max(DRAWS_AT_ONCE // count, 1))
        yield rows
        left -= rows


def figure_intervals(
    *,
    log_losses: NDArray[np.float64],
    brier_losses: NDArray[np.float64],
    confidence: NDArray[np.float64],
    correct: NDArray[np.bool_],
    recalls: tuple[Sequence[int], Sequence[int]],
    largest_log_loss: float,
    weight: float = 1.0,
) -> dict[str, Any]:
    """95 % intervals of every figure that is no plain share, by its name: {low, high, method} each.

    Losses and confidences are float64 [N]; `recalls` are hits and pictures of each class that has pictures;
    `largest_log_loss` is what one picture can cost at the most; `weight` is what each picture counts as.
    """
    gaps = in_bins(correct - confidence, confidence)
    losses = np.stack([log_losses, log_losses**2, brier_losses, brier_losses**2], axis=1)
    sums = resampled_sums(np.concatenate([losses, gaps], axis=1))
    return {
        "balanced_accuracy": balanced_interval(*recalls, weight=weight),
        "log_loss": loss_interval(log_losses, sums[:, :2], most=largest_log_loss, weight=weight),
        "brier": loss_interval(brier_losses, sums[:, 2:4], most=2.0, weight=weight),
        "ece": calibration_interval(calibration_error(confidence, correct=correct), gaps, sums[:, 4:], weight=weight),
    }
