"""Rules for the operators that move values about, see `graph_shapes`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.graph_file import Tensor
from tellapart.backbones.graph_shapes import BOUND, COMPUTING, MOST_FOLLOWED, Made, Operation, Rule, broadcast

CUBIC: Final = 16  # values that one of an enlarged picture is made of, at the most


def _reshape(op: Operation) -> Made:
    asked, source = op.whole(1) or [], op.input(0)
    keep = not op.number("allowzero", 0)
    sides = [source.shape[place] if side == 0 and keep and place < len(source.shape) else side
             for place, side in enumerate(asked)]  # fmt: skip
    if sides.count(-1) > 1 or min(sides, default=0) < -1:
        raise ValueError("a shape that none can have")
    if -1 in sides:
        rest = math.prod(side for side in sides if side != -1)
        sides[sides.index(-1)] = source.size // rest if rest else 0
    if math.prod(sides) != source.size:
        raise ValueError("a shape that the values do not fill")
    return [tuple(sides)], 0


def _flatten(op: Operation) -> Made:
    shape = op.input(0).shape
    axis = op.number("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise ValueError("an axis is none of a tensor's")
    axis += len(shape) if axis < 0 else 0
    return [(math.prod(shape[:axis]), math.prod(shape[axis:]))], 0


def _transpose(op: Operation) -> Made:
    shape = op.input(0).shape
    order = op.numbers("perm", list(range(len(shape))[::-1])) or []
    if sorted(order) != list(range(len(shape))):
        raise ValueError("an axis is none of a tensor's")
    return [tuple(shape[axis] for axis in order)], op.input(0).size


def _squeeze(op: Operation) -> Made:
    shape = op.input(0).shape
    axes = op.axes(place=1, rank=len(shape))
    gone = {place for place, side in enumerate(shape) if side == 1} if axes is None else set(axes)
    if any(shape[axis] != 1 for axis in gone):
        raise ValueError("an axis is more than one long")
    return [tuple(side for place, side in enumerate(shape) if place not in gone)], 0


def _unsqueeze(op: Operation) -> Made:
    shape = op.input(0).shape
    given = op.whole(1)
    given = op.numbers("axes") or [] if given is None else given
    rank = len(shape) + len(given)
    axes = sorted(axis + rank if axis < 0 else axis for axis in given)
    if len(set(axes)) < len(axes) or any(not 0 <= axis < rank for axis in axes):
        raise ValueError("an axis is none of a tensor's")
    rest = iter(shape)
    return [tuple(1 if place in axes else next(rest) for place in range(rank))], 0


def _concat(op: Operation) -> Made:
    shapes = [op.input(place).shape for place in range(len(op.inputs))]
    if not shapes or len({len(shape) for shape in shapes}) > 1:
        raise ValueError("shapes do not fit together")
    axis = op.axis(default=0, rank=len(shapes[0]))
    if len({(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}) > 1:
        raise ValueError("shapes do not fit together")
    total = sum(shape[axis] for shape in shapes)
    return [(*shapes[0][:axis], total, *shapes[0][axis + 1 :])], 0


def _split(op: Operation) -> Made:
    shape, count = op.input(0).shape, len(op.node.outputs)
    axis = op.axis(default=0, rank=len(shape))
    sizes = op.whole(1)
    sizes = op.numbers("split") if sizes is None else sizes
    if sizes is None:
        each = -(-shape[axis] // count)
        sizes = [each] * (count - 1) + [shape[axis] - each * (count - 1)]
    if len(sizes) != count or sum(sizes) != shape[axis] or min(sizes) < 0:
        raise ValueError("parts that do not make up the whole")
    return [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes], 0


def slices(op: Operation) -> list[slice]:
    """The part of each axis that a Slice takes."""
    shape = op.input(0).shape
    starts, stops, steps = op.whole(1), op.whole(2), op.whole(4)
    axes = op.whole(3)
    if starts is None or stops is None:
        raise ValueError("an input is missing")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(stops) == len(steps) == len(axes) or 0 in steps:
        raise ValueError("a slice that is none")
    cuts = [slice(None)] * len(shape)
    for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
        if not -len(shape) <= axis < len(shape):
            raise ValueError("an axis is none of a tensor's")
        # Before the first place is what -1 cannot say in Python where the step goes back.
        end = None if step < 0 and stop < -shape[axis] else stop
        cuts[axis] = slice(start, end, step)
    return cuts


def _slice(op: Operation) -> Made:
    shape = op.input(0).shape
    return [tuple(len(range(*cut.indices(side))) for cut, side in zip(slices(op), shape, strict=True))], 0


def _gather(op: Operation) -> Made:
    shape, places = op.input(0).shape, op.input(1).shape
    axis = op.axis(default=0, rank=len(shape))
    return [(*shape[:axis], *places, *shape[axis + 1 :])], 0


def _places(op: Operation, sides: tuple[int, ...]) -> None:
    """See that the places a gather takes values from are known, and all of them inside: engines do not look.

    sides: of what they count along, for each of the last axis of the places; or one for all of them.
    """
    places = op.input(1).values
    if places is None or places.dtype.kind not in "iu":
        raise ValueError("a place in it depends on the pictures")
    most = np.array(sides, np.int64)
    if not ((-most <= places) & (places < most)).all():
        raise ValueError("a place in it is outside a tensor")


def _gather_elements(op: Operation) -> Made:
    shape = op.input(0).shape
    if len(shape) != len(op.input(1).shape):
        raise ValueError("shapes do not fit together")
    _places(op, (shape[op.axis(default=0, rank=len(shape))],))
    return [op.input(1).shape], 0


def _gather_rows(op: Operation) -> Made:
    shape, places, batch = op.input(0).shape, op.input(1).shape, op.number("batch_dims", 0)
    deep = places[-1] if places else 0
    if not 0 <= batch < len(places) or shape[:batch] != places[:batch] or not 1 <= deep <= len(shape) - batch:
        raise ValueError("shapes do not fit together")
    _places(op, shape[batch : batch + deep])
    return [(*places[:-1], *shape[batch + deep :])], 0


def _summed(op: Operation) -> Made:
    shape = op.input(0).shape
    axes = op.whole(1)
    if axes is None or len(axes) != 1 or not -len(shape) <= axes[0] < len(shape):
        raise ValueError("an axis is none of a tensor's")
    return [shape], op.input(0).size


def _expand(op: Operation) -> Made:
    asked = op.whole(1) or []
    if min(asked, default=0) < 0:
        raise ValueError("a shape that none can have")
    return [broadcast([op.input(0).shape, tuple(asked)])], 0


def _tile(op: Operation) -> Made:
    shape, times = op.input(0).shape, op.whole(1) or []
    if len(times) != len(shape) or min(times, default=0) < 0:
        raise ValueError("a shape that none can have")
    return [tuple(side * count for side, count in zip(shape, times, strict=True))], 0


def _pad(op: Operation) -> Made:
    shape, pads, axes = op.input(0).shape, op.whole(1), op.whole(3)
    axes = list(range(len(shape))) if axes is None else axes
    if pads is None or len(pads) != 2 * len(axes) or any(not -len(shape) <= axis < len(shape) for axis in axes):
        raise ValueError("a padding that does not fit")
    if any(min(pads[place], pads[place + len(axes)]) <= -shape[axis] for place, axis in enumerate(axes)):
        raise ValueError("a padding that cuts more than there is")
    sides = list(shape)
    for place, axis in enumerate(axes):
        sides[axis] += pads[place] + pads[place + len(axes)]
    return [tuple(sides)], math.prod(sides)


def _resize(op: Operation) -> Made:
    shape, scales = op.input(0).shape, op.optional(2)
    sizes = op.whole(3)
    axes = op.numbers("axes", list(range(len(shape)))) or []
    if op.node.attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch" or op.number("antialias", 0):
        raise ValueError("a way to resize that is not known here")
    if any(not -len(shape) <= axis < len(shape) for axis in axes):
        raise ValueError("an axis is none of a tensor's")
    if sizes is None:
        if scales is None or scales.values is None or not np.isfinite(scales.values).all():
            raise ValueError("a shape in it depends on the pictures")
        factors = [float(value) for value in scales.values.ravel()]
        if len(factors) != len(axes) or not all(0 < factor < MOST_FOLLOWED for factor in factors):
            raise ValueError("a resize that does not fit")
        sizes = [int(shape[axis] * factor) for axis, factor in zip(axes, factors, strict=True)]
    if len(sizes) != len(axes):
        raise ValueError("a resize that does not fit")
    sides = list(shape)
    for axis, size in zip(axes, sizes, strict=True):
        sides[axis] = size
    return [tuple(sides)], max(math.prod(sides), 0) * CUBIC


def _blocks(op: Operation) -> Made:
    shape, block = op.input(0).shape, op.number("blocksize", 0)
    if len(shape) != 4 or not 1 <= block < MOST_FOLLOWED:
        raise ValueError("blocks that do not fit")
    count, channels, height, width = shape
    if op.node.kind == "DepthToSpace":
        if channels % block**2:
            raise ValueError("blocks that do not fit")
        return [(count, channels // block**2, height * block, width * block)], 0
    if height % block or width % block:
        raise ValueError("blocks that do not fit")
    return [(count, channels * block**2, height // block, width // block)], 0


def _shape_of(op: Operation) -> Made:
    return [(len(shape_values(op)),)], 0


def _constant_of_shape(op: Operation) -> Made:
    asked = op.whole(0) or []
    if min(asked, default=0) < 0:
        raise ValueError("a shape that none can have")
    return [tuple(asked)], 0


def _range(op: Operation) -> Made:
    start, stop, step = (_one_value(op, place) for place in range(3))
    if not step:
        raise ValueError("a range that never ends")
    count = (stop - start) / step
    if not abs(count) < BOUND:
        raise ValueError("a number in it is out of reach")
    return [(max(0, math.ceil(count)),)], 0


def _one_value(op: Operation, place: int) -> float:
    values = op.input(place).values
    if values is None or values.size != 1 or not np.isfinite(values).all():
        raise ValueError("a shape in it depends on the pictures")
    return float(values.ravel()[0])


def _constant(op: Operation) -> Made:
    return [values_of_constant(op).shape], 0


def values_of_constant(op: Operation) -> NDArray[Any]:
    """What a Constant holds: a tensor, a number or a list of numbers."""
    given = op.node.attributes
    if len(given) != 1:
        raise ValueError("a constant has no value")
    name, value = next(iter(given.items()))
    dtypes = {"value_int": np.int64, "value_ints": np.int64, "value_float": np.float32, "value_floats": np.float32}
    if name == "value" and isinstance(value, Tensor):
        return value.values
    if name not in dtypes or isinstance(value, str | Tensor):
        raise ValueError("a constant is of a kind that no model of ours has")
    return np.array(value, dtypes[name])


def shape_values(op: Operation) -> NDArray[np.int64]:
    """What a Shape gives: the sides of its input, or the range of them that is asked for."""
    sides = op.input(0).shape
    return np.array(sides[op.node.attributes.get("start", 0) : op.node.attributes.get("end", None)], np.int64)


RULES: Final[Mapping[str, Rule]] = {
    **COMPUTING,
    "Concat": _concat,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "CumSum": _summed,
    "DepthToSpace": _blocks,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_rows,
    "Pad": _pad,
    "Range": _range,
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": _shape_of,
    "Size": lambda _: ([()], 0),
    "Slice": _slice,
    "SpaceToDepth": _blocks,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
