"""How labels go wrong: at random, and from one class to another.

A label survives with probability 1 - e, and is else any other one, each as likely. Labels that survive are then
confused in some directions: those of class j become k with probability d(j, k), which is 0 for nearly all pairs (Dawid
and Skene, 1979, doi:10.2307/2346806, with the heads as the only other annotator). With p(j) the probability that a
head gives to class j of a picture it has not seen, the label y is observed with probability

    p(y) * (1 - e) * (1 - sum over k of d(y, k))  +  e / (K - 1) * (1 - p(y))  +  (1 - e) * sum over j of d(j, y) p(j),

and it is wrong with the probability that is all but the first term's part of it. All is found by EM. A direction is
only added where it makes the labels more probable by more than a description of it costs, log(N) / 2 + log(K (K - 1))
nats (the extended Bayesian information criterion: Chen and Chen, 2008, doi:10.1093/biomet/asn034): on clean labels no
direction is worth that.

Legend: N pictures, K classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.calibration import SMALLEST_PROBABILITY
from tellapart.types import Labels, Probabilities

FIRST_RATE = 0.05  # where the estimate of the share of wrong labels begins
HIGHEST_RATE = 0.5  # beyond it, no label would mean anything
FIRST_SHARES = (0.005, 0.02, 0.05, 0.15, 0.4)  # of a class, that a new direction is tried with
TRIED = 8  # directions that are tried before the best of them is added
MOST_DIRECTIONS = 20
ROUNDS = 100
STILL = 1e-6  # a round that changes no rate by more ends the estimate

Direction = tuple[int, int]  # the class that is meant, and the one that it is called


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelNoise:
    """What is most probably wrong with N labels.

    Attributes:
        rate: e, the share of labels that are any other one.
        directions: d, the share of a class that is called another, of the pairs where it is not 0.
        certainty: float64 [N], the probability that each label is wrong.
        observed: float64 [N], the probability of each label as it is.
        classes: K.
    """

    rate: float
    directions: dict[Direction, float]
    certainty: NDArray[np.float64]
    observed: NDArray[np.float64]
    classes: int

    @property
    def label_loss(self) -> float:
        """Nats that the labels cost."""
        return -float(np.log(self.observed).sum())

    @property
    def loss(self) -> float:
        """Nats that the labels and the description of the directions cost."""
        price = math.log(len(self.observed)) / 2 + math.log(max(self.classes * (self.classes - 1), 1))
        return self.label_loss + len(self.directions) * price

    def meant(self, probabilities: Probabilities, labels: Labels) -> NDArray[np.int64]:
        """The most probable other class int64 [n] of pictures with probabilities float64 [n, K] and labels [n]."""
        # Chance alone reaches every class alike, however seldom: the most probable one is meant then.
        reach = np.full((self.classes, self.classes), max(self.rate, SMALLEST_PROBABILITY) / max(self.classes - 1, 1))
        for (meant, called), share in self.directions.items():
            reach[meant, called] += (1 - self.rate) * share
        weights = probabilities * reach.T[labels]
        weights[np.arange(len(labels)), labels] = -1.0
        likeliest: NDArray[np.int64] = weights.argmax(axis=1)
        return likeliest


def find_label_noise(probabilities: Probabilities, labels: Labels) -> LabelNoise:
    """The most probable noise of labels int64 [N], by probabilities float64 [N, K] of heads that have not seen them."""
    found = fit_label_noise(probabilities, labels)
    while len(found.directions) < MOST_DIRECTIONS:
        tried = [
            fit_label_noise(probabilities, labels, directions={**found.directions, pair: share})
            for pair, share in promising_directions(found, probabilities, labels)
        ]
        best = min(tried, key=lambda noise: noise.loss, default=found)
        if best.loss >= found.loss:
            break
        found = best
    return found


def fit_label_noise(
    probabilities: Probabilities, labels: Labels, *, directions: dict[Direction, float] | None = None
) -> LabelNoise:
    """The rates of random errors and of the given directions, from their first shares on, by EM; see `LabelNoise`."""
    count, classes = probabilities.shape
    own = probabilities[np.arange(count), labels].clip(SMALLEST_PROBABILITY, 1.0)
    others = (1.0 - own) / max(classes - 1, 1)
    shares, rate = dict(directions or {}), FIRST_RATE
    called = {pair: np.flatnonzero(labels == pair[1]) for pair in shares}
    for _ in range(ROUNDS):
        kept = np.ones(classes)
        for (meant, _other), share in shares.items():
            kept[meant] -= share
        right, random = (1 - rate) * np.maximum(kept, SMALLEST_PROBABILITY)[labels] * own, rate * others
        confused = {pair: (1 - rate) * share * probabilities[called[pair], pair[0]] for pair, share in shares.items()}
        observed = right + random
        for pair, term in confused.items():
            observed[called[pair]] += term
        certainty = 1 - right / observed
        before = rate, *shares.values()
        rate = min(float((random / observed).mean()), HIGHEST_RATE)
        shares = _confused_shares(shares, confused, called, observed=observed, right=right, labels=labels)
        if max(abs(new - old) for new, old in zip((rate, *shares.values()), before, strict=True)) < STILL:
            break
    return LabelNoise(rate=rate, directions=shares, certainty=certainty, observed=observed, classes=classes)


def promising_directions(
    found: LabelNoise, probabilities: Probabilities, labels: Labels
) -> list[tuple[Direction, float]]:
    """Directions that may be worth adding, and a share to begin with; the most promising first, at most TRIED.

    A little of d(j, k) adds p(j) / observed to the labels k and takes as much from the labels j. Where that pays, the
    gain of some larger shares is counted, all else as it is.
    """
    classes, order = found.classes, np.argsort(labels, kind="stable")
    ratio = probabilities[order] / found.observed[order, None]
    present, starts = np.unique(labels[order], return_index=True)
    slope = np.zeros((classes, classes))  # a row a class that is called, a column one that is meant
    slope[present] = np.add.reduceat(ratio, starts, axis=0)
    slope = slope.T - slope.diagonal()[:, None]
    np.fill_diagonal(slope, 0.0)
    for pair in found.directions:
        slope[pair] = 0.0
    steepest = np.argsort(-slope, axis=None, kind="stable")[: 4 * TRIED]
    pairs = [(int(place // classes), int(place % classes)) for place in steepest if slope.flat[place] > 0]
    gains = [_gain(pair, found, probabilities, labels) for pair in pairs]
    ranked = sorted(zip(gains, pairs, strict=True), reverse=True)[:TRIED]
    return [(pair, share) for (gain, share), pair in ranked if gain > 0]


def _gain(pair: Direction, found: LabelNoise, probabilities: Probabilities, labels: Labels) -> tuple[float, float]:
    """The most that a direction gains with one of the first shares, in nats, and that share."""
    meant, called = pair
    gained, lost = ((1 - found.rate) * _ratio(place, meant, found, probabilities, labels) for place in (called, meant))
    gains = []
    for share in FIRST_SHARES:
        kept = np.maximum(1 - share * lost, SMALLEST_PROBABILITY)
        gains.append((float(np.log1p(share * gained).sum() + np.log(kept).sum()), share))
    return max(gains)


def _ratio(
    called: int, meant: int, found: LabelNoise, probabilities: Probabilities, labels: Labels
) -> NDArray[np.float64]:
    rows = labels == called
    ratio: NDArray[np.float64] = probabilities[rows, meant] / found.observed[rows]
    return ratio


def _confused_shares(
    shares: dict[Direction, float],
    confused: dict[Direction, NDArray[np.float64]],
    called: dict[Direction, NDArray[np.int64]],
    *,
    observed: NDArray[np.float64],
    right: NDArray[np.float64],
    labels: Labels,
) -> dict[Direction, float]:
    """The shares of one round of EM: of the labels of a class that survive chance, those that a direction took."""
    taken = {pair: float((term / observed[called[pair]]).sum()) for pair, term in confused.items()}
    survive: dict[int, float] = {}
    for meant in {meant for meant, _ in shares}:
        mine = labels == meant
        survive[meant] = float((right[mine] / observed[mine]).sum())
    for (meant, _), count in taken.items():
        survive[meant] += count
    return {pair: min(taken[pair] / max(survive[pair[0]], SMALLEST_PROBABILITY), HIGHEST_RATE) for pair in shares}
