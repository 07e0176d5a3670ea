"""The exact heat map in a graph, for runtimes that have nothing of ours: what each spot adds to the logit of a class.

    maps [N, C, h, w] of each depth, label int64 [N], asked int64 [1] → heat float32 [N, S, S]

It is what `explain.exact` computes: heat summed up, plus the bias of that class, is its logit.

Legend: N pictures, C channels of a depth, h w its places, S side of the largest square, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from tellapart.backbones.graph_part import GraphPart
from tellapart.bundle.bundle import Bundle
from tellapart.bundle.graph import HEAD_WEIGHT, LABEL
from tellapart.explain.exact import MapReader, before_pooling, exact_heat_map
from tellapart.explain.spread import spread_matrix
from tellapart.types import DEVIATION, MAXIMUM, MEAN, Depth, Pixels

HEAT, ASKED = "heat", "asked"
THE_ANSWER: Final = -1  # what is asked about where nobody asks about a class
RESHAPING: Final = ("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Cast")
MEANS: Final = ("ReduceMean", "GlobalAveragePool")
MapSizes = Mapping[str, tuple[int, int]]  # height and width of the maps of each depth


def exact_places(bundle: Bundle, picture: Pixels) -> MapSizes | None:
    """The size of the maps of each depth; None where `explain` has no exact heat map of uint8 [H, W, 3] either."""
    classifier = bundle.classifier
    try:
        reader = MapReader(classifier.base, precision="f32")
    except KeyError:
        return None
    squares = classifier.base.squares(picture)
    features, maps = reader.read(squares)
    side = max(map(len, squares))
    heat = exact_heat_map(features, maps, side=side, head=classifier.head, target=0, class_name="")
    return None if heat is None else {depth: each.shape[1:] for depth, each in maps.items()}


def add_heat(model: Any, bundle: Bundle, places: MapSizes) -> None:  # noqa: ANN401 - an onnx.ModelProto
    """Give a graph that answers one more input, the class to explain, and one more output, its heat map."""
    from onnx import TensorProto, helper

    classifier, part, parts = bundle.classifier, GraphPart(), list[str]()
    side = classifier.base.preprocess.size
    part.constant("heat_second", np.array([1], np.int64))
    part.constant("heat_flat", np.array([0, 0, -1], np.int64))
    part.constant("heat_share", np.array(1 / side**2, np.float32))
    weights = add_weights(part, count=len(classifier.classes))
    for depth in classifier.base.depths:
        own = add_columns(part, weights, depth)
        shares = SHARES[depth.pooling](part, maps_of(model, depth.name), f"heat_shares_{depth.name}")
        parts.append(add_depth(part, own, shares, depth.name, places[depth.name], side=side))
    part.add("Mul", part.add("Sum", *parts, name="heat_total"), "heat_share", name=HEAT)
    model.graph.node.extend(part.nodes)
    model.graph.initializer.extend(part.constants)
    model.graph.input.append(helper.make_tensor_value_info(ASKED, TensorProto.INT64, [1]))
    model.graph.output.append(helper.make_tensor_value_info(HEAT, TensorProto.FLOAT, ["N", side, side]))


def add_weights(part: GraphPart, *, count: int) -> str:
    """The head's weights [N, D] of the class that each picture is explained for."""
    from onnx import TensorProto

    part.constant("heat_first_class", np.array(0, np.int64))
    answered = part.add("Less", ASKED, "heat_first_class", name="heat_answered")
    target = part.add("Where", answered, LABEL, ASKED, name="heat_target")
    places = part.constant("heat_classes", np.arange(count, dtype=np.int64))
    here = part.add("Equal", part.add("Unsqueeze", target, "heat_second", name="heat_across"), places, name="heat_here")
    chosen = part.add("Cast", here, name="heat_chosen", to=TensorProto.FLOAT)
    rows = part.add("Transpose", HEAD_WEIGHT, name="heat_rows", perm=[1, 0])
    return part.add("MatMul", chosen, rows, name="heat_weights")


