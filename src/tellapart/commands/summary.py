"""The layers of a net: what each one is, the shape of its output, and its parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tellapart.backbones.backbone import JOINT, Backbone
from tellapart.backbones.catalogue import BACKBONES, find_base, load_backbone
from tellapart.errors import UsageError
from tellapart.nets.architectures import at_size, net_size
from tellapart.nets.own_file import names_file, own_net
from tellapart.nets.summary import TWO, Layer, summarise_net, summarise_own
from tellapart.progress import Progress
from tellapart.recipes.changes import Changes
from tellapart.recipes.scratch import PLANS

PHOTOS = PLANS[False, False].net
SHOWN = {"Conv": "convolution", "Add": "residual sum", "GlobalAveragePool": "global average pooling"}
ACTIVATIONS = {"Clip": "ReLU6", "Relu": "ReLU"}  # of the bases that ship, whose Clip is from 0 to 6


def summarise(
    net: str, *, size: int | None = None, outputs: int | None = None, progress: Progress | None = None
) -> list[Layer]:
    """The layers of a net by name, for an input square of side size (None: the net's own).

    Args:
        net: a base that ships with the package, or several joined; or, with the extra torch, one of the chapter's
            convnets, any base of timm, or a net of the user's own as FILE.py:NAME.
        size: the side of the input square in pixels.
        outputs: of the last layer of a net that is trained from scratch; None for 2, for digits 10.
        progress: told where timm is to be loaded, which takes a while.

    Raises:
        UsageError: no net has that name, or the size is out of range; of a net of the user's own as `own_net`.
        MissingExtraError: the net needs PyTorch, which is not installed.
    """
    if net in BACKBONES:
        return summarise_graph(load_backbone(net, size=size))
    if names_file(net):
        return summarise_own(own_net(net), size=size or net_size(PHOTOS), outputs=outputs or TWO)
    if JOINT in net:
        return [
            replace(layer, name=f"{half.name}.{layer.name}")
            for half in find_base(net, size=size).halves
            for layer in summarise_graph(half)
        ]
    return summarise_net(net, size=size, outputs=outputs, progress=progress)


def net_named(*names: str | None, layers: tuple[int, ...] | None, dense: int | None, size: int | None = None) -> str:
    """The name of the net that is asked for by its name, or by its widths as `tellapart train` takes them.

    `size` is the side of its input in pixels (None: its own), which is in the name of a net of given widths.

    Raises:
        UsageError: it is asked for in more than one way or in none, or the widths make no sense.
    """
    changes, given = Changes(layers=layers, dense=dense), [name for name in names if name is not None]
    ways = [*given, *(["--layers"] if layers is not None else [])]
    if len(ways) > 1:
        raise UsageError("say which net once", where=" and ".join(ways), hint="Give its name or --layers, not both.")
    if not ways:
        raise UsageError("say which net", hint="Give its name, or --layers 32,64,128,128 --dense 512.")
    return at_size(given[0] if given else str(changes.applied(PLANS[False, False]).net), size)


def summarise_graph(backbone: Backbone) -> list[Layer]:
    """The layers of a base from its graph, all of them frozen."""
    import onnx

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
    activations = {node.input[0]: ACTIVATIONS[node.op_type] for node in model.graph.node if node.op_type in ACTIVATIONS}
    return [
        Layer(
            name=node.name,
            kind=_kind(node),
            shape=shapes[node.output[0]],
            parameters=sum(counted.get(name, 0) for name in node.input) if node.op_type == "Conv" else 0,
            activation=activations.get(node.output[0]),
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
