"""A reader of ONNX files that may be hostile: what a net needs, and nothing else that the format can hold.

It stands before the engine, which believes what it is given. It reads the wire format of protocol buffers itself, for
two reasons: importing onnx takes longer than checking a model may, and a strict reader sees what a lenient one passes
over. Control flow, functions, graphs inside graphs, other domains, sparse tensors, weights in other files, and any
field that our own writers never write are refused; so is a message that stands twice where one belongs, which other
readers would merge.

The field numbers are those of onnx.proto (ONNX 1.23, IR version 13).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MOST_FIELDS: Final = 250_000  # in a whole file; a net of a thousand nodes has some thirty thousand
MOST_NODES: Final = 8_000
MOST_TENSORS: Final = 16_000
MOST_NAME: Final = 1_000  # bytes of a name
MOST_SAID, LONGEST_SAID = 32, 16_000_000  # texts that are told beside the graph, and bytes of one
MOST_AXES: Final = 8
MOST_SIDE: Final = 1 << 31
OWN_DOMAINS: Final = ("", "ai.onnx")
OPSETS: Final = range(13, 24)
VARINT, EIGHT, LENGTH, FOUR = 0, 1, 2, 5  # how a value stands on the wire
# What tensors may hold, by its number in onnx.proto. bfloat16 is looked at as whole numbers.
KINDS: Final[Mapping[int, np.dtype[Any]]] = {
    1: np.dtype("<f4"),
    2: np.dtype("u1"),
    3: np.dtype("i1"),
    5: np.dtype("<i2"),
    6: np.dtype("<i4"),
    7: np.dtype("<i8"),
    9: np.dtype("?"),
    10: np.dtype("<f2"),
    11: np.dtype("<f8"),
    16: np.dtype("<u2"),
}
BFLOAT16: Final = 16
Field = tuple[int, int, Any]  # number, way on the wire, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A constant: its shape, its values, and whether they are bfloat16 read as whole numbers."""

    name: str
    values: NDArray[Any]
    kind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operation; "" among the inputs is one that is left out."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphFile:
    """What an ONNX file says.

    Attributes:
        opset: of the one set of operators there is.
        nodes: in the order of the file.
        tensors: the constants by name.
        inputs: names of what is fed, and the number of the kind of each.
        outputs: names of what comes out.
        said: what is told beside the graph, text by name (metadata_props).
    """

    opset: int
    nodes: tuple[Node, ...]
    tensors: Mapping[str, Tensor]
    inputs: Mapping[str, int]
    outputs: tuple[str, ...]
    said: Mapping[str, str] = field(default_factory=dict)


def read_graph_file(content: bytes) -> GraphFile:
    """Read an ONNX file.

    Raises:
        ValueError: it is damaged, or holds something that no net of ours does; the message is a clause that says what.
    """
    return _Reader().model(memoryview(content))


