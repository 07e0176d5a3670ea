"""ONNX for a plain sequence of layers, written layer by layer: at once, and with nothing installed beyond onnx.

Torch's own exporter takes seconds to trace such a net, as long as it takes to train on a few thousand small pictures;
it is kept for what this cannot write.

Legend: N pictures, S side of the input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tellapart.backbones.graph_part import GraphPart
from tellapart.extras import load_torch

if TYPE_CHECKING:
    import torch

OPSET, IR_VERSION = 18, 8  # any runtime since the end of 2022 loads it
INPUT: Final = "images"


@dataclass(slots=True, kw_only=True)
class Writer:
    """Layers being written, each behind the last; `last` is the tensor made last."""

    part: GraphPart = field(default_factory=GraphPart)
    last: str = INPUT

    def add(self, kind: str, *weights: Any, **attributes: Any) -> None:  # noqa: ANN401
        """One node on the last tensor; weights are arrays or tensors of torch, stored as float32."""
        inputs = [self.last, *(self._weight(values) for values in weights)]
        self.last = self.part.add(kind, *inputs, name=f"t{len(self.part.nodes)}", **attributes)

    def _weight(self, values: Any) -> str:  # noqa: ANN401
        if not isinstance(values, np.ndarray):
            values = values.detach().float().cpu().numpy()
        return self.part.constant(f"w{len(self.part.constants)}", values)

    def graph(self, *, size: int | None, width: int, output: str) -> bytes:
        """The graph from uint8 [N, S, S, 3], of any side where size is None, to float32 [N, width]."""
        from onnx import TensorProto, helper

        self.part.nodes[-1].output[0] = output
        for node in self.part.nodes:
            node.ClearField("name")  # as torch's exporter is made to write: nodes are known by what they make
        given = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", size or "H", size or "W", 3])
        made = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", width])
        return model_bytes(helper.make_graph(self.part.nodes, "net", [given], [made], self.part.constants))


def model_bytes(graph: Any) -> bytes:  # noqa: ANN401 - an onnx.GraphProto
    """The file of a graph, after onnx has checked it."""
    import onnx
    from onnx import helper

    model = helper.make_model(graph, producer_name="tellapart", opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def can_write(trunk: torch.nn.Module) -> bool:
    """Whether a module is a sequence of layers that are all known here."""
    layers = _layers(trunk)
    return layers is not None and all(_known(layer) for layer in layers)


def write_graph(trunk: torch.nn.Module, *, size: int, width: int, output: str) -> bytes:
    """The graph from uint8 [N, S, S, 3] to float32 [N, width] of a module that `can_write`, as it is in inference."""
    writer = Writer()
    for layer in _layers(trunk) or ():
        WRITERS[type(layer).__name__](writer, layer)
    return writer.graph(size=size, width=width, output=output)


def _layers(trunk: torch.nn.Module) -> list[Any] | None:
    """The layers of nested sequences in order; None where something else holds layers."""
    nn = load_torch().nn
    flat: list[Any] = []
    for layer in trunk.children() if isinstance(trunk, nn.Sequential) else [trunk]:
        if isinstance(layer, nn.Sequential):
            inner = _layers(layer)
            if inner is None:
                return None
            flat += inner
        elif list(layer.children()):
            return None
        else:
            flat.append(layer)
    return flat


def _known(layer: Any) -> bool:  # noqa: ANN401 - its attributes depend on its class
    name, module = type(layer).__name__, type(layer).__module__
    if name not in WRITERS or not module.startswith(("torch.nn.modules.", "tellapart.")):
        return False  # a class of the user's own may have the name of one of torch's
    return all(getattr(layer, attribute, value) == value for attribute, value in PLAIN.items())


# Attributes that layers must have as they usually are; with other values they go to torch's exporter.
PLAIN: Final[Mapping[str, Any]] = {
    "padding_mode": "zeros",
    "ceil_mode": False,
    "return_indices": False,
    "track_running_stats": True,
    "affine": True,
    "start_dim": 1,
    "end_dim": -1,
    "output_size": 1,
}


def _pixels(writer: Writer, layer: Any) -> None:  # noqa: ANN401
    from onnx import TensorProto

    writer.add("Cast", to=TensorProto.FLOAT)
    writer.add("Transpose", perm=[0, 3, 1, 2])
    if layer.channels == 1:
        writer.add("ReduceMean", np.array([1], np.int64), keepdims=1)
    writer.add("Sub", layer.mean)
    writer.add("Mul", layer.scale)


def _convolution(writer: Writer, layer: Any) -> None:  # noqa: ANN401
    weights = [layer.weight] if layer.bias is None else [layer.weight, layer.bias]
    padding: dict[str, Any] = {"pads": [*layer.padding, *layer.padding]}
    if isinstance(layer.padding, str):  # "same" or "valid"
        padding = {"auto_pad": {"same": "SAME_UPPER", "valid": "VALID"}[layer.padding]}
    writer.add(
        "Conv",
        *weights,
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.stride),
        dilations=list(layer.dilation),
        group=layer.groups,
        **padding,
    )


def _normalisation(writer: Writer, layer: Any) -> None:  # noqa: ANN401
    statistics = (layer.weight, layer.bias, layer.running_mean, layer.running_var)
    writer.add("BatchNormalization", *statistics, epsilon=layer.eps)


def _max_pooling(writer: Writer, layer: Any) -> None:  # noqa: ANN401
    kernel, stride, padding, dilation = (
        [value, value] if isinstance(value, int) else list(value)
        for value in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    )
    writer.add("MaxPool", kernel_shape=kernel, strides=stride, pads=[*padding, *padding], dilations=dilation)


def _linear(writer: Writer, layer: Any) -> None:  # noqa: ANN401
    writer.add("Gemm", *([layer.weight] if layer.bias is None else [layer.weight, layer.bias]), transB=1)


WRITERS: Final[Mapping[str, Callable[[Writer, Any], None]]] = {
    "NormalisedPixels": _pixels,
    "Conv2d": _convolution,
    "BatchNorm2d": _normalisation,
    "ReLU": lambda writer, _layer: writer.add("Relu"),
    "MaxPool2d": _max_pooling,
    "AdaptiveAvgPool2d": lambda writer, _layer: writer.add("GlobalAveragePool"),
    "Flatten": lambda writer, _layer: writer.add("Flatten", axis=1),
    "Linear": _linear,
    "Dropout": lambda _writer, _layer: None,
    "Identity": lambda _writer, _layer: None,
}
