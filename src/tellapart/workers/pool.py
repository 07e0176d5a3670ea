"""What is done to pictures, and who does it: the same functions here and elsewhere.

Work on pictures is made ready once by each worker and then done to parts of an index; what needs no more than arrays is
a function of pieces of them. This process is a pool of one worker, and takes all pictures as one part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from tellapart.progress import Progress
from tellapart.stores import Origin
from tellapart.types import Index, Picture

Made = TypeVar("Made")
Piece = TypeVar("Piece")
Do = Callable[[Index, Progress], Made]  # what a worker that is ready does to a part
Packed = Mapping[str, Any]  # arrays of NumPy, texts, numbers, bytes, and lists of those
Places = NDArray[np.int64]  # [n], of pictures among others


class Work(Protocol[Made]):
    """What is done to every part of an index, wherever it is done."""

    @property
    def stage(self) -> str:
        """What a listener is told this is."""

    def open(self) -> Do[Made]:
        """Make a worker ready, and give what it does to a part."""

    def away(self) -> Self:
        """The same work as it can be sent to another process."""

    def pack(self, made: Made) -> Packed:
        """What was made of a part, as it is sent back."""

    def unpack(self, part: Index, packed: Packed) -> Made:
        """What was made of a part, out of what was sent back."""


def as_it_is(piece: Piece) -> Piece:
    """The piece itself, which can be sent to another process."""
    return piece


class Workers(Protocol):
    """Who does it."""

    @property
    def elsewhere(self) -> bool:
        """Whether they are other processes, to which what they give back travels."""

    def ready(self) -> None:
        """See that somebody is there, before anything is written; whatever else is asked of them does so too.

        Raises:
            UsageError: no cluster answers, or none of its nodes is free.
            MissingExtraError: Ray is not installed here, or tellapart is not installed there.
        """

    def part_size(self, count: int) -> int:
        """How many of so many pictures, at least 1, are given to a worker at a time."""

    def dealt(self, pictures: Sequence[Picture], size: int) -> list[Places]:
        """The places of pictures in parts of at most so many, each part of what one machine is remembered to have seen.

        One part without pictures where there are none.
        """

    def each(
        self,
        work: Work[Made],
        parts: Iterable[Index],
        *,
        total: int,
        progress: Progress,
        remember: bool = False,
    ) -> Iterator[Made]:
        """What is made of each part, in the order of the parts, each once.

        Args:
            work: what is done.
            parts: the parts; they are taken as there is somebody to do them.
            total: the number of pictures in all of them.
            progress: told of every picture.
            remember: whether the same pictures are asked about again: whoever did them does them then, since the cache
                of a machine holds what was seen on it. It takes some 100 bytes a picture.
        """

    def map(
        self,
        do: Callable[[Piece], Made],
        pieces: Iterable[Piece],
        *,
        told: Callable[[Piece], str],
        away: Callable[[Piece], Piece] = as_it_is,
    ) -> Iterator[Made]:
        """What a function makes of each piece, in the order of the pieces, each once; nobody writes into a piece.

        Args:
            do: the function; of a module, since it travels by its name, or a partial of one. It has all cores.
            pieces: arrays, and dataclasses of them; they are taken as there is somebody to do them.
            told: what is done with a piece, in words for whoever reads that workers died of it.
            away: a piece as it can be sent to another process.
        """


@dataclass(frozen=True, slots=True)
class Here:
    """This process: a pool of one."""

    elsewhere: ClassVar[bool] = False

    def ready(self) -> None:
        """It is."""

    def part_size(self, count: int) -> int:
        """All of them."""
        return max(count, 1)

    def dealt(self, pictures: Sequence[Picture], size: int) -> list[Places]:
        """One part after the other."""
        return blocks(np.arange(len(pictures)), size)

    def each(
        self,
        work: Work[Made],
        parts: Iterable[Index],
        *,
        total: int,  # noqa: ARG002
        progress: Progress,
        remember: bool = False,  # noqa: ARG002
    ) -> Iterator[Made]:
        """What is made of each part, one after the other."""
        do = work.open()
        for part in parts:
            yield do(part, progress)

    def map(
        self,
        do: Callable[[Piece], Made],
        pieces: Iterable[Piece],
        *,
        told: Callable[[Piece], str],  # noqa: ARG002
        away: Callable[[Piece], Piece] = as_it_is,  # noqa: ARG002
    ) -> Iterator[Made]:
        """What a function makes of each piece, one after the other."""
        return map(do, pieces)


HERE: Final = Here()


def blocks(places: Places, size: int) -> list[Places]:
    """Places one after the other in blocks of so many; one without any where there are none."""
    return [places[start : start + size] for start in range(0, max(len(places), 1), size)]


def parts_of(index: Index, size: int) -> list[Index]:
    """An index in parts of so many pictures; one part without pictures where there are none."""
    return [part_at(index, places) for places in blocks(np.arange(len(index.pictures)), size)]


def part_at(index: Index, places: Iterable[int]) -> Index:
    """Those pictures of an index that are at some places."""
    return replace(index, pictures=tuple(index.pictures[place] for place in places), skipped=())


def portable(part: Index) -> Index:
    """A part as another process can read it: absolute paths, and of IDX files the rows that are asked for."""
    pictures, rows = list[Picture](), dict[Origin, list[int]]()
    for picture in part.pictures:
        row = picture.row
        if row is not None:
            kept = rows.setdefault(picture.file, [])
            kept.append(row)
            row = len(kept) - 1
        pictures.append(replace(picture, file=picture.file.absolute(), row=row))
    arrays = {file.absolute(): np.stack([part.arrays[file][row] for row in kept]) for file, kept in rows.items()}
    return replace(part, pictures=tuple(pictures), arrays=arrays, skipped=(), notes=())
