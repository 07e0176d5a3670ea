"""The graph inside a model file: resize, base, head and softmax as one ONNX model.

    images uint8 [N, H, W, 3] → resized float32 [N, S, S, 3] → features [N, D] → logits [N, K] → probabilities [N, K]
    and where mistakes do not all cost the same → label int64 [N], the class of least expected cost

A joined base has both of its halves behind the one input, each with a resize of its own: resized_A → features_A,
resized_B → features_B, and features has the depths of both. Whatever else is A's has "A." before its name.

The resize is the one that training used, Pillow's antialiased triangle filter, written as two matrix products whose
matrices the graph computes from H and W, with the same rounding to whole grey levels after each. A picture that already
has side S passes through unchanged.

Opset 17 and IR 8, so that any runtime since 2022 can load it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tellapart.backbones.backbone import IMAGES, RESIZED, Backbone, join_bases, joined_name
from tellapart.backbones.graph_part import GraphPart
from tellapart.heads.linear import LinearHead
from tellapart.heads.operating_point import Matrix
from tellapart.types import Depth

HEAD_WEIGHT, HEAD_BIAS = "classifier_weight", "classifier_bias"
FEATURES = "features"
OUTPUTS = ("probabilities", "logits", FEATURES)
LABEL = "label"  # an output too where the answer is not always the likeliest class


def model_graph(backbone: Backbone, head: LinearHead, *, temperature: float, costs: Matrix | None = None) -> bytes:
    """The serialised ONNX model for a base, a head on some of its depths, a temperature, and costs float64 [K, K]."""
    import onnx
    from onnx import TensorProto, helper

    outputs = _outputs_in_use(backbone, head)
    naming: list[Callable[[str], str]] = [half_names(half) for half in backbone.halves] or [str]
    singles = [
        _single_graph(single, own, named=named)
        for single, own, named in zip(backbone.singles, outputs, naming, strict=True)
    ]
    top = GraphPart()
    add_head(top, _features(top, backbone, head, outputs), head, temperature=temperature)
    if costs is not None:
        add_label(top, costs)
    widths = {"probabilities": head.bias.size, "logits": head.bias.size, FEATURES: head.weight.shape[0]}
    graph = helper.make_graph(
        [*(node for single in singles for node in single.nodes), *top.nodes],
        "tellapart",
        [helper.make_tensor_value_info(IMAGES, TensorProto.UINT8, ["N", "H", "W", 3])],
        [
            *(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", widths[name]]) for name in OUTPUTS),
            *(() if costs is None else [helper.make_tensor_value_info(LABEL, TensorProto.INT64, ["N"])]),
        ],
        [*(constant for single in singles for constant in single.constants), *top.constants],
    )
    # Nothing that the bases which ship are made of was changed between their operator set and a later one.
    opset = [helper.make_opsetid("", max(single.opset for single in singles))]
    model = helper.make_model(graph, producer_name="tellapart", opset_imports=opset)
    model.ir_version = max(single.version for single in singles)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def half_names(half: Backbone) -> Callable[[str], str]:
    """What the tensors of one of several bases are called in the graph that holds all of them."""

    def named(name: str) -> str:
        if name in ("", IMAGES):
            return name
        if name in (RESIZED, FEATURES):
            return f"{name}_{half.name}"
        kind, _, depth = name.partition("_")
        return f"{kind}_{half.name}.{depth}" if kind in ("pooled", "maps") else f"{half.name}.{name}"

    return named


def _outputs_in_use(backbone: Backbone, head: LinearHead) -> list[list[str]]:
    """For each single base the outputs of its own graph that hold the depths in use."""
    used = {depth.name for depth in used_depths(backbone, head)}
    return [
        [
            output
            for depth, output in zip(single.widths, single.outputs, strict=True)
            if (joined_name(single, depth) if backbone.halves else depth) in used
        ]
        for single in backbone.singles
    ]


def _single_graph(single: Backbone, outputs: Sequence[str], *, named: Callable[[str], str]) -> GraphPart:
    """The resize of one base and of its graph what these outputs depend on, all of it renamed."""
    import onnx

    base, graph = onnx.load_from_string(single.graph), GraphPart()
    add_resize(graph, side=single.preprocess.size)
    body = reachable_nodes(base.graph.node, outputs)
    for node in body:
        node.input[:] = [RESIZED if name == base.graph.input[0].name else name for name in node.input]
    needed = {name for node in body for name in node.input}
    graph.nodes.extend(body)
    graph.constants.extend(tensor for tensor in base.graph.initializer if tensor.name in needed)
    for node in graph.nodes:
        node.name = named(node.name)
        node.input[:], node.output[:] = map(named, node.input), map(named, node.output)
    for constant in graph.constants:
        constant.name = named(constant.name)
    graph.opset = max(each.version for each in base.opset_import)
    graph.version = base.ir_version
    return graph


def _features(graph: GraphPart, backbone: Backbone, head: LinearHead, outputs: Sequence[Sequence[str]]) -> list[str]:
    """The tensors that side by side are the features: the depths in use, or of a joined base those of each half.

    Where the depths of halves are pooled in several ways, those of one way are side by side.
    """
    if not backbone.halves:
        return list(outputs[0])
    used, parts = used_depths(backbone, head), dict[str, list[str]]()
    for half, own in zip(backbone.halves, outputs, strict=True):
        row = graph.add("Concat", *map(half_names(half), own), name=half_names(half)(FEATURES), axis=1)
        mine = {joined_name(half, depth) for depth in half.widths}
        stop, poolings = 0, dict.fromkeys(depth.pooling for depth in used if depth.name in mine)
        for pooling in poolings:
            start = stop
            stop += sum(depth.stop - depth.start for depth in used if depth.name in mine and depth.pooling == pooling)
            cut = _cut(graph, row, start=start, stop=stop, name=f"{row}_{pooling}") if len(poolings) > 1 else row
            parts.setdefault(pooling, []).append(cut)
    return [tensor for pooling in dict.fromkeys(depth.pooling for depth in used) for tensor in parts[pooling]]


def _cut(graph: GraphPart, row: str, *, start: int, stop: int, name: str) -> str:
    """Some columns of a row."""
    bounds = {"start": start, "stop": stop, "axis": 1}
    named = [graph.constant(f"{name}_{bound}", np.array([value], np.int64)) for bound, value in bounds.items()]
    return graph.add("Slice", row, *named, name=name)


def narrowed(backbone: Backbone, head: LinearHead) -> tuple[Backbone, LinearHead]:
    """A base and a head on it without the halves that the head does not read; the half itself where one is left."""
    used = [depth.name for depth in used_depths(backbone, head)]
    kept = [half for half in backbone.halves if any(joined_name(half, depth) in used for depth in half.widths)]
    if len(kept) == len(backbone.halves):
        return backbone, head
    base, first = (
        (kept[0], used[0].removeprefix(joined_name(kept[0], ""))) if len(kept) == 1 else (join_bases(kept), used[0])
    )
    start = next(depth.start for depth in base.depths if depth.name == first)
    return base, replace(head, start=start, stop=start + head.stop - head.start)


def used_depths(backbone: Backbone, head: LinearHead) -> list[Depth]:
    """The depths of a base whose columns a head reads."""
    return [depth for depth in backbone.depths if head.start <= depth.start and depth.stop <= head.stop]


def add_resize(graph: GraphPart, *, side: int) -> None:
    """From images uint8 [N, H, W, 3] to resized float32 [N, S, S, 3].

    Down first, then across, as cykooz_resizer does: 99 % of the values come out as in training, the rest a grey level
    away. Pillow takes whichever way round costs less; in the other order one value in five is a grey level away.
    """
    from onnx import TensorProto

    graph.constant("resize_side", np.array(side, np.float32))
    for name, value in (("resize_zero", 0.0), ("resize_half", 0.5), ("resize_one", 1.0), ("resize_white", 255.0)):
        graph.constant(name, np.array(value, np.float32))
    graph.constant("resize_axis", np.array([1], np.int64))
    centres = np.arange(side, dtype=np.float32)[:, None] + np.float32(0.5)
    graph.constant("resize_targets", centres)
    planes = graph.add("Cast", "images", name="resize_float", to=TensorProto.FLOAT)
    planes = graph.add("Transpose", planes, name="resize_planes", perm=[0, 3, 1, 2])
    shape = graph.add("Shape", "images", name="resize_shape")
    rows = add_filter(graph, shape, axis=1, name="resize_rows")
    planes = add_rounding(graph, graph.add("MatMul", rows, planes, name="resize_down"), name="resize_down")
    columns = add_filter(graph, shape, axis=2, name="resize_columns")
    columns = graph.add("Transpose", columns, name="resize_columns_transposed", perm=[1, 0])
    planes = add_rounding(graph, graph.add("MatMul", planes, columns, name="resize_across"), name="resize_across")
    graph.add("Transpose", planes, name=RESIZED, perm=[0, 2, 3, 1])


def add_filter(graph: GraphPart, shape: str, *, axis: int, name: str) -> str:
    """The matrix float32 [S, L] that resamples an axis of length L: triangles as wide as the scale, sum 1 a row."""
    from onnx import TensorProto

    graph.constant(f"{name}_index", np.array(axis, np.int64))
    length = graph.add("Gather", shape, f"{name}_index", name=f"{name}_length_int", axis=0)
    length = graph.add("Cast", length, name=f"{name}_length", to=TensorProto.FLOAT)
    scale = graph.add("Div", length, "resize_side", name=f"{name}_scale")
    reach = graph.add("Max", scale, "resize_one", name=f"{name}_reach")
    centres = graph.add("Mul", "resize_targets", scale, name=f"{name}_centres")
    sources = graph.add("Range", "resize_zero", length, "resize_one", name=f"{name}_sources")
    sources = graph.add("Add", sources, "resize_half", name=f"{name}_middles")
    distance = graph.add("Abs", graph.add("Sub", sources, centres, name=f"{name}_offset"), name=f"{name}_distance")
    slope = graph.add("Div", distance, reach, name=f"{name}_slope")
    height = graph.add("Sub", "resize_one", slope, name=f"{name}_height")
    triangle = graph.add("Max", height, "resize_zero", name=f"{name}_triangle")
    total = graph.add("ReduceSum", triangle, "resize_axis", name=f"{name}_total", keepdims=1)
    return graph.add("Div", triangle, total, name=name)


def add_rounding(graph: GraphPart, tensor: str, *, name: str) -> str:
    """Whole grey levels: floor(x + 0.5), held within 0 and 255."""
    lifted = graph.add("Add", tensor, "resize_half", name=f"{name}_lifted")
    whole = graph.add("Floor", lifted, name=f"{name}_whole")
    return graph.add("Clip", whole, "resize_zero", "resize_white", name=f"{name}_rounded")


def add_head(graph: GraphPart, pooled: Sequence[str], head: LinearHead, *, temperature: float) -> None:
    """From the pooled depths to features, logits and probabilities. Logits are before the temperature."""
    graph.add("Concat", *pooled, name=FEATURES, axis=1)
    weight = graph.constant(HEAD_WEIGHT, head.weight)
    bias = graph.constant(HEAD_BIAS, head.bias)
    graph.add("Gemm", FEATURES, weight, bias, name="logits")
    cooled = graph.add(
        "Div", "logits", graph.constant("temperature", np.array(temperature, np.float32)), name="logits_cooled"
    )
    graph.add("Softmax", cooled, name="probabilities", axis=1)


def add_label(graph: GraphPart, costs: Matrix | None) -> None:
    """From probabilities to the class that is answered; the largest cost is 1, so that none is beyond float32."""
    if costs is None:
        graph.add("ArgMax", "probabilities", name=LABEL, axis=1, keepdims=0)
        return
    table = graph.constant("costs", (costs / costs.max()).astype(np.float32))
    expected = graph.add("MatMul", "probabilities", table, name="expected_costs")
    graph.add("ArgMin", expected, name=LABEL, axis=1, keepdims=0)


def reachable_nodes(nodes: Sequence[Any], outputs: Sequence[str]) -> list[Any]:
    """The nodes that the outputs depend on, in their order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    return kept[::-1]
