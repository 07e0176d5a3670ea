"""What is taken of the features of pictures where nobody needs all of them, and whoever looks makes less of them.

Legend: n pictures, D features, w columns that are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from tellapart.types import Features, Index

TAKEN_AT_ONCE: Final = 2048  # pictures whose features are in memory, 47 MB of lite0


class Take(Protocol):
    """What is taken, a row a picture. It travels to whoever looks, so it is made of plain values and arrays."""

    @property
    def width(self) -> int:
        """SomeColumns, w."""

    def __call__(self, features: Features, index: Index) -> Features:
        """float32 [n, w] of features float32 [n, D] of the n pictures of an index; an array of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeColumns:
    """Some columns as they are."""

    start: int
    stop: int

    @property
    def width(self) -> int:
        """Their number."""
        return self.stop - self.start

    def __call__(self, features: Features, index: Index) -> Features:  # noqa: ARG002
        """Their features."""
        return features[:, self.start : self.stop].copy()


NOTHING: Final = SomeColumns(start=0, stop=0)
