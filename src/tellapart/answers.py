"""What a classifier says of pictures: the one way from pictures to answers, as float32 computes them.

A base is looked through in half precision where the processor has it, at about twice the speed. What that rounds away
can change an answer that is a close call, so pictures with one are looked at again in float32. The answers of the
others move by less than 0.02 (benchmarks/parity.py has the figures), and no label and no mark with them.

Legend: N pictures, D features, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import compiled
from tellapart.classifier import Classifier
from tellapart.features.embed import Embedded
from tellapart.features.look import look_at
from tellapart.heads.abstention import Flags
from tellapart.heads.calibration import answer_probability, top_probability
from tellapart.heads.operating_point import Matrix, answered_class
from tellapart.progress import Progress, Silent
from tellapart.types import Features, Index, Labels, LedgerEntry, Picture, Probabilities

EXACT = "f32"
# Half precision moves a logit by up to 1.1 in 99.9 of 100 pictures of the sets in benchmarks/parity.py, and so no
# probability beyond this one by as much as 0.02, and no mark whose threshold is further away than the other two.
SURE = 0.98
LOGITS_APART = 1.0
COSINE_APART = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a model says.

    Attributes:
        classes: K names.
        pictures: the N readable pictures.
        probabilities: float64 [N, K].
        flags: what is to be said beside each of the N answers.
        empty: bool [N], whether there is nothing on a picture; None where that was not looked at.
        costs: float64 [K, K], what answers are chosen by; None where the likeliest class is the answer.
        ledger: one entry for each of the pictures given.
        given: these pictures, as their data tells of them; () where nobody needs them.
        columns: what else the data says of each.
    """

    classes: tuple[str, ...]
    pictures: tuple[Picture, ...]
    probabilities: Probabilities
    flags: Flags
    ledger: tuple[LedgerEntry, ...]
    empty: NDArray[np.bool_] | None = None
    given: tuple[Picture, ...] = ()
    columns: tuple[str, ...] = ()
    costs: Matrix | None = None

    @property
    def predicted(self) -> Labels:
        """The class int64 [N] that is answered about each picture."""
        return answered_class(self.probabilities, self.costs)

    def marks(self, row: int) -> tuple[bool | None, bool | None, bool | None]:
        """Unsure, unlike and empty of one answer; None where that cannot be said."""
        return *self.flags.of(row), None if self.empty is None else bool(self.empty[row])


def answer(
    classifier: Classifier, embedded: Embedded, *, keep: bool = True, progress: Progress | None = None
) -> Answers:
    """What a classifier says of pictures that its base has looked at.

    Args:
        classifier: what answers.
        embedded: what its base saw, in whatever precision.
        keep: whether what is looked at again goes into the user's cache.
        progress: told of a second look.
    """
    features = exact_features(classifier, embedded, keep=keep, progress=progress or Silent())
    probabilities = classifier.probabilities(features)
    return Answers(
        classes=classifier.classes,
        pictures=embedded.index.pictures,
        probabilities=probabilities,
        flags=classifier.flags(probabilities, features),
        ledger=embedded.ledger,
        costs=classifier.costs,
    )


def exact_features(classifier: Classifier, embedded: Embedded, *, keep: bool, progress: Progress) -> Features:
    """The features float32 [N, D], those of close calls as float32 computes them; a copy where there are any."""
    if embedded.precision == EXACT:
        return embedded.features
    return with_exact_rows(classifier, embedded.index, embedded.features, keep=keep, progress=progress)


def with_exact_rows(
    classifier: Classifier, index: Index, features: Features, *, keep: bool, progress: Progress
) -> Features:
    """Features float32 [N, D] of the pictures of an index, with close calls looked at again."""
    close = np.flatnonzero(close_calls(classifier, features))
    return exact_at(close, classifier.base, index, features, keep=keep, progress=progress)


def exact_at(
    rows: NDArray[np.int64], base: Backbone, index: Index, features: Features, *, keep: bool, progress: Progress
) -> Features:
    """Features float32 [N, D] of the pictures of an index, those of some rows int64 [n] as float32 computes them.

    A picture that can be read no longer keeps what was seen of it before.
    """
    if not len(rows):
        return features
    again = replace(index, pictures=tuple(index.pictures[row] for row in rows), skipped=())
    seen = look_at(again, base, progress, engine=compiled(base, precision=EXACT), keep=keep)
    exact = features.copy()
    readable = [entry.status != "skipped" for entry in seen.ledger]  # by place: a picture may be given twice
    exact[rows[readable]] = seen.features
    return exact


def close_calls(classifier: Classifier, features: Features) -> NDArray[np.bool_]:
    """Which answers half precision may have changed, bool [N]: unsure ones, and those near to a threshold."""
    abstention, probabilities = classifier.abstention, classifier.probabilities(features)
    predicted = classifier.predicted(probabilities)
    close: NDArray[np.bool_] = top_probability(probabilities) < SURE
    least = abstention.thresholds(predicted)
    if least is not None:
        sure = answer_probability(probabilities, predicted)
        close = close | (np.abs(log_odds(sure) - log_odds(least)) < LOGITS_APART)
    if classifier.costs is not None:
        # Where logits move by so much, an expected cost moves by as much of its logarithm.
        best, second = np.partition(probabilities @ classifier.costs, 1, axis=1)[:, :2].T
        close = close | (second < best * np.exp(LOGITS_APART))
    known = abstention.out_of_distribution
    if known is not None and known.threshold is not None:
        last = classifier.base.last
        close = close | (np.abs(known.similarity(features[:, last.start : last.stop]) - known.threshold) < COSINE_APART)
    return close


def log_odds(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(p / (1 - p)), finite for 0 and 1."""
    held = np.clip(share, 1e-6, 1 - 1e-6)
    odds: NDArray[np.float64] = np.log(held / (1 - held))
    return odds
