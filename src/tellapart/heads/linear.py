"""A linear head: the logits of K classes from some columns of a feature matrix.

Legend: N pictures, D features of all depths, d features the head reads, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart.types import Features

ABSENT_LOGIT = -20.0  # those of the others sum to 0, so the largest is at least 0 and such a class gets under 3e-9
ROWS_AT_ONCE = 256  # at 3000 features 3 MB: still in cache when the gradient reads them after the logits


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearHead:
    """logits = features[:, start:stop] @ weight + bias."""

    weight: NDArray[np.float32]  # float32 [d, K], for features as the base gives them: the standardisation is folded in
    bias: NDArray[np.float32]  # float32 [K]
    start: int  # the first column it reads
    stop: int  # one past the last column it reads; stop - start = d

    def logits(self, features: Features) -> NDArray[np.float64]:
        """Logits float64 [N, K] of features float32 [N, D]; the matrix is read in place.

        Sums are taken in float64 and rounded to float32: BLAS adds up in an order that depends on the number of rows
        and on a row's place among them, and an answer about a picture must not depend on what else is asked about.
        """
        columns, weight = features[:, self.start : self.stop], self.weight.astype(np.float64)
        result = np.empty((len(columns), len(self.bias)))
        for rows in row_blocks(len(columns)):
            result[rows] = (columns[rows].astype(np.float64) @ weight).astype(np.float32)
        result += self.bias
        return result


def widen_head(head: LinearHead, present: NDArray[np.int64], *, class_count: int) -> LinearHead:
    """A head of all K classes from one of those that have training pictures, at the positions `present` int64 [P].

    A class that is not present gets weights of zero and the bias ABSENT_LOGIT.
    """
    if len(present) == class_count:
        return head
    weight = np.zeros((len(head.weight), class_count), dtype=np.float32)
    bias = np.full(class_count, ABSENT_LOGIT, dtype=np.float32)
    weight[:, present], bias[present] = head.weight, head.bias
    return LinearHead(weight=weight, bias=bias, start=head.start, stop=head.stop)


def row_blocks(count: int, *, size: int = ROWS_AT_ONCE) -> Iterator[slice]:
    """Slices of at most size rows that cover count rows in order."""
    return (slice(first, min(first + size, count)) for first in range(0, count, size))
