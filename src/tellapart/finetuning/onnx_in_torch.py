"""The last stages of a base as something torch can train, and back into the base's own ONNX graph.

A base is an ONNX graph. Its operators from one tensor on are run by torch, one function for one operator, with the
graph's constants as parameters; what torch has trained is written back into the same constants. So a base of any origin
is trained by the same code, nothing has to be exported, and a trained base is served exactly as a frozen one is. Batch
normalisation stays in inference mode (in the shipped base it is folded into the convolutions already).

Legend: N pictures, C channels, h w sides of a map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import UsageError
from tellapart.extras import load_torch

if TYPE_CHECKING:
    from torch import Tensor

FROZEN_INPUTS = {"BatchNormalization": 3}  # from this input on: the running mean and variance, which are no weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One node of the graph: its operator, the tensors it reads, the tensor it makes, its attributes."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Operators from one tensor of a graph to some of its outputs."""

    entry: str  # the tensor float32 [N, C, h, w] they start from
    outputs: tuple[str, ...]  # the tensors they end in
    operations: tuple[Operation, ...]  # in an order in which every tensor is made before it is read
    weights: Mapping[str, NDArray[np.float32]]  # the constants that can be trained, float32, by name
    constants: Mapping[str, NDArray[Any]]  # everything else the operators read, float32 or int64, by name

    def run(self, maps: Tensor, constants: Mapping[str, Tensor]) -> list[Tensor]:
        """The outputs for maps [N, C, h, w] of the entry, with weights and constants as tensors, by name."""
        known = self.tensors(maps, constants)
        return [known[name] for name in self.outputs]

    def tensors(self, maps: Tensor, constants: Mapping[str, Tensor], *, cut: str = "") -> dict[str, Tensor]:
        """Every tensor on the way, by name; the one named cut is cut off from what made it, and has a gradient."""
        known = {**constants, self.entry: maps}
        for operation in self.operations:
            inputs = [known[name] if name else None for name in operation.inputs]
            result = OPERATORS[operation.kind](operation.attributes, *inputs)
            known[operation.output] = result.detach().requires_grad_() if operation.output == cut else result
        return known


def trainable_stages(graph: bytes, *, entry: str, outputs: Sequence[str]) -> Stages:
    """The part of an ONNX graph between one tensor and some outputs.

    Raises:
        UsageError: the part has an operator that cannot be trained here.
        ValueError: an output depends on the graph's input by another way than through entry.
    """
    import onnx

    model = onnx.load_from_string(graph)
    constants = constant_values(model.graph)
    operations = _operations(model.graph, constants, entry=entry, outputs=outputs)
    _check(operations)
    trained = set(_trainable_inputs(operations, constants))
    read = {name: constants[name] for operation in operations for name in operation.inputs if name in constants}
    return Stages(
        entry=entry,
        outputs=tuple(outputs),
        operations=operations,
        weights={name: value for name, value in read.items() if name in trained},
        constants={name: value for name, value in read.items() if name not in trained},
    )


