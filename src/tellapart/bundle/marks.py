"""The marks in a graph: what says in any runtime that an answer is unsure, or a picture unlike the training set.

    probabilities [N, K] → label int64 [N] → unsure bool [N]
    features [N, D] → unlike bool [N]

They say what `heads.abstention` says, in float32. A mark that the model has no threshold for is left out.

Legend: N pictures, D features, d features of the last depth, K classes, R typical directions, r directions of classes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.graph_part import GraphPart
from tellapart.bundle.graph import LABEL, add_label
from tellapart.classifier import Classifier
from tellapart.heads.out_of_distribution import STORED, ClassLikeness, OutOfDistribution
from tellapart.types import Depth

UNSURE, UNLIKE = "unsure", "unlike"
FAMILIAR_TENSOR: Final = "marks_familiar"
CLASS_TENSORS: Final = ("marks_matrix", "marks_middle", "marks_means", "marks_within")
SHARES: Final = 1e6  # probabilities are compared as they are printed, to six decimals: here as whole millionths
SHORTEST: Final = 1e-30  # of a row of features, so that one of zeros stays


def add_marks(graph: GraphPart, classifier: Classifier, *, labelled: bool) -> tuple[str, ...]:
    """Add what is missing of label, unsure and unlike behind probabilities and features; the names of those added.

    Args:
        graph: where nodes and constants are collected.
        classifier: what answers; its base is the graph of a model file.
        labelled: whether there is a label already.
    """
    added: list[str] = []
    abstention, classes = classifier.abstention, len(classifier.classes)
    least, known = abstention.thresholds(np.arange(classes)), abstention.out_of_distribution
    familiar = None if known is None else known.threshold
    if least is not None or familiar is not None:  # a constant that nothing reads is warned of whenever it is loaded
        graph.constant("marks_second", np.array([1], np.int64))
        graph.constant("marks_nothing", np.array(0, np.float32))
    if not labelled:
        add_label(graph, classifier.costs)
        added.append(LABEL)
    if least is not None:
        add_unsure(graph, least)
        added.append(UNSURE)
    if known is not None and familiar is not None:
        add_unlike(graph, known, threshold=familiar, last=classifier.base.last)
        added.append(UNLIKE)
    return tuple(added)


def add_unsure(graph: GraphPart, least: NDArray[np.float64]) -> None:
    """Whether the answer's probability is below the least float64 [K] of its class."""
    least_of_all = graph.constant("marks_least", np.round(least * SHARES).astype(np.float32))
    graph.constant("marks_shares", np.array(SHARES, np.float32))
    share = add_pick(graph, "probabilities", LABEL, count=len(least), name="marks_share")
    whole = graph.add("Round", graph.add("Mul", share, "marks_shares", name="marks_millionths"), name="marks_rounded")
    graph.add("Less", whole, add_pick(graph, least_of_all, LABEL, count=len(least), name="marks_asked"), name=UNSURE)


def add_unlike(graph: GraphPart, known: OutOfDistribution, *, threshold: float, last: Depth) -> None:
    """Whether the last depth is less like the training set than the threshold."""
    from onnx import TensorProto

    graph.constant("marks_start", np.array([last.start], np.int64))
    graph.constant("marks_stop", np.array([last.stop], np.int64))
    graph.constant("marks_shortest", np.array(SHORTEST, np.float32))
    seen = graph.add("Slice", "features", "marks_start", "marks_stop", "marks_second", name="marks_last")
    squares = graph.add("Mul", seen, seen, name="marks_squares")
    length = graph.add("ReduceSum", squares, "marks_second", name="marks_squared_length", keepdims=1)
    length = graph.add("Max", graph.add("Sqrt", length, name="marks_root"), "marks_shortest", name="marks_length")
    rows = graph.add("Div", seen, length, name="marks_rows")
    graph.constant(FAMILIAR_TENSOR, known.types.astype(STORED))
    types = graph.add("Cast", FAMILIAR_TENSOR, name="marks_types", to=TensorProto.FLOAT)
    types = graph.add("Transpose", types, name="marks_types_across", perm=[1, 0])
    cosines = graph.add("MatMul", rows, types, name="marks_cosines")
    likeness = add_extreme(graph, cosines, count=len(known.types), name="marks_near", largest=True)
    if known.classes is not None:
        likeness = graph.add("Min", likeness, add_class_likeness(graph, known.classes, rows), name="marks_likeness")
    graph.add("Less", likeness, graph.constant("marks_threshold", np.array(threshold, np.float32)), name=UNLIKE)


def add_class_likeness(graph: GraphPart, classes: ClassLikeness, rows: str) -> str:
    """How like its classes each row [N, d] of length one is, [N]; see `heads.relative_distance`."""
    relative = classes.relative
    for name, values in zip(
        CLASS_TENSORS, (relative.matrix, relative.middle, relative.means, relative.within), strict=True
    ):
        graph.constant(name, values.astype(np.float32))
    graph.constant("marks_third", np.array([2], np.int64))
    matrix, middle, means, within = CLASS_TENSORS
    projected = graph.add("MatMul", rows, matrix, name="marks_projected")
    found = graph.add("Sub", projected, middle, name="marks_found")
    lifted = graph.add("Unsqueeze", found, "marks_second", name="marks_lifted")
    apart = graph.add("Sub", lifted, means, name="marks_apart")
    squares = graph.add("Mul", apart, apart, name="marks_apart_squared")
    distances = graph.add("ReduceSum", squares, "marks_third", name="marks_distances", keepdims=0)
    near = add_extreme(graph, distances, count=len(relative.means), name="marks_nearest", largest=False)
    weighed = graph.add("Mul", graph.add("Mul", found, found, name="marks_found_squared"), within, name="marks_weighed")
    middle = graph.add("ReduceSum", weighed, "marks_second", name="marks_from_middle", keepdims=0)
    distance = graph.add("Sub", near, middle, name="marks_distance")
    scale = graph.constant("marks_scale", np.array(classes.scale, np.float32))
    shift = graph.constant("marks_shift", np.array(classes.shift, np.float32))
    scaled = graph.add("Mul", distance, scale, name="marks_scaled")
    return graph.add("Sub", shift, scaled, name="marks_class_likeness")


def add_extreme(graph: GraphPart, values: str, *, count: int, name: str, largest: bool) -> str:
    """The largest or the least of each row [N, n], as [N]; ReduceMax is written otherwise from opset 18 on."""
    place = graph.add("ArgMax" if largest else "ArgMin", values, name=f"{name}_place", axis=1, keepdims=0)
    return add_pick(graph, values, place, count=count, name=name)


def add_pick(graph: GraphPart, values: str, place: str, *, count: int, name: str) -> str:
    """The value at a place int64 [N] of each row [N, n], or of one row [n] for all, as [N].

    By a sum over all that leaves out the others, and not by Gather: a place that depends on the pictures may lie
    anywhere, so `backbones.graph_check` refuses it.
    """
    places = graph.constant(f"{name}_places", np.arange(count, dtype=np.int64))
    across = graph.add("Unsqueeze", place, "marks_second", name=f"{name}_across")
    here = graph.add("Equal", across, places, name=f"{name}_here")
    kept = graph.add("Where", here, values, "marks_nothing", name=f"{name}_kept")
    return graph.add("ReduceSum", kept, "marks_second", name=name, keepdims=0)
