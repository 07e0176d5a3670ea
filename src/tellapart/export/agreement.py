"""Whether what left home answers as the model file does: one row for each door, with what differs.

Legend: N pictures, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.bundle.graph import LABEL
from tellapart.bundle.marks import UNLIKE, UNSURE
from tellapart.bundle.runtimes import Run
from tellapart.classifier import Classifier
from tellapart.heads.abstention import Flags
from tellapart.heads.calibration import answer_probability
from tellapart.types import Features, Labels, Pixels, Probabilities

# On average over the pictures, in float32. The graph's own resize rounds one value in a hundred to the next grey level,
# which a picture of little contrast may show; a mistake shows in all. Measured (docs/log.md): 0.0084 and 0.0015 at most
# where nothing is wrong; features at least 0.12 off with another resize, colours exchanged or pictures half as bright.
FEATURES_APART: Final = 0.02  # of the last depth, relative to its length
PROBABILITY_APART: Final = 0.02  # of the class that is furthest off
CLOSE: Final = 0.1  # of a probability, within which another answer is a close call
LIKENESS_APART: Final = 0.02  # of the threshold, within which a picture may be called unlike or not
EVEN: Final = 1e-5  # expected costs or probabilities that may fall either way


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one door says of N pictures.

    Attributes:
        probabilities: float64 [N, K].
        labels: int64 [N], the classes answered.
        flags: the marks.
        features: float32 [N, D]; None where the door does not show them.
    """

    probabilities: Probabilities
    labels: Labels
    flags: Flags
    features: Features | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far one door is from what is expected.

    Attributes:
        door: what was asked: a runtime, or a way into the program.
        on: "test cards" or "pictures".
        pictures: N.
        labels, unsure, unlike: how many of them differ.
        largest, mean: the largest difference of a probability, and the mean of each picture's furthest class.
        features: how far the last depth is off on average, relative to its length; None where it is not shown.
        reason: what is wrong, as a clause; "" where all is within its tolerance.
        skipped: why the door was not tried; "" where it was.
    """

    door: str
    on: str
    pictures: int = 0
    labels: int = 0
    unsure: int = 0
    unlike: int = 0
    largest: float | None = None
    mean: float | None = None
    features: float | None = None
    reason: str = ""
    skipped: str = ""

    def to_json(self) -> dict[str, Any]:
        outcome = "not applicable" if self.skipped else ("differs" if self.reason else "same")
        return {
            "door": self.door,
            "on": self.on,
            "outcome": outcome,
            "pictures": self.pictures,
            "labels": self.labels,
            "unsure": self.unsure,
            "unlike": self.unlike,
            "largest": None if self.largest is None else round(self.largest, 6),
            "mean": None if self.mean is None else round(self.mean, 6),
            "features": None if self.features is None else round(self.features, 6),
            "reason": self.reason or self.skipped,
        }


def said_by_graph(run: Run, pictures: Sequence[Pixels], classifier: Classifier) -> Said:
    """What a whole graph says of pictures uint8 [H, W, 3] each; marks that it has no output for are the classifier's.

    Raises:
        ValueError: something comes out in another shape than it must.
    """
    found = [run(pixels[np.newaxis]) for pixels in pictures]

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([each[name] for each in found])

    classes, width = len(classifier.classes), classifier.head.weight.shape[0]
    probabilities, features = joined("probabilities").astype(np.float64), joined("features").astype(np.float32)
    if probabilities.shape != (len(pictures), classes) or features.shape != (len(pictures), width):
        raise ValueError("what comes out of the graph has another shape than the model says")
    labels = joined(LABEL).astype(np.int64) if LABEL in found[0] else classifier.predicted(probabilities)
    flags = classifier.flags(probabilities, features)
    return Said(
        probabilities=probabilities,
        labels=labels,
        flags=Flags(
            unsure=joined(UNSURE).astype(bool) if UNSURE in found[0] else flags.unsure,
            unlike=joined(UNLIKE).astype(bool) if UNLIKE in found[0] else flags.unlike,
        ),
        features=features,
    )


def agreement_of(door: str, on: str, classifier: Classifier, said: Said, expected: Said) -> Agreement:
    """One row: what a door said beside what is expected of it, whose features must be known."""
    furthest = furthest_apart(said, expected)
    off = None if said.features is None else features_apart(classifier, said.features, expected.features)
    wrong = next((reason for reason, amiss in FAULTS if amiss(classifier, said, expected)), "")
    return Agreement(
        door=door,
        on=on,
        pictures=len(expected.labels),
        labels=int((said.labels != expected.labels).sum()),
        unsure=_different(said.flags.unsure, expected.flags.unsure),
        unlike=_different(said.flags.unlike, expected.flags.unlike),
        largest=float(furthest.max(initial=0.0)),
        mean=float(furthest.mean()) if len(furthest) else 0.0,
        features=off,
        reason=wrong,
    )


def furthest_apart(said: Said, expected: Said) -> NDArray[np.float64]:
    """How far each picture's furthest probability is off, float64 [N]."""
    apart: NDArray[np.float64] = np.abs(said.probabilities - expected.probabilities).max(axis=1)
    return apart