def with_weights(graph: bytes, weights: Mapping[str, NDArray[np.float32]]) -> bytes:
    """The graph with other values in the named constants, stored in the precision they were stored in."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(graph)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    sources = _cast_sources(model.graph)
    for name, values in weights.items():
        tensor = stored[sources.get(name, name)]
        kept = values.astype(numpy_helper.to_array(tensor).dtype)
        tensor.CopyFrom(numpy_helper.from_array(kept, tensor.name))
    return bytes(model.SerializeToString(deterministic=True))


def constant_values(graph: Any) -> dict[str, NDArray[Any]]:  # noqa: ANN401
    """Every constant of an ONNX graph by the name it is read by: float32 (halves widened) or whole numbers."""
    from onnx import numpy_helper

    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    values |= {
        node.output[0]: numpy_helper.to_array(node.attribute[0].t)
        for node in graph.node
        if node.op_type == "Constant" and node.attribute[0].name == "value"
    }
    values |= {name: values[source] for name, source in _cast_sources(graph).items()}
    return {name: _widened(value) for name, value in values.items()}


def _widened(values: NDArray[Any]) -> NDArray[Any]:
    """A copy of its own in float32, or in int64 where it holds whole numbers."""
    return np.array(values, np.float32 if np.issubdtype(values.dtype, np.floating) else np.int64)


def _cast_sources(graph: Any) -> dict[str, str]:  # noqa: ANN401
    """What a Cast of a stored constant is called, and what it is stored as: weights are kept as halves."""
    stored = {tensor.name for tensor in graph.initializer}
    return {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Cast" and node.input[0] in stored}


def _operations(
    graph: Any,  # noqa: ANN401
    constants: Mapping[str, NDArray[Any]],
    *,
    entry: str,
    outputs: Sequence[str],
) -> tuple[Operation, ...]:
    """The nodes that the outputs need, going back no further than entry and the constants."""
    wanted, found = set(outputs), []
    known = {entry, "", *constants}
    for node in reversed(graph.node):
        if wanted.intersection(node.output) and not known.intersection(node.output):
            wanted.update(name for name in node.input if name not in known)
            found.append(node)
    if graph.input[0].name in wanted - known:
        raise ValueError(f"{entry} is not all that {', '.join(outputs)} depend on")
    return tuple(_operation(node) for node in reversed(found))


def _operation(node: Any) -> Operation:  # noqa: ANN401
    from onnx import helper

    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    if "auto_pad" in attributes:
        attributes["auto_pad"] = attributes["auto_pad"].decode()
    return Operation(kind=node.op_type, inputs=tuple(node.input), output=node.output[0], attributes=attributes)


def _check(operations: Sequence[Operation]) -> None:
    unknown = sorted({operation.kind for operation in operations} - set(OPERATORS))
    if unknown:
        raise UsageError(
            "this base cannot be fine-tuned here",
            where=f"operator {', '.join(unknown)}",
            hint="Use --recipe frozen or --recipe features with it.",
        )


def _trainable_inputs(operations: Iterable[Operation], constants: Mapping[str, NDArray[Any]]) -> Iterable[str]:
    """The names of float constants with more than one value, but for running statistics and depthwise kernels.

    A depthwise kernel has few weights, but on a CPU their gradient costs more than everything else together: 132 ms for
    one layer of lite0 (32 pictures, 1152 maps of 7 x 7, one core), where its maps' gradient takes 2 ms.
    """
    for operation in operations:
        if operation.attributes.get("group", 1) > 1 and constants[operation.inputs[1]].shape[1] == 1:
            continue
        for name in operation.inputs[: FROZEN_INPUTS.get(operation.kind)]:
            value = constants.get(name)
            if value is not None and value.size > 1 and value.dtype == np.float32:
                yield name


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
    "Flatten": lambda attributes, maps: maps.flatten(attributes.get("axis", 1)),
    "Gelu": lambda _, maps: load_torch().nn.functional.gelu(maps),
    "Gemm": _product,
    "GlobalAveragePool": lambda _, maps: maps.float().mean((2, 3), keepdim=True),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda _, maps: load_torch().nn.functional.hardswish(maps),
    "Identity": lambda _, maps: maps,
    "LayerNormalization": _layer_normalisation,
    "MatMul": lambda _, left, right: left @ right,
    "MaxPool": _maximum_pool,
    "Mul": lambda _, left, right: left * right,
    "ReduceMean": _mean,
    "Relu": lambda _, maps: maps.relu(),
    "Reshape": _reshape,
    "Sigmoid": lambda _, maps: maps.sigmoid(),
    "Softmax": lambda attributes, maps: maps.softmax(attributes.get("axis", -1)),
    "Sub": lambda _, left, right: left - right,
    "Tanh": lambda _, maps: maps.tanh(),
    "Transpose": lambda attributes, maps: maps.permute(attributes["perm"]),
}
