"""What each operator of an ONNX graph does, in torch: those that nets for pictures are made of.

Legend: N pictures, C channels, h w sides of a map.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from tellapart.extras import load_torch

if TYPE_CHECKING:
    from torch import Tensor


def _convolution(attributes: Mapping[str, Any], maps: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    functional = load_torch().nn.functional
    strides, dilations = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    maps, padding = _padded(maps, attributes, kernel=list(weight.shape[2:]), strides=strides, dilations=dilations)
    groups = attributes.get("group", 1)
    if groups == 1 or weight.shape[1] > 1:
        return functional.conv2d(maps, weight, bias, strides, padding, dilations, groups)
    # Depthwise, every place and then every other one: the gradient of a stride takes 20 times as long on a CPU.
    full = functional.conv2d(maps, weight, bias, 1, padding, dilations, groups)
    return full[:, :, :: strides[0], :: strides[1]]


def _padded(
    maps: Tensor,
    attributes: Mapping[str, Any],
    *,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    value: float = 0.0,
) -> tuple[Tensor, list[int]]:
    """The maps and the padding that a torch operator is to add; where the ends differ it is added here instead."""
    functional = load_torch().nn.functional
    if attributes.get("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER"):
        needed = [
            max((-(-side // stride) - 1) * stride + (size - 1) * dilation + 1 - side, 0)
            for side, size, stride, dilation in zip(maps.shape[2:], kernel, strides, dilations, strict=True)
        ]
        upper = attributes["auto_pad"] == "SAME_UPPER"
        begins = [total // 2 if upper else total - total // 2 for total in needed]
        ends = [total - begin for total, begin in zip(needed, begins, strict=True)]
    else:
        pads = attributes.get("pads", [0, 0, 0, 0])
        begins, ends = pads[:2], pads[2:]
    if begins == ends:
        return maps, list(begins)
    return functional.pad(maps, [begins[1], ends[1], begins[0], ends[0]], value=value), [0, 0]


def _batch_normalisation(attributes: Mapping[str, Any], maps: Tensor, *statistics: Tensor) -> Tensor:
    functional = load_torch().nn.functional
    scale, shift, mean, variance = statistics
    return functional.batch_norm(
        maps, mean, variance, scale, shift, training=False, eps=attributes.get("epsilon", 1e-5)
    )


def _clip(_: Mapping[str, Any], maps: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    functional = load_torch().nn.functional
    if low is None or high is None:
        return maps.clamp(low, high)
    return functional.hardtanh(maps, float(low), float(high))  # as clamp, but its gradient is one pass instead of four


def _maximum_pool(attributes: Mapping[str, Any], maps: Tensor) -> Tensor:
    functional = load_torch().nn.functional
    kernel, strides = attributes["kernel_shape"], attributes.get("strides", [1, 1])
    lowest = float("-inf")
    maps, padding = _padded(maps, attributes, kernel=kernel, strides=strides, dilations=[1, 1], value=lowest)
    ceil = bool(attributes.get("ceil_mode", 0))
    return functional.max_pool2d(maps, kernel, strides, padding, ceil_mode=ceil)


def _average_pool(attributes: Mapping[str, Any], maps: Tensor) -> Tensor:
    functional = load_torch().nn.functional
    kernel, pads = attributes["kernel_shape"], attributes.get("pads", [0, 0, 0, 0])
    inside = bool(attributes.get("count_include_pad", 0))
    strides, ceil = attributes.get("strides", [1, 1]), bool(attributes.get("ceil_mode", 0))
    return functional.avg_pool2d(maps, kernel, strides, pads[:2], ceil, inside)


def _mean(attributes: Mapping[str, Any], maps: Tensor, axes: Tensor | None = None) -> Tensor:
    chosen = attributes.get("axes") if axes is None else axes.tolist()
    return maps.mean(chosen, keepdim=bool(attributes.get("keepdims", 1)))


def _product(attributes: Mapping[str, Any], left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """Gemm: alpha * A @ B + beta * C."""
    left = left.T if attributes.get("transA", 0) else left
    right = right.T if attributes.get("transB", 0) else right
    result: Tensor = attributes.get("alpha", 1.0) * (left @ right)
    return result if bias is None else result + attributes.get("beta", 1.0) * bias


def _hard_sigmoid(attributes: Mapping[str, Any], maps: Tensor) -> Tensor:
    steep: float = attributes.get("alpha", 0.2)
    middle: float = attributes.get("beta", 0.5)
    return (steep * maps + middle).clamp(0, 1)


def _layer_normalisation(
    attributes: Mapping[str, Any], maps: Tensor, scale: Tensor, shift: Tensor | None = None
) -> Tensor:
    functional = load_torch().nn.functional
    sides = list(maps.shape[attributes.get("axis", -1) :])
    return functional.layer_norm(maps, sides, scale, shift, attributes.get("epsilon", 1e-5))


def _reshape(_: Mapping[str, Any], maps: Tensor, shape: Tensor) -> Tensor:
    sides = [maps.shape[axis] if side == 0 else side for axis, side in enumerate(shape.tolist())]
    return maps.reshape(sides)


def _shape(attributes: Mapping[str, Any], values: Tensor) -> Tensor:
    sides = load_torch().tensor(values.shape)
    return sides[attributes.get("start", 0) : attributes.get("end", len(sides))]


def _slice(
    _: Mapping[str, Any],
    values: Tensor,
    starts: Tensor,
    ends: Tensor,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    chosen = range(len(starts)) if axes is None else axes.tolist()
    every = [1] * len(starts) if steps is None else steps.tolist()
    for axis, start, end, step in zip(chosen, starts.tolist(), ends.tolist(), every, strict=True):
        places = range(values.shape[axis])[start:end:step]
        values = values.index_select(axis, load_torch().tensor(places, dtype=load_torch().int64, device=values.device))
    return values


def _squeeze(_: Mapping[str, Any], values: Tensor, axes: Tensor | None = None) -> Tensor:
    return values.squeeze() if axes is None else values.squeeze(tuple(axes.tolist()))


def _unsqueeze(_: Mapping[str, Any], values: Tensor, axes: Tensor) -> Tensor:
    rank = values.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes.tolist()):
        values = values.unsqueeze(axis)
    return values


def _expand(_: Mapping[str, Any], values: Tensor, shape: Tensor) -> Tensor:
    torch = load_torch()
    return values.expand(torch.broadcast_shapes(values.shape, tuple(shape.tolist())))


def _gather(attributes: Mapping[str, Any], values: Tensor, places: Tensor) -> Tensor:
    axis = attributes.get("axis", 0) % values.ndim
    found = values.index_select(axis, (places.reshape(-1) % values.shape[axis]).to(values.device))
    return found.reshape(*values.shape[:axis], *places.shape, *values.shape[axis + 1 :])


def _split(attributes: Mapping[str, Any], values: Tensor, sizes: Tensor | None = None) -> Sequence[Tensor]:
    axis, count = attributes.get("axis", 0), attributes["num_outputs"]
    parts: Sequence[Tensor] = values.split(-(-values.shape[axis] // count) if sizes is None else sizes.tolist(), axis)
    return parts if count > 1 else parts[0]


def _pad(
    attributes: Mapping[str, Any],
    values: Tensor,
    pads: Tensor,
    level: Tensor | None = None,
    axes: Tensor | None = None,
) -> Tensor:
    functional, rank = load_torch().nn.functional, values.ndim
    chosen = list(range(rank)) if axes is None else [axis % rank for axis in axes.tolist()]
    count = len(chosen)
    begins, ends = (dict(zip(chosen, part, strict=True)) for part in (pads.tolist()[:count], pads.tolist()[count:]))
    around = [end for axis in reversed(range(rank)) for end in (begins.get(axis, 0), ends.get(axis, 0))]
    mode = attributes.get("mode", b"constant").decode()
    if mode != "constant":
        raise ValueError(f"padding by {mode}")
    return functional.pad(values, around, value=0.0 if level is None else float(level))


SMALLEST: Final = 1e-12  # of what a root is taken of: at 0 it has no slope, and a channel that is even has no deviation
OPERATORS: Mapping[str, Callable[..., Any]] = {
    "Add": lambda _, left, right: left + right,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_normalisation,
    "Cast": lambda _, maps: maps.float(),  # of the pixels; every other Cast is a stored constant's
    "Clip": _clip,
    "Concat": lambda attributes, *parts: load_torch().cat(parts, attributes["axis"]),
    "Conv": _convolution,
    "Div": lambda _, left, right: left / right,
    "Erf": lambda _, maps: maps.erf(),
    "Expand": _expand,
    "Flatten": lambda attributes, maps: maps.flatten(attributes.get("axis", 1)),
    "Gather": _gather,
    "Gelu": lambda _, maps: load_torch().nn.functional.gelu(maps),
    "Gemm": _product,
    "GlobalAveragePool": lambda _, maps: maps.float().mean((2, 3), keepdim=True),
    "GlobalMaxPool": lambda _, maps: maps.amax((2, 3), keepdim=True),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda _, maps: load_torch().nn.functional.hardswish(maps),
    "Identity": lambda _, maps: maps,
    "LayerNormalization": _layer_normalisation,
    "MatMul": lambda _, left, right: left @ right,
    "MaxPool": _maximum_pool,
    "Mul": lambda _, left, right: left * right,
    "Neg": lambda _, values: -values,
    "Pad": _pad,
    "Pow": lambda _, left, right: left**right,
    "ReduceMean": _mean,
    "Relu": lambda _, maps: maps.relu(),
    "Reshape": _reshape,
    "Shape": _shape,
    "Sigmoid": lambda _, maps: maps.sigmoid(),
    "Slice": _slice,
    "Softmax": lambda attributes, maps: maps.softmax(attributes.get("axis", -1)),
    "Split": _split,
    "Sqrt": lambda _, values: values.clamp_min(SMALLEST).sqrt(),
    "Squeeze": _squeeze,
    "Sub": lambda _, left, right: left - right,
    "Tanh": lambda _, maps: maps.tanh(),
    "Transpose": lambda attributes, maps: maps.permute(attributes["perm"]),
    "Unsqueeze": _unsqueeze,
}
