"""What a recipe hands back: a calibrated classifier on the features of a frozen base.

Legend: N pictures, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tellapart.heads.calibration import probabilities
from tellapart.heads.linear import LinearHead
from tellapart.types import Features, Probabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedHead:
    """A linear head with its temperature.

    Attributes:
        head: the linear head on the base's features.
        temperature: what logits are divided by before the softmax.
        selected: what the search chose, and out of what; JSON-ready.
        history: a row a step of the search; JSON-ready.
    """

    head: LinearHead
    temperature: float
    selected: Mapping[str, Any]
    history: tuple[Mapping[str, Any], ...]

    def probabilities(self, features: Features) -> Probabilities:
        """float64 [N, K] of features float32 [N, D]."""
        return probabilities(self.head.logits(features), temperature=self.temperature)
