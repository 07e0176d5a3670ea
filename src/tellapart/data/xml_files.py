"""XML from elsewhere, without document types and entities: these make a short file a long one, or lead to others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol
from xml.parsers import expat

from tellapart import files
from tellapart.data.tables import unreadable

_DEEPEST: Final = 64


class XmlReader(Protocol):
    """What is called while a file is read.

    Attributes:
        open: the elements that are open, the outermost first; it is kept here.
    """

    open: list[str]

    def start(self, name: str, given: Mapping[str, str]) -> None:
        """An element begins, which is the last in open."""

    def characters(self, text: str) -> None:
        """Some of the text in the last element."""

    def end(self, name: str) -> None:
        """The last element in open ends."""


def parse_xml(path: Path, reader: XmlReader, *, limit: int) -> None:
    """Read a file of at most limit bytes.

    Raises:
        DataError: it cannot be read, is no XML, is nested too deeply, or has a document type.
    """

    def start(name: str, given: Mapping[str, str]) -> None:
        reader.open.append(name)
        if len(reader.open) > _DEEPEST:
            raise ValueError("nested too deeply")
        reader.start(name, given)

    def end(name: str) -> None:
        reader.end(name)
        reader.open.pop()

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(files.read_bounded(path, limit=limit), True)
    except (OSError, ValueError, LookupError, expat.ExpatError) as error:
        raise unreadable(path, error) from error


def _refuse(*_: object) -> None:
    raise ValueError("it has a document type, which annotations have no need of")
