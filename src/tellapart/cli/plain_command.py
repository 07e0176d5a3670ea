"""Commands that read plain values themselves.

Typer has pydantic read every value from version 0.29 on, also those that nobody gave, and importing that takes as long
as importing numpy. Most values are missing, are as they stand in the code, or are texts and paths. Whatever is not is
left to typer, with its checks and its words; so is everything where a version of typer has no such place.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from typer.core import TyperCommand, TyperGroup

PLACE: Final = "_runtime_param"  # of typer's parameters: what reads their values, None until it is needed
NOT_PLAIN: Final = object()


class PlainCommand(TyperCommand):
    """A command of typer's whose plain values need nothing imported."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own context
        """Read the words of a command line."""
        read_plainly(self.get_params(ctx))
        return super().parse_args(ctx, args)


class PlainGroup(TyperGroup):
    """The same for what stands before a command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own context
        """Read the words before a command."""
        read_plainly(self.get_params(ctx))
        return super().parse_args(ctx, args)


def read_plainly(parameters: Iterable[Any]) -> None:
    """Put what reads plain values where typer has not yet made what reads all."""
    for parameter in parameters:
        if getattr(parameter, PLACE, NOT_PLAIN) is None:
            setattr(parameter, PLACE, PlainValues())


class PlainValues:
    """Stands where typer has what reads the values of a parameter."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:  # noqa: ANN401 - typer's parameter and context
        """The value that a command is given, by way of typer where it is not plain."""
        found = plain(value, param.type_descriptor.annotation, several=param.multiple or param.nargs == -1)
        if found is not NOT_PLAIN:
            return found
        setattr(param, PLACE, None)
        return param.get_runtime_param().coerce(value, param=param, ctx=ctx)


def plain(value: object, kind: object, *, several: bool) -> object:
    """A value as its parameter's kind, or NOT_PLAIN where that takes more than to write it so."""
    if value is None:
        return () if several else None
    if not several:
        return plain_one(value, kind)
    if get_origin(kind) is not list or not isinstance(value, (list, tuple)):
        return NOT_PLAIN
    found = [plain_one(one, get_args(kind)[0]) for one in value]
    return NOT_PLAIN if NOT_PLAIN in found else found


def plain_one(value: object, kind: object) -> object:
    """A single value that is of its kind already, or a text or path that everybody may read; else NOT_PLAIN."""
    if type(value) is kind and kind is not str:
        return value
    if kind not in (str, Path) or not isinstance(value, str) or not value.isprintable():
        return NOT_PLAIN  # among what is not printable are the bytes that are no text
    if kind is str:
        return value
    return Path(value) if os.access(value, os.R_OK) or not os.path.lexists(value) else NOT_PLAIN
