"""Features that stay where pictures were looked at, in the cache of whoever did it, until they are asked for.

What is asked for comes by a pass over the pictures: each worker reads the rows that its cache has kept, makes of them
what is asked, and sends that. A row that is kept no longer is seen anew, so what comes is the same.

Legend: N pictures, n of them, D features, w columns that are taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import native_precision
from tellapart.errors import DataError
from tellapart.features.embed import Embedded
from tellapart.features.look import Looking
from tellapart.features.take import TAKEN_AT_ONCE, SomeColumns, Take
from tellapart.progress import PartOfStage, Progress
from tellapart.types import Features, Index, LedgerEntry
from tellapart.workers.pool import Workers, part_at

AGAIN = "Leave the pictures alone while a run looks at them, and run it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftFeatures:
    """The features of pictures that were looked at, where they are.

    Attributes:
        index: the N pictures, all of which could be read.
        digests: sha256 [N] of the content of each.
        base: what looked at them.
        workers: who did.
        progress: told of what is to be noted.
    """

    index: Index
    digests: tuple[bytes, ...]
    base: Backbone
    workers: Workers
    progress: Progress

    @classmethod
    def of(cls, seen: Embedded, base: Backbone, workers: Workers, progress: Progress) -> Self:
        """Those of pictures that workers have just looked at."""
        return cls(index=seen.index, digests=seen.digests, base=base, workers=workers, progress=progress)

    def take(self, rows: Sequence[int] | NDArray[np.int64], take: Take) -> Features:
        """What is taken of the features of n rows, float32 [n, w].

        Raises:
            DataError: a picture can no longer be read, or is another one than the first look saw.
        """
        pictures, taken = self.at(rows).pictures, np.empty((len(rows), take.width), np.float32)
        work = Looking(base=self.base, take=take, miniatures=False)
        dealt = self.workers.dealt(pictures, min(self.workers.part_size(len(rows)), TAKEN_AT_ONCE))
        parts = (part_at(self.index, np.asarray(rows)[places]) for places in dealt)
        quiet = PartOfStage(self.progress, steps=0)
        for places, seen in zip(
            dealt, self.workers.each(work, parts, total=len(rows), progress=quiet, remember=True), strict=True
        ):
            self.check_same(np.asarray(rows)[places], seen.ledger, seen.digests)
            taken[places] = seen.features
        return taken

    def columns(self, rows: Sequence[int] | NDArray[np.int64], columns: slice) -> Features:
        """Some columns of the features of n rows, float32 [n, w]; errors as for `take`."""
        start, stop, _ = columns.indices(self.base.width)
        return self.take(rows, SomeColumns(start=start, stop=stop))

    def at(self, rows: Sequence[int] | NDArray[np.int64]) -> Index:
        """The pictures of n rows."""
        return part_at(self.index, rows)

    def digest(self, rows: slice) -> bytes:
        """sha256 of all that the features of some rows depend on."""
        seen = hashlib.sha256(f"{self.base.digest} {self.base.preprocess.key} {native_precision()}".encode())
        for digest in self.digests[rows]:
            seen.update(digest)
        return seen.digest()

    def check_same(self, rows: NDArray[np.int64], ledger: Sequence[LedgerEntry], digests: Sequence[bytes]) -> None:
        """Stop where a pass did not see what the first look saw: splits, labels and what is kept depend on that.

        Args:
            rows: int64 [n], the pictures of the pass.
            ledger: what became of each.
            digests: sha256 of the content of each that could be read.

        Raises:
            DataError: it is so.
        """
        check_read(ledger)
        for row, digest in zip(rows.tolist(), digests, strict=True):
            if digest != self.digests[row]:
                what = "a picture is another one than when it was looked at first"
                raise DataError(what, where=self.index.pictures[row].path, hint=AGAIN)


def check_read(ledger: Sequence[LedgerEntry]) -> None:
    """Stop where a picture that could be read before no longer can.

    Raises:
        DataError: it is so.
    """
    missing = next((entry for entry in ledger if entry.status == "skipped"), None)
    if missing is not None:
        raise DataError(f"a picture can no longer be read ({missing.reason})", where=missing.path, hint=AGAIN)
