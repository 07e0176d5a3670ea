"""What shows the same, kept on disk: the search takes seconds, and the next run over the same pictures asks it again.

Legend: N pictures, d columns of the last depth.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from tellapart.duplicates.find import search_duplicates
from tellapart.duplicates.groups import KINDS, DuplicateGroup, DuplicatePair, connect
from tellapart.features.embed import Embedded
from tellapart.features.kept import Input, Kept, result_key
from tellapart.features.left import LeftFeatures
from tellapart.progress import Progress
from tellapart.types import Depth
from tellapart.workers.pool import HERE, Workers

SOURCES = ("duplicates", "data", "features/content.py", "workers/pool.py")
AT_ONCE = 1024  # rows that are copied at a time, to be hashed in one piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """Groups of pictures that show the same, and what was said while they were sought."""

    groups: tuple[DuplicateGroup, ...]
    notes: tuple[str, ...]


def kept_duplicates(
    embedded: Embedded,
    *,
    last: Depth,
    left: LeftFeatures | None = None,
    progress: Progress,
    workers: Workers = HERE,
) -> tuple[DuplicateGroup, ...]:
    """The same as `find_duplicates`, as it was found before where the very same was asked for.

    A search for which a picture could not be read again is not kept: the next one may find another answer.
    """
    key = result_key("duplicates", searched_by(embedded, last, left), sources=SOURCES)
    kept = Kept(key=key, pack=pack_searched, unpack=partial(unpack_searched, count=len(embedded.digests)))
    known = kept.get()
    if known is not None:
        for note in known.notes:
            progress.note(note)
        return known.groups
    heard = Heard(progress)
    found = search_duplicates(embedded, last=last, left=left, progress=heard, workers=workers)
    if found.unread:
        return found.groups
    return kept.put(Searched(groups=found.groups, notes=tuple(heard.notes))).groups


def searched_by(embedded: Embedded, last: Depth, left: LeftFeatures | None = None) -> Iterator[Input]:
    """Everything that a search for duplicates depends on."""
    names = [picture.path for picture in embedded.index.pictures]
    yield json.dumps(names).encode()
    yield b"".join(embedded.digests)
    yield json.dumps([digest.hex() for digest in embedded.pixel_digests]).encode()
    yield np.ascontiguousarray(embedded.miniatures)
    if left is not None:
        yield left.digest(slice(None)) + json.dumps([last.start, last.stop]).encode()
        return
    for start in range(0, len(embedded.features), AT_ONCE):
        yield np.ascontiguousarray(embedded.features[start : start + AT_ONCE, last.start : last.stop])


def pack_searched(found: Searched) -> bytes:
    """Groups and notes as JSON."""
    pairs = [
        [pair.first, pair.second, KINDS.index(pair.kind), pair.similarity, pair.mirrored]
        for group in found.groups
        for pair in group.pairs
    ]
    return json.dumps({"pairs": pairs, "notes": found.notes}).encode()


def unpack_searched(packed: bytes, *, count: int) -> Searched:
    """Groups and notes of a search among so many pictures from JSON.

    Raises:
        ValueError, KeyError, IndexError, TypeError: it is not that.
    """
    document = json.loads(packed)
    pairs = [read_pair(*values, count=count) for values in document["pairs"]]
    notes = tuple(document["notes"])
    if not all(isinstance(note, str) for note in notes):
        raise ValueError("a note that is no text")
    return Searched(groups=connect(pairs), notes=notes)


def read_pair(first: int, second: int, kind: int, similarity: float, mirrored: bool, *, count: int) -> DuplicatePair:
    """One pair of rows below count.

    Raises:
        ValueError, IndexError, TypeError: it is none.
    """
    if (
        type(first) is not int
        or type(second) is not int
        or not 0 <= first < second < count
        or not 0 <= kind < len(KINDS)
    ):
        raise ValueError("no pair of rows")
    if not 0 <= similarity <= 1:
        raise ValueError("a similarity that is none")
    return DuplicatePair(
        first=first, second=second, kind=KINDS[kind], similarity=float(similarity), mirrored=bool(mirrored)
    )


@dataclass(frozen=True, slots=True)
class Heard:
    """A listener that passes everything on and writes down the notes."""

    progress: Progress
    notes: list[str] = field(default_factory=list)

    def start(self, stage: str, *, total: int, unit: str) -> None:
        """A stage begins."""
        self.progress.start(stage, total=total, unit=unit)

    def advance(self, steps: int = 1) -> None:
        """Steps more are done."""
        self.progress.advance(steps)

    def finish(self) -> None:
        """The stage is over."""
        self.progress.finish()

    def note(self, message: str) -> None:
        """Something worth a line of its own."""
        self.notes.append(message)
        self.progress.note(message)
