"""What is asked of the answers beside being right: least cost, and the recall of some classes.

Legend: N pictures of valid, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

from tellapart.errors import UsageError
from tellapart.heads.operating_point import (
    OperatingPoint,
    RecallPromise,
    choose_weights,
    equal_costs,
    weighted,
)
from tellapart.progress import Progress
from tellapart.recipes.request import Request
from tellapart.text import counted, percent
from tellapart.types import Labels, Probabilities


def check_asked(classes: Sequence[str], request: Request) -> None:
    """Refuse, before any picture is looked at, what does not fit the classes.

    Raises:
        UsageError: a class has no costs, or the recall of no class is asked for.
    """
    if request.costs is not None:
        request.costs.of(classes)
    for name in request.min_recall:
        if name not in classes:
            hint = f"The classes are: {', '.join(classes)}."
            raise UsageError("the recall of no class is asked for", where=f"--min-recall {name}", hint=hint)


def operating_point(
    probabilities: Probabilities, labels: Labels, *, classes: Sequence[str], request: Request
) -> OperatingPoint | None:
    """By what answers are chosen; None where that is the likeliest class.

    Args:
        probabilities: float64 [N, K] of valid pictures, calibrated, one of each group.
        labels: int64 [N].
        classes: K names.
        request: costs and recalls that are asked for.
    """
    asked, person = (None, None) if request.costs is None else request.costs.of(classes)
    if asked is None and not request.min_recall:
        return None
    costs = equal_costs(len(classes)) if asked is None else asked
    recalls = {classes.index(name): float(recall) for name, recall in request.min_recall.items()}
    promises = choose_weights(probabilities, labels, costs, asked=recalls)
    weights = {promise.place: promise.weight for promise in promises}
    return OperatingPoint(costs=weighted(costs, weights), asked=asked, person=person, recalls=promises)


def recall_sentence(name: str, promise: RecallPromise) -> str:
    """What the pictures of valid show of the recall that was asked for."""
    asked = f"{100 * promise.asked:.4g} %"
    pictures = counted(promise.pictures, "picture")
    shown = f"valid shows a recall of {percent(promise.shown)} or more with 95 % confidence"
    if promise.kept:
        how = "as it is" if promise.weight == 1 else f"a missed one counts {promise.weight:,.3g} times"
        return f"recall of {name}: {asked} was asked for and {shown} ({pictures}; {how})"
    if promise.pictures < promise.needed:
        reason = f"{pictures} of it in valid cannot show {asked} (it takes {promise.needed:,})"
    else:
        reason = f"the {pictures} of it in valid do not show {asked}"
    return f"recall of {name}: {reason}; {shown}"


def say_recalls(point: OperatingPoint | None, classes: Sequence[str], progress: Progress) -> None:
    """Say what is shown of each recall that was asked for."""
    for promise in () if point is None else point.recalls:
        sentence = recall_sentence(classes[promise.place], promise)
        progress.note(f"{sentence[:1].upper()}{sentence[1:]}.")
