"""What a JSON document from elsewhere must look like, said as data and checked in one place.

A shape is one of
    a type, or a tuple of types, of which bool alone takes a truth value; or COUNT;
    [shape]: a list, each of its items of that shape;
    {str: shape}: an object with any keys, each of its values of that shape;
    {"name": shape, "other?": shape}: an object with at least these keys; those that end in ? may be missing.
"""

from __future__ import annotations

from typing import Any

NULL = type(None)
NUMBER: Any = (float, int)
NUMBER_OR_NULL: Any = (float, int, NULL)
ANYTHING: Any = object
LARGEST: Any = 10**15  # no figure of ours is beyond it, and what is told of one holds it as a float
COUNT: Any = "a whole number from 0 up"


def misfit(value: object, shape: Any, *, where: str = "") -> str | None:  # noqa: ANN401 - a shape, see above
    """Where a value is not of a shape, as the path of the first such place; None where it is. Numbers are in reach.

    Args:
        value: as `json.loads` returns it.
        shape: see the head of this file.
        where: the path of the value itself.
    """
    if isinstance(shape, list):
        if not isinstance(value, list):
            return where
        found = (misfit(item, shape[0], where=f"{where}[{place}]") for place, item in enumerate(value))
        return next((place for place in found if place is not None), None)
    if isinstance(shape, dict):
        return _misfit_of_object(value, shape, where=where)
    return None if shape is ANYTHING or _is_of(value, shape) else where


def _misfit_of_object(value: object, shape: dict[Any, Any], *, where: str) -> str | None:
    if not isinstance(value, dict):
        return where
    if set(shape) == {str}:
        entries = [(name, shape[str]) for name in value]
    else:
        needed = {name.removesuffix("?"): (name, inner) for name, inner in shape.items()}
        missing = [name for name, (marked, _) in needed.items() if name == marked and name not in value]
        if missing:
            return f"{where}.{missing[0]}".removeprefix(".")
        entries = [(name, inner) for name, (_, inner) in needed.items() if name in value]
    found = (misfit(value[name], inner, where=f"{where}.{name}".removeprefix(".")) for name, inner in entries)
    return next((place for place in found if place is not None), None)


def _is_of(value: object, kinds: Any) -> bool:  # noqa: ANN401 - COUNT, a type, or a tuple of types
    if kinds is COUNT:
        return type(value) is int and 0 <= value <= LARGEST
    if isinstance(value, bool):
        return bool in kinds if isinstance(kinds, tuple) else kinds is bool
    if isinstance(value, float) or (isinstance(value, int) and kinds is not int):
        return isinstance(value, kinds) and abs(value) <= LARGEST  # nor is what is no number
    return isinstance(value, kinds)
