"""What the page shows beside the figures of metrics.json: answers, pictures, and what a longer look found.

Legend: K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model said of one test picture.

    Attributes:
        path: as in predictions.csv.
        label: its class, a position in the classes.
        predicted: the class it was taken for, a position too.
        probabilities: K shares.
        unsure: whether the model itself would rather not say; None where it has no threshold.
        unlike: whether the picture is unlike the training set; None where the model cannot tell.
    """

    path: str
    label: int
    predicted: int
    probabilities: tuple[float, ...]
    unsure: bool | None = None
    unlike: bool | None = None

    @property
    def right(self) -> bool:
        return self.label == self.predicted

    @property
    def confidence(self) -> float:
        return self.probabilities[self.predicted]

    def likeliest(self, count: int) -> list[tuple[int, float]]:
        """The classes with the largest probabilities, the largest first."""
        ranked = sorted(enumerate(self.probabilities), key=lambda entry: -entry[1])
        return ranked[:count]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectCard:
    """A training picture whose label may be wrong.

    Attributes:
        path: as in split.csv.
        given: the label it carries, a position in the classes.
        suggested: the class it looks like.
        given_share: the probability of the label, from a model that never saw the picture.
        suggested_share: that of the suggestion.
    """

    path: str
    given: int
    suggested: int
    given_share: float
    suggested_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture, made small for the page.

    Attributes:
        content: a file of the type `kind`, such as image/webp.
        kind: its media type.
        width: in pixels.
        height: in pixels.
        heat: a small PNG with transparency that is stretched over the picture; None where there is none.
    """

    content: bytes
    kind: str
    width: int
    height: int
    heat: bytes | None = None

    @property
    def size(self) -> int:
        """Bytes it takes in the page, where files stand in base 64."""
        return (len(self.content) + len(self.heat or b"")) * 4 // 3 + 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything the page shows beside the metrics; each part may be missing, and its section then says so.

    Attributes:
        answers: every test picture's.
        ledger: (status, reason, how many files), the most frequent first.
        history: the rows of history.jsonl.
        analysis: the document of analysis.json, {} where no longer look was taken.
        suspects: training pictures whose labels may be wrong, the surest first; None where nobody looked.
        shots: small pictures by path.
        without: why there are no pictures, a clause; "" where there are.
    """

    answers: tuple[Answer, ...] = ()
    ledger: tuple[tuple[str, str, int], ...] = ()
    history: tuple[Mapping[str, Any], ...] = ()
    analysis: Mapping[str, Any] = field(default_factory=dict)
    suspects: tuple[SuspectCard, ...] | None = None
    shots: Mapping[str, Shot] = field(default_factory=dict)
    without: str = ""


NOTHING = Evidence()
