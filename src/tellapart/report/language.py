"""Two languages in one page: every text stands there twice, and the page's style shows one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from tellapart.errors import one_line

Value = str | int | float | Markup


@dataclass(frozen=True, slots=True)
class Words:
    """A text in both languages; {name} in it is filled with a value, {name:picture|pictures} with the word for it."""

    en: str
    zh: str


class Count(int):
    """A number of things: "{n}" has its thousands apart, "{n:picture|pictures}" is the word that goes with it."""

    def __format__(self, spec: str) -> str:
        if "|" not in spec:
            return format(int(self), spec or ",")
        one, many = spec.split("|")
        return one if self == 1 else many


def speaker(words: Mapping[str, Words]) -> dict[str, Callable[..., Markup]]:
    """The functions by which a template asks for a text by its code.

    Returns:
        `say(code, **values)`: the text, as `both` makes it; `label(code)`: attributes that name an element; and
        `page_title(code, **values)`: the attributes of the title.
    """

    def say(code: str, **values: Value) -> Markup:
        return both(words[code], **values)

    def label(code: str) -> Markup:
        text = words[code]
        return Markup('aria-label="{0}" data-label-en="{0}" data-label-zh="{1}"').format(text.en, text.zh)

    def page_title(code: str, **values: str) -> Markup:
        texts = [text.format(**values) for text in (words[code].en, words[code].zh)]
        return Markup('data-title-en="{}" data-title-zh="{}"').format(*texts)

    return {"say": say, "label": label, "page_title": page_title}


def both(words: Words, **values: Value) -> Markup:
    """A text in English and Chinese, as two elements of which one is shown; {names} are filled with escaped values."""
    filled: dict[str, Any] = {name: isolated(value) for name, value in values.items()}
    texts = [Markup(text).format(**filled) for text in (words.en, words.zh)]  # noqa: S704  the texts are our own
    return Markup('<span lang="en">{}</span><span lang="zh">{}</span>').format(*texts)


def either(english: str, chinese: str) -> Markup:
    """A text that came with the run in both languages, as two elements of which one is shown."""
    return Markup('<span lang="en">{}</span><span lang="zh">{}</span>').format(one_line(english), one_line(chinese))


def isolated(value: Value) -> Markup | Count:
    """A value as it stands in a sentence; text that runs from right to left cannot turn the words around it."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return Markup("<bdi>{}</bdi>").format(value)
    if isinstance(value, int):
        return Count(value)
    return escape(value)
