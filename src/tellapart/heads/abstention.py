"""When an answer should not stand: too unsure, or about a picture unlike the training set.

The threshold of unsure is chosen so that few of the answers to rely on are wrong (selective classification), and what
it guarantees is said with it.

Legend: N pictures, D features of all depths, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.calibration import top_probability
from tellapart.heads.out_of_distribution import OutOfDistribution, Seen, learn_out_of_distribution
from tellapart.heads.unknown_kinds import measure_unknown_kinds
from tellapart.text import counted
from tellapart.types import Depth, Features, Labels, Probabilities

MAX_ERROR = 0.01  # of the answers to rely on
RISK = 0.05  # how often a promise may turn out false: it holds with 95 % confidence
METHOD = "fixed-sequence testing of exact binomial tails"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What is to be said beside each of N answers; None where the model has no threshold to say it by."""

    unsure: NDArray[np.bool_] | None = None  # bool [N], less confident than the threshold
    unlike: NDArray[np.bool_] | None = None  # bool [N], the picture is unlike the training set

    def words(self, row: int) -> tuple[str, str]:
        """Unsure and unlike of one answer as "yes" or "no", empty where nothing can be said."""
        unsure, unlike = self.of(row)
        return _word(unsure), _word(unlike)

    def of(self, row: int) -> tuple[bool | None, bool | None]:
        """Unsure and unlike of one answer."""
        unsure, unlike = (None if each is None else bool(each[row]) for each in (self.unsure, self.unlike))
        return unsure, unlike

    def said(self, row: int) -> str:
        """What speaks against letting one answer stand, as `said_marks` has it."""
        return said_marks(*self.of(row))


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectiveGuarantee:
    """What can be said of the answers that are sure enough."""

    threshold: float | None  # least confidence of an answer to rely on; None with too few pictures to promise
    asked: float  # the largest share of wrong answers that was asked for
    error: float | None  # that is promised, with 95 % confidence; None with no threshold
    pictures: int  # N
    needed: int  # the pictures it takes to promise what was asked if not one of them is misclassified

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
        promise = f"with 95 % confidence at most {100 * self.error:.3g} % of the answers you can rely on are wrong"
        if self.kept:
            return f"The promise is that {promise}."
        if self.pictures < self.needed:
            reason = f"{pictures} too few to promise {asked} (it takes {self.needed:,} or more)"
        else:
            reason = f"Valid holds too many sure mistakes to promise {asked}"
        return f"{reason}; the promise is that {promise}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstention:
    """What a model abstains by."""

    unsure: float | None = None  # the least confidence of an answer to rely on; None where there is no such threshold
    out_of_distribution: OutOfDistribution | None = None  # what pictures like the training set look like
    guarantee: SelectiveGuarantee | None = None  # what the threshold was chosen for
    # How many pictures of a kind never seen are called unlike, see `measure_unknown_kinds`; {} in older model files.
    unknown_kinds: Mapping[str, Any] = field(default_factory=dict)

    def flags(self, probabilities: Probabilities, features: Features, *, last: Depth) -> Flags:
        """What to say beside answers float64 [N, K] from features float32 [N, D]; `last` are the last depth."""
        known, seen = self.out_of_distribution, features[:, last.start : last.stop]
        return Flags(
            unsure=None if self.unsure is None else top_probability(probabilities) < self.unsure,
            unlike=None if known is None else known.unlike(seen),
        )

    def to_json(self) -> dict[str, Any]:
        """The thresholds as model.json and metrics.json have them."""
        return {
            "unsure": self.unsure,
            "unlike": None if self.out_of_distribution is None else self.out_of_distribution.threshold,
            "promise": None if self.guarantee is None else self.guarantee.to_json(),
            **({"unknown_kinds": dict(self.unknown_kinds)} if self.unknown_kinds else {}),
        }


def learn_abstention(
    *,
    train: Seen,
    valid: Features,
    labels: Labels,
    probabilities: Probabilities,
    last: Depth,
    max_error: float,
    seed: int,
) -> Abstention:
    """Both thresholds, from what valid shows.

    Args:
        train: pictures that were trained on, such as `sampled_rows` names.
        valid: float32 [N, D] of the pictures of valid.
        labels: int64 [N] of valid.
        probabilities: float64 [N, K] of valid, calibrated.
        last: the columns of the last depth.
        max_error: the largest share of wrong answers among those that stand, in (0, 1).
        seed: of what is drawn.
    """
    correct = probabilities.argmax(axis=1) == labels
    guarantee = choose_threshold(top_probability(probabilities), correct=correct, max_error=max_error)
    seen, class_count = valid[:, last.start : last.stop], probabilities.shape[1]
    known = learn_out_of_distribution(train, seen, class_count=class_count, seed=seed)
    return Abstention(
        unsure=guarantee.threshold,
        out_of_distribution=known,
        guarantee=guarantee,
        unknown_kinds=measure_unknown_kinds(train, seen, labels, class_count=class_count, seed=seed),
    )


def choose_threshold(
    confidence: NDArray[np.float64], *, correct: NDArray[np.bool_], max_error: float
) -> SelectiveGuarantee:
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
    its place; that depends on N alone as well. Confidences float64 [N] are rounded as by `top_probability`.
    """
    from scipy.special import bdtr

    pictures, needed = len(confidence), fewest_pictures(max_error)
    target = max_error if pictures >= needed else reachable_error(pictures, max_error)
    if target >= 1:  # four pictures or fewer
        return SelectiveGuarantee(threshold=None, asked=max_error, error=None, pictures=pictures, needed=needed)
    ranked, wrong, ends = ranked_answers(confidence, correct)
    ends = ends[np.searchsorted(ends, first_rank(pictures, target) - 1) :]
    tails = bdtr(wrong[ends], ends + 1, target)
    passed = int(np.argmin(tails <= RISK)) if (tails > RISK).any() else len(ends)
    place = ends[max(passed - 1, 0)]
    error = target if passed else highest_error(int(wrong[place]), int(place) + 1)
    return SelectiveGuarantee(
        threshold=float(ranked[place]), asked=max_error, error=error, pictures=pictures, needed=needed
    )


def ranked_answers(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Confidences from the surest down [N], how many answers so far are wrong [N], and where a threshold may end.

    A threshold cannot part equal confidences.
    """
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    return ranked, np.cumsum(~correct[order]), np.flatnonzero(np.append(ranked[:-1] != ranked[1:], True))


def fewest_pictures(error: float) -> int:
    """How many pictures, none of them misclassified, it takes to promise that error: (1 - error) ** n ≤ 5 %."""
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


def said_marks(unsure: bool | None, unlike: bool | None) -> str:
    """What speaks against letting an answer stand, as people read it; "" where it stands."""
    return ", ".join(word for word, flag in (("unsure", unsure), ("unlike the training set", unlike)) if flag)


def _word(flag: bool | None) -> str:
    return {None: "", True: "yes", False: "no"}[flag]
