"""The layers of a net: what each one is, the shape of its output, and its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tellapart.backbones.table import load_backbone

SHOWN = {"Conv": "convolution", "Add": "residual sum", "GlobalAveragePool": "global average pooling"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer; shape is of its output for one picture, height, width and channels, or features alone."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int


def summarise(net: str, *, size: int | None = None) -> list[Layer]:
    """The layers of a base by name, for an input square of side size (None: the base's own).

    Raises:
        UsageError: no base has that name, or the size is out of range.
    """
    import onnx

    backbone = load_backbone(net, size=size)
    model = onnx.load_from_string(backbone.graph)
    side = backbone.preprocess.size
    for dimension, value in zip(model.graph.input[0].type.tensor_type.shape.dim, (1, side, side, 3), strict=True):
        dimension.dim_value = value
    model = onnx.shape_inference.infer_shapes(model)
    shapes = {value.name: _shape(value) for value in [*model.graph.value_info, *model.graph.output]}
    sizes = {tensor.name: _elements(tensor.dims) for tensor in model.graph.initializer}
    widened = {
        node.output[0]: sizes[node.input[0]]
        for node in model.graph.node
        if node.op_type == "Cast" and node.input[0] in sizes
    }
    counted = {**sizes, **widened}
    return [
        Layer(
            name=node.name,
            kind=_kind(node),
            shape=shapes[node.output[0]],
            parameters=sum(counted.get(name, 0) for name in node.input) if node.op_type == "Conv" else 0,
        )
        for node in model.graph.node
        if node.op_type in SHOWN
    ]


def _shape(value: Any) -> tuple[int, ...]:  # noqa: ANN401
    dimensions = tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim)[1:]
    return (*dimensions[1:], dimensions[0]) if len(dimensions) == 3 else dimensions


def _elements(dimensions: Any) -> int:  # noqa: ANN401
    count = 1
    for dimension in dimensions:
        count *= dimension
    return count


def _kind(node: Any) -> str:  # noqa: ANN401
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if node.op_type != "Conv":
        return SHOWN[node.op_type]
    kernel, stride = list(attributes["kernel_shape"].ints), attributes["strides"].ints[0]
    depthwise = "depthwise " if attributes["group"].i > 1 else ""
    return f"{depthwise}convolution {kernel[0]}x{kernel[1]}" + (f", stride {stride}" if stride > 1 else "")
