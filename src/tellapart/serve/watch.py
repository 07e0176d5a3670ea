"""What a server knows of whether its pictures are still like those that the model was tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from tellapart.evaluation.watch import ALARM, Reference, Rise

EVERY: Final = 16  # answers that are looked at together
UNLIKE, ANSWERS = "unlike", "answers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Something that has left what testing showed.

    Attributes:
        what: UNLIKE or ANSWERS.
        since: when that was found.
        answers: after how many answers.
        share: of them that were unlike, or that named the class whose share has risen most.
        tested: the share in testing.
        name: that class; "" for UNLIKE.
    """

    what: str
    since: datetime
    answers: int
    share: float
    tested: float
    name: str = ""

    def to_json(self) -> dict[str, Any]:
        told = {"what": self.what, "since": self.since.isoformat(timespec="seconds"), "answers": self.answers}
        shares = {"share": round(self.share, 4), "tested": round(self.tested, 4)}
        return {**told, **({"class": self.name} if self.name else {}), **shares}


class Watch:
    """Counts answers of one model; what has once left what testing showed stays so until the model is read again."""

    def __init__(self, classes: Sequence[str], tested: Reference | None) -> None:
        """Beside what testing showed; None, as of model files made before there was that, watches nothing."""
        self.classes, self.tested, self.left = tuple(classes), tested, dict[str, Left]()
        self._place = {name: place for place, name in enumerate(classes)}
        self._rises = dict[str, Rise]()
        self._seen = list[Mapping[str, Any]]()  # and not looked at
        if tested is not None:
            self._rises[ANSWERS] = Rise(np.array(tested.answers_at_most))
            if tested.unlike_at_most is not None:
                self._rises[UNLIKE] = Rise(np.array([tested.unlike_at_most]))

    @property
    def watched(self) -> tuple[str, ...]:
        return tuple(self._rises)

    def see(self, found: Sequence[Mapping[str, Any]]) -> list[Left]:
        """Count answers, an object each; what they show to have left what testing showed, each thing once.

        They are looked at EVERY so many together, which costs less than one at a time.
        """
        if self.tested is None:
            return []
        self._seen += [answer for answer in found if "error" not in answer]
        if len(self._seen) < EVERY:
            return []
        said, self._seen = self._seen, []
        named = np.bincount([self._place[answer["predicted"]] for answer in said], minlength=len(self.classes))
        happened = {ANSWERS: named.astype(float), UNLIKE: np.array([sum(bool(answer["unlike"]) for answer in said)])}
        for what, rise in self._rises.items():
            rise.add(happened[what], len(said))
        gone = [what for what in self._rises if what not in self.left and self.evidence(what) >= ALARM]
        found_now = [self._describe(what, self.tested) for what in gone]
        self.left |= {left.what: left for left in found_now}
        return found_now

    def evidence(self, what: str) -> float:
        """The natural logarithm of the evidence that something has left; ALARM is where it is said."""
        return self._rises[what].evidence()

    def _describe(self, what: str, tested: Reference) -> Left:
        rise, now = self._rises[what], datetime.now(UTC)
        shares = rise.counts / rise.total
        if what == UNLIKE:
            share = (tested.unlike or 0) / tested.pictures
            return Left(what=what, since=now, answers=rise.total, share=float(shares[0]), tested=share)
        before = np.array(tested.answers) / tested.pictures
        place = int((shares - before).argmax())
        told = {"share": float(shares[place]), "tested": float(before[place])}
        return Left(what=what, since=now, answers=rise.total, name=self.classes[place], **told)
