"""The shape of every tensor of a net, and of whole numbers that shapes are made of their values: worked out, not run.

Only operators in RULES are known; whoever asks for another is refused. A rule takes an operation and gives the shapes
of what it makes and how many multiply-adds it takes. Nothing here ever sets memory aside for a tensor: values are
followed only for small ones, because nets compute shapes by them.

Legend: a shape is a tuple of whole numbers. Section numbers of rules are those of the operators' definitions (ONNX,
opset 13 to 23).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from numpy.typing import NDArray

from tellapart.backbones.graph_file import Node

Shape = tuple[int, ...]
MOST_FOLLOWED: Final = 4_096  # values of a tensor whose values are followed
BOUND: Final = 1 << 40  # no side, stride or padding may be beyond it, so that no other program's numbers overflow


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """What is known of a tensor: its shape, and its values where they are few and do not depend on the pictures."""

    shape: Shape
    values: NDArray[Any] | None = None

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A node with what is known of its inputs; None for one that is left out."""

    node: Node
    inputs: Sequence[TensorInfo | None]
    opset: int

    def input(self, place: int) -> TensorInfo:
        """An input that must be there."""
        found = self.inputs[place] if place < len(self.inputs) else None
        if found is None:
            raise ValueError("an input is missing")
        return found

    def optional(self, place: int) -> TensorInfo | None:
        return self.inputs[place] if place < len(self.inputs) else None

    def whole(self, place: int) -> list[int] | None:
        """The values of an input that is a list of whole numbers; None where it is left out."""
        given = self.optional(place)
        if given is None:
            return None
        if given.values is None or given.values.dtype.kind not in "iu":
            raise ValueError("a shape in it depends on the pictures")
        return [_sane(int(value)) for value in given.values.ravel()]

    def number(self, name: str, default: int) -> int:
        value = self.node.attributes.get(name, default)
        if not isinstance(value, int):
            raise ValueError(f"{name} is no whole number")  # noqa: TRY004  one kind of error for a file that is wrong
        return _sane(value)

    def numbers(self, name: str, default: Sequence[int] | None = None) -> list[int] | None:
        value = self.node.attributes.get(name, default)
        if value is not None and not (isinstance(value, list | tuple) and all(isinstance(each, int) for each in value)):
            raise ValueError(f"{name} is no list of whole numbers")
        return None if value is None else [_sane(each) for each in value]

    def axis(self, *, default: int, rank: int) -> int:
        return _axis(self.number("axis", default), rank)

    def axes(self, *, place: int, rank: int) -> list[int] | None:
        """Axes that stand in an input, or in an attribute as in earlier opsets; None for none given."""
        given = self.whole(place)
        given = self.numbers("axes") if given is None else given
        if given is None:
            return None
        axes = [_axis(axis, rank) for axis in given]
        if len(set(axes)) < len(axes):
            raise ValueError("an axis stands twice in a list")
        return axes


Made = tuple[list[Shape], int]  # the shapes of the outputs, and multiply-adds
Rule = Callable[[Operation], Made]


def _sane(value: int) -> int:
    """A number in reach; the ends of 64 bits, which Slice takes for "to the end", become the nearest ones in it."""
    if abs(value) >= 1 << 31 and abs(value) < (1 << 63) - 1:
        raise ValueError("a number in it is out of reach")
    return max(-BOUND, min(BOUND, value))


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ValueError("an axis is none of a tensor's")
    return axis % rank


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """The shape that all of them are stretched to."""
    rank = max((len(shape) for shape in shapes), default=0)
    result = []
    for place in range(-rank, 0):
        sides = {shape[place] for shape in shapes if len(shape) >= -place} - {1}
        if len(sides) > 1:
            raise ValueError("shapes do not fit together")
        result.append(sides.pop() if sides else 1)
    return tuple(result)


