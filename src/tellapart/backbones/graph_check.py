"""Whether a net from elsewhere may be given to the engine: all in it is known, in order, finite and of bounded cost.

The engine believes a graph: it would fold constants of many gigabytes, or work on one picture for hours. So the graph
is read strictly (`graph_file`), every shape in it is worked out without running anything (`graph_shapes`), and what it
would take is added up. What cannot be worked out is refused: no net of ours needs it.

Legend: B pictures in one request, S side of a square.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.graph_file import BFLOAT16, GraphFile, Node, Tensor, read_graph_file
from tellapart.backbones.graph_shapes import Operation, TensorInfo
from tellapart.backbones.graph_values import gives_whole_numbers, outcome

UINT8: Final = 2  # as onnx.proto numbers it
USUAL_SIDE: Final = 224  # px; what the bounds below are for, with other squares they change with the area
# In brackets what nets take: lite0, VGG16 and ViT-L/16.
MOST_WORK: Final = 80e9  # multiply-adds for a picture (0.4, 15 and 62 billion)
MOST_MADE: Final = 400_000_000  # values made on the way for a picture (14, 29 and 120 million)
MOST_ALIVE: Final = 16_000_000  # values for a picture that are needed at one time (2.4, 6.4 and 2 million)
# The least and the most that bounds change, of memory and of work: what 79, 838 and 448 px ask for.
LEAST_GROWTH, MOST_GROWTH, MOST_WORK_GROWTH = 0.125, 14.0, 4.0
# What a small file may ask for of these, and what it may ask for more with each weight: lite0 has 117 multiply-adds and
# 4 values for a weight, VGG16 without its head 1,040 and 2, ViT-L/16 200 and 0.4.
LEAST_WORK, WORK_OF_A_WEIGHT = 4e9, 4_000
LEAST_MADE, MADE_OF_A_WEIGHT = 50_000_000, 100
LEAST_NODES, WEIGHTS_OF_A_NODE = 1_000, 4_000  # lite0 has 159 nodes, and 21,000 weights for each
# Nodes that follow one another with no convolution or product between them: an engine makes one program of them, in
# time that grows with their square. A net of 150 layers has a hundred, the sums beside its layers.
MOST_IN_A_ROW: Final = 300
MIXING: Final = frozenset({"Conv", "Einsum", "Gemm", "MatMul"})
MOST_FIXED: Final = 32_000_000  # values made from constants alone, beyond eight for each constant
MOST_WEIGHTS: Final = 1_500_000_000  # bytes of all constants
HALF_INFINITE: Final = {10: 0x7C00, BFLOAT16: 0x7F80}  # the exponent bits of halves that are no finite number


def check_graph(content: bytes, *, squares: Mapping[str, int], pictures: int, outputs: Iterable[str]) -> GraphFile:
    """What an ONNX file says, if it may be run.

    Args:
        content: the ONNX file.
        squares: S in pixels of each tensor that is fed with squares [B, S, S, 3]: its input, or those behind its own
            resizes.
        pictures: B.
        outputs: tensors that must come out of it.

    Raises:
        ValueError: it is damaged, holds something that no net of ours does, or takes too much; the message is a clause.
    """
    graph = read_graph_file(content)
    if len(graph.nodes) > LEAST_NODES + _weights(graph) // WEIGHTS_OF_A_NODE:
        raise ValueError("it has too many parts")
    if list(graph.inputs.values()) != [UINT8] or not set(outputs) <= set(graph.outputs):
        raise ValueError("it has other inputs or outputs than a model of ours")
    _check_constants(graph)
    _Costs(graph=graph, squares=squares, pictures=pictures).add_up()
    return graph


def _weights(graph: GraphFile) -> int:
    return sum(tensor.values.size for tensor in graph.tensors.values())


def _check_constants(graph: GraphFile) -> None:
    held = [value for node in graph.nodes for value in node.attributes.values() if isinstance(value, Tensor)]
    if sum(tensor.values.nbytes for tensor in (*graph.tensors.values(), *held)) > MOST_WEIGHTS:
        raise ValueError("its weights are too large")
    for tensor in (*graph.tensors.values(), *held):
        if not _is_finite(tensor.values, tensor.kind):
            raise ValueError(f"a weight in it is not finite ({tensor.name})")


def _is_finite(values: NDArray[Any], kind: int) -> bool:
    """Whether all are finite; one value alone may be infinite, as that is how exporters write a mask."""
    if kind in HALF_INFINITE:
        bits = np.ascontiguousarray(values).view(np.uint16)
        endless = HALF_INFINITE[kind]
        return values.size <= 1 or not np.any((bits & endless) == endless)
    if values.dtype.kind != "f":
        return True
    if values.size <= 1:
        return not np.isnan(values).any()
    return bool(np.isfinite(values).all())


@dataclass(slots=True, kw_only=True)
class _Costs:
    """What a graph would take, added up node by node.

    Attributes:
        graph: what was read.
        squares, pictures: as `check_graph` has them.
        known: what is known of each tensor met so far.
        moving: the tensors that depend on the pictures.
        whole: the tensors of whole numbers.
        row: how many nodes in a row each tensor is the end of.
        alive: values that are needed at this place.
        made: values made from pictures so far.
        work: multiply-adds so far.
        fixed: values made from constants alone so far.
    """

    graph: GraphFile
    squares: Mapping[str, int]
    pictures: int
    known: dict[str, TensorInfo | None] = field(default_factory=dict)
    moving: set[str] = field(default_factory=set)
    whole: set[str] = field(default_factory=set)
    row: dict[str, int] = field(default_factory=dict)
    alive: int = 0
    made: int = 0
    work: int = 0
    fixed: int = 0

    def add_up(self) -> None:
        graph = self.graph
        self.known = {
            "": None,
            **{name: TensorInfo(each.values.shape, each.values) for name, each in graph.tensors.items()},
        }
        area = max(LEAST_GROWTH, sum((side / USUAL_SIDE) ** 2 for side in self.squares.values()))
        self.whole = {name for name, each in graph.tensors.items() if each.values.dtype.kind in "iu"}
        small, large = (min(area, growth) * self.pictures for growth in (MOST_WORK_GROWTH, MOST_GROWTH))
        weights = _weights(graph)
        most_work = min(small * MOST_WORK, large * LEAST_WORK + small * WORK_OF_A_WEIGHT * weights)
        most_made = min(small * MOST_MADE, large * LEAST_MADE + small * MADE_OF_A_WEIGHT * weights)
        fixed = MOST_FIXED + 8 * weights
        self._keep(tuple(graph.inputs), [self.fed(max(self.squares.values()))], moves=True)
        last = self._last_uses()
        for place, node in enumerate(graph.nodes):
            self._take(node)
            if self.work > most_work or self.made > most_made or self.fixed > fixed:
                raise ValueError("it would take too long, or too much memory")
            if self.alive > MOST_ALIVE * min(area, MOST_GROWTH) * self.pictures:
                raise ValueError("it would take too much memory")
            self.alive -= sum(found.size for name in last.get(place, ()) if (found := self.known[name]))
        if not self.moving.issuperset(self.squares):
            raise ValueError("the tensor that is to be fed is missing")
        if missing := [name for name in graph.outputs if name not in self.known]:
            raise ValueError(f"an output is made by nothing in it ({missing[0]})")

    def fed(self, side: int) -> TensorInfo:
        return TensorInfo((self.pictures, side, side, 3))

    def _take(self, node: Node) -> None:
        """Add one node to what is known and to what it costs."""
        if unknown := [name for name in node.inputs if name not in self.known]:
            raise ValueError(f"a tensor is read before it is made ({unknown[0]})")
        inputs = [self.known[name] for name in node.inputs]
        self._follow(node)
        found, work = outcome(Operation(node=node, inputs=inputs, opset=self.graph.opset))
        found = [  # the engine cuts it off where squares are fed
            self.fed(self.squares[name]) if name in self.squares else made
            for name, made in zip(node.outputs, found, strict=True)
        ]
        self.work += work
        self._keep(node.outputs, found, moves=not self.moving.isdisjoint(node.inputs))

    def _follow(self, node: Node) -> None:
        """Whether a node gives whole numbers, and how many there are in a row."""
        row = 0 if node.kind in MIXING else 1 + max((self.row.get(name, 0) for name in node.inputs), default=0)
        if row > MOST_IN_A_ROW:
            raise ValueError("it has too many operations in a row")
        self.row.update(dict.fromkeys(node.outputs, row))
        if gives_whole_numbers(node, self.whole):
            self.whole.update(node.outputs)
        if node.kind in ("Div", "Mod") and not self.whole.isdisjoint(node.inputs):
            by = self.known[node.inputs[-1]]
            # By 0, and the least number by -1, end the process where a processor does it.
            if by is None or by.values is None or np.isin(by.values, (0, -1)).any():
                raise ValueError("whole numbers in it are divided by what is not known, or cannot divide them")

    def _keep(self, names: tuple[str, ...], found: list[TensorInfo], *, moves: bool) -> None:
        for name, known in zip(names, found, strict=True):
            if name in self.known or not name:
                raise ValueError(f"a tensor is made twice ({name})")
            if min(known.shape, default=1) < (0 if known.values is not None else 1):
                raise ValueError(f"a tensor in it has no values ({name})")
            self.known[name] = known
            if moves:
                self.moving.add(name)
                self.alive += known.size
                self.made += known.size
            else:
                self.fixed += known.size

    def _last_uses(self) -> dict[int, list[str]]:
        """The tensors made from pictures that each node is the last to read, by its place; outputs stay to the end."""
        uses: dict[str, int] = {}
        moving = set(self.graph.inputs)
        for place, node in enumerate(self.graph.nodes):
            if not moving.isdisjoint(node.inputs):
                moving.update(node.outputs)
                uses.update(dict.fromkeys(node.outputs, place))
            uses.update({name: place for name in node.inputs if name in uses})
        last: dict[int, list[str]] = {}
        for name, place in uses.items():
            if name not in self.graph.outputs:
                last.setdefault(place, []).append(name)
        return last
