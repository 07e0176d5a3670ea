"""When an answer should not stand: too unsure, or about a picture unlike the training set.

Legend: N pictures, D features of all depths, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.calibration import top_probability
from tellapart.heads.out_of_distribution import Familiar, learn_familiar
from tellapart.heads.selective_risk import Promise, choose_threshold
from tellapart.types import Depth, Features, Labels, Probabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What is to be said beside each of N answers; None where the model has no threshold to say it by.

    Attributes:
        unsure: bool [N], less confident than the threshold.
        unlike: bool [N], the picture is unlike the training set.
    """

    unsure: NDArray[np.bool_] | None = None
    unlike: NDArray[np.bool_] | None = None

    def words(self, row: int) -> tuple[str, str]:
        """Unsure and unlike of one answer as "yes" or "no", empty where nothing can be said."""
        unsure, unlike = self.of(row)
        return _word(unsure), _word(unlike)

    def of(self, row: int) -> tuple[bool | None, bool | None]:
        """Unsure and unlike of one answer."""
        unsure, unlike = (None if each is None else bool(each[row]) for each in (self.unsure, self.unlike))
        return unsure, unlike

    def said(self, row: int) -> str:
        """What speaks against letting one answer stand, as `said_doubts` has it."""
        return said_doubts(*self.of(row))


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """What a model doubts by.

    Attributes:
        unsure: the least confidence of an answer that stands; None where there is no such threshold.
        familiar: what pictures like the training set look like; None where that is not known.
        promise: what the threshold was chosen for; None where that is not known any more.
    """

    unsure: float | None = None
    familiar: Familiar | None = None
    promise: Promise | None = None

    def flags(self, probabilities: Probabilities, features: Features, *, last: Depth) -> Flags:
        """What to say beside answers.

        Args:
            probabilities: float64 [N, K].
            features: float32 [N, D].
            last: the columns of the last depth.
        """
        return Flags(
            unsure=None if self.unsure is None else top_probability(probabilities) < self.unsure,
            unlike=None if self.familiar is None else self.familiar.unlike(features[:, last.start : last.stop]),
        )

    def to_json(self) -> dict[str, Any]:
        """The thresholds as model.json and metrics.json have them."""
        return {
            "unsure": self.unsure,
            "unlike": None if self.familiar is None else self.familiar.threshold,
            "promise": None if self.promise is None else self.promise.to_json(),
        }


def learn_doubt(
    *,
    train: Features,
    valid: Features,
    labels: Labels,
    probabilities: Probabilities,
    last: Depth,
    max_error: float,
    seed: int,
) -> Doubt:
    """Both thresholds, from what valid shows.

    Args:
        train: float32 [n, D] of pictures that were trained on, such as `sampled_rows` names.
        valid: float32 [N, D] of the pictures of valid.
        labels: int64 [N] of valid.
        probabilities: float64 [N, K] of valid, calibrated.
        last: the columns of the last depth.
        max_error: the largest share of wrong answers among those that stand, in (0, 1).
        seed: of what is drawn.
    """
    correct = probabilities.argmax(axis=1) == labels
    promise = choose_threshold(top_probability(probabilities), correct=correct, max_error=max_error)
    familiar = learn_familiar(
        train[:, last.start : last.stop],
        valid[:, last.start : last.stop],
        class_count=probabilities.shape[1],
        seed=seed,
    )
    return Doubt(unsure=promise.threshold, familiar=familiar, promise=promise)


def said_doubts(unsure: bool | None, unlike: bool | None) -> str:
    """What speaks against letting an answer stand, as people read it; "" where it stands."""
    return ", ".join(word for word, flag in (("unsure", unsure), ("unlike the training set", unlike)) if flag)


def _word(flag: bool | None) -> str:
    return {None: "", True: "yes", False: "no"}[flag]
