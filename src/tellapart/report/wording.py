"""How figures read on a page: intervals and plain values."""

from __future__ import annotations

import re
from collections.abc import Mapping

from markupsafe import Markup

from tellapart.errors import one_line
from tellapart.text import DASH, tenths

Share = Mapping[str, float | None]  # {value, low, high} as the metrics have it; all None where nothing was counted


def loss(value: float) -> str:
    return f"{value:.4f}"


def short_percent(share: float) -> str:
    """A share in percent with a decimal only where it has one: a tick of a scale."""
    return f"{round(share * 100, 1):g} %"


def span(share: Share) -> str:
    """The interval as short as it can be said, as in "98.2-99.4" with a dash."""
    if share["low"] is None or share["high"] is None:
        return ""
    return f"{tenths(share['low'])}{DASH}{tenths(share['high'])}"


def breakable(name: str) -> Markup:
    """A name or path that is broken into lines behind its slashes, underscores and dashes rather than in a word."""
    return Markup("<wbr>").join(re.split(r"(?<=[/_-])(?=[^/_-])", name))


def value_text(value: object) -> str:
    """Any value of a JSON document as short text on one line."""
    match value:
        case None:
            text = DASH
        case bool():
            text = "yes" if value else "no"
        case int():
            text = f"{value:,}"
        case float():
            text = f"{value:.4g}"
        case Mapping():
            text = ", ".join(f"{value_text(key)} {value_text(item)}" for key, item in value.items())
        case list() | tuple():
            text = ", ".join(value_text(item) for item in value)
        case _:
            text = one_line(str(value))
    return text
