"""How many pictures are like each, and what that asks of its copies.

Where many pictures are alike in small luminance (digits, parts before one camera), some come close by chance, the
closer the more there are; what may be left unexplained shrinks in the same measure.

Legend: n pictures, P pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.duplicates.neighbours import RowNumbers

CROWD, MOST_ALIKE = 10, 130  # others that are alike, from which more is asked, and up to which anything can be told
LEAST_SCREENED: Final = 0.78  # correlation of windows or rings, of those that are laid over each other
LEAST_SHRUNK: Final = 0.6  # of what that leaves unexplained; windows are off by a pixel, however alike a pair is


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many others are like each picture, int64 [n]."""

    counts: NDArray[np.int64]

    def allowed(self, pairs: RowNumbers) -> NDArray[np.float64]:
        """The share of what may be left unexplained elsewhere that may be in pairs [P, 2]."""
        share: NDArray[np.float64] = 1 / np.maximum(1, self.counts[pairs].max(axis=1, initial=0) / CROWD)
        return share

    def crowded(self, pairs: RowNumbers) -> NDArray[np.bool_]:
        """Whether so much is like one of the pairs [P, 2] that only what lies over each other as it is can be told."""
        crowded: NDArray[np.bool_] = self.counts[pairs].max(axis=1, initial=0) > MOST_ALIKE
        return crowded

    def least_alike(self, pairs: RowNumbers) -> NDArray[np.float64]:
        """How alike windows or rings of pairs [P, 2] must be, for them to be laid over each other."""
        allowed = np.maximum(self.allowed(pairs), np.where(self.crowded(pairs), 0, LEAST_SHRUNK))
        least: NDArray[np.float64] = 1 - (1 - LEAST_SCREENED) * allowed
        return least
