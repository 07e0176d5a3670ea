"""What a base is: a graph, how pictures are prepared for it, and the depths its features come from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from tellapart.data.preprocess import Preprocess
from tellapart.types import Depth


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A frozen base. Its graph takes uint8 RGB [N, H, W, 3] and normalises by itself."""

    name: str  # what the user calls it
    graph: bytes  # the ONNX file
    preprocess: Preprocess  # how a picture becomes the square the graph is fed with
    widths: Mapping[str, int]  # features of each depth, from early to late; the last is the base's last layer
    # the graph's outputs float32 [N, width] to be joined into one feature row, in the order of widths; one output may
    # hold all depths joined already
    outputs: tuple[str, ...]
    # the tensor that is fed with prepared squares [N, S, S, 3]: the graph's input, or one behind a resize of the
    # graph's own
    entry: str = "images"

    @cached_property
    def digest(self) -> str:
        """sha256 of the graph."""
        return hashlib.sha256(self.graph).hexdigest()

    @cached_property
    def depths(self) -> tuple[Depth, ...]:
        """The columns of each depth in a feature row."""
        stops = list(accumulate(self.widths.values()))
        starts = [0, *stops[:-1]]
        return tuple(
            Depth(name=name, start=start, stop=stop)
            for name, start, stop in zip(self.widths, starts, stops, strict=True)
        )

    @property
    def width(self) -> int:
        """Features in a row, D."""
        return sum(self.widths.values())
