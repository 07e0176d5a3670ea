"""What a classifier says of pictures: the one way from pictures to answers, as float32 computes them.

A base is looked through in half precision where the processor has it, at about twice the speed. What that rounds away
can change an answer that is a close call, so pictures with one are looked at again in float32. The answers of the
others move by less than 0.02 (benchmarks/parity.py has the figures), and no label and no mark with them.

Legend: N pictures, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import EXACT, AnyEngine
from tellapart.classifier import Classifier
from tellapart.features.embed import Embedded
from tellapart.features.look import look_at
from tellapart.features.take import Take
from tellapart.heads.abstention import Flags
from tellapart.heads.calibration import answer_probability, top_probability
from tellapart.heads.operating_point import Matrix, answered_class
from tellapart.progress import Progress, Silent
from tellapart.types import Features, Index, Labels, LedgerEntry, Picture, Probabilities
from tellapart.workers.pool import HERE, Workers

Compiled = Callable[[], AnyEngine]
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
        boxed: whether there are boxes among the pictures that were asked about, here or in another part of them.
    """

    classes: tuple[str, ...]
    pictures: tuple[Picture, ...]
    probabilities: Probabilities
    flags: Flags
    ledger: tuple[LedgerEntry, ...]
    empty: NDArray[np.bool_] | None = None
    given: tuple[Picture, ...] = ()
    columns: tuple[str, ...] = ()
    boxed: bool = False
    costs: Matrix | None = None

    @property
    def predicted(self) -> Labels:
        """The class int64 [N] that is answered about each picture."""
        return answered_class(self.probabilities, self.costs)

    def marks(self, row: int) -> tuple[bool | None, bool | None, bool | None]:
        """Unsure, unlike and empty of one answer; None where that cannot be said."""
        return *self.flags.of(row), None if self.empty is None else bool(self.empty[row])


def together(parts: Sequence[Answers]) -> Answers:
    """What one model says of several lots of pictures, at least one, as if they had been asked about at once."""
    first = parts[0]
    return replace(
        first,
        pictures=tuple(picture for part in parts for picture in part.pictures),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        flags=Flags(
            unsure=_joined([part.flags.unsure for part in parts]), unlike=_joined([part.flags.unlike for part in parts])
        ),
        ledger=tuple(entry for part in parts for entry in part.ledger),
        empty=_joined([part.empty for part in parts]),
        given=tuple(picture for part in parts for picture in part.given),
    )


def _joined(marks: Sequence[NDArray[np.bool_] | None]) -> NDArray[np.bool_] | None:
    """Marks bool [N] of several lots, one after the other; None where they cannot be said."""
    said = [mark for mark in marks if mark is not None]
    return np.concatenate(said) if said else None


def answer(
    classifier: Classifier,
    embedded: Embedded,
    *,
    keep: bool = True,
    exact: Compiled | None = None,
    progress: Progress | None = None,
) -> Answers:
    """What a classifier says of pictures that its base has looked at.

    Args:
        classifier: what answers.
        embedded: what its base saw, in whatever precision.
        keep: whether what is looked at again goes into the user's cache.
        exact: gives the base compiled in float32, for whoever asks more than once; None compiles it where it is needed.
        progress: told of a second look.
    """
    features = exact_features(classifier, embedded, keep=keep, exact=exact, progress=progress or Silent())
    probabilities = classifier.probabilities(features)
    return Answers(
        classes=classifier.classes,
        pictures=embedded.index.pictures,
        probabilities=probabilities,
        flags=classifier.flags(probabilities, features),
        ledger=embedded.ledger,
        costs=classifier.costs,
    )


def exact_features(
    classifier: Classifier, embedded: Embedded, *, keep: bool, exact: Compiled | None = None, progress: Progress
) -> Features:
    """The features float32 [N, D], those of close calls as float32 computes them; a copy where there are any."""
    if embedded.precision == EXACT:
        return embedded.features
    return with_exact_rows(classifier, embedded.index, embedded.features, keep=keep, exact=exact, progress=progress)


def with_exact_rows(
    classifier: Classifier,
    index: Index,
    features: Features,
    *,
    keep: bool,
    exact: Compiled | None = None,
    workers: Workers = HERE,
    progress: Progress,
) -> Features:
    """Features float32 [N, D] of the pictures of an index, with close calls looked at again."""
    close = np.flatnonzero(close_calls(classifier, features))
    return exact_at(close, classifier.base, index, features, keep=keep, exact=exact, workers=workers, progress=progress)


def exact_at(
    rows: NDArray[np.int64],
    base: Backbone,
    index: Index,
    features: Features,
    *,
    keep: bool,
    exact: Compiled | None = None,
    take: Take | None = None,
    workers: Workers = HERE,
    progress: Progress,
) -> Features:
    """Features float32 [N, D] of the pictures of an index, those of some rows int64 [n] as float32 computes them.

    A picture that can be read no longer keeps what was seen of it before. With `take` the features are what that takes.
    """
    if not len(rows):
        return features
    again = replace(index, pictures=tuple(index.pictures[row] for row in rows), skipped=())
    engine = exact() if exact is not None else None
    seen = look_at(
        again,
        base,
        progress,
        engine=engine,
        precision=EXACT,
        keep=keep,
        take=take,
        workers=workers,
        purpose="once more in float32, where answers were close",
    )
    renewed = features.copy()
    readable = [entry.status != "skipped" for entry in seen.ledger]  # by place: a picture may be given twice
    renewed[rows[readable]] = seen.features
    return renewed


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
