"""The last stages of a base as something torch can train, and back into the base's own ONNX graph.

A base is an ONNX graph. Its operators from one tensor on are run by torch, one function for one operator, with the
graph's constants as parameters; what torch has trained is written back into the same constants. So a base of any origin
is trained by the same code, nothing has to be exported, and a trained base is served exactly as a frozen one is. Batch
normalisation stays in inference mode (in the shipped base it is folded into the convolutions already).

Legend: N pictures, C channels, h w sides of a map, T tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import UsageError
from tellapart.finetuning.operators import OPERATORS

if TYPE_CHECKING:
    from torch import Tensor

FROZEN_INPUTS = {"BatchNormalization": 3}  # from this input on: the running mean and variance, which are no weights


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchNode:
    """One node of the graph: its operator, the tensors it reads, the tensors it makes, its attributes."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any]
    others: tuple[str, ...] = ()  # the tensors that it makes beside output


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Operators from one tensor of a graph to some of its outputs."""

    entry: str  # the tensor float32 [N, C, h, w] or [N, T, C] they start from
    outputs: tuple[str, ...]  # the tensors they end in
    operations: tuple[TorchNode, ...]  # in an order in which every tensor is made before it is read
    weights: Mapping[str, NDArray[np.float32]]  # the constants that can be trained, float32, by name
    constants: Mapping[str, NDArray[Any]]  # everything else the operators read, float32 or int64, by name

    def run(self, maps: Tensor, constants: Mapping[str, Tensor]) -> list[Tensor]:
        """The outputs for the maps or tokens of the entry, with weights and constants as tensors, by name."""
        known = self.tensors(maps, constants)
        return [known[name] for name in self.outputs]

    def tensors(self, maps: Tensor, constants: Mapping[str, Tensor], *, cut: str = "") -> dict[str, Tensor]:
        """Every tensor on the way, by name; the one named cut is cut off from what made it, and has a gradient."""
        known = {**constants, self.entry: maps}
        for operation in self.operations:
            inputs = [known[name] if name else None for name in operation.inputs]
            result = OPERATORS[operation.kind](operation.attributes, *inputs)
            if operation.others:
                result, *others = result
                known.update(zip(operation.others, others, strict=True))
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
    constants = graph_constants(model.graph)
    operations = _operations(model.graph, constants, entry=entry, outputs=outputs)
    _check(operations)
    trained = set(_trainable_inputs(operations, constants)) - _read_elsewhere(model.graph, operations)
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


def graph_constants(graph: Any) -> dict[str, NDArray[Any]]:  # noqa: ANN401
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
) -> tuple[TorchNode, ...]:
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


def _operation(node: Any) -> TorchNode:  # noqa: ANN401
    from onnx import helper

    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    if "auto_pad" in attributes:
        attributes["auto_pad"] = attributes["auto_pad"].decode()
    output, *others = node.output
    if node.op_type == "Split":
        attributes["num_outputs"] = len(node.output)
    return TorchNode(
        kind=node.op_type, inputs=tuple(node.input), output=output, attributes=attributes, others=tuple(others)
    )


def _check(operations: Sequence[TorchNode]) -> None:
    unknown = sorted({operation.kind for operation in operations} - set(OPERATORS))
    if unknown:
        raise UsageError(
            "this base cannot be fine-tuned here",
            where=f"operator {', '.join(unknown)}",
            hint="Use --recipe frozen or --recipe features with it.",
        )


def _read_elsewhere(graph: Any, operations: Sequence[TorchNode]) -> set[str]:  # noqa: ANN401
    """The constants that something before the part reads too: an exporter keeps equal ones once, and they must stay."""
    sources, inside = _cast_sources(graph), {operation.output for operation in operations}
    stored = {
        sources.get(name, name)
        for node in graph.node
        if node.output[0] not in inside and node.output[0] not in sources
        for name in node.input
    }
    return stored | {name for name, source in sources.items() if source in stored}


def _trainable_inputs(operations: Iterable[TorchNode], constants: Mapping[str, NDArray[Any]]) -> Iterable[str]:
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
