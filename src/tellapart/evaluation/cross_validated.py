"""How much a picture counts in an interval where every picture was answered out of fold.

Answers out of fold are not as many coin throws. The heads learn from the very pictures that they are scored on in
turn, so that the luck of these pictures moves the score and the classifier that leaves in ways that do not cancel
(Bates, Hastie and Tibshirani, 2021, arXiv:2104.00673): on 60 to 300 pictures the mean squared distance between the
measured and the true accuracy was 1.1 to 1.9 times that of coins. And pictures of a group err together.

Both are told as a variance inflation, the number by which the pictures are divided before an interval is made:

    inflation = design effect * (1 + LUCK * q / (p (1 - p)))

p is the accuracy; q the share of pictures on which two heads, each from one half of the training pictures, are not
right or wrong alike. Heads that agree whatever they learned from leave no room for luck. The nested estimate of that
paper needs some hundred partitions of the pictures to be steady, this one a single partition; LUCK was fitted to
simulations and to draws of real pictures, see docs/decisions.md, and benchmarks/fold_coverage.py shows the coverage.

Legend: N pictures, G groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.evaluation.grouped import design_effect

LUCK = 0.45
MOST_UNLIKE = 4.0  # q / (p (1 - p)) of heads that have nothing in common is 2, of weak ones it can be more


@dataclass(frozen=True, slots=True, kw_only=True)
class Inflation:
    """By how much the variance of a share is larger than that of as many independent pictures."""

    design_effect: float  # of groups
    luck: float  # of the pictures that were trained on

    @property
    def weight(self) -> float:
        """How much a picture counts in an interval, in (0, 1]."""
        return 1 / (self.design_effect * (1 + self.luck))

    def to_json(self) -> dict[str, Any]:
        return {
            "design_effect": round(self.design_effect, 4),
            "luck": round(self.luck, 4),
            "weight": round(self.weight, 4),
        }


def fold_inflation(correct: NDArray[np.bool_], halves: NDArray[np.bool_], groups: NDArray[np.int64]) -> Inflation:
    """The inflation of answers out of fold.

    Args:
        correct: bool [N], whether each answer is right.
        halves: bool [2, N], whether heads from either half of the training pictures are right.
        groups: int64 [N], equal for pictures that belong together.
    """
    count, right = len(correct), int(correct.sum())
    share = (right + 1) / (count + 2)
    unlike = float((halves[0] != halves[1]).mean()) / (share * (1 - share))
    return Inflation(design_effect=design_effect(correct, groups), luck=LUCK * min(unlike, MOST_UNLIKE))
