"""What a base is: a graph, how pictures are prepared for it, and the depths its features come from.

A base may be several that look side by side: `A+B` has the features of A, then those of B. Each half prepares pictures
its own way, and what it sees is kept under its own name; whoever holds the joined base asks for its halves.

Legend: N pictures, S side of a square, D features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from tellapart.data.boxes import Content
from tellapart.data.preprocess import Preprocess
from tellapart.types import DEVIATION, MAXIMUM, MEAN, Depth, Features, Pixels, columns_of, last_of

JOINT: Final = "+"  # between the names of halves
MOST_HALVES: Final = 4
IMAGES: Final = "images"  # the input of a graph
RESIZED: Final = "resized"  # what a model file makes of it for its base
Squares = tuple[Pixels, ...]  # of one picture: uint8 [S, S, 3] for each half, in their order


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A frozen base. Its graph takes uint8 RGB [N, H, W, 3] and normalises by itself."""

    name: str  # what the user calls it
    graph: bytes  # the ONNX file; b"" of a joined base whose halves have one each
    preprocess: Preprocess  # how a picture becomes the square the graph is fed with; of a joined base, the larger one
    widths: Mapping[str, int]  # features of each depth, from early to late; the last is the base's last layer
    # the graph's tensors float32 [N, width] to be joined into one feature row, in the order of widths; one may hold
    # all depths joined already
    outputs: tuple[str, ...]
    # the tensor that is fed with prepared squares [N, S, S, 3]: the graph's input, or one behind a resize of the
    # graph's own
    entry: str = IMAGES
    halves: tuple[Self, ...] = ()  # of a joined base, two or more, none of them joined itself
    plain: Self | None = None  # the base whose rows are the means alone; None where this is it

    @cached_property
    def digest(self) -> str:
        """sha256 of the graph, with the entry where it is one of several in it; or of the halves and their squares."""
        if self.halves:
            halves = "\n".join(f"{half.digest} {half.preprocess.key}" for half in self.halves)
            return hashlib.sha256(halves.encode()).hexdigest()
        which = "" if self.entry in (IMAGES, RESIZED) else self.entry
        return hashlib.sha256(self.graph + which.encode()).hexdigest()

    @property
    def singles(self) -> tuple[Self, ...]:
        """The bases that look: its halves, or itself."""
        return self.halves or (self,)

    @cached_property
    def depths(self) -> tuple[Depth, ...]:
        """The columns of each depth in a feature row."""
        return tuple(
            Depth(name=name, start=columns.start, stop=columns.stop)
            for name, columns in zip(self.widths, _side_by_side(tuple(self.widths.values())), strict=True)
        )

    @cached_property
    def columns(self) -> tuple[NDArray[np.int64], ...]:
        """The columns of each of its singles in a feature row, in the order of the single's own row."""
        place = {depth.name: np.arange(depth.start, depth.stop) for depth in self.depths}
        return tuple(
            np.concatenate([place[joined_name(half, depth)] for depth in half.widths]) for half in self.halves
        ) or (np.arange(self.width),)

    def in_row(self, parts: Sequence[Features]) -> Features:
        """Rows float32 [N, D] of those [N, width] of each of its singles; a view of one, a copy of several."""
        if not self.halves:
            return parts[0]
        rows = np.empty((len(parts[0]), self.width), np.float32)
        for part, columns in zip(parts, self.columns, strict=True):
            rows[:, columns] = part
        return rows

    def own_depths(self, single: Self) -> dict[str, str]:
        """What each depth of one of its singles is called here, and there."""
        return {joined_name(single, depth) if self.halves else depth: depth for depth in single.widths}

    @property
    def last(self) -> Depth:
        """The last layer; of a joined base that of its last half."""
        return last_of(self.depths)

    @property
    def last_depths(self) -> tuple[slice, ...]:
        """The columns of the last depth of each of its singles."""
        place = {depth.name: slice(depth.start, depth.stop) for depth in self.depths}
        names = [joined_name(half, half.last.name) for half in self.halves] or [self.last.name]
        return tuple(place[name] for name in names)

    @property
    def means(self) -> slice:
        """The columns that are means over the places of a depth: all there are of a plain base."""
        return columns_of(self.depths, MEAN)

    @property
    def means_only(self) -> Self:
        """The base that sees these columns and no others."""
        return self if self.plain is None else self.plain

    @property
    def width(self) -> int:
        """Features in a row, D."""
        return sum(self.widths.values())

    def squares(self, content: Content) -> Squares:
        """What each of its singles is shown of a file, or of pixels; errors as for `Preprocess.apply`."""
        return tuple(single.preprocess.apply(content).pixels for single in self.singles)

    def with_white(self, white: int | None) -> Self:
        """The same, for pictures of 16 bit that have that white."""
        return replace(
            self,
            preprocess=replace(self.preprocess, white=white),
            halves=tuple(half.with_white(white) for half in self.halves),
            plain=None if self.plain is None else self.plain.with_white(white),
        )


def join_bases(halves: Sequence[Backbone]) -> Backbone:
    """The base of the features of several side by side; the names of two are not the same.

    Depths of one way of pooling stay together, those of each half in its order.
    """
    depths = [(half, depth) for half in halves for depth in half.depths]
    kept = [each for pooling in (MAXIMUM, MEAN, DEVIATION) for each in depths if each[1].pooling == pooling]
    return Backbone(
        name=JOINT.join(half.name for half in halves),
        graph=b"",
        preprocess=max((half.preprocess for half in halves), key=lambda preprocess: preprocess.size),
        widths={joined_name(half, depth.name): depth.stop - depth.start for half, depth in kept},
        outputs=(),
        halves=tuple(halves),
        plain=join_bases([half.means_only for half in halves]) if any(half.plain for half in halves) else None,
    )


def joined_name(half: Backbone, depth: str) -> str:
    """What a depth of a half is called in the joined base; in a model file a half calls it so itself."""
    before = f"{half.name}."
    return depth if depth.startswith(before) else before + depth


def _side_by_side(widths: Sequence[int]) -> tuple[slice, ...]:
    stops = list(accumulate(widths))
    return tuple(slice(start, stop) for start, stop in zip([0, *stops[:-1]], stops, strict=True))
