"""What a base's maps are pooled by beside their mean: the maximum and the deviation of each channel over its places.

A mean over 784 places hardly moves where something small is in one of them; the maximum does, and the deviation. Both
are of the earlier depths, whose maps have many places, each of which sees a small part of the picture. A row has the
maxima of these depths first, then all means, then their deviations, so that the means with either are one stretch.

A few nodes behind the graph make them, in the same pass. They are written here by hand, as one more message of the
format of protocol buffers: a reader of such files merges two that follow each other, and importing onnx would take
longer than a prediction may. The field numbers are those of onnx.proto.

Legend: N pictures, C channels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from tellapart.backbones.backbone import Backbone
from tellapart.types import DEVIATION, MAXIMUM

MODEL_GRAPH, GRAPH_NODE, GRAPH_OUTPUT = 7, 1, 12
NODE_INPUT, NODE_OUTPUT, NODE_NAME, NODE_KIND = 1, 2, 3, 4
VALUE_NAME, VALUE_TYPE, TYPE_TENSOR, TENSOR_KIND, TENSOR_SHAPE = 1, 2, 1, 1, 2
SHAPE_SIDE, SIDE_NUMBER, SIDE_NAME = 1, 1, 2
FLOAT32: Final = 1
LENGTH: Final = 2  # how what follows its own length stands on the wire


def with_poolings(base: Backbone, *, places: Sequence[str] | None = None) -> Backbone:
    """A base that gives maxima and deviations of its earlier depths too; its graph has tensors `maps_DEPTH` of them.

    There are as many such depths, from the first on, as a row has room for that is at most twice as long; never the
    last one. `places` are the depths that have maps, None for all of them. The base as it was is its `plain`.
    """
    depths = pooled_depths(base.widths, places=tuple(base.widths) if places is None else places)
    if not depths:
        return base
    nodes = b"".join(node for depth in depths for node in _nodes(depth))
    wider = {kind: {f"{depth}_{kind}": base.widths[depth] for depth in depths} for kind in (MAXIMUM, DEVIATION)}
    values = [_value(f"pooled_{name}", width) for kind in wider.values() for name, width in kind.items()]
    widths = {**wider[MAXIMUM], **base.widths, **wider[DEVIATION]}
    maxima, deviations = (tuple(f"pooled_{name}" for name in kind) for kind in wider.values())
    return replace(
        base,
        graph=base.graph + _field(MODEL_GRAPH, nodes + b"".join(values)),
        widths=widths,
        outputs=(*maxima, *base.outputs, *deviations),
        plain=base,
    )


def pooled_depths(widths: Mapping[str, int], *, places: Collection[str]) -> tuple[str, ...]:
    """The depths with maps, of these widths from early to late, that are pooled in more ways than one."""
    *earlier, _last = widths
    chosen, room = [], sum(widths.values())
    for depth in earlier:
        if depth not in places:
            continue
        room -= 2 * widths[depth]
        if room < 0:
            break
        chosen.append(depth)
    return tuple(chosen)


def _nodes(depth: str) -> Iterator[bytes]:
    """The nodes that make the maximum and the deviation of a depth, each float32 [N, C]."""
    maps, name = f"maps_{depth}", f"{depth}_{MAXIMUM}"
    yield _node("GlobalMaxPool", maps, made=f"{name}_planes")
    yield _node("Flatten", f"{name}_planes", made=f"pooled_{name}")
    name = f"{depth}_{DEVIATION}"
    yield _node("GlobalAveragePool", maps, made=f"{name}_mean")
    yield _node("Sub", maps, f"{name}_mean", made=f"{name}_apart")
    yield _node("Mul", f"{name}_apart", f"{name}_apart", made=f"{name}_squares")
    yield _node("GlobalAveragePool", f"{name}_squares", made=f"{name}_variance")
    yield _node("Sqrt", f"{name}_variance", made=f"{name}_planes")
    yield _node("Flatten", f"{name}_planes", made=f"pooled_{name}")


def _node(kind: str, *inputs: str, made: str) -> bytes:
    texts = [(NODE_INPUT, name) for name in inputs] + [(NODE_OUTPUT, made), (NODE_NAME, made), (NODE_KIND, kind)]
    return _field(GRAPH_NODE, b"".join(_field(number, text.encode()) for number, text in texts))


def _value(name: str, width: int) -> bytes:
    """That a graph gives a tensor float32 [N, width]."""
    sides = _field(SHAPE_SIDE, _field(SIDE_NAME, b"N")) + _field(SHAPE_SIDE, _whole(SIDE_NUMBER, width))
    tensor = _whole(TENSOR_KIND, FLOAT32) + _field(TENSOR_SHAPE, sides)
    return _field(GRAPH_OUTPUT, _field(VALUE_NAME, name.encode()) + _field(VALUE_TYPE, _field(TYPE_TENSOR, tensor)))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | LENGTH]) + _varint(len(content)) + content


def _whole(number: int, value: int) -> bytes:
    return bytes([number << 3]) + _varint(value)


def _varint(value: int) -> bytes:
    """A whole number in groups of seven bits, the lowest first."""
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
