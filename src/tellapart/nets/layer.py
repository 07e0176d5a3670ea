"""One line of a net's summary."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of a net.

    Attributes:
        name: where it is in the net.
        kind: what it does, in words.
        shape: of its output for one picture: height, width and channels, or features alone.
        parameters: numbers in its weights.
        trainable: weight tensors of it that train; 0 where it is frozen or has none.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    trainable: int = 0
