"""Small values followed through a graph, as shapes hang on them; with the rules, what is known of each operation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.graph_file import KINDS, Node, Tensor
from tellapart.backbones.graph_moves import RULES, shape_values, slices, values_of_constant
from tellapart.backbones.graph_shapes import BOUND, MOST_FOLLOWED, Operation, TensorInfo


def _divided(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    found: NDArray[Any] = np.divide(left, right)
    return found if left.dtype.kind not in "iu" else np.asarray(np.trunc(found), left.dtype)


def _filled(op: Operation, shape: tuple[int, ...]) -> NDArray[Any]:
    value = op.node.attributes.get("value")
    return np.full(shape, value.values.ravel()[0] if isinstance(value, Tensor) else np.float32(0))


def _cast(op: Operation, values: NDArray[Any]) -> NDArray[Any]:
    kind = op.number("to", 0)
    if kind not in KINDS:
        raise ValueError("a constant is of a kind that no model of ours has")
    return values.astype(KINDS[kind])


# How small values are followed: from an operation, its values and the shape of what it makes.
Follow = Callable[[Operation, list[NDArray[Any]], tuple[int, ...]], NDArray[Any]]
FOLLOWED: Final[Mapping[str, Follow]] = {
    "Add": lambda _, values, __: values[0] + values[1],
    "Cast": lambda op, values, _: _cast(op, values[0]),
    "Ceil": lambda _, values, __: np.ceil(values[0]),
    "Concat": lambda op, values, _: np.concatenate(values, axis=op.number("axis", 0)),
    "ConstantOfShape": lambda op, _, shape: _filled(op, shape),
    "Div": lambda _, values, __: _divided(values[0], values[1]),
    "Equal": lambda _, values, __: np.equal(values[0], values[1]),
    "Expand": lambda _, values, shape: np.broadcast_to(values[0], shape),
    "Floor": lambda _, values, __: np.floor(values[0]),
    "Gather": lambda op, values, _: np.take(values[0], values[1], axis=op.number("axis", 0)),
    "Identity": lambda _, values, __: values[0],
    "Max": lambda _, values, __: np.max(np.broadcast_arrays(*values), axis=0),
    "Min": lambda _, values, __: np.min(np.broadcast_arrays(*values), axis=0),
    "Mul": lambda _, values, __: values[0] * values[1],
    "Neg": lambda _, values, __: -values[0],
    "Range": lambda _, values, shape: values[0].ravel()[0] + np.arange(shape[0]) * values[2].ravel()[0],
    "ReduceProd": lambda _, values, shape: np.prod(values[0]).reshape(shape),
    "Reshape": lambda _, values, shape: values[0].reshape(shape),
    "Slice": lambda op, values, _: values[0][tuple(slices(op))],
    "Squeeze": lambda _, values, shape: values[0].reshape(shape),
    "Sub": lambda _, values, __: values[0] - values[1],
    "Unsqueeze": lambda _, values, shape: values[0].reshape(shape),
    "Where": lambda _, values, __: np.where(*values),
}


def outcome(op: Operation) -> tuple[list[TensorInfo], int]:
    """What is known of what an operation makes, and its multiply-adds.

    Raises:
        ValueError: the operator is not known here, or its inputs do not fit; the message is a clause that says what.
    """
    kind = op.node.kind
    if kind not in RULES:
        raise ValueError(f"it has an operator that no model of ours has ({kind})")
    shapes, work = RULES[kind](op)
    if len(shapes) != len(op.node.outputs):
        raise ValueError(f"{kind} makes another number of tensors than it says")
    if kind in ("Shape", "Size", "Constant"):
        values = {"Shape": shape_values, "Size": _size_values, "Constant": values_of_constant}[kind](op)
        return [TensorInfo(shapes[0], values if values.size <= MOST_FOLLOWED else None)], work
    return [TensorInfo(shape, _followed(op, shape)) for shape in shapes], work


def _size_values(op: Operation) -> NDArray[np.int64]:
    return np.array(min(op.input(0).size, BOUND), np.int64)


def _followed(op: Operation, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """The values of what an operation makes where all it needs is known and small; None where not."""
    follow = FOLLOWED.get(op.node.kind)
    values = [known.values for known in op.inputs if known is not None]
    if follow is None or len(op.node.outputs) > 1 or any(value is None for value in values):
        return None
    if min(shape, default=0) < 0 or math.prod(shape) > MOST_FOLLOWED:
        return None
    with np.errstate(all="ignore"):
        try:
            found = np.asarray(follow(op, [value for value in values if value is not None], shape))
        except (TypeError, IndexError, OverflowError) as error:
            raise ValueError("values do not fit together") from error
    return found if found.shape == shape else None


def gives_whole_numbers(node: Node, whole: AbstractSet[str]) -> bool:
    """Whether what a node makes are whole numbers, by which of its inputs are."""
    if node.kind in ("ArgMax", "ArgMin", "QuantizeLinear", "Shape", "Size"):
        return True
    value = node.attributes.get("value")
    if node.kind == "Cast":
        kind = KINDS.get(node.attributes.get("to", 0))
        return kind is None or kind.kind != "f"
    if isinstance(value, Tensor):
        return value.values.dtype.kind in "iu"
    if node.kind == "Constant":
        return not {"value_int", "value_ints"}.isdisjoint(node.attributes)
    place = 1 if node.kind == "Where" else 0
    return node.kind != "DequantizeLinear" and len(node.inputs) > place and node.inputs[place] in whole
