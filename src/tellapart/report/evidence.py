"""What the page shows beside the figures of metrics.json: answers, pictures, and what a longer look found.

Legend: K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model said of one test picture."""

    path: str  # as in predictions.csv
    label: int  # its class, a position in the classes
    predicted: int  # the class it was taken for, a position too
    probabilities: tuple[float, ...]  # K shares
    unsure: bool | None = None  # whether the model itself would rather not say; None where it has no threshold
    unlike: bool | None = None  # whether the picture is unlike the training set; None where the model cannot tell

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
    """A training picture whose label may be wrong."""

    path: str  # as in split.csv
    given: int  # the label it carries, a position in the classes
    suggested: int  # the class it looks like
    given_share: float  # the probability of the label, from a model that never saw the picture
    suggested_share: float  # that of the suggestion


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture, made small for the page."""

    content: bytes  # a file of the type `kind`, such as image/webp
    kind: str  # its media type
    width: int  # in pixels
    height: int  # in pixels
    heat: bytes | None = None  # a small PNG with transparency that is stretched over the picture

    @property
    def size(self) -> int:
        """Bytes it takes in the page, where files stand in base 64."""
        return (len(self.content) + len(self.heat or b"")) * 4 // 3 + 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything the page shows beside the metrics; each part may be missing, and its section then says so."""

    answers: tuple[Answer, ...] = ()  # every test picture's
    ledger: tuple[tuple[str, str, int], ...] = ()  # (status, reason, how many files), the most frequent first
    history: tuple[Mapping[str, Any], ...] = ()  # the rows of history.jsonl
    analysis: Mapping[str, Any] = field(default_factory=dict)  # of analysis.json, {} where there is none
    suspects: tuple[SuspectCard, ...] | None = None  # the surest first; None where nobody looked
    shots: Mapping[str, Shot] = field(default_factory=dict)  # small pictures by path
    strengths: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # of heat maps by path: most, score
    without: str = ""  # why there are no pictures, a clause; "" where there are


NOTHING = Evidence()
