"""Values of model.json, which may come from anywhere, each checked for what it must be."""

from __future__ import annotations


def class_names(value: object) -> tuple[str, ...]:
    """At least two names, no two alike.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, list) or len(value) < 2:
        raise ValueError("classes are not a list of names")
    names = tuple(text_of(name) for name in value)
    if len(set(names)) < len(names):
        raise ValueError("two classes of one name")
    return names


def text_of(value: object) -> str:
    """A text that a file can hold; else a ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")  # noqa: TRY004  one kind of error for a document that is wrong
    value.encode()  # a lone surrogate, which no file can hold, is a ValueError too
    return value


def width_of(value: object) -> int:
    """A number of features, from 1 up; else a ValueError."""
    if type(value) is not int or value < 1:
        raise ValueError(f"{value!r} is not a number of features")
    return value


def number_of(value: object) -> float:
    """A number that is no truth value; else a ValueError."""
    if type(value) not in (int, float):
        raise ValueError(f"{value!r} is not a number")
    return float(value)  # type: ignore[arg-type]
