"""What to make of a training that came to its end in numbers: whether it ran away all the same.

Legend: K classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

FAR: Final = 10.0  # times ln K, the loss of answering all classes alike: no net of sound weights is so far off
BELOW: Final = 0.95  # of what guessing costs: a net that has learned is below that; chance alone is not, on a few dozen


def ran_away(history: Sequence[Mapping[str, Any]], *, score: float | None, counts: Sequence[int]) -> bool:
    """Whether a training was at odds with its learning rate, though every loss was a number.

    Two things are asked for, and both must hold. No epoch was below guessing by the shares of the classes on valid,
    after calibration, which mends a net that is right but too sure of it. And the train loss of some epoch was above
    FAR times ln K: a net that just has not learned yet stays near ln K, and one that spent its first steps far off and
    came back is below guessing in the end.

    Args:
        history: a row an epoch, with `train_loss`; other rows say nothing.
        score: the least log loss on valid after calibration of any epoch; None where there was nothing to judge by.
        counts: K numbers of valid pictures.
    """
    losses = [row["train_loss"] for row in history if row.get("train_loss") is not None]
    if score is None or not losses or not sum(counts) or len(counts) < 2:
        return False
    return score > BELOW * guessing_loss(counts) and max(losses) > FAR * math.log(len(counts))


def diverged_note(rate: float) -> str:
    """What is said of a training that ran away in numbers at that learning rate."""
    loss = "the training loss was many times that of guessing, and no epoch was better than guessing on valid"
    return f"The training diverged at the learning rate {rate:g}: {loss}. Give a lower learning rate."


def guessing_loss(counts: Sequence[int]) -> float:
    """The log loss of answering every picture with the shares of K classes, of these numbers of pictures."""
    shares = [count / sum(counts) for count in counts if count]
    return -sum(share * math.log(share) for share in shares)


def shows_nothing_learned(selected: Mapping[str, Any], figures: Mapping[str, Any]) -> bool:
    """Whether a net trained from nothing cannot be told from answering one class for every picture.

    Args:
        selected: what was chosen of a run; of other recipes it has no `net`, and theirs have learned before.
        figures: those of the test, with `baseline`; older runs are without.
    """
    return "net" in selected and not figures.get("baseline", {"beaten": True})["beaten"]