def _same(op: Operation) -> Made:
    """One value from one value; where there are more outputs, they are of no use to a net that only answers."""
    if len(op.node.outputs) > 1:
        raise ValueError("an output that is made in training only")
    return [op.input(0).shape], op.input(0).size


def _stretched(op: Operation) -> Made:
    shape = broadcast([op.input(place).shape for place in range(len(op.inputs))])
    return [shape], math.prod(shape) * len(op.inputs)


def _prelu(op: Operation) -> Made:
    if broadcast([op.input(0).shape, op.input(1).shape]) != op.input(0).shape:
        raise ValueError("shapes do not fit together")
    return [op.input(0).shape], op.input(0).size


def _local_norm(op: Operation) -> Made:
    return [op.input(0).shape], op.input(0).size * max(1, op.number("size", 1))


def _reduced(op: Operation) -> Made:
    shape = op.input(0).shape
    axes = op.axes(place=1, rank=len(shape))
    if not axes and op.number("noop_with_empty_axes", 0):
        return [shape], op.input(0).size
    gone = set(axes or range(len(shape)))
    keep = op.number("keepdims", 1)
    kept = tuple(1 if place in gone else side for place, side in enumerate(shape) if keep or place not in gone)
    return [kept], op.input(0).size


def _arg(op: Operation) -> Made:
    shape = op.input(0).shape
    axis = op.axis(default=0, rank=len(shape))
    middle = (1,) if op.number("keepdims", 1) else ()
    return [(*shape[:axis], *middle, *shape[axis + 1 :])], op.input(0).size


def _global_pool(op: Operation) -> Made:
    shape = op.input(0).shape
    if len(shape) < 3:
        raise ValueError("a pool over no picture")
    return [(*shape[:2], *(1 for _ in shape[2:]))], op.input(0).size


