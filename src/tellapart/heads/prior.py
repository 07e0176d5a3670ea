"""What the share of a class in train has added to its logits, and taking it out again.

A head that is trained on 100 pictures of one class for each of another answers the first where it is in doubt, because
that is right more often. The logarithm of the shares is in its logits (Saerens, Latinne and Decaestecker, 2002,
doi:10.1162/089976602753284446; Menon et al., 2021, arXiv:2007.07314); without it every class is found alike, and a
probability is that of a world in which all classes are equally frequent.

Legend: N pictures, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.calibration import calibrated_losses
from tellapart.heads.linear import LinearHead
from tellapart.types import Labels

UNEQUAL = 3  # times as many pictures of one class as of another: below, taking the shares out changes little
FRACTIONS = (0.0, 0.5, 1.0)  # of the log share that may be taken out


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorChoice:
    """How much of the log shares is taken out, and why."""

    fraction: float  # one of FRACTIONS
    losses: Mapping[str, float]  # the balanced log loss of each of them, by its text


def are_unequal(counts: NDArray[np.int64]) -> bool:
    """Whether a class has more than UNEQUAL times as many pictures as another; int64 [K], those without none aside."""
    present = counts[counts > 0]
    return len(present) > 1 and bool(present.max() > UNEQUAL * present.min())


def rare_classes(counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which classes have less than a third of the pictures of the largest, bool [K]."""
    rare: NDArray[np.bool_] = counts * UNEQUAL < counts.max(initial=0)
    return rare


def prior_shift(counts: NDArray[np.int64], *, fraction: float) -> NDArray[np.float64]:
    """What is added to the logits float64 [K]: nothing for the largest class, and for one without any picture."""
    known = np.maximum(counts, 1)
    shift: NDArray[np.float64] = np.where(counts > 0, fraction * np.log(known.max() / known), 0.0)
    return shift


def without_shares(head: LinearHead, counts: NDArray[np.int64], *, fraction: float) -> LinearHead:
    """The head with that fraction of the log shares of train, from counts int64 [K], taken out of its bias."""
    shift = prior_shift(counts, fraction=fraction)
    return replace(head, bias=(head.bias + shift).astype(np.float32)) if fraction else head


def weights_of_classes(counts: NDArray[np.int64], *, fraction: float) -> NDArray[np.float64] | None:
    """What a picture of each class counts, float64 [K], so that pictures like train are like what answers mean then.

    With all of the shares taken out an answer is that of a world with equal classes, so each picture counts by the
    inverse of its class's share; None where they all count alike.
    """
    return np.exp(prior_shift(counts, fraction=fraction)) if fraction else None


def choose_fraction(logits: NDArray[np.float64], labels: Labels, counts: NDArray[np.int64]) -> PriorChoice:
    """The fraction of the log shares without which held-out pictures have the least balanced log loss.

    Balanced: the mean over classes of the mean log loss of their pictures, at the temperature that suits it best. On a
    tie the smallest, which changes least.

    Args:
        logits: float64 [N, K] of pictures that the head, or that of its fold, has not seen.
        labels: int64 [N].
        counts: int64 [K], pictures in train.
    """
    sizes = np.bincount(labels, minlength=logits.shape[1])
    weights = 1 / sizes[labels]
    losses = {}
    for fraction in FRACTIONS:
        moved = logits + prior_shift(counts, fraction=fraction)
        losses[fraction] = float(np.average(calibrated_losses(moved, labels, weights=weights), weights=weights))
    best = min(FRACTIONS, key=lambda fraction: losses[fraction])
    return PriorChoice(fraction=best, losses={f"{fraction:g}": loss for fraction, loss in losses.items()})
