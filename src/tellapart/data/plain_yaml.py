"""The plain part of YAML that a data.yaml needs: a text, a list of texts, or texts by key; all other YAML is refused.

Source: YAML 1.2.2, of it what Ultralytics and Roboflow write. Nothing is looked up, made or run: anchors, aliases,
tags, merged keys and texts of several lines have no meaning here, and stop with their line where they are asked for.
Every value is text, as it is written: a class may be called "no" or "007".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tellapart.errors import DataError
from tellapart.text import shortened

YamlValue = str | list[str] | dict[str, str]

_HINT: Final = (
    'Write "key: value", [a, b], or a line "- a" or "0: a" for each; in quotes where a mark is part of a name.'
)
_BREAK: Final = re.compile(r"\r\n|\n|\r")
# Nothing that a file of text has: breaks of lines that only some take for those, and what no one sees.
_NEVER: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_KEY: Final = re.compile(r"""("(?:[^"\\])*"|'(?:[^'])*'|[\w.][\w .\-/]{0,200}?)[ \t]{0,20}:(?:[ \t]+(.*))?""")
_QUOTED: Final = r""""(?:[^"\\\n]|\\["\\/tn]|\n[ \t]*(?=[^\s"]))*"|'(?:[^'\n]|''|\n[ \t]*(?=[^\s']))*'"""
_PLAIN_START: Final = r"""(?![\s\[\]{},&*!|>%@`"'#]|[?:\-](?:[\s,\[\]{}]|$))"""
_IN_FLOW: Final = (
    rf"{_PLAIN_START}(?:[^\s,\[\]{{}}:]|:(?![\s,\[\]{{}}]|$)|[ \t]+(?![#\s])|[ \t]*\n[ \t]*(?![#\s])(?=[^,\[\]{{}}:]))+"
)
_TOKEN: Final = re.compile(
    rf"(?P<blank>[ \t\n]+|(?:(?<=\s)|^)#[^\n]*)|(?P<quoted>{_QUOTED})|(?P<mark>[\[\]{{}},:])|(?P<plain>{_IN_FLOW})"
)
_IN_BLOCK: Final = re.compile(rf"{_PLAIN_START}(?:[^\s:]|:(?!\s|$)|[ \t]+(?![#\s]))+")
_WHOLE_QUOTED: Final = re.compile(_QUOTED)
_ESCAPES: Final = {"t": "\t", "n": "\n"}


@dataclass(slots=True, kw_only=True)
class _Entry:
    """A key at the top of the file, and what stands behind it and in the lines below it."""

    line: int
    rest: str
    below: list[tuple[int, str]] = field(default_factory=list)


def read_yaml(text: str, keys: Sequence[str], *, where: Path) -> dict[str, YamlValue]:
    """The values of some keys at the top of a YAML file, those that have one. Others need not be of a kind known here.

    Raises:
        DataError: it is not read here, with the line.
    """
    if (strange := _NEVER.search(text.removeprefix("\ufeff"))) is not None:
        line = len(_BREAK.findall(text, 0, strange.start())) + 1
        raise _refused(line, f"the character {strange.group()!a}", where)
    entries: dict[str, _Entry] = {}
    for key, entry in _entries(text.removeprefix("\ufeff"), where):
        if key in entries:
            raise _refused(entry.line, f"{shortened(key)} a second time", where)
        entries[key] = entry
    found = {key: _value(entries[key], where) for key in keys if key in entries}
    return {key: value for key, value in found.items() if value is not None}


def _entries(text: str, where: Path) -> Iterator[tuple[str, _Entry]]:
    """Each key at the top, with the lines that belong to it."""
    entry: _Entry | None = None
    key, begun, ended = "", False, False
    for number, line in enumerate(_BREAK.split(text), start=1):
        if not line.strip(" \t") or line.startswith("#"):
            if entry is not None:
                entry.below.append((number, line.strip(" \t")))
            continue
        marked = re.fullmatch(r"(---|\.\.\.)(?:[ \t]+#.*|[ \t]*)", line)
        if ended or (marked is not None and marked[1] == "---" and (begun or entry is not None)):
            raise _refused(number, "a second document", where)
        if marked is not None:
            begun, ended = True, marked[1] == "..."
        elif entry is not None and (line[0] in " \t" or re.match(r"-(?:\s|$)", line) or _closes(entry, line)):
            entry.below.append((number, line))
        else:
            if entry is not None:
                yield key, entry
            matched = _KEY.fullmatch(line)
            if matched is None:
                raise _refused(number, shortened(line.strip(), 40), where)
            key, entry = _unquoted(matched[1]), _Entry(line=number, rest=matched[2] or "")
    if entry is not None:
        yield key, entry


