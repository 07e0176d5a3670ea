"""The form in which a net of plain layers trains fastest: the same answers and the same gradients in less time.

Sums may be taken in another order, so both agree to within the rounding of float32. What saves time (docs/log.md):

- every max pooling stands before the ReLU it follows;
- pictures are cut to the corner that any answer depends on: where a pooling leaves the last row and column out, the
  layers before it need not compute what would have gone into them;
- from the first convolution to the last pooling, maps lie in blocks of channels, as oneDNN lays them out for itself:
  convolutions need not turn them around, and a pooling keeps a byte for each maximum instead of eight.

Legend: N pictures, S side of the input, C channels.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any

from tellapart.extras import load_torch

if TYPE_CHECKING:
    import torch

Named = tuple[str, Any]  # a layer behind its name


def training_form(trunk: torch.nn.Module, *, size: int, blocked: bool) -> torch.nn.Module:
    """The same layers in the form that trains fastest, with the same weights under the same names.

    `size` is S in pixels, `blocked` whether torch has blocked maps where the net trains. A trunk that is no plain
    sequence of layers stays as it is.
    """
    nn = load_torch().nn
    if not isinstance(trunk, nn.Sequential):
        return trunk
    layers = pooled_first(list(trunk.named_children()))
    if (side := seen_side([layer for _, layer in layers], size=size)) < size:
        layers = [("corner", _applied(partial(corner, side=side))), *layers]
    module: torch.nn.Module = nn.Sequential(OrderedDict(in_blocks(layers) if blocked else layers))
    return module


def pooled_first(layers: Sequence[Named]) -> list[Named]:
    """Layers with every max pooling before the ReLU it follows.

    The largest of some numbers is cut off at 0 to the same value before or after it was found, but after it there is
    only a quarter of them.
    """
    nn, ordered = load_torch().nn, list(layers)
    for place, ((_, layer), (_, after)) in enumerate(pairwise(ordered)):
        if isinstance(layer, nn.ReLU) and isinstance(after, nn.MaxPool2d):
            ordered[place], ordered[place + 1] = ordered[place + 1], ordered[place]
    return ordered


# ---- what is never looked at ----


def seen_side(layers: Sequence[Any], *, size: int) -> int:
    """The side in pixels of the top left corner of a picture on which alone the flattened features depend.

    The chapter's net at 150 px pools maps of 15 x 15 to 7 x 7, from 14 x 14 of their places: 142 px are seen. `size`
    itself where a layer pads, or is not known to look at each place with its neighbours and nothing else.
    """
    nn = load_torch().nn
    # The first one turns levels into floats; what comes behind the flattening sees all of it.
    before = list(takewhile(lambda layer: not isinstance(layer, nn.Flatten), layers[1:]))
    looking = [layer for layer in before if not isinstance(layer, nn.ReLU)]
    if not all(isinstance(layer, nn.Conv2d | nn.MaxPool2d) and _is_plain(layer) for layer in looking):
        return size
    windows = [(_side(layer.kernel_size), _side(layer.stride)) for layer in looking]
    side = size
    for window, stride in windows:
        side = (side - window) // stride + 1
    for window, stride in reversed(windows):
        side = (side - 1) * stride + window
    return side


def _is_plain(layer: Any) -> bool:  # noqa: ANN401 - a convolution or a pooling
    """Whether a layer looks at squares of neighbours that lie all inside the maps."""
    values = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    squares = [len(set(value)) == 1 if isinstance(value, tuple) else isinstance(value, int) for value in values]
    apart = layer.padding not in (0, (0, 0)) or layer.dilation not in (1, (1, 1))
    return all(squares) and not apart and not getattr(layer, "ceil_mode", False)


def _side(value: int | tuple[int, int]) -> int:
    return value if isinstance(value, int) else value[0]


def corner(images: torch.Tensor, *, side: int) -> torch.Tensor:
    """The top left corner of images [N, S, S, 3]."""
    return images[:, :side, :side].contiguous()


# ---- how maps lie in memory ----


def in_blocks(layers: Sequence[Named]) -> list[Named]:
    """Layers whose maps lie in oneDNN's blocks, from behind the first one to the last of those that know of blocks."""
    nn = load_torch().nn
    known = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d)
    first = next((place for place, (_, layer) in enumerate(layers) if isinstance(layer, nn.Conv2d)), len(layers))
    inside = list(takewhile(lambda named: isinstance(named[1], known), layers[first:]))
    if not inside:
        return list(layers)
    entered, left = ("into_blocks", _applied(into_blocks)), ("from_blocks", _applied(from_blocks))
    return [*layers[:first], entered, *inside, left, *layers[first + len(inside) :]]


def into_blocks(maps: torch.Tensor) -> torch.Tensor:
    """Maps float32 [N, C, h, w] as oneDNN holds them."""
    return maps.to_mkldnn()


def from_blocks(maps: torch.Tensor) -> torch.Tensor:
    """Maps float32 [N, C, h, w] as torch holds them."""
    return maps.to_dense()


def holds_blocks(module: torch.nn.Module) -> bool:
    """Whether maps lie in blocks anywhere in a module."""
    return any(getattr(layer, "function", None) is into_blocks for layer in module.modules())


def _applied(function: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - a module of torch
    """A function as a layer without weights."""
    return _applied_class()(function)


@cache
def _applied_class() -> Any:  # noqa: ANN401 - a class that can only be made once torch is there
    base: Any = load_torch().nn.Module

    class Applied(base):  # type: ignore[misc]
        def __init__(self, function: Callable[[Any], Any]) -> None:
            super().__init__()
            self.function = function

        def forward(self, values: torch.Tensor) -> Any:  # noqa: ANN401 - a tensor
            return self.function(values)

    return Applied
