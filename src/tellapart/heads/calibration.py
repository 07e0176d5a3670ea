"""Probabilities that mean what they say: one temperature for all logits (Guo et al. 2017).

Legend: N pictures, K classes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tellapart.types import Labels, Probabilities

PRIOR_PICTURES = 10.0  # a log temperature of 1 away from 0 costs as much as 1 nat on this many pictures
MOST_PULL = 3.0  # of one picture on the log temperature: what it cannot exceed however wrong and sure it is
BOUND = math.log(20.0)  # temperatures stay within 1/20 and 20
ACCURACY = 1e-6  # of the log temperature
SMALLEST_PROBABILITY = 1e-15  # that a logarithm sees: one picture costs 34.5 nats at most


def probabilities(logits: NDArray[np.float64], *, temperature: float) -> Probabilities:
    """softmax(logits / temperature), float64 [N, K], for logits of any size."""
    scaled = logits / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    np.exp(scaled, out=scaled)
    scaled /= scaled.sum(axis=1, keepdims=True)
    return scaled


def top_probability(shares: Probabilities) -> NDArray[np.float64]:
    """How sure each answer is: the largest of its probabilities float64 [N, K], as it is printed, to six decimals.

    Everything that compares it with a threshold takes this one, so that a reader of a table comes to the same end.
    """
    rounded: NDArray[np.float64] = np.round(shares.max(axis=1), 6)
    return rounded


def answer_probability(shares: Probabilities, predicted: Labels) -> NDArray[np.float64]:
    """How sure each answer int64 [N] is: its probability out of float64 [N, K], as it is printed; see above."""
    rounded: NDArray[np.float64] = np.round(shares[np.arange(len(shares)), predicted], 6)
    return rounded


def fit_temperature(
    logits: NDArray[np.float64], labels: Labels, *, weights: NDArray[np.float64] | None = None
) -> float:
    """The temperature that makes the log loss of logits float64 [N, K] on labels int64 [N] least, with a weak prior.

    Pictures that are all told right would ask for temperature 0, probabilities of exactly 1, which no small split can
    vouch for; a few that are misclassified could ask for infinity. So the sum of the log losses is joined by
    PRIOR_PICTURES * log(temperature) ** 2 / 2: little beside a hundred pictures, much beside three. And no picture
    pulls at the log temperature by more than MOST_PULL (an M-estimate, Huber 1964, doi:10.1214/aoms/1177703732): one
    that is wrong by hundreds of nats, a label that is wrong or a picture from elsewhere, would set it alone. The
    temperature stays within 1/20 and 20; no picture at all gives 1.

    Weights float64 [N], above 0, say how much each picture counts beside the others; None is for all alike. Together
    they weigh against the prior as many pictures as they are worth, sum(w) ** 2 / sum(w ** 2) (Kish, 1965).

    The zero of the derivative is bracketed by the bounds and halved to ACCURACY, which takes 23 passes over the logits
    and, unlike a Newton step, cannot leave the bracket.
    """
    if not len(labels):
        return 1.0
    margins = logits - logits[np.arange(len(labels)), labels][:, None]
    counts = None if weights is None else weights * (weights.sum() / (weights**2).sum())
    low, high = -BOUND, BOUND
    while high - low > ACCURACY:
        middle = (low + high) / 2
        if _slope(margins, middle, counts) > 0:
            high = middle
        else:
            low = middle
    return math.exp((low + high) / 2)


def calibrated_losses(
    logits: NDArray[np.float64], labels: Labels, *, weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """The log loss float64 [N] of each picture, from logits float64 [N, K] at the temperature that suits them best.

    Weights float64 [N] say how much each picture counts in that temperature; None is for all alike.
    """
    calibrated = probabilities(logits, temperature=fit_temperature(logits, labels, weights=weights))
    losses: NDArray[np.float64] = -np.log(np.maximum(calibrated[np.arange(len(labels)), labels], SMALLEST_PROBABILITY))
    return losses


def _slope(margins: NDArray[np.float64], log_temperature: float, counts: NDArray[np.float64] | None) -> float:
    """The derivative of loss and prior by the log temperature; margins [N, K] are logits less that of the label.

    With p the probabilities, the derivative of one picture's log loss is -sum(p * margins) / temperature.
    """
    temperature = math.exp(log_temperature)
    pulls = np.einsum("nk,nk->n", probabilities(margins, temperature=temperature), margins) / temperature
    held = np.clip(pulls, -MOST_PULL, MOST_PULL)
    return PRIOR_PICTURES * log_temperature - float((held if counts is None else held * counts).sum())
