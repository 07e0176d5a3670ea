"""How far a measured share may lie from the true one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A measured share and the interval around it; all three are None where nothing was counted.

    None and not NaN: JSON has no NaN, and a share of nothing is not a number that went wrong: it was never asked.
    """

    value: float | None
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, float | None]:
        return {"value": self.value, "low": self.low, "high": self.high}

    def mapped(self, function: Callable[[float], float]) -> Interval:
        """The interval of function(share), which is exact for a function that only rises."""
        if self.value is None or self.low is None or self.high is None:
            return self
        return Interval(value=function(self.value), low=function(self.low), high=function(self.high))


UNKNOWN = Interval(value=None, low=None, high=None)


def wilson(successes: int, trials: int, *, weight: float = 1.0) -> Interval:
    """The 95 % score interval of a binomial share (Wilson, 1927, doi:10.1080/01621459.1927.10502953).

    It stays inside [0, 1] and keeps its coverage at the ends, where the textbook's p ± z·sqrt(p(1 - p)/n) shrinks to
    nothing: 20 of 20 right is "between 83.9 % and 100 %", not "100 % for certain". The weight, above 0, is what each
    trial counts as where trials are not independent.

    Raises:
        ValueError: successes outside 0..trials.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"successes must lie in 0..{trials}, got {successes}")
    if trials == 0:
        return UNKNOWN
    share = successes / trials
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    count = trials * weight
    shrink = 1 + z * z / count
    centre = (share + z * z / (2 * count)) / shrink
    reach = z / shrink * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    # In exact arithmetic the ends are exact; rounding must not make 0 of n a share above nothing.
    low = 0.0 if successes == 0 else max(0.0, centre - reach)
    high = 1.0 if successes == trials else min(1.0, centre + reach)
    return Interval(value=share, low=low, high=high)
