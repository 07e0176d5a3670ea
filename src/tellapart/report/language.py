"""Two languages in one page: every text stands there twice, and the page's style shows one of them."""

from __future__ import annotations

from markupsafe import Markup, escape

from tellapart.errors import one_line

Value = str | int | float | Markup


def both(english: str, chinese: str, **values: Value) -> Markup:
    """A text in English and Chinese, as two elements of which one is shown; {names} are filled with escaped values."""
    filled = {name: isolated(value) for name, value in values.items()}
    texts = [Markup(text).format(**filled) for text in (english, chinese)]  # noqa: S704  the texts are our own
    return Markup('<span lang="en">{}</span><span lang="zh">{}</span>').format(*texts)


def either(english: str, chinese: str) -> Markup:
    """A text that came with the run in both languages, as two elements of which one is shown."""
    return Markup('<span lang="en">{}</span><span lang="zh">{}</span>').format(one_line(english), one_line(chinese))


def isolated(value: Value) -> Markup:
    """A value as it stands in a sentence; text that runs from right to left cannot turn the words around it."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return Markup("<bdi>{}</bdi>").format(value)
    return escape(value)
