"""Where a base can be cut in two: a frozen part and one that is trained.

A cut is a map, or the tokens of a transformer, through which every path from the picture to what is trained passes.
Of several bases that are joined the last is cut; the others stay frozen beside it.

Legend: C channels, h w sides of a map, T tokens, S side of the input square.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tellapart.backbones.backbone import Backbone
from tellapart.errors import UsageError
from tellapart.finetuning.onnx_in_torch import graph_constants


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A map, or tokens, at which a base can be cut."""

    tensor: str  # its name
    shape: tuple[int, ...]  # (C, h, w) of maps, (T, C) of tokens
    share: float  # the part of the multiplications of the base that is cut that comes after it, 0 to 1
    frozen: tuple[str, ...]  # the depths before it, from early to late; those of other halves come first
    trained: tuple[str, ...]  # the depths after it

    @property
    def values(self) -> int:
        """Values of one picture."""
        return int(np.prod(self.shape))


def find_cut(backbone: Backbone, *, share: float) -> Cut:
    """The cut that leaves as much of the base as possible to train, but at most this share of its multiplications.

    Where several do, the smallest map, because it is what is kept on disk. Of a joined base the last half is cut, and
    the depths have the names of the joined one.

    Raises:
        UsageError: the base has none.
    """
    *beside, single = backbone.singles
    possible = [cut for cut in cuts(single) if 0 < cut.share <= share]
    if not possible:
        raise UsageError(
            "this base cannot be cut in two for fine-tuning",
            where=single.name,
            hint="Use --recipe frozen or --recipe features with it.",
        )
    cut = max(possible, key=lambda cut: (cut.share, -cut.values))
    frozen, trained = (
        tuple(name for name, depth in backbone.own_depths(single).items() if depth in part)
        for part in (cut.frozen, cut.trained)
    )
    others = [name for half in beside for name in backbone.own_depths(half)]
    return replace(cut, frozen=(*others, *frozen), trained=trained)


def cuts(backbone: Backbone) -> tuple[Cut, ...]:
    """Everything at which the base can be cut, from early to late."""
    import onnx

    model = onnx.load_from_string(backbone.graph)
    net = _Net.of(model, side=backbone.preprocess.size)
    needed = {depth: net.behind(output) for depth, output in zip(backbone.widths, backbone.outputs, strict=True)}
    behind_last = needed[backbone.last.name]
    found = (net.cut(tensor, backbone, needed) for tensor in net.sources if tensor in behind_last)
    return tuple(cut for cut in found if cut is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Net:
    """A graph as what each tensor is made of, its shape for one picture, and the multiplications it takes."""

    pictures: str  # the graph's input
    sources: Mapping[str, Sequence[str]]  # what each tensor is made of, constants left out, in the order of the nodes
    shapes: Mapping[str, Sequence[int]]  # of every tensor that has one
    costs: Mapping[str, int]  # multiplications of one picture

    @classmethod
    def of(cls, model: Any, *, side: int) -> _Net:  # noqa: ANN401
        constants = graph_constants(model.graph)
        shapes = _shapes(model, side=side) | {name: value.shape for name, value in constants.items()}
        nodes = [node for node in model.graph.node if node.output[0] not in constants]
        return cls(
            pictures=model.graph.input[0].name,
            sources={
                made: [name for name in node.input if name and name not in constants]
                for node in nodes
                for made in node.output
            },
            shapes=shapes,
            costs={node.output[0]: _multiplications(node, shapes) for node in nodes},
        )

    def behind(self, tensor: str, *, stop: str = "") -> set[str]:
        """Every tensor that this one is made of, itself included, not going back beyond stop."""
        reached, open_ends = {tensor}, [tensor]
        while open_ends:
            name = open_ends.pop()
            fresh = set(self.sources.get(name, ())) - reached if name != stop else set()
            reached |= fresh
            open_ends.extend(fresh)
        return reached

    def cut(self, tensor: str, backbone: Backbone, needed: Mapping[str, set[str]]) -> Cut | None:
        """The cut at a tensor, or None where it is none of each picture, or a trained depth goes past it."""
        shape = self.shapes.get(tensor, ())
        outputs = dict(zip(backbone.widths, backbone.outputs, strict=True))
        trained = tuple(depth for depth, tensors in needed.items() if tensor in tensors)
        after = set().union(*(self.behind(outputs[depth], stop=tensor) for depth in trained)) - {tensor}
        if len(shape) not in (3, 4) or shape[0] != 1 or not all(shape) or self.pictures in after:
            return None
        everything = set().union(*needed.values())
        total = sum(self.costs.get(name, 0) for name in everything)
        return Cut(
            tensor=tensor,
            shape=tuple(shape[1:]),
            share=sum(self.costs.get(name, 0) for name in after) / max(total, 1),
            frozen=tuple(depth for depth in needed if depth not in trained),
            trained=trained,
        )


def _shapes(model: Any, *, side: int) -> dict[str, tuple[int, ...]]:  # noqa: ANN401
    """The shape of each tensor for one picture of this side."""
    import onnx

    for dimension, value in zip(model.graph.input[0].type.tensor_type.shape.dim, (1, side, side, 3), strict=True):
        dimension.dim_value = value
    del model.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    return {
        info.name: tuple(dimension.dim_value for dimension in info.type.tensor_type.shape.dim)
        for info in [*inferred.input, *inferred.value_info, *inferred.output]
    }


def _multiplications(node: Any, shapes: Mapping[str, Sequence[int]]) -> int:  # noqa: ANN401
    """What a convolution or a matrix product of one picture costs; 0 for everything else."""
    if node.op_type not in ("Conv", "Gemm", "MatMul"):
        return 0
    made, left, right = (shapes.get(name, ()) for name in (node.output[0], node.input[0], node.input[1]))
    each = np.prod(right[1:]) if node.op_type == "Conv" else left[-1]
    return int(np.prod(made) * each)