def _window(op: Operation, sides: Shape, kernel: Sequence[int]) -> Shape:
    """The sides of what a window gives that is moved over sides: §Conv, §MaxPool."""
    rank = len(sides)
    strides, dilations, pads = (
        op.numbers(name, [default] * count) or []
        for name, default, count in (("strides", 1, rank), ("dilations", 1, rank), ("pads", 0, 2 * rank))
    )
    ways = [*strides, *dilations, *kernel]
    if not (len(strides) == len(dilations) == len(kernel) == rank and len(pads) == 2 * rank and min(ways) >= 1):
        raise ValueError("a window does not fit its picture")
    if min(pads) < 0 or max(pads) > MOST_FOLLOWED or max(ways) > MOST_FOLLOWED:
        raise ValueError("a window is out of reach")
    automatic = op.node.attributes.get("auto_pad", "NOTSET")
    result = []
    for place, side in enumerate(sides):
        reach = (kernel[place] - 1) * dilations[place] + 1
        if automatic in ("SAME_UPPER", "SAME_LOWER"):
            result.append(-(-side // strides[place]))
            continue
        room = side - reach + (0 if automatic == "VALID" else pads[place] + pads[place + rank])
        up = strides[place] - 1 if op.number("ceil_mode", 0) else 0
        result.append((room + up) // strides[place] + 1 if room >= 0 else 0)
    return tuple(result)


def _convolution(op: Operation) -> Made:
    maps, weight = op.input(0).shape, op.input(1).shape
    group = op.number("group", 1)
    kernel = op.numbers("kernel_shape", weight[2:]) or []
    if len(maps) < 3 or len(weight) != len(maps) or group < 1 or tuple(kernel) != weight[2:]:
        raise ValueError("a convolution does not fit its picture")
    if weight[1] * group != maps[1] or weight[0] % group:
        raise ValueError("a convolution does not fit its picture")
    shape = (maps[0], weight[0], *_window(op, maps[2:], kernel))
    return [shape], math.prod(shape) * weight[1] * math.prod(kernel)


def _pool(op: Operation) -> Made:
    maps, kernel = op.input(0).shape, op.numbers("kernel_shape") or []
    if len(maps) < 3 or len(op.node.outputs) > 1:
        raise ValueError("a pool over no picture")
    shape = (*maps[:2], *_window(op, maps[2:], kernel))
    return [shape], math.prod(shape) * math.prod(kernel)


def _gemm(op: Operation) -> Made:
    left, right = op.input(0).shape, op.input(1).shape
    if len(left) != 2 or len(right) != 2:
        raise ValueError("a product of no matrices")
    left = left[::-1] if op.number("transA", 0) else left
    right = right[::-1] if op.number("transB", 0) else right
    added = op.optional(2)
    shape = (left[0], right[1])
    if left[1] != right[0] or (added is not None and broadcast([added.shape, shape]) != shape):
        raise ValueError("a product of matrices that do not fit")
    return [shape], math.prod(shape) * left[1]


def _product(op: Operation) -> Made:
    left, right = op.input(0).shape, op.input(1).shape
    if not left or not right:
        raise ValueError("a product of no matrices")
    wide, tall = (left if len(left) > 1 else (1, *left)), (right if len(right) > 1 else (*right, 1))
    if wide[-1] != tall[-2]:
        raise ValueError("a product of matrices that do not fit")
    shape = broadcast([wide[:-2], tall[:-2]])
    rows = wide[-2:-1] if len(left) > 1 else ()
    columns = tall[-1:] if len(right) > 1 else ()
    return [(*shape, *rows, *columns)], math.prod((*shape, *rows, *columns)) * wide[-1]


def _einsum(op: Operation) -> Made:
    equation = str(op.node.attributes.get("equation", "")).replace(" ", "")
    terms, arrow, result = equation.partition("->")
    names = terms.split(",")
    sides: dict[str, int] = {}
    if not arrow or not (terms.replace(",", "") + result).isalpha() or len(names) != len(op.inputs):
        raise ValueError("a sum that is not known here")
    for place, letters in enumerate(names):
        shape = op.input(place).shape
        if len(letters) != len(shape) or len(set(letters)) < len(letters):
            raise ValueError("a sum of tensors that do not fit")
        for letter, side in zip(letters, shape, strict=True):
            if sides.setdefault(letter, side) != side:
                raise ValueError("a sum of tensors that do not fit")
    if not set(result) <= set(sides) or len(set(result)) < len(result):
        raise ValueError("a sum that is not known here")
    return [tuple(sides[letter] for letter in result)], math.prod(sides.values())


NORMS: Final = ("InstanceNormalization", "LayerNormalization", "GroupNormalization", "BatchNormalization")
ALIKE: Final = (
    *("Abs", "Acos", "Asin", "Atan", "Cast", "Ceil", "Celu", "Clip", "Cos", "DequantizeLinear", "Dropout"),
    *("Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Hardmax", "Identity", "IsInf", "IsNaN"),
    *("LeakyRelu", "Log", "LogSoftmax", "LpNormalization", "Mish", "Neg", "Not", "QuantizeLinear", "Reciprocal"),
    *("Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Softmax", "Softplus", "Softsign", "Sqrt", "Tan"),
    *("Tanh", "ThresholdedRelu", "Trilu"),
)
BROADCAST: Final = (
    *("Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean", "Min", "Mod"),
    *("Mul", "Or", "Pow", "Sub", "Sum", "Where", "Xor"),
)
REDUCED: Final = tuple(
    f"Reduce{name}" for name in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
)
COMPUTING: Final[Mapping[str, Rule]] = {
    **dict.fromkeys((*ALIKE, *NORMS), _same),
    **dict.fromkeys(BROADCAST, _stretched),
    **dict.fromkeys(REDUCED, _reduced),
    **dict.fromkeys(("ArgMax", "ArgMin"), _arg),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), _global_pool),
    **dict.fromkeys(("AveragePool", "MaxPool"), _pool),
    "Conv": _convolution,
    "Einsum": _einsum,
    "Gemm": _gemm,
    "LRN": _local_norm,
    "MatMul": _product,
    "PRelu": _prelu,
}
