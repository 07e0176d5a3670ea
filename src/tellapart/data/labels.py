"""The one label that a value of a table or of an annotation file means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from tellapart.errors import DataError
from tellapart.text import shortened

_ONE_LABEL: Final = "A picture has one label here: keep one, or take its row out."


def label_of(value: object, *, row: int, where: Path) -> str:
    """The label as text; "" where there is none. Lists of one, and the choices of Label Studio, are understood.

    Raises:
        DataError: there are several.
    """
    if isinstance(value, str) and value[:1] not in ("{", "["):
        return value
    found = list(dict.fromkeys(_labels(value)))
    if len(found) > 1:
        first, second = map(shortened, found[:2])
        what = f"several labels in row {row:,}, {first!r} and {second!r}"
        raise DataError(what, where=where, hint=_ONE_LABEL)
    return found[0] if found else ""


def _labels(value: Any) -> Iterable[str]:  # noqa: ANN401  what JSON and Parquet hold
    if value is None or value != value:  # noqa: PLR0124  (only NaN differs from itself)
        return
    if isinstance(value, str):
        if value[:1] in "{[" and value[-1:] in "}]" and value:
            inner = _parsed(value)
            if isinstance(inner, Mapping) and set(inner) == {"choices"}:
                yield from _labels(inner["choices"])
                return
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name == "choices" or (name.endswith("labels") and isinstance(inner, list)):
                yield from _labels(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _labels(inner)
    else:
        yield str(value)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
