"""From a module of torch to an ONNX graph that holds the computation and nothing else.

Legend: N pictures, S side of the input, D features, K classes.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import Engine
from tellapart.backbones.onnx_writer import INPUT, OPSET, model_bytes
from tellapart.errors import MissingExtraError, TellapartError
from tellapart.extras import HINT, load_torch
from tellapart.seeds import generator
from tellapart.types import Features

if TYPE_CHECKING:
    import torch

DEPTH: Final = "last"
OUTPUT: Final = f"pooled_{DEPTH}"
# The largest difference between a feature from torch and from the engine, both in float32, as a share of the largest
# feature: sums of some thousand products in another order. A wrong layer is off by tens of per cent.
TOLERANCE: Final = 1e-3
MOST_FOLDED: Final = 1 << 24  # values: the places of 4,096 patches beside one another
CHECKED: Final = 4  # pictures of noise that both must see alike


def export_graph(trunk: torch.nn.Module, *, size: int, outputs: tuple[str, ...] = (OUTPUT,)) -> bytes:
    """The ONNX graph of any module that takes uint8 [N, S, S, 3] and gives one tensor for each of outputs.

    It has no names but those of its input and outputs, no paths, no notes and no weights outside itself.

    Raises:
        MissingExtraError: onnxscript is not installed.
    """
    torch = load_torch()
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    try:
        with _quiet():
            program = torch.onnx.export(
                trunk.cpu().eval(),
                (example,),
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=list(outputs),
                dynamic_shapes=({0: torch.export.Dim("N")},),
            )
    except ImportError as error:
        raise MissingExtraError("saving a net needs onnxscript", hint=HINT) from error
    _work_out_whole_numbers(program.model)
    return bare_model(program.model_proto)


def _work_out_whole_numbers(model: Any) -> None:  # noqa: ANN401 - an onnx_ir.Model
    """Leave no operation that makes whole numbers, such as the places of a gather, of nothing but constants.

    The exporter does so up to 8,192 values; whoever checks a graph wants to see all of them (`graph_check`).
    """
    from onnx import TensorProto
    from onnxscript import optimizer

    def makes_whole_numbers(node: Any) -> bool:  # noqa: ANN401 - an onnx_ir.Node
        return node.outputs[0].dtype in (TensorProto.INT64, TensorProto.INT32)

    optimizer.fold_constants(model, output_size_limit=MOST_FOLDED, should_fold=makes_whole_numbers)
    optimizer.remove_unused_nodes(model)


def scaled_output(graph: bytes, *, output: str, factor: float) -> bytes:
    """The same graph with an output multiplied by a factor."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load_from_string(graph)
    (node,) = (node for node in model.graph.node if output in node.output)
    whole = f"{output}_whole"
    node.output[list(node.output).index(output)] = whole
    model.graph.initializer.append(numpy_helper.from_array(np.array(factor, np.float32), f"{output}_factor"))
    model.graph.node.append(helper.make_node("Mul", [whole, f"{output}_factor"], [output]))
    return bytes(model.SerializeToString(deterministic=True))


def bare_model(model: Any) -> bytes:  # noqa: ANN401 - an onnx.ModelProto
    """The bytes of an exported model, with everything but the computation taken out.

    The exporter writes the source lines of every node, with the paths of this machine, and names from the user's code.
    """
    from onnx import TensorProto, helper

    graph = model.graph
    ends = {value.name for value in [*graph.input, *graph.output]}
    names: dict[str, str] = {"": "", **{name: name for name in ends}}
    for node in graph.node:
        for name in [*node.input, *node.output]:
            names.setdefault(name, f"t{len(names)}")
    for tensor in graph.initializer:
        names.setdefault(tensor.name, f"t{len(names)}")
        if tensor.data_location == TensorProto.EXTERNAL:
            raise TellapartError("the exporter put weights outside the graph")
    nodes = [
        helper.make_node(node.op_type, [names[name] for name in node.input], [names[name] for name in node.output])
        for node in graph.node
    ]
    for node, source in zip(nodes, graph.node, strict=True):
        node.attribute.extend(source.attribute)
        for attribute in node.attribute:
            attribute.doc_string = ""
    for tensor in graph.initializer:
        tensor.name, tensor.doc_string = names[tensor.name], ""
        del tensor.metadata_props[:]
    inputs, results = ([_bare_value(value) for value in values] for values in (graph.input, graph.output))
    return model_bytes(helper.make_graph(nodes, "net", inputs, results, list(graph.initializer)))


def _bare_value(value: Any) -> Any:  # noqa: ANN401 - onnx.ValueInfoProto
    from onnx import helper

    kind = value.type.tensor_type
    shape = ["N", *(dimension.dim_value for dimension in kind.shape.dim[1:])]
    return helper.make_tensor_value_info(value.name, kind.elem_type, shape)


def check_against_torch(backbone: Backbone, run: Callable[[NDArray[np.uint8]], Sequence[Features]]) -> None:
    """Compare a graph with what it was made of, on pictures of noise, in float32.

    `run` is what torch makes of pictures uint8 [N, S, S, 3]: float32 [N, width] of each depth.

    Raises:
        TellapartError: they see different features.
    """
    side = backbone.preprocess.size
    images = generator(0, "export check").integers(0, 256, (CHECKED, side, side, 3), np.uint8)
    given = Engine(backbone, precision="f32").run(images)
    for depth, wanted in zip(backbone.depths, run(images), strict=True):
        difference = float(np.abs(given[:, depth.start : depth.stop] - wanted).max())
        if not difference <= TOLERANCE * max(1e-6, float(np.abs(wanted).max())):
            raise TellapartError(f"the net as ONNX gives other features than torch (off by {difference:.2g})")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter talks of its own steps, on both outputs, as log lines and as warnings: nothing for a user."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.disable(before)
