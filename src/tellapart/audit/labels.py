"""The finding about labels that are probably wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tellapart.audit.finding import Finding, Item, found, not_applicable, passed
from tellapart.evaluation.suspects import PRECISION, LabelSuspect, find_suspects
from tellapart.text import counted
from tellapart.types import Labels, Picture, Probabilities

MANY = 0.01  # of the pictures; then scores are off by about as much


def find_mislabelled(
    probabilities: Probabilities, labels: Labels, *, pictures: Sequence[Picture], classes: Sequence[str]
) -> Finding:
    """Suspects from out-of-fold probabilities float64 [N, K] of pictures with labels int64 [N]."""
    judged = int(np.isfinite(probabilities[:, 0]).sum()) if len(probabilities) else 0
    if not judged:
        return not_applicable("suspects", "warning", "No class has two pictures, so no picture could be held out.")
    splits = [picture.split or "" for picture in pictures]
    suspects = find_suspects(probabilities, labels, parts=np.unique(splits, return_inverse=True)[1])
    if not suspects:
        message = f"No label of {counted(judged, 'picture')} is doubtful enough to name it."
        return passed("suspects", "warning", message, facts={"judged": judged})
    return found(
        "suspects",
        "warning" if len(suspects) > MANY * judged else "note",
        f"{counted(len(suspects), 'label')} of {judged:,} probably wrong; about {PRECISION:.0%} of them are expected "
        "to be.",
        facts={"suspects": len(suspects), "judged": judged, "precision": PRECISION},
        advice="Look at each: move it, remove it, or leave it where it is.",
        items=[_item(suspect, pictures[suspect.row], classes) for suspect in suspects],
    )


def no_suspects(reason: str) -> Finding:
    """Labels could not be judged."""
    return not_applicable("suspects", "warning", reason)


def _item(suspect: LabelSuspect, picture: Picture, classes: Sequence[str]) -> Item:
    given, suggested = classes[suspect.given], classes[suspect.suggested]
    return Item(
        paths=(picture.path,),
        text=f"labelled {given}, looks like {suggested}",
        details={
            "given": given,
            "suggested": suggested,
            "probability_given": round(suspect.probability_given, 6),
            "probability_suggested": round(suspect.probability_suggested, 6),
            "certainty": round(suspect.certainty, 6),
            "split": picture.split,
        },
    )
