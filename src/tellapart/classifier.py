"""What every recipe ends in, and what a model file holds: a base, a head, and when not to trust them.

Legend: N pictures, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tellapart.backbones.backbone import Backbone
from tellapart.heads.abstention import Abstention, Flags
from tellapart.heads.calibration import probabilities
from tellapart.heads.linear import LinearHead
from tellapart.heads.operating_point import Matrix, OperatingPoint, answered_class
from tellapart.heads.sums import KeptSums
from tellapart.types import Features, Labels, Probabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """A trained classifier of pictures.

    Attributes:
        classes: K names, in the order of every column.
        base: from prepared squares to features: the frozen base, or a trained net up to its head.
        head: the linear head on those features.
        temperature: what logits are divided by before the softmax (calibration).
        operating: by what a class is answered where that is not always the likeliest; None where it is.
        abstention: when an answer is unsure, or about a picture unlike the training set; never, until that is learned.
        selected: what was chosen, and out of what; JSON-ready.
        history: a row an epoch of a net, or a step of the search of a head; JSON-ready, empty for one that was read.
        sums: of the features of the training pictures that the head reads; None where they are not to be kept.
        weights: of a trained net, as a safetensors file, to go on from; None where nothing but the head was trained.
    """

    classes: tuple[str, ...]
    base: Backbone
    head: LinearHead
    temperature: float = 1.0
    operating: OperatingPoint | None = None
    abstention: Abstention = field(default_factory=Abstention)
    selected: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Mapping[str, Any], ...] = ()
    sums: KeptSums | None = None
    weights: bytes | None = None

    def probabilities(self, features: Features) -> Probabilities:
        """float64 [N, K] from features float32 [N, D]."""
        return probabilities(self.head.logits(features), temperature=self.temperature)

    def flags(self, answers: Probabilities, features: Features) -> Flags:
        """What to say beside the answers float64 [N, K] about features float32 [N, D]."""
        return self.abstention.flags(answers, features, last=self.base.last, predicted=self.predicted(answers))

    @property
    def costs(self) -> Matrix | None:
        """What answers are chosen by, float64 [K, K]; None where the likeliest class is the answer."""
        return None if self.operating is None else self.operating.costs

    def predicted(self, answers: Probabilities) -> Labels:
        """The class int64 [N] that is answered, from probabilities float64 [N, K]."""
        return answered_class(answers, self.costs)
