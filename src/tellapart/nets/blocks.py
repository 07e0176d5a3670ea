"""Maps in oneDNN's own blocks of channels, from the first convolution of a net to the last layer that knows of them.

Convolutions need not turn such maps around, and a pooling keeps a byte for each maximum instead of eight (docs/log.md).
Torch takes them in float32 and in bfloat16; in the latter it knows no convolution with a bias, so both go through one
of our own, which asks it for the same products.

Legend: N pictures, C channels, h w the sides of maps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal

from tellapart.extras import load_torch

if TYPE_CHECKING:
    import torch

Named = tuple[str, Any]  # a layer behind its name
BlockNumbers = Literal["f32", "bf16"]  # what maps in blocks are made of


def in_blocks(layers: Sequence[Named], *, numbers: BlockNumbers) -> list[Named]:
    """Layers whose maps lie in blocks, from behind the first one to the last of those that know of blocks."""
    nn = load_torch().nn
    first = next((place for place, (_, layer) in enumerate(layers) if isinstance(layer, nn.Conv2d)), len(layers))
    inside = list(takewhile(lambda named: _knows_blocks(named[1]), layers[first:]))
    if not inside:
        return list(layers)
    entered, left = (
        ("into_blocks", applied(partial(into_blocks, numbers=numbers))),
        ("from_blocks", applied(from_blocks)),
    )
    taken = [(name, _block_convolution(layer) if isinstance(layer, nn.Conv2d) else layer) for name, layer in inside]
    return [*layers[:first], entered, *taken, left, *layers[first + len(inside) :]]


def _knows_blocks(layer: Any) -> bool:  # noqa: ANN401 - a module of torch
    """Whether a layer is one of torch's own that does in blocks what it does else: nothing is hung onto it."""
    nn = load_torch().nn
    if type(layer) not in (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d):
        return False
    plain = not isinstance(layer, nn.Conv2d) or (layer.padding_mode == "zeros" and isinstance(layer.padding, tuple))
    return plain and not layer._forward_hooks and not layer._forward_pre_hooks  # noqa: SLF001 - torch names no other way


def into_blocks(maps: torch.Tensor, *, numbers: BlockNumbers) -> torch.Tensor:
    """Maps float32 [N, C, h, w] as oneDNN holds them."""
    torch = load_torch()
    return maps.to_mkldnn(torch.bfloat16 if numbers == "bf16" else torch.float32)


def from_blocks(maps: torch.Tensor) -> torch.Tensor:
    """Maps [N, C, h, w] as torch holds them."""
    return maps.to_dense()


def holds_blocks(module: torch.nn.Module) -> bool:
    """Whether maps lie in blocks anywhere in a module."""
    return any(getattr(layer, "function", None) is from_blocks for layer in module.modules())


def applied(function: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - a module of torch
    """A function as a layer without weights."""
    return _classes()["applied"](function)


def _block_convolution(layer: Any) -> Any:  # noqa: ANN401 - modules of torch
    """A convolution of maps in blocks with the weights of another, under their names."""
    return _classes()["convolution"](layer)


@cache
def _classes() -> dict[str, Any]:
    """Modules that can only be made once torch is there."""
    torch: Any = load_torch()
    module: Any = torch.nn.Module
    function: Any = torch.autograd.Function

    class Applied(module):  # type: ignore[misc]
        def __init__(self, function: Callable[[Any], Any]) -> None:
            super().__init__()
            self.function = function

        def forward(self, values: torch.Tensor) -> Any:  # noqa: ANN401 - a tensor
            return self.function(values)

    class Convolved(function):  # type: ignore[misc]
        """Torch's convolution of maps in blocks by float32 weights that lie as usual, a bias in blocks beside them."""

        @staticmethod
        def forward(ctx: Any, maps: Any, weight: Any, bias: Any, geometry: tuple[Any, ...]) -> Any:  # noqa: ANN401
            ctx.save_for_backward(maps, weight)
            ctx.geometry, ctx.outputs = geometry, None if bias is None else [len(bias)]
            stride, padding, dilation, groups = geometry
            held = None if bias is None else bias.to_mkldnn(maps.dtype)
            with torch.autocast("cpu", enabled=False):  # which would turn the weights into what it does not take
                return torch.conv2d(maps, weight, held, stride, padding, dilation, groups)

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:  # noqa: ANN401
            maps, weight = ctx.saved_tensors
            stride, padding, dilation, groups = ctx.geometry
            placed = (stride, padding, dilation, False, [0, 0], groups)  # not transposed, and what only such ones have
            backward = torch.ops.aten.convolution_backward
            return *backward(gradient, maps, weight, ctx.outputs, *placed, list(ctx.needs_input_grad[:3])), None

    class BlockConvolution(module):  # type: ignore[misc]
        def __init__(self, layer: Any) -> None:  # noqa: ANN401
            super().__init__()
            self.weight, self.bias = layer.weight, layer.bias
            self.geometry = (layer.stride, layer.padding, layer.dilation, layer.groups)

        def forward(self, maps: torch.Tensor) -> Any:  # noqa: ANN401
            return Convolved.apply(maps, self.weight, self.bias, self.geometry)

    return {"applied": Applied, "convolution": BlockConvolution}