def features_apart(classifier: Classifier, given: Features, expected: Features | None) -> float | None:
    """How far the last depth float32 [N, D] is off, relative to its length, on average; None if nothing is expected."""
    if expected is None or not len(given):
        return None
    last = classifier.base.last
    reference = expected[:, last.start : last.stop].astype(np.float64)
    lengths = np.maximum(np.linalg.norm(reference, axis=1), 1e-12)
    return float((np.linalg.norm(given[:, last.start : last.stop] - reference, axis=1) / lengths).mean())


def other_features(classifier: Classifier, said: Said, expected: Said) -> bool:
    off = None if said.features is None else features_apart(classifier, said.features, expected.features)
    return off is not None and not off <= FEATURES_APART


def other_probabilities(_: Classifier, said: Said, expected: Said) -> bool:
    return not furthest_apart(said, expected).mean() <= PROBABILITY_APART


def worse_by(classifier: Classifier, probabilities: Probabilities, labels: Labels) -> NDArray[np.float64]:
    """By how much of a probability, or of the largest cost, answers int64 [N] are worse than the best, float64 [N]."""
    costs = -probabilities if classifier.costs is None else probabilities @ (classifier.costs / classifier.costs.max())
    worse: NDArray[np.float64] = costs[np.arange(len(labels)), labels] - costs.min(axis=1)
    return worse


def other_labels(classifier: Classifier, said: Said, expected: Said) -> bool:
    """Whether a label is not what its own probabilities ask for, but for a tie; or, but for a close call, another."""
    if not ((said.labels >= 0) & (said.labels < len(classifier.classes))).all():
        return True
    own, others = (worse_by(classifier, each.probabilities, said.labels) for each in (said, expected))
    return bool((own > EVEN).any() or (others > CLOSE).any())


def other_unsure(classifier: Classifier, said: Said, _: Said) -> bool:
    """Whether the mark unsure does not follow from the answer's own probability."""
    least = classifier.abstention.thresholds(said.labels)
    if least is None or said.flags.unsure is None:
        return said.flags.unsure is None if least is not None else _any(said.flags.unsure)
    sure = answer_probability(said.probabilities, said.labels)
    wrong = said.flags.unsure != (sure < least)
    return bool((wrong & (np.abs(sure - least) > EVEN)).any())


def other_unlike(classifier: Classifier, said: Said, expected: Said) -> bool:
    """Whether the mark unlike is another one, though the picture is not near to the threshold."""
    given, right = said.flags.unlike, expected.flags.unlike
    if given is None or right is None:
        return given is None if right is not None else _any(given)
    known, last = classifier.abstention.out_of_distribution, classifier.base.last
    if known is None or known.threshold is None or expected.features is None:
        return bool((given != right).any())
    like = known.similarity(expected.features[:, last.start : last.stop])
    return bool(((given != right) & (np.abs(like - known.threshold) > LIKENESS_APART)).any())


def _any(marks: NDArray[np.bool_] | None) -> bool:
    return marks is not None and bool(marks.any())


def _different(given: NDArray[np.bool_] | None, expected: NDArray[np.bool_] | None) -> int:
    return 0 if given is None or expected is None else int((given != expected).sum())


Fault = Callable[[Classifier, Said, Said], bool]
FAULTS: Final[Sequence[tuple[str, Fault]]] = (
    ("it sees something else in the pictures: colours, resize, normalisation or weights differ", other_features),
    ("its probabilities are others", other_probabilities),
    ("its labels are others, or do not follow from its probabilities", other_labels),
    ("its marks of unsure follow other thresholds", other_unsure),
    ("its marks of unlike follow other thresholds", other_unlike),
)

# What two model files must say alike, by the name under which model.json has it.
STATEMENTS: Final[Mapping[str, str]] = {
    "classes": "class names or their order",
    "preprocess": "how pictures are prepared",
    "temperature": "the temperature",
    "thresholds": "the thresholds",
    "operating_point": "the costs",
}


def other_statements(given: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """What two manifests say differently of what answers depend on, in words."""
    return [words for name, words in STATEMENTS.items() if given.get(name) != expected.get(name)]
