"""The form in which a net of plain layers trains fastest: the same answers and the same gradients in less time.

Sums may be taken in another order, so both agree to within rounding. What saves time (docs/log.md):

- every max pooling stands before the ReLU it follows;
- pictures are cut to the corner that any answer depends on: where a pooling leaves the last row and column out, the
  layers before it need not compute what would have gone into them;
- from the first convolution to the last pooling, maps lie in blocks of channels (see `blocks`).

Legend: N pictures, S side of the input.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any

from tellapart.extras import load_torch
from tellapart.nets.blocks import BlockNumbers, Named, applied, in_blocks

if TYPE_CHECKING:
    import torch


def training_form(trunk: torch.nn.Module, *, size: int, blocks: BlockNumbers | None) -> torch.nn.Module:
    """The same layers in the form that trains fastest, with the same weights under the same names.

    `size` is S in pixels; `blocks` are the numbers of maps that lie in blocks, None for none. A trunk that is no plain
    sequence of layers stays as it is.
    """
    nn = load_torch().nn
    if not isinstance(trunk, nn.Sequential):
        return trunk
    layers = pooled_first(list(trunk.named_children()))
    if (side := seen_side([layer for _, layer in layers], size=size)) < size:
        layers = [("corner", applied(partial(corner, side=side))), *layers]
    module: torch.nn.Module = nn.Sequential(OrderedDict(in_blocks(layers, numbers=blocks) if blocks else layers))
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
