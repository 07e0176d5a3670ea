"""The exact heat map of a linear head on pooled maps.

A feature is the mean of a map over its places, and a logit is a weighted sum of features and a bias. So the weighted
sum of the maps themselves, place by place, has the logit less the bias for its mean: nothing is estimated. This is
class activation mapping (Zhou et al., 2016, arXiv:1512.04150), over every depth that the head reads at once.

Legend: C channels of a depth, h w its places, S side of the square, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone, Squares
from tellapart.backbones.engine import between, named_tensors
from tellapart.backbones.openvino_runtime import load_openvino
from tellapart.cores import thread_count
from tellapart.explain.heat_map import EXACT, HeatMap
from tellapart.explain.spread import spread_maps
from tellapart.heads.linear import LinearHead

AGREEMENT = 1e-3  # of the logit, or of 1: how far a map may be from adding up; 4e-5 at worst on 30 photographs
DepthMaps = tuple[NDArray[np.float32], Mapping[str, NDArray[np.float32]]]  # features [D], maps [C, h, w] of each depth
RESHAPING = ("Reshape", "Squeeze", "Unsqueeze", "Convert")


class MapReader:
    """A base compiled so that it gives, beside the features, the maps that they are the means of."""

    def __init__(self, backbone: Backbone, *, precision: str) -> None:
        """Compile the base; a KeyError where a depth has no maps of its width, so no exact heat map can be had."""
        self._requests = [_compile(single, precision=precision) for single in backbone.singles]
        self._backbone = backbone

    def read(self, squares: Squares) -> DepthMaps:
        """Features float32 [D] and the maps float32 [C, h, w] of each depth, of one picture: `Backbone.squares`."""
        features: list[NDArray[np.float32]] = []
        maps: list[NDArray[np.float32]] = []
        for single, request, square in zip(self._backbone.singles, self._requests, squares, strict=True):
            request.infer({0: square[np.newaxis]})
            count = len(single.outputs)
            parts = [request.get_output_tensor(place).data[0] for place in range(count + len(single.widths))]
            features += [part.copy() for part in parts[:count]]
            maps += [part.copy() for part in parts[count:]]
        return np.concatenate(features, dtype=np.float32), dict(zip(self._backbone.widths, maps, strict=True))


def _compile(backbone: Backbone, *, precision: str) -> Any:  # noqa: ANN401
    """A request for the outputs of one base, then for the maps of its depths."""
    core = load_openvino().Core()
    side = backbone.preprocess.size
    model = core.read_model(backbone.graph)
    tensors = named_tensors(model)
    maps = [_maps_of(tensors, depth, width=width) for depth, width in backbone.widths.items()]
    model = between(model, entry=backbone.entry, outputs=backbone.outputs, tensors=maps)
    model.reshape([1, side, side, 3])
    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": str(thread_count()),
    }
    return core.compile_model(model, "CPU", settings).create_infer_request()


def _maps_of(tensors: Mapping[str, Any], depth: str, *, width: int) -> Any:  # noqa: ANN401
    found = tensors[f"maps_{depth}"] if f"maps_{depth}" in tensors else _averaged(tensors[f"pooled_{depth}"])
    shape = found.get_partial_shape()
    if shape.rank.is_dynamic or len(shape) != 4 or shape[1].is_dynamic or shape[1].get_length() != width:
        raise KeyError(f"maps_{depth} of {width} channels")
    return found


def _averaged(pooled: Any) -> Any:  # noqa: ANN401
    """The tensor that a pooled one is the mean of, as in a net of one's own, where nothing is named after maps.

    Over which axes is not looked into: that the map adds up is checked on every picture.
    """
    node = pooled.get_node()
    while node.get_type_name() in RESHAPING:
        node = node.input_value(0).get_node()
    if node.get_type_name() != "ReduceMean":
        raise KeyError(f"a mean, not {node.get_type_name()}")
    return node.input_value(0)


def exact_heat_map(
    features: NDArray[np.float32],
    maps: Mapping[str, NDArray[np.float32]],
    *,
    side: int,
    head: LinearHead,
    target: int,
    class_name: str,
) -> HeatMap | None:
    """What each pixel of a square of that side adds to the logit of a class; None where that does not add up.

    It would not where a file names maps that its features are not the means of. Features float32 [D] and maps float32
    [C, h, w] of each depth are those of `MapReader.read`; the head reads all of them.
    """
    weights = head.weight[:, target]
    total = np.zeros((side, side))
    start = 0
    for channels in maps.values():  # [C, h, w]
        part = weights[start : start + len(channels)]
        total += spread_maps(np.einsum("c,chw->hw", part, channels, dtype=np.float64), height=side, width=side)
        start += len(channels)
    values = (total / side**2).astype(np.float32)
    logit = float(head.logits(features[np.newaxis])[0, target])
    bias = float(head.bias[target])
    if abs(float(values.sum(dtype=np.float64)) + bias - logit) > AGREEMENT * max(1.0, abs(logit)):
        return None
    return HeatMap(values=values, method=EXACT, target=target, class_name=class_name, logit=logit, bias=bias)
