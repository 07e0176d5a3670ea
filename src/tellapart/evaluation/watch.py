"""Whether answers given since have left what testing showed: a test that may be looked at after every answer.

Of each share that was tested (pictures unlike the training set, answers of a class) an upper end is kept, which the
true share of pictures like the tested ones is below but for half of the risk (exact, Clopper and Pearson, 1934).
Against the share being no higher than that, later answers are bet on: a mixture of likelihood ratios, whose
expectation stays at most 1 as long as it is so, whatever came before. That it ever reaches 1 / risk has at most that
risk (Ville, 1939). See Robbins, Annals of Mathematical Statistics 41 (1970), 1397, for mixtures; Waudby-Smith and
Ramdas, Journal of the Royal Statistical Society B 86 (2024), 1, for betting; Podkopaev and Ramdas, "Tracking the risk
of a deployed model and detecting harmful distribution shifts", ICLR 2022, for a bound of the tested share beside it.
So that a change late on is not drowned in what was well before, bets begin anew all the time, each with its part of
the stake: their sum is such a bet too.

A rise alone is tested; where the answers of one class become fewer, those of another become more.

Legend: K shares, J odds that are bet on, S bets under way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.abstention import Flags
from tellapart.shape import COUNT, NUMBER, NUMBER_OR_NULL, misfit
from tellapart.types import Labels

RISK: Final = 0.025  # of a false alarm ever, for each of two watches: pictures that are unlike, and the mix of answers
STEPS: Final = np.array([0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0])  # log odds above the bound that are bet on
BLOCK: Final = 256  # answers after which another bet begins
MOST_BETS: Final = 32  # under way at a time; older ones are given up, which only loses
SHAPE: Final = {
    "pictures": COUNT,
    "answers": [COUNT],
    "answers_at_most": [NUMBER],
    "unsure": (int, type(None)),
    "unlike": (int, type(None)),
    "unlike_at_most": NUMBER_OR_NULL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What testing showed of answers, and the upper ends of their shares.

    Attributes:
        pictures: how many were tested.
        answers: how often each of K classes was answered.
        answers_at_most: the upper end of each of these shares.
        unsure: how many answers were; None without a threshold.
        unlike: how many pictures were; None without a threshold.
        unlike_at_most: the upper end of that share.
    """

    pictures: int
    answers: tuple[int, ...]
    answers_at_most: tuple[float, ...]
    unsure: int | None
    unlike: int | None
    unlike_at_most: float | None

    @classmethod
    def of(cls, predicted: Labels, flags: Flags, *, class_count: int, weight: float) -> Reference:
        """Of the answers int64 [n] and marks about test pictures, each of which counts as `weight` of one."""
        answers = np.bincount(predicted, minlength=class_count)
        count, unlike = len(predicted), _sum(flags.unlike)
        return cls(
            pictures=count,
            answers=tuple(answers.tolist()),
            answers_at_most=tuple(upper_end(int(each), count, weight=weight, shares=class_count) for each in answers),
            unsure=_sum(flags.unsure),
            unlike=unlike,
            unlike_at_most=None if unlike is None else upper_end(unlike, count, weight=weight),
        )

    def to_json(self) -> dict[str, Any]:
        """As model.json has it."""
        return {name: list(value) if isinstance(value := getattr(self, name), tuple) else value for name in SHAPE}

    @classmethod
    def from_json(cls, document: Any, *, class_count: int) -> Reference:  # noqa: ANN401 - whatever a file says
        """Out of model.json.

        Raises:
            ValueError: it makes no sense.
        """
        if misfit(document, SHAPE) is not None:
            raise ValueError("no figures of a test")
        count, answers = document["pictures"], document["answers"]
        marked = [document[name] for name in ("unsure", "unlike") if document[name] is not None]
        shares = [*document["answers_at_most"], document["unlike_at_most"] or 0.0]
        if not (count > 0 and len(answers) == len(shares) - 1 == class_count and sum(answers) == count):
            raise ValueError("not the figures of these classes")
        if not all(0 <= each <= count for each in marked) or not all(0 <= share <= 1 for share in shares):
            raise ValueError("no shares")
        lists = {name: tuple(document[name]) for name in ("answers", "answers_at_most")}
        return cls(**{name: document[name] for name in SHAPE} | lists)


def upper_end(happened: int, count: int, *, weight: float = 1.0, shares: int = 1) -> float:
    """What a share is below but for half of RISK, over so many shares at once (Clopper and Pearson, 1934)."""
    from scipy.special import betaincinv

    if happened >= count:
        return 1.0
    risk = RISK / 2 / shares
    return float(betaincinv(weight * happened + 1, weight * (count - happened), 1 - risk))


def _sum(marks: NDArray[np.bool_] | None) -> int | None:
    return None if marks is None else int(marks.sum())


@dataclass(slots=True)
class Bet:
    """A bet under way: the logarithm of its part of the stake, and what had been counted when it began."""

    stake: float
    counts: NDArray[np.float64]  # [K]
    total: int


@dataclass(slots=True)
class Rise:
    """Bets on K shares having risen above upper ends float64 [K]; `evidence` may be looked at any time."""

    at_most: NDArray[np.float64]
    counts: NDArray[np.float64] = field(init=False)  # [K]
    total: int = 0
    begun: int = 0
    bets: list[Bet] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts = np.zeros(len(self.at_most))
        self._begin()

    def add(self, happened: NDArray[np.float64] | Sequence[int], count: int) -> None:
        """Count a few more answers: how often each of K things happened among them."""
        self.counts = self.counts + np.asarray(happened, float)
        self.total += count
        if self.total >= self.begun * BLOCK:
            self._begin()

    def evidence(self) -> float:
        """The natural logarithm of the mean over the K shares of what a stake of 1 has become."""
        bound = np.clip(self.at_most, 1e-9, 1 - 1e-9)[:, None]
        odds = bound / (1 - bound) * np.exp(STEPS)
        believed = odds / (1 + odds)  # [K, J]
        gain, loss = np.log(believed / bound), np.log((1 - believed) / (1 - bound))
        yes = np.stack([self.counts - bet.counts for bet in self.bets])[:, :, None]  # [S, K, 1]
        no = np.array([self.total - bet.total for bet in self.bets])[:, None, None] - yes
        won = yes * gain + no * loss - np.log(len(STEPS))
        stakes = np.array([bet.stake for bet in self.bets])[:, None, None]
        kept = np.log(1 / (self.begun + 1))  # what is not staked yet
        return float(np.logaddexp(np.logaddexp.reduce(won + stakes, axis=None) - np.log(len(self.at_most)), kept))

    def _begin(self) -> None:
        """Begin a bet with its part of the stake: a half, a sixth, a twelfth, …, which make one together."""
        place = self.begun
        self.bets.append(Bet(-float(np.log((place + 1) * (place + 2))), self.counts, self.total))
        self.begun += 1
        if len(self.bets) > MOST_BETS:
            del self.bets[1]  # the first, of the largest part, is kept


ALARM: Final = float(np.log(2 / RISK))  # evidence that half of the risk is reached at