def add_columns(part: GraphPart, weights: str, depth: Depth) -> str:
    """The part [N, 1, C] of those weights that reads one depth."""
    start = part.constant(f"heat_start_{depth.name}", np.array([depth.start], np.int64))
    stop = part.constant(f"heat_stop_{depth.name}", np.array([depth.stop], np.int64))
    own = part.add("Slice", weights, start, stop, "heat_second", name=f"heat_columns_{depth.name}")
    return part.add("Unsqueeze", own, "heat_second", name=f"heat_row_{depth.name}")


def add_depth(part: GraphPart, weights: str, maps: str, name: str, place: tuple[int, int], *, side: int) -> str:
    """What the maps or parts [N, C, h, w] of one depth add, spread over the square, [N, S, S]."""
    height, width = place
    flat = part.add("Reshape", maps, "heat_flat", name=f"heat_flat_{name}")
    total = part.add("MatMul", weights, flat, name=f"heat_sum_{name}")
    shape = part.constant(f"heat_shape_{name}", np.array([-1, height, width], np.int64))
    total = part.add("Reshape", total, shape, name=f"heat_map_{name}")
    down = part.constant(f"heat_down_{name}", spread_matrix(height, side).astype(np.float32))
    across = part.constant(f"heat_over_{name}", spread_matrix(width, side).T.astype(np.float32))
    return part.add("MatMul", part.add("MatMul", down, total, name=f"heat_tall_{name}"), across, name=f"heat_{name}")


def maps_of(model: Any, depth: str) -> str:  # noqa: ANN401 - an onnx.ModelProto
    """The tensor [N, C, h, w] that a depth is pooled of, as `explain.exact` finds it.

    Raises:
        KeyError: there is none, which `exact_places` has told before.
    """
    producers = {output: node for node in model.graph.node for output in node.output}
    depth = before_pooling(depth)
    if f"maps_{depth}" in producers:
        return f"maps_{depth}"
    node = producers[f"pooled_{depth}"]
    while node.op_type in RESHAPING:
        node = producers[node.input[0]]
    if node.op_type not in MEANS:
        raise KeyError(f"a mean, not {node.op_type}")
    return str(node.input[0])


def add_parts_of_maximum(part: GraphPart, maps: str, name: str) -> str:
    """What each place of maps [N, C, h, w] has of their maximum, as `explain.exact` hands it out."""
    from onnx import TensorProto

    highest = part.add("GlobalMaxPool", maps, name=f"{name}_highest")
    equal = part.add("Equal", maps, highest, name=f"{name}_equal")
    here = part.add("Cast", equal, name=f"{name}_here", to=TensorProto.FLOAT)
    share = part.add("Div", here, part.add("GlobalAveragePool", here, name=f"{name}_many"), name=f"{name}_share")
    return part.add("Mul", share, highest, name=name)


def add_parts_of_deviation(part: GraphPart, maps: str, name: str) -> str:
    """What each place of maps [N, C, h, w] has of their deviation: its square over the deviation."""
    apart = part.add("Sub", maps, part.add("GlobalAveragePool", maps, name=f"{name}_mean"), name=f"{name}_apart")
    squares = part.add("Mul", apart, apart, name=f"{name}_squares")
    variance = part.add("GlobalAveragePool", squares, name=f"{name}_variance")
    least = part.constant(f"{name}_least", np.array(np.finfo(np.float32).tiny, np.float32))
    deviation = part.add("Max", part.add("Sqrt", variance, name=f"{name}_root"), least, name=f"{name}_deviation")
    return part.add("Div", squares, deviation, name=name)


SHARES: Final[Mapping[str, Callable[[GraphPart, str, str], str]]] = {
    MEAN: lambda _part, maps, _name: maps,
    MAXIMUM: add_parts_of_maximum,
    DEVIATION: add_parts_of_deviation,
}
