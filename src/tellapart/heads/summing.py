"""Sums of what a base sees, added up where the pictures are looked at: features stay with the workers.

Each part of the pictures becomes its sums, which travel back and are added in the order of the parts. How large parts
are does not depend on who works, so neither do the sums. A part of D features comes back as 4 D² bytes, whatever the
number of its pictures; as features it would be 2 D bytes a picture.

Legend: N pictures, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Self

import numpy as np

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import compiled, native_precision
from tellapart.data.groups import label_numbers
from tellapart.features.embed import Embedded
from tellapart.features.look import Looking, check_seen
from tellapart.features.together import pack_ledger, unpack_digests, unpack_ledger
from tellapart.heads.sums import Sums, add, sums_from_bytes, sums_of
from tellapart.progress import Progress
from tellapart.types import Index, LedgerEntry
from tellapart.workers.pool import HERE, Do, Packed, Workers, part_at

PICTURES: Final = 8192  # of a part: 100 MB of 2992 features, which as sums are 36 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Summed:
    """What pictures add up to.

    Attributes:
        sums: of those that could be read.
        ledger: what became of each of the N.
        digests: sha256 of the content of each that could be read.
    """

    sums: Sums
    ledger: tuple[LedgerEntry, ...]
    digests: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summing:
    """The work of looking at labelled pictures and adding up the features in some columns, one row a picture."""

    looking: Looking
    columns: slice

    def open(self) -> Do[Summed]:
        """Make a worker ready to look."""
        return partial(self.add_part, self.looking.open())

    def add_part(self, look: Do[Embedded], part: Index, progress: Progress) -> Summed:
        """Look at a part and add it up."""
        seen = look(part, progress)
        pictures = seen.index.pictures
        sums = sums_of(
            seen.features[:, self.columns],
            label_numbers(pictures, part.classes),
            class_count=len(part.classes),
            weights=np.array([picture.weight for picture in pictures]),
        )
        return Summed(sums=sums, ledger=seen.ledger, digests=seen.digests)

    @property
    def stage(self) -> str:
        """That of looking."""
        return self.looking.stage

    def away(self) -> Self:
        """The same in the precision of this machine."""
        return replace(self, looking=self.looking.away())

    def pack(self, made: Summed) -> Packed:
        """Sums as bytes."""
        sums = made.sums
        return {
            **pack_ledger(made.ledger),
            "digests": b"".join(made.digests),
            "rows": sums.rows,
            "shape": list(sums.totals.shape),
            "sums": sums.to_bytes(),
        }

    def unpack(self, part: Index, packed: Packed) -> Summed:
        """The same on the other side."""
        classes, width = packed["shape"]
        ledger = unpack_ledger(part, packed)
        check_seen(part, ledger)
        sums = sums_from_bytes(packed["sums"], rows=packed["rows"], class_count=classes, width=width)
        return Summed(sums=sums, ledger=ledger, digests=unpack_digests(packed["digests"]))


def sum_up(
    index: Index, base: Backbone, *, columns: slice, progress: Progress, workers: Workers = HERE, size: int = PICTURES
) -> Summed:
    """What labelled pictures add up to, each by its weight, and what became of every picture; N features nowhere.

    Args:
        index: the pictures, with their classes.
        base: what looks at them, by way of the cache of whoever does.
        columns: those of its features that are added up.
        progress: told of every picture.
        workers: who looks.
        size: pictures of a part.

    Raises:
        DataError, UsageError: as the workers.
    """
    looking = Looking(base=base, engine=compiled(base, precision=native_precision()), miniatures=False)
    work = Summing(looking=looking, columns=columns)
    dealt = workers.dealt(index.pictures, size)
    ledger, digests = dict[int, LedgerEntry](), dict[int, bytes]()  # by place, since parts come by machine
    parts = (part_at(index, places) for places in dealt)

    def sums() -> Iterator[Sums]:
        each = workers.each(work, parts, total=len(index.pictures), progress=progress, remember=True)
        for places, made in zip(dealt, each, strict=True):
            fates = list(zip(places.tolist(), made.ledger, strict=True))
            ledger.update(fates)
            read = [place for place, entry in fates if entry.status != "skipped"]
            digests.update(zip(read, made.digests, strict=True))
            yield made.sums

    whole = add(sums())
    return Summed(
        sums=whole,
        ledger=tuple(ledger[place] for place in sorted(ledger)),
        digests=tuple(digests[place] for place in sorted(digests)),
    )
