"""What a heat map is.

Legend: N pictures, K classes, h w height and width of a map (squashed to the base's square, whatever the picture was),
H W of a picture as it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.abstention import Flags
from tellapart.types import Picture, Pixels

Values = NDArray[np.float32]  # [h, w]
Method = Literal["exact", "occlusion", "grad-cam"]
EXACT: Method = "exact"
OCCLUSION: Method = "occlusion"
GRAD_CAM: Method = "grad-cam"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Which parts of a picture speak for a class, and which against it."""

    # float32 [h, w]. "exact": what each spot adds to the logit, so values.sum() + bias is the logit. "occlusion": by
    # how much the logit falls where the spot is covered. "grad-cam": the class's gradient times the activation, which
    # has no unit
    values: Values
    method: Method  # how it was found
    target: int  # the position of the class it is about
    class_name: str  # its name
    logit: float  # the logit of that class, before the temperature, in the pass the map is from
    bias: float | None = None  # what the head adds to every logit; None where the map does not add up to it

    @property
    def evidence(self) -> Values:
        """What is drawn, float32 [h, w]: above 0 for the class, below 0 against it.

        Of an exact map this is the logit that a picture would have which were everywhere like this spot: its mean is
        the logit, and the bias, which belongs to no spot, is spread evenly.
        """
        if self.bias is None:
            return self.values
        return self.values * np.float32(self.values.size) + np.float32(self.bias)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One picture, what the model says of it, and why."""

    picture: Picture  # which one
    failure: str = ""  # why it cannot be read, "" if it can; then there is nothing else
    pixels: Pixels | None = None  # uint8 [H, W, 3], the picture upright, scaled down to be shown
    probabilities: NDArray[np.float64] | None = None  # float64 [K], as `predict` gives them
    predicted: int | None = None  # the place of the class that is answered; None for the likeliest
    flags: Flags = field(default_factory=Flags)  # what is to be said beside this one answer
    heat: HeatMap | None = None  # the map for the class that was asked for

    @property
    def answered(self) -> int:
        """The place of the class that is answered about a picture that could be read."""
        if self.predicted is None and self.probabilities is not None:
            return int(self.probabilities.argmax())
        return self.predicted or 0

    def to_json(self, classes: tuple[str, ...]) -> dict[str, Any]:
        """Path and error; or what `predict` says of the picture, and of the map class, logit, bias and method."""
        if self.probabilities is None or self.heat is None:
            return {"path": self.picture.path, "error": self.failure}
        best = self.answered
        unsure, unlike = self.flags.of(0)
        return {
            "path": self.picture.path,
            "predicted": classes[best],
            "probability": round(float(self.probabilities[best]), 6),
            "probabilities": {
                name: round(float(value), 6) for name, value in zip(classes, self.probabilities, strict=True)
            },
            "unsure": unsure,
            "unlike": unlike,
            "class": self.heat.class_name,
            "logit": self.heat.logit,
            "bias": self.heat.bias,
            "method": self.heat.method,
        }
