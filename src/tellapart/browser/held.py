"""What stands in a page that `export --to html` wrote, and what of it another model file would make otherwise.

A page is the same bytes each time, so it is compared with the page that the model file makes here, part by part; of
what is packed in it, no more is unpacked than must be there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tellapart import files
from tellapart.browser.content import model_content, page_content
from tellapart.browser.page import page_around, page_graph
from tellapart.browser.runtime import BINARY, LARGEST_FILE, LIBRARY_SHA256, SHA256
from tellapart.bundle.bundle import Bundle
from tellapart.errors import ModelFileError

LARGEST_PAGE: Final = 512_000_000  # bytes
GZIP: Final = 16 + zlib.MAX_WBITS  # how zlib is told of gzip's frame
DATA: Final = re.compile(
    r'<script type="(?:text/plain|application/json)" id="(content|model|runtime)">([^<]*)</script>'
)
LIBRARY: Final = re.compile(r'<script type="module">(.*?)</script>', re.DOTALL)
AGAIN: Final = "Export it again with `tellapart export`, or copy it once more from where it came."


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPage:
    """A page, taken apart.

    Attributes:
        text: all of it.
        content: what it is told of the model, from its JSON.
        library: what it runs the model in, a script; runtime is what that runs.
        model: the graph, packed as runtime is.
    """

    text: str
    content: Any
    library: str
    model: str
    runtime: str


def read_page(path: Path) -> HeldPage:
    """Take a page apart; nothing in it is unpacked yet.

    Raises:
        ModelFileError: it cannot be read, or is no page that tellapart exported.
    """
    try:
        return taken_apart(files.read_bounded(path, limit=LARGEST_PAGE).decode())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ModelFileError(f"cannot read the page ({reason})", where=path, hint=AGAIN) from error
    except (ValueError, MemoryError) as error:
        raise ModelFileError(f"not a page that tellapart exported ({error})", where=path, hint=AGAIN) from error


def taken_apart(text: str) -> HeldPage:
    """The parts of a page.

    Raises:
        ValueError: one of them is not there.
    """
    parts, library = dict[str, str](DATA.findall(text)), LIBRARY.search(text)
    if len(parts) != 3 or library is None:
        raise ValueError("it has no model inside")
    content = files.parse_json(parts["content"].encode())
    return HeldPage(text=text, content=content, library=library[1], model=parts["model"], runtime=parts["runtime"])


def differing_parts(page: HeldPage, bundle: Bundle) -> tuple[bytes | None, list[str]]:
    """The graph of the page if it is that of the model file, else None; and all that is otherwise, in words."""
    graph, heat = page_graph(bundle)
    same = unpacked(page.model, most=len(graph)) == graph
    expected = page_content(model_content(bundle, name=called(page.content), heat=heat))
    told = page.content == files.parse_json(files.to_json(expected).encode())
    binary = unpacked(page.runtime, most=LARGEST_FILE) or b""
    runs = (digest(page.library.encode()), digest(binary)) == (LIBRARY_SHA256, SHA256[BINARY])
    again = page_around(expected, library=page.library, model=page.model, runtime=page.runtime)
    found = {
        "the model inside the page": same,
        "what the page is told of the model: classes, thresholds or test cards": told,
        "what the page runs the model in": runs,
        "the page around them, which another tellapart wrote or somebody changed": not told or again == page.text,
    }
    return graph if same else None, [words for words, right in found.items() if not right]


def unpacked(text: str, *, most: int) -> bytes | None:
    """Bytes out of gzip in base64; None where they are damaged, or more than that."""
    try:
        packed, opened = base64.b64decode(text, validate=True), zlib.decompressobj(GZIP)
        content = opened.decompress(packed, most + 1)
    except (binascii.Error, ValueError, zlib.error):
        return None
    return content if opened.eof and not opened.unused_data and len(content) <= most else None


def called(content: object) -> str:
    """What a page calls its model, which no model file says; "" where it says nothing."""
    model = content.get("model") if isinstance(content, dict) else None
    name = model.get("name") if isinstance(model, dict) else None
    return name if isinstance(name, str) else ""


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
