"""When an answer should not stand: too unsure, or about a picture unlike the training set.

The threshold of unsure is chosen so that few of the answers to rely on are wrong (selective classification), and what
it guarantees is said with it.

Legend: N pictures, D features of all depths, d of the last one, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.calibration import answer_probability
from tellapart.heads.out_of_distribution import OutOfDistribution, TrainingFeatures, learn_out_of_distribution
from tellapart.heads.unknown_kinds import kept_unknown_kinds
from tellapart.seeds import generator
from tellapart.text import counted
from tellapart.types import Depth, Features, Labels, Probabilities

MAX_ERROR = 0.01  # of the answers to rely on
RISK = 0.05  # how often a promise may turn out false: it holds with 95 % confidence
NEVER = 2.0  # the threshold of a class whose answers never stand: no probability reaches it
WORST = 0.5  # of the answers to rely on; nothing is promised by so few that even without a mistake more could be wrong
TOO_LARGE = 0.2  # of the answers that name a rare class, or of the pictures that show a class, may be wrong at the most
METHOD = "fixed-sequence testing of exact binomial tails"
METHOD_OF_COSTS = "exact one-sided interval at the thresholds that the costs set"


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

    def at(self, rows: NDArray[np.int64]) -> Flags:
        """What is said beside some of the answers."""
        return Flags(
            unsure=None if self.unsure is None else self.unsure[rows],
            unlike=None if self.unlike is None else self.unlike[rows],
        )

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
    by_costs: bool = False  # whether costs chose the threshold, and the promise only says what comes of it
    by_folds: bool = False  # whether the pictures were answered by heads of folds, and not a valid split

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
            "method": METHOD_OF_COSTS if self.by_costs else METHOD,
            "by_costs": self.by_costs,
            **({"by": "folds"} if self.by_folds else {}),
            "sentence": self.in_words(),
        }

    def in_words(self) -> str:
        """One sentence about what is promised, and why it is not what was asked where it is not."""
        asked = f"{100 * self.asked:.3g} %"
        if self.error is None and self.by_costs:
            return "By these costs no answer can be relied on: a person costs less."
        where = "answered out of fold" if self.by_folds else "in valid"
        pictures = counted(self.pictures, f"picture {where} is", f"pictures {where} are")
        if self.error is None:
            return f"{pictures} too few to promise anything about the answers (of a group one counts)."
        promise = f"with 95 % confidence at most {100 * self.error:.3g} % of the answers not marked unsure are wrong"
        if self.by_costs:
            return f"The costs set when a person is asked; {promise}."
        if self.kept:
            return f"The promise is that {promise}."
        if self.pictures < self.needed:
            reason = f"{pictures} too few to promise {asked} (it takes {self.needed:,} or more; of a group one counts)"
        else:
            holds = "The answers out of fold hold" if self.by_folds else "Valid holds"
            reason = f"{holds} too many sure mistakes to promise {asked}"
        if self.error > WORST:
            return f"{reason}, or anything worth relying on: all that can be said is that {promise}."
        return f"{reason}; the promise is that {promise}."


def is_weak(promise: Mapping[str, Any] | None) -> bool:
    """Whether a promise, as `SelectiveGuarantee.to_json` has it, is too little to rely on answers by.

    None is that of an older run, which says nothing.
    """
    return promise is not None and (promise["error"] is None or promise["error"] >= TOO_LARGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPromise:
    """What can be said of one class."""

    threshold: float  # the least confidence of an answer that names it to stand; NEVER where none does
    error: float | None  # of the answers that name it and stand, at most this share is wrong; None without a promise
    answered: int  # pictures of valid that were answered with it, one of each group
    missed: float  # of the pictures that show it, at most this share is answered with another class
    shown: int  # pictures of valid that show it, one of each group
    learned: int  # pictures of train

    def to_json(self) -> dict[str, Any]:
        return {
            "error": self.error,
            "answered": self.answered,
            "missed": self.missed,
            "shown": self.shown,
            "learned": self.learned,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """The promise of all answers that can be relied on, and those class by class."""

    overall: SelectiveGuarantee
    classes: tuple[ClassPromise, ...]  # K; empty where nothing can be promised of all answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstention:
    """What a model abstains by."""

    unsure: float | None = None  # the least confidence of an answer to rely on; None where there is no such threshold
    out_of_distribution: OutOfDistribution | None = None  # what pictures like the training set look like
    guarantee: SelectiveGuarantee | None = None  # what the threshold was chosen for
    by_class: tuple[float, ...] | None = None  # the same threshold of each of K classes; None in older model files
    promises: tuple[ClassPromise, ...] = ()  # what can be said of each class; empty in older model files
    # How many pictures of a kind never seen are called unlike, see `kept_unknown_kinds`; {} in older model files.
    unknown_kinds: Mapping[str, Any] = field(default_factory=dict)

    def thresholds(self, predicted: Labels) -> NDArray[np.float64] | None:
        """The least confidence float64 [N] of answers int64 [N] to rely on; None where there is no such threshold."""
        if self.unsure is None:
            return None
        if self.by_class is None:
            return np.full(len(predicted), self.unsure)
        return np.array(self.by_class)[predicted]

    def flags(
        self, probabilities: Probabilities, features: Features, *, last: Depth, predicted: Labels | None = None
    ) -> Flags:
        """What to say beside answers float64 [N, K] from features float32 [N, D]; `last` are the last depth.

        `predicted` int64 [N] are the classes that are answered; None for the likeliest.
        """
        known, seen = self.out_of_distribution, features[:, last.start : last.stop]
        answered = probabilities.argmax(axis=1) if predicted is None else predicted
        least = self.thresholds(answered)
        return Flags(
            unsure=None if least is None else answer_probability(probabilities, answered) < least,
            unlike=None if known is None else known.unlike(seen),
        )

    def to_json(self) -> dict[str, Any]:
        """The thresholds as model.json and metrics.json have them; lists are in the order of the classes."""
        return {
            "unsure": self.unsure,
            "unsure_by_class": list(self.by_class or ()),
            "unlike": None if self.out_of_distribution is None else self.out_of_distribution.threshold,
            "promise": None if self.guarantee is None else self.guarantee.to_json(),
            "promise_by_class": [promise.to_json() for promise in self.promises],
            **({"unknown_kinds": dict(self.unknown_kinds)} if self.unknown_kinds else {}),
        }


def learn_abstention(
    *,
    train: TrainingFeatures,
    valid: Features,
    labels: Labels,
    promises: Promises,
    class_count: int,
    seed: int,
) -> Abstention:
    """All thresholds, from what valid shows.

    Args:
        train: pictures that were trained on, such as `sampled_rows` names.
        valid: float32 [N, d] of the pictures of valid, at the last depth.
        labels: int64 [N] of valid.
        promises: what was promised of valid, and the thresholds that keep it.
        class_count: K.
        seed: of what is drawn.
    """
    known = learn_out_of_distribution(train, valid, class_count=class_count, seed=seed)
    kinds = kept_unknown_kinds(train, valid, labels, class_count=class_count, seed=seed)
    return abstaining(promises, known, unknown_kinds=kinds)


def abstaining(
    promises: Promises, known: OutOfDistribution | None, *, unknown_kinds: Mapping[str, Any] | None = None
) -> Abstention:
    """All thresholds: those that keep promises, and what is known of pictures like the training set."""
    return Abstention(
        unsure=promises.overall.threshold,
        out_of_distribution=known,
        guarantee=promises.overall,
        by_class=tuple(promise.threshold for promise in promises.classes) or None,
        promises=promises.classes,
        unknown_kinds=unknown_kinds or {},
    )


def one_of_each_group(rows: NDArray[np.int64], groups: NDArray[np.int64], *, seed: int) -> NDArray[np.int64]:
    """One row of each group, drawn by the seed, in rising order: what a promise may count as one picture each.

    Pictures of a patient or a burst err together, so that each of them tells less than a picture of its own.
    """
    shuffled = generator(seed, "one of each group").permutation(rows)
    _, first = np.unique(groups[shuffled], return_index=True)
    return np.sort(shuffled[first])


def thinned(rows: NDArray[np.int64], weights: NDArray[np.float64] | None, *, seed: int) -> NDArray[np.int64]:
    """Of these rows those to promise by, each kept as often as its weight float64 [N] beside the largest of theirs.

    What is left is drawn from pictures as the weights make them up, each counting once (rejection sampling, von
    Neumann, 1951), so that the exact tests hold for those; the price is that they are fewer. Without weights it is all.
    """
    if weights is None or not len(rows):
        return rows
    kept = generator(seed, "thinned by weight").random(len(rows)) * weights[rows].max() < weights[rows]
    left: NDArray[np.int64] = rows[kept]
    return left


def choose_threshold(
    confidence: NDArray[np.float64], *, correct: NDArray[np.bool_], max_error: float, among: float = 1.0
) -> SelectiveGuarantee:
    """The threshold that answers the most while at most max_error of the answers are wrong, with 95 % confidence.

    Hypotheses, that too many of the answers above a threshold are wrong, are tried one after the other, each by the
    exact binomial test at 5 %; the first that is not rejected ends it (fixed-sequence testing, Bauer, 1991,
    doi:10.1002/sim.4780100609, as in Learn then test, Angelopoulos et al., 2021, arXiv:2110.01052). One test each at
    the full 5 % suffices, because a false promise needs the first false hypothesis of the sequence to be rejected. The
    sequence is fixed before a label of valid is seen:

    1. Ever smaller shares, from all down to max_error, each where half of the pictures are answered, or as many as that
       share needs without a mistake (of few pictures see `first_tested`). Of the shares at one threshold the smallest
       that is rejected is the upper end of Clopper and Pearson's one-sided interval (1934). Where this part ends early,
       the promise is the last share, however large.
    2. At max_error, ever looser thresholds: every millionth further down.

    The first part is the same for every max_error, so a smaller one never brings a larger promise. Beginning at half of
    the pictures is harmless as long as surer answers are not wrong more often, which is assumed: with fewer, one
    picture with a wrong label would end the sequence before it began. Beginning at all of them would end it at the
    mistakes among unsure answers, and what the surer ones could promise would never be tried.

    Where the same pictures chose the classifier among so many independent settings, each could have made the false
    promise, and the tests are at 5 % divided by their number `among` (Bonferroni; see `effective_settings`). Nothing is
    promised by so few pictures that even without a mistake half of the answers could be wrong. Confidences float64 [N]
    are rounded as by `top_probability`.
    """
    risk = RISK / among
    pictures, needed = len(confidence), fewest_pictures(max_error, risk=risk)
    if pictures < fewest_pictures(WORST, risk=risk):
        return SelectiveGuarantee(threshold=None, asked=max_error, error=None, pictures=pictures, needed=needed)
    ranked, wrong, ends = ranked_answers(confidence, correct)
    ends = ends[np.searchsorted(ends, first_tested(pictures, risk=risk) - 1) :]
    highest = highest_errors(wrong[ends], ends + 1, risk=risk)
    # From a threshold the next is reached by a smaller share, for which so many had to be answered as there was no
    # mistake among fewer; once max_error is reached, by max_error.
    smaller = np.where(wrong[ends[:-1]] == 0, highest[:-1], 0)
    passed = highest[1:] <= np.where(highest[:-1] <= max_error, max_error, smaller)
    last = int(np.argmin(np.append(passed, False)))
    return SelectiveGuarantee(
        threshold=float(ranked[ends[last]]),
        asked=max_error,
        error=max(max_error, float(highest[last])),
        pictures=pictures,
        needed=needed,
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


def first_tested(pictures: int, *, risk: float = RISK) -> int:
    """How many answers, the surest, are tested first: half, and where there are so many, what 20 % needs.

    Fewer could not promise even that without a mistake: of seven, half of 14, one mistake is told as 52 %.
    """
    half, promising = math.ceil(pictures / 2), fewest_pictures(TOO_LARGE, risk=risk)
    return max(half, promising) if pictures >= promising else half


def fewest_pictures(error: float, *, risk: float = RISK) -> int:
    """How many pictures, none of them misclassified, it takes to promise that error: (1 - error) ** n ≤ 5 %."""
    return math.ceil(math.log(risk) / math.log1p(-error))


def reachable_error(pictures: int, asked: float, *, risk: float = RISK) -> float:
    """The smallest of …, 1, 2, 5, 10, 20, 50 % above asked that so many pictures could vouch for; 1.0 for none."""
    for power in range(math.floor(math.log10(asked)), 0):
        for step in (1, 2, 5):
            error = float(f"{step}e{power}")
            if error > asked and fewest_pictures(error, risk=risk) <= pictures:
                return error
    return 1.0


def highest_error(wrong: int, answered: int, *, risk: float = RISK) -> float:
    """The upper end of the exact one-sided 95 % interval of wrong / answered (Clopper and Pearson, 1934)."""
    return float(highest_errors(np.array([wrong]), np.array([answered]), risk=risk)[0])


def highest_errors(wrong: NDArray[np.int64], answered: NDArray[np.int64], *, risk: float = RISK) -> NDArray[np.float64]:
    """The same of many, int64 [n] each."""
    from scipy.special import betaincinv

    all_wrong = wrong == answered
    ends: NDArray[np.float64] = betaincinv(wrong + 1, np.where(all_wrong, 1, answered - wrong), 1 - risk)
    return np.where(all_wrong, 1.0, ends)


def said_marks(unsure: bool | None, unlike: bool | None) -> str:
    """What speaks against letting an answer stand, as people read it; "" where it stands."""
    return ", ".join(word for word, flag in (("unsure", unsure), ("unlike the training set", unlike)) if flag)


def _word(flag: bool | None) -> str:
    return {None: "", True: "yes", False: "no"}[flag]