def _closes(entry: _Entry, line: str) -> bool:
    """Whether a line that begins at the margin may close brackets that a key has opened, as many write it."""
    return line[0] == {"[": "]", "{": "}"}.get(entry.rest[:1])


def _value(entry: _Entry, where: Path) -> YamlValue | None:
    """What a key says; None where nothing stands behind it."""
    rest = entry.rest.strip()
    if rest[:1] in ("[", "{"):
        return _flow("\n".join([rest, *(line for _, line in entry.below)]), entry.line, where)
    below = [(number, line) for number, line in entry.below if line.strip() and line.lstrip()[0] != "#"]
    if rest and not rest.startswith("#"):
        text = _scalar(rest, entry.line, where)
        if below:
            raise _refused(below[0][0], "a value of several lines", where)
        return None if text in ("~", "null") and rest[0] not in "'\"" else text
    return _block(below, where) if below else None


def _block(lines: Sequence[tuple[int, str]], where: Path) -> YamlValue:
    """A list with an item, or a mapping with a pair, in each line."""
    indent = len(lines[0][1]) - len(lines[0][1].lstrip(" "))
    items, pairs = list[str](), dict[str, str]()
    is_list = re.match(r"-(?:\s|$)", lines[0][1][indent:]) is not None
    for number, line in lines:
        inner = line[indent:]
        if line[:indent].strip(" ") or inner[0] in " \t":
            raise _refused(number, "another indentation than above", where)
        if is_list:
            if re.match(r"-[ \t]+\S", inner) is None:
                raise _refused(number, shortened(inner, 40), where)
            items.append(_scalar(inner[1:].strip(), number, where))
            continue
        matched = _KEY.fullmatch(inner)
        if matched is None or not matched[2]:
            raise _refused(number, shortened(inner, 40), where)
        _put(pairs, _unquoted(matched[1]), _scalar(matched[2].strip(), number, where), number, where)
    return items if is_list else pairs


def _scalar(text: str, line: int, where: Path) -> str:
    """One text, in quotes or without, perhaps with a comment behind it."""
    pattern = _WHOLE_QUOTED if text[:1] in ("'", '"') else _IN_BLOCK
    matched = pattern.match(text)
    if matched is None or re.fullmatch(r"(?:[ \t]+#.*)?[ \t]*", text[matched.end() :]) is None:
        raise _refused(line, shortened(text, 40), where)
    return _unquoted(matched.group())


def _unquoted(text: str) -> str:
    first, *more = text.split("\n")
    folded = " ".join([first.rstrip(" \t"), *(each.strip(" \t") for each in more)]) if more else first
    if folded[:1] == '"':
        return re.sub(r"\\(.)", lambda each: _ESCAPES.get(each[1], each[1]), folded[1:-1])
    return folded[1:-1].replace("''", "'") if folded[:1] == "'" else folded.strip()


def _flow(text: str, line: int, where: Path) -> YamlValue:
    """[a, b] or {0: a, 1: b}, also over several lines."""
    tokens = list(_tokens(text, line, where))
    closing = {"[": "]", "{": "}"}[text[0]]
    items, pairs = list[str](), dict[str, str]()
    place = 1
    while place < len(tokens) and tokens[place] != ("mark", closing):
        size = 1 if closing == "]" else 3
        each = tokens[place : place + size]
        kinds = [("mark", ":") if kind == "mark" and value == ":" else (kind, "") for kind, value in each]
        if kinds not in ([("text", "")], [("text", ""), ("mark", ":"), ("text", "")]) or len(each) != size:
            raise _refused(line, "a list in brackets that is not plain", where)
        if size == 1:
            items.append(each[0][1])
        else:
            _put(pairs, each[0][1], each[2][1], line, where)
        place += size
        if tokens[place : place + 1] == [("mark", ",")]:
            place += 1
        elif tokens[place : place + 1] != [("mark", closing)]:
            raise _refused(line, "a list in brackets that is not plain", where)
    if place != len(tokens) - 1:
        raise _refused(line, "brackets that are not closed, or more behind them", where)
    return items if closing == "]" else pairs


def _tokens(text: str, line: int, where: Path) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text):
        matched = _TOKEN.match(text, place)
        if matched is None or matched.lastgroup is None:
            raise _refused(line, shortened(text[place : place + 80].partition("\n")[0], 40), where)
        if matched.lastgroup == "mark":
            yield "mark", matched.group()
        elif matched.lastgroup != "blank":
            yield "text", _unquoted(matched.group())
        place = matched.end()


def _put(pairs: dict[str, str], key: str, value: str, line: int, where: Path) -> None:
    if key in pairs:
        raise _refused(line, f"{shortened(key)} a second time", where)
    pairs[key] = value


def _refused(line: int, what: str, where: Path) -> DataError:
    return DataError(f"YAML that is not read here in line {line:,}: {what}", where=where, hint=_HINT)
