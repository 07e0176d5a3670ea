"""From which confidence on an answer may stand, so that few of those that stand are wrong.

Legend: N pictures of valid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.text import counted

MAX_ERROR = 0.01  # of the answers that stand
RISK = 0.05  # how often a promise may turn out false: it holds with 95 % confidence
METHOD = "fixed-sequence testing of exact binomial tails"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What can be said of the answers that are sure enough.

    Attributes:
        threshold: the least confidence, to six decimals, of an answer that stands; None where too few pictures were
            there to promise anything.
        asked: the largest share of wrong answers that was asked for.
        error: the largest share of wrong answers that is promised, with 95 % confidence; None with no threshold.
        pictures: N.
        needed: the pictures it takes to promise what was asked if not one of them is told wrong.
    """

    threshold: float | None
    asked: float
    error: float | None
    pictures: int
    needed: int

    @property
    def kept(self) -> bool:
        """Whether what was asked is what is promised."""
        return self.error is not None and self.error <= self.asked

    def to_json(self) -> dict[str, Any]:
        return {
            "asked": self.asked,
            "error": self.error,
            "confidence": 1 - RISK,
            "kept": self.kept,
            "pictures": self.pictures,
            "needed": self.needed,
            "method": METHOD,
            "sentence": self.in_words(),
        }

    def in_words(self) -> str:
        """One sentence about what is promised, and why it is not what was asked where it is not."""
        asked = f"{100 * self.asked:.3g} %"
        pictures = counted(self.pictures, "picture in valid is", "pictures in valid are")
        if self.error is None:
            return f"{pictures} too few to promise anything about the answers."
        promise = f"with 95 % confidence at most {100 * self.error:.3g} % of the answers that stand are wrong"
        if self.kept:
            return f"The promise is that {promise}."
        if self.pictures < self.needed:
            reason = f"{pictures} too few to promise {asked} (it takes {self.needed:,} or more)"
        else:
            reason = f"Valid holds too many sure mistakes to promise {asked}"
        return f"{reason}; the promise is that {promise}."


def choose_threshold(confidence: NDArray[np.float64], *, correct: NDArray[np.bool_], max_error: float) -> Promise:
    """The threshold that answers the most while at most max_error of the answers are wrong, with 95 % confidence.

    Thresholds are tried from the strictest on, each by the exact binomial test that too many of its answers are wrong,
    at 5 %; the first that is not rejected ends it (fixed-sequence testing, Bauer, 1991, doi:10.1002/sim.4780100609, as
    in Learn then test, Angelopoulos et al., 2021, arXiv:2110.01052). One test each at the full 5 % suffices, because a
    false promise needs the first false hypothesis of the sequence to be rejected. Two things make it exact:

    - The sequence is fixed before valid is seen: every millionth from 1 down. It starts at the first that answers
      `first_rank` pictures, a number that depends on N and max_error alone. Starting late is harmless as long as surer
      answers are not wrong more often, which is assumed.
    - Where the first test fails, the promise is the upper end of Clopper and Pearson's one-sided interval (1934) of the
      error there. That this end lies above max_error and that the test fails is the same event, so the two promises
      together are false in at most 5 % too.

    Where N is too small for max_error even without a mistake, the next of 1, 2, 5, 10, … % that N allows for stands in
    its place; that depends on N alone as well.

    Args:
        confidence: float64 [N], the probability of the predicted class on pictures that were not trained on, rounded
            as by `top_probability`.
        correct: bool [N].
        max_error: the largest share of wrong answers, in (0, 1).
    """
    from scipy.special import bdtr

    pictures, needed = len(confidence), fewest_pictures(max_error)
    target = max_error if pictures >= needed else reachable_error(pictures, max_error)
    if target >= 1:  # four pictures or fewer
        return Promise(threshold=None, asked=max_error, error=None, pictures=pictures, needed=needed)
    order = np.argsort(-confidence, kind="stable")
    ranked, wrong = confidence[order], np.cumsum(~correct[order])
    ends = np.flatnonzero(np.append(ranked[:-1] != ranked[1:], True))  # a threshold cannot part equal confidences
    ends = ends[np.searchsorted(ends, first_rank(pictures, target) - 1) :]
    tails = bdtr(wrong[ends], ends + 1, target)
    passed = int(np.argmin(tails <= RISK)) if (tails > RISK).any() else len(ends)
    place = ends[max(passed - 1, 0)]
    error = target if passed else highest_error(int(wrong[place]), int(place) + 1)
    return Promise(threshold=float(ranked[place]), asked=max_error, error=error, pictures=pictures, needed=needed)


def fewest_pictures(error: float) -> int:
    """How many pictures, none of them told wrong, it takes to promise that error: (1 - error) ** n ≤ 5 %."""
    return math.ceil(math.log(RISK) / math.log1p(-error))


def first_rank(pictures: int, error: float) -> int:
    """How many pictures the strictest threshold that is tried answers: half of them, or as many as the error needs.

    With fewer the first test could only pass without a single mistake, and one picture with a wrong label would end
    the sequence before it began.
    """
    return min(max(fewest_pictures(error), math.ceil(pictures / 2)), pictures)


def reachable_error(pictures: int, asked: float) -> float:
    """The smallest of …, 1, 2, 5, 10, 20, 50 % above asked that so many pictures could vouch for; 1.0 for none."""
    for power in range(math.floor(math.log10(asked)), 0):
        for step in (1, 2, 5):
            error = float(f"{step}e{power}")
            if error > asked and fewest_pictures(error) <= pictures:
                return error
    return 1.0


def highest_error(wrong: int, answered: int) -> float:
    """The upper end of the exact one-sided 95 % interval of wrong / answered (Clopper and Pearson, 1934)."""
    from scipy.special import betaincinv

    return 1.0 if wrong == answered else float(betaincinv(wrong + 1, answered - wrong, 1 - RISK))
