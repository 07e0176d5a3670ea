"""What several workers have seen as one, and how it travels between processes: as arrays and texts.

Legend: N pictures of the index, M of them readable, n pictures of a part, m of them readable, D features.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from tellapart.data.thumbnail import SIDE
from tellapart.features.embed import Embedded
from tellapart.types import Features, Index, LedgerEntry, Picture
from tellapart.workers.pool import Packed

DIGEST = 32  # bytes of a sha256


def parts_together(
    parts: Iterator[Embedded], index: Index, *, width: int, into: Features | None = None, since: float
) -> Embedded:
    """What was seen in all parts of an index; of a single one that is in its place already, itself.

    Args:
        parts: those of the index in their order, one at least.
        index: all N pictures.
        width: D.
        into: float32 [N, D] to be filled; None makes it.
        since: when the first was begun, as time.perf_counter has it.
    """
    first, count = next(parts), len(index.pictures)
    if len(first.ledger) == count and (into is None or np.shares_memory(first.features, into) or not count):
        return replace(first, index=replace(index, pictures=first.index.pictures))
    features = np.empty((count, width), np.float32) if into is None else into
    miniatures = np.empty((0, SIDE, SIDE, 3), np.uint8)
    seen, stop = list[Embedded](), 0
    for part in chain([first], parts):
        start, stop = stop, stop + len(part.features)
        features[start:stop] = part.features
        if len(part.miniatures):  # none of a part without a readable picture, which may be the first
            miniatures = miniatures if len(miniatures) else np.empty((count, SIDE, SIDE, 3), np.uint8)
            miniatures[start:stop] = part.miniatures
        # Copies, since a view would keep all of the part in memory.
        seen.append(replace(part, features=part.features[:0].copy(), miniatures=part.miniatures[:0].copy()))
    return replace(
        first,
        features=features[:stop],
        index=replace(index, pictures=tuple(picture for part in seen for picture in part.index.pictures)),
        ledger=tuple(entry for part in seen for entry in part.ledger),
        digests=tuple(digest for part in seen for digest in part.digests),
        miniatures=miniatures[:stop],
        pixel_digests=tuple(digest for part in seen for digest in part.pixel_digests),
        fresh=sum(part.fresh for part in seen),
        decode_s=sum(part.decode_s for part in seen),
        embed_s=time.perf_counter() - since,
    )


def pack_embedded(made: Embedded) -> Packed:
    """What was seen in a part, without its pictures, which the other side has.

    A feature is one that float16 holds, and travels as one; what was made of features may need float32.
    """
    with np.errstate(over="ignore"):
        halves = made.features.astype(np.float16)
    return {
        "features": halves if np.array_equal(halves, made.features) else made.features,
        **pack_ledger(made.ledger),
        "digests": b"".join(made.digests),
        "miniatures": made.miniatures,
        "pixel_digests": list(made.pixel_digests),
        "fresh": made.fresh,
        "precision": made.precision,
        "decode_s": made.decode_s,
        "embed_s": made.embed_s,
    }


def unpack_embedded(part: Index, packed: Packed) -> Embedded:
    """What was seen in a part of n pictures."""
    ledger = unpack_ledger(part, packed)
    return Embedded(
        features=packed["features"].astype(np.float32),
        index=replace(part, pictures=readable(part, ledger)),
        ledger=ledger,
        digests=unpack_digests(packed["digests"]),
        miniatures=np.array(packed["miniatures"]),  # theirs may be memory that goes with the workers
        pixel_digests=tuple(packed["pixel_digests"]),
        fresh=packed["fresh"],
        precision=packed["precision"],
        decode_s=packed["decode_s"],
        embed_s=packed["embed_s"],
    )


def unpack_digests(packed: bytes) -> tuple[bytes, ...]:
    """Digests that were packed as one after the other."""
    return tuple(packed[start : start + DIGEST] for start in range(0, len(packed), DIGEST))


def pack_ledger(ledger: Sequence[LedgerEntry]) -> Packed:
    """What became of each picture of a part, without its name."""
    return {"statuses": [entry.status for entry in ledger], "reasons": [entry.reason for entry in ledger]}


def unpack_ledger(part: Index, packed: Packed) -> tuple[LedgerEntry, ...]:
    """The same with the names of the pictures of the part."""
    fates = zip(part.pictures, packed["statuses"], packed["reasons"], strict=True)
    return tuple(LedgerEntry(path=picture.path, status=status, reason=reason) for picture, status, reason in fates)


def readable(part: Index, ledger: Sequence[LedgerEntry]) -> tuple[Picture, ...]:
    """The m pictures of a part that could be read."""
    fates = zip(part.pictures, ledger, strict=True)
    return tuple(picture for picture, entry in fates if entry.status != "skipped")
