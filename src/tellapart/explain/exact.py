"""The exact heat map of a linear head on pooled maps.

A feature is the mean of a map over its places, and a logit is a weighted sum of features and a bias. So the weighted
sum of the maps themselves, place by place, has the logit less the bias for its mean: nothing is estimated. This is
class activation mapping (Zhou et al., 2016, arXiv:1512.04150), over every depth that the head reads at once.

A feature that is pooled otherwise is handed to the places it comes from. A maximum belongs to the place that has it, or
in equal parts to those that do. A deviation d of values x with the mean m has d² for the mean of (x - m)², so a place
has the part (x - m)² / d of it: the mean of these parts is d² / d. Either way the parts have the feature for their
mean, as the maps of a mean do, and the sum stays exact.

Legend: C channels of a depth, h w its places, S side of the square, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone, Squares, joined_name
from tellapart.backbones.compiling import compile_net, read_net
from tellapart.backbones.devices import chosen_devices
from tellapart.backbones.engine import between, named_tensors, settings_for
from tellapart.backbones.openvino_runtime import load_openvino
from tellapart.cores import thread_count
from tellapart.explain.heat_map import EXACT, HeatMap
from tellapart.explain.spread import spread_maps
from tellapart.heads.linear import LinearHead
from tellapart.types import DEVIATION, MAXIMUM, MEAN, Depth

AGREEMENT = 1e-3  # of the logit, or of 1: how far a map may be from adding up; 4e-5 at worst on 30 photographs
ROUNDED = 0.05  # of the size of maxima or deviations: how far those of the engine may be from those of its maps
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
            count, names = len(single.outputs), [before_pooling(depth) for depth in single.widths]
            apart = list(dict.fromkeys(names))
            parts = [request.get_output_tensor(place).data[0] for place in range(count + len(apart))]
            features.append(np.concatenate(parts[:count], dtype=np.float32)[np.newaxis])
            shown = {name: part.copy() for name, part in zip(apart, parts[count:], strict=True)}
            maps += [shown[name] for name in names]
        seen = dict(zip(self._names(), maps, strict=True))
        return self._backbone.in_row(features)[0], {name: seen[name] for name in self._backbone.widths}

    def _names(self) -> list[str]:
        """The depths in the order of the bases that look."""
        halves = self._backbone.halves
        return [joined_name(half, depth) for half in halves for depth in half.widths] or list(self._backbone.widths)


def _compile(backbone: Backbone, *, precision: str) -> Any:  # noqa: ANN401
    """A request for the outputs of one base, then for the maps of its depths."""
    side, device = backbone.preprocess.size, chosen_devices().engine
    core = load_openvino().Core()
    return compile_net(
        core,
        (backbone.digest, backbone.entry, tuple(backbone.outputs), tuple(backbone.widths), side, "maps"),
        partial(_with_maps, backbone=backbone),
        device=device,
        settings=settings_for(core, device, precision=precision, streams=1, threads=thread_count(), hint="LATENCY"),
    ).create_infer_request()


def _with_maps(core: Any, *, backbone: Backbone) -> Any:  # noqa: ANN401
    """The model of a base for one picture, with the maps of its depths beside its features."""
    side = backbone.preprocess.size
    model = read_net(core, backbone.graph)
    tensors = named_tensors(model)
    # Once each: the engine does not survive a tensor that is asked for twice.
    maps = {before_pooling(depth): _maps_of(tensors, depth, width=width) for depth, width in backbone.widths.items()}
    model = between(model, entry=backbone.entry, outputs=backbone.outputs, tensors=list(maps.values()))
    model.reshape([1, side, side, 3])
    return model


def _maps_of(tensors: Mapping[str, Any], depth: str, *, width: int) -> Any:  # noqa: ANN401
    named = f"maps_{before_pooling(depth)}"
    found = tensors[named] if named in tensors else _averaged(tensors[f"pooled_{before_pooling(depth)}"])
    shape = found.get_partial_shape()
    if shape.rank.is_dynamic or len(shape) != 4 or shape[1].is_dynamic or shape[1].get_length() != width:
        raise KeyError(f"maps_{depth} of {width} channels")
    return found


def before_pooling(depth: str) -> str:
    """The depth whose maps are pooled, in whatever way, by its name."""
    return depth.removesuffix(f"_{MAXIMUM}").removesuffix(f"_{DEVIATION}")


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
    for depth, channels in maps.items():  # [C, h, w]
        columns = slice(start, start := start + len(channels))
        kind = Depth(name=depth, start=columns.start, stop=columns.stop).pooling
        parts = PARTS[kind](channels, features[columns])
        if parts is None:
            return None
        total += spread_maps(np.einsum("c,chw->hw", weights[columns], parts, dtype=np.float64), height=side, width=side)
    values = (total / side**2).astype(np.float32)
    logit = float(head.logits(features[np.newaxis])[0, target])
    bias = float(head.bias[target])
    if abs(float(values.sum(dtype=np.float64)) + bias - logit) > AGREEMENT * max(1.0, abs(logit)):
        return None
    return HeatMap(values=values, method=EXACT, target=target, class_name=class_name, logit=logit, bias=bias)


def _parts_of_maximum(channels: NDArray[np.float32], maxima: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """What each place has of maxima float32 [C], [C, h, w], whose mean is the maximum; None where it is another's."""
    highest = channels.max(axis=(1, 2), keepdims=True)
    here = channels == highest
    return _handed_out(here / here.mean(axis=(1, 2), keepdims=True), maxima, expected=highest)


def _parts_of_deviation(channels: NDArray[np.float32], deviations: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """What each place has of deviations float32 [C], [C, h, w]; None where they are another map's."""
    squares = np.square(channels - channels.mean(axis=(1, 2), keepdims=True), dtype=np.float64)
    variance = squares.mean(axis=(1, 2), keepdims=True)
    shares = np.divide(squares, variance, out=np.ones_like(squares), where=variance > 0)
    return _handed_out(shares, deviations, expected=np.sqrt(variance))


def _handed_out(
    shares: NDArray[np.floating[Any]], pooled: NDArray[np.float32], *, expected: NDArray[np.floating[Any]]
) -> NDArray[np.float32] | None:
    """Features float32 [C] handed out by shares [C, h, w] of mean 1; None where they are not what is expected.

    The engine may have rounded them otherwise than is done here, so they are handed out as they are.
    """
    values = pooled[:, np.newaxis, np.newaxis]
    if not np.linalg.norm(values - expected) <= ROUNDED * np.linalg.norm(expected):
        return None
    return np.asarray(shares * values, np.float32)


Parts = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32] | None]
PARTS: Final[Mapping[str, Parts]] = {
    MEAN: lambda channels, _: channels,
    MAXIMUM: _parts_of_maximum,
    DEVIATION: _parts_of_deviation,
}