class _Reader:
    """Counts the fields it has read, so that no file keeps it busy."""

    def __init__(self) -> None:
        self._left = MOST_FIELDS

    def fields(self, message: memoryview, *, known: frozenset[int], what: str) -> Iterator[Field]:
        """The fields of one message, each of a known number."""
        place, end = 0, len(message)
        while place < end:
            self._left -= 1
            if self._left < 0:
                raise ValueError("it has too many parts")
            tag, place = _varint(message, place)
            number, way = tag >> 3, tag & 7
            if number not in known:
                raise ValueError(f"{what} has a part that no model of ours has (field {number})")
            value: Any
            if way == LENGTH:
                size, place = _varint(message, place)
                value, place = message[place : place + size], place + size
            elif way == VARINT:
                value, place = _varint(message, place)
            elif way in (FOUR, EIGHT):
                size = 4 if way == FOUR else 8
                value, place = message[place : place + size], place + size
            else:
                raise ValueError("it is damaged")
            if place > end:
                raise ValueError("it is cut short")
            yield number, way, value

    def charge(self, value: Any) -> Any:  # noqa: ANN401
        """Count a list of numbers as what it takes to read it; the list again."""
        if isinstance(value, memoryview):
            self._left -= len(value)
            if self._left < 0:
                raise ValueError("it has too many parts")
        return value

    def model(self, message: memoryview) -> GraphFile:
        graph, opsets, said = None, [], dict[str, str]()
        for number, way, value in self.fields(message, known=frozenset({1, 2, 3, 5, 6, 7, 8, 14}), what="the model"):
            if number == 7:
                if graph is not None:
                    raise ValueError("it holds two graphs")
                graph = _part(way, value)
            elif number == 8:
                opsets.append(self._opset(_part(way, value)))
            elif number == 14:
                self._say(_part(way, value), said)
        if graph is None or len(opsets) != 1 or opsets[0] not in OPSETS:
            raise ValueError("it holds no graph of operators that are known here")
        return replace(self._graph(graph, opset=opsets[0]), said=said)

    def _say(self, message: memoryview, said: dict[str, str]) -> None:
        """Add one name and its text to what is told beside the graph."""
        parts = self._gathered(message, known=frozenset({1, 2}), what="what is told beside the graph")
        name, value = _text(*parts.get(1, NO_TEXT)[-1]), _part(*parts.get(2, NO_TEXT)[-1])
        if name in said or len(said) >= MOST_SAID or len(value) > LONGEST_SAID:
            raise ValueError("what is told beside the graph stands in it twice, or is too long")
        said[name] = str(value, "utf-8")

    def _opset(self, message: memoryview) -> int:
        domain, version = "", 0
        for number, way, value in self.fields(message, known=frozenset({1, 2}), what="a set of operators"):
            if number == 1:
                domain = _text(way, value)
            else:
                version = _number(way, value)
        if domain not in OWN_DOMAINS:
            raise ValueError(f"it uses operators of another maker ({domain})")
        return version

    def _graph(self, message: memoryview, *, opset: int) -> GraphFile:
        nodes: list[Node] = []
        tensors: dict[str, Tensor] = {}
        inputs: dict[str, int] = {}
        outputs: list[str] = []
        for number, way, value in self.fields(message, known=frozenset({1, 2, 5, 10, 11, 12, 13}), what="the graph"):
            if number == 1:
                nodes.append(self._node(_part(way, value)))
            elif number == 5:
                tensor = self._tensor(_part(way, value))
                if tensor.name in tensors:
                    raise ValueError(f"a constant stands in it twice ({tensor.name})")
                tensors[tensor.name] = tensor
            elif number in (11, 12):
                name, kind = self._end(_part(way, value))
                if number == 12:
                    outputs.append(name)
                elif name in inputs:
                    raise ValueError(f"an input stands in it twice ({name})")
                else:
                    inputs[name] = kind
            if len(nodes) > MOST_NODES or len(tensors) > MOST_TENSORS:
                raise ValueError("it has too many parts")
        return GraphFile(opset=opset, nodes=tuple(nodes), tensors=tensors, inputs=inputs, outputs=tuple(outputs))

    def _end(self, message: memoryview) -> tuple[str, int]:
        """The name of an input or output and the kind of its values; shapes are not believed, and not read."""
        what = "an input or output"
        value = self._gathered(message, known=frozenset({1, 2, 3}), what=what)
        outer = self._gathered(_part(*value.get(2, NO_TEXT)[-1]), known=frozenset({1, 6}), what=what)
        inner = self._gathered(_part(*outer.get(1, NO_TEXT)[-1]), known=frozenset({1, 2}), what=what)
        return _text(*value.get(1, NO_TEXT)[-1]), _number(*inner.get(1, NO_NUMBER)[-1])

    def _node(self, message: memoryview) -> Node:
        parts = self._gathered(message, known=frozenset({1, 2, 3, 4, 5, 6, 7}), what="a node")
        domain = _text(*parts.get(7, NO_TEXT)[-1])
        if domain not in OWN_DOMAINS:
            raise ValueError(f"it uses operators of another maker ({domain})")
        attributes: dict[str, Any] = {}
        for part in parts.get(5, ()):
            name, given = self._attribute(_part(*part))
            if name in attributes:
                raise ValueError(f"an attribute stands twice in a node ({name})")
            attributes[name] = given
        inputs, outputs = (tuple(_text(*each) for each in parts.get(number, ())) for number in (1, 2))
        return Node(kind=_text(*parts.get(4, NO_TEXT)[-1]), inputs=inputs, outputs=outputs, attributes=attributes)

    def _gathered(self, message: memoryview, *, known: frozenset[int], what: str) -> dict[int, list[tuple[int, Any]]]:
        """The fields of a message by their number."""
        found: dict[int, list[tuple[int, Any]]] = {}
        for number, way, value in self.fields(message, known=known, what=what):
            found.setdefault(number, []).append((way, value))
        return found

    def _attribute(self, message: memoryview) -> tuple[str, Any]:
        """Its name and its value: a number, a text, a tensor or a list of numbers or texts."""
        parts = self._gathered(message, known=frozenset({1, 2, 3, 4, 5, 7, 8, 9, 13, 20}), what="an attribute")
        name = _text(*parts.get(1, NO_TEXT)[-1])
        kind = _number(*parts.get(20, NO_NUMBER)[-1])
        if kind == 4:
            if len(parts.get(5, ())) != 1:
                raise ValueError("an attribute holds no tensor, or two")
            return name, self._tensor(_part(*parts[5][0]))
        if kind not in ATTRIBUTES:
            raise ValueError("an attribute is of a kind that no model of ours has")
        number, decode, default = ATTRIBUTES[kind]
        given = parts.get(number, [])
        if default is not None:
            return name, decode(*given[-1]) if given else default
        if kind == 8:
            return name, [decode(*each) for each in given]
        return name, [one for way, value in given for one in decode(way, self.charge(value))]

    def _tensor(self, message: memoryview) -> Tensor:
        parts = self._gathered(message, known=frozenset({1, 2, 4, 5, 7, 8, 9, 10, 12, 13, 14}), what="a constant")
        if 13 in parts or _number(*parts.get(14, NO_NUMBER)[-1]):
            raise ValueError("its weights are outside the model file")
        name, kind = _text(*parts.get(8, NO_TEXT)[-1]), _number(*parts.get(2, NO_NUMBER)[-1])
        dims = [side for way, value in parts.get(1, ()) for side in _numbers(way, self.charge(value))]
        if kind not in KINDS or len(dims) > MOST_AXES or not all(0 <= side < MOST_SIDE for side in dims):
            raise ValueError("a constant is of a kind that no model of ours has")
        held: list[int] = [number for number in (4, 5, 7, 9, 10) if number in parts]
        if len(held) > 1 or len(parts.get(9, ())) > 1:
            raise ValueError("a constant has two values")
        if held == [9]:
            values = _raw_values(_part(*parts[9][0]), KINDS[kind], count=math.prod(dims))
        else:
            typed = {number: [(way, self.charge(value)) for way, value in parts[number]] for number in held}
            values = _typed_values(typed, kind, count=math.prod(dims))
        return Tensor(name=name, values=values.reshape(dims), kind=kind)


