"""Pairs with the pictures that are in them: all that whoever compares them needs, wherever that is.

Legend: N pictures, n of them, P pairs, s the side of a picture.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from tellapart.cores import thread_count

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairsShown:
    """Pairs, and the pictures in them and no others.

    Attributes:
        pictures: uint8 [n, s, s, 3].
        pairs: int64 [P, 2], places among those.
    """

    pictures: NDArray[np.uint8]
    pairs: NDArray[np.int64]

    @classmethod
    def of(cls, miniatures: NDArray[np.uint8], pairs: NDArray[np.int64]) -> Self:
        """Pairs [P, 2] of rows of miniatures uint8 [N, s, s, 3]."""
        rows, places = np.unique(pairs, return_inverse=True)
        return cls(pictures=miniatures[rows], pairs=places.reshape(-1, 2))


def in_slices(do: Callable[[slice], Made], *, count: int, size: int) -> list[Made]:
    """What is made of slices of so many of `count`, in their order, by a thread for each core; of one at least."""
    with ThreadPoolExecutor(thread_count(), thread_name_prefix="compare") as pool:
        return list(pool.map(do, (slice(start, start + size) for start in range(0, max(count, 1), size))))