def _raw_values(raw: memoryview, dtype: np.dtype[Any], *, count: int) -> NDArray[Any]:
    if len(raw) != count * dtype.itemsize:
        raise ValueError("a constant has another size than it says")
    return np.frombuffer(raw, dtype)


def _typed_values(typed: Mapping[int, list[tuple[int, Any]]], kind: int, *, count: int) -> NDArray[Any]:
    """The values of a constant that stands as a list of numbers and not as bytes; halves stand as whole numbers."""
    values: list[float] = []
    for number, parts in typed.items():
        expected = {4: (1,), 5: (2, 3, 5, 6, 9, 10, 16), 7: (7,), 10: (11,)}[number]
        if kind not in expected:
            raise ValueError("a constant has values of another kind than it says")
        for way, value in parts:
            if number in (4, 10):
                values += _floats(way, value, double=number == 10)
            else:
                values += _numbers(way, value)
    if len(values) != count:
        raise ValueError("a constant has another size than it says")
    halves = kind in (10, BFLOAT16)
    limits = np.iinfo(np.uint16) if halves else None
    dtype = KINDS[kind]
    if limits is not None or dtype.kind in "iu":
        limits = limits or np.iinfo(dtype)
        if values and not (limits.min <= min(values) and max(values) <= limits.max):
            raise ValueError("a constant has values of another kind than it says")
    return np.array(values, np.uint16).view(dtype) if halves else np.array(values, dtype)


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """A whole number, seven bits a byte, of at most ten bytes; and the place behind it."""
    value = shift = 0
    for byte in message[place : place + 10]:
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
    raise ValueError("it is damaged")


def _part(way: int, value: Any) -> memoryview:  # noqa: ANN401
    if way != LENGTH:
        raise ValueError("it is damaged")
    return value  # type: ignore[no-any-return]


def _text(way: int, value: Any) -> str:  # noqa: ANN401
    part = _part(way, value)
    if len(part) > MOST_NAME:
        raise ValueError("a name in it is too long")
    return str(part, "utf-8")  # what is no UTF-8 is a ValueError


def _number(way: int, value: Any) -> int:  # noqa: ANN401
    if way != VARINT:
        raise ValueError("it is damaged")
    return value - (1 << 64) if value >= 1 << 63 else int(value)


def _numbers(way: int, value: Any) -> list[int]:  # noqa: ANN401
    """Whole numbers of 64 bits, one or many."""
    if way == VARINT:
        return [_number(way, value)]
    part, numbers, place = _part(way, value), [], 0
    while place < len(part):
        number, place = _varint(part, place)
        numbers.append(_number(VARINT, number))
    return numbers


def _floats(way: int, value: Any, *, double: bool = False) -> list[float]:  # noqa: ANN401
    """Fractions of 32 or 64 bits, one or many."""
    size = 8 if double else 4
    part = value if way == (EIGHT if double else FOUR) else _part(way, value)
    if len(part) % size:
        raise ValueError("it is damaged")
    return list(struct.unpack(f"<{len(part) // size}{'d' if double else 'f'}", part))


NO_TEXT: Final = [(LENGTH, memoryview(b""))]
NO_NUMBER: Final = [(VARINT, 0)]
# By the kind of an attribute: the field in which its value stands, how that is read, and its default where it is one.
ATTRIBUTES: Final[Mapping[int, tuple[int, Callable[..., Any], Any]]] = {
    1: (2, lambda way, value: _floats(way, value)[0], 0.0),
    2: (3, _number, 0),
    3: (4, _text, ""),
    6: (7, _floats, None),
    7: (8, _numbers, None),
    8: (9, _text, None),
}
