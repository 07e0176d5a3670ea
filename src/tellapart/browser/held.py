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

LARGEST_PAGE: Final = 256_000_000  # bytes
GZIP: Final = 16 + zlib.MAX_WBITS  # how zlib is told of gzip's frame
DATA: Final = re.compile(rb'<script type="[a-z/]{1,30}" id="(content|model|runtime)">([^<]*)</script>')
OPENING, CLOSING = b'<script type="module">', b"</script>"
MODEL, RUNS_IN = "the model inside the page", "what the page runs the model in"
TOLD: Final = "what the page is told of the model: classes, thresholds or test cards"
AROUND: Final = "the page around all that, which another tellapart wrote or somebody changed"
AGAIN: Final = "Export it again with `tellapart export`, or copy it once more from where it came."


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPage:
    """A page, taken apart.

    Attributes:
        whole: all of it.
        content: what it is told of the model, from its JSON.
        script: what it runs the model in; runtime is what that runs.
        model: the graph, packed as runtime is.
    """

    whole: bytes
    content: Any
    script: bytes
    model: bytes
    runtime: bytes


def read_page(path: Path) -> HeldPage:
    """Take a page apart; nothing in it is unpacked yet.

    Raises:
        ModelFileError: it cannot be read, or is no page that tellapart exported.
    """
    try:
        return taken_apart(files.read_bounded(path, limit=LARGEST_PAGE))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ModelFileError(f"cannot read the page ({reason})", where=path, hint=AGAIN) from error
    except (ValueError, MemoryError) as error:
        raise ModelFileError(f"not a page that tellapart exported ({error})", where=path, hint=AGAIN) from error


def taken_apart(whole: bytes) -> HeldPage:
    """The parts of a page.

    Raises:
        ValueError: one of them is not there.
    """
    parts = dict[bytes, bytes](DATA.findall(whole))
    script, end, _ = whole.partition(OPENING)[2].partition(CLOSING)
    if len(parts) != 3 or not end:
        raise ValueError("it has no model inside")
    content = files.parse_json(parts[b"content"])
    return HeldPage(whole=whole, content=content, script=script, model=parts[b"model"], runtime=parts[b"runtime"])


def differing_parts(page: HeldPage, bundle: Bundle) -> tuple[bytes | None, list[str]]:
    """The graph of the page if it is that of the model file, else None; and what is otherwise, in words.

    The page around is compared where all that it holds is right.
    """
    graph, heat = page_graph(bundle)
    expected = page_content(model_content(bundle, name=called(page.content), heat=heat))
    binary = unpacked(page.runtime, most=LARGEST_FILE) or b""
    found = {
        MODEL: unpacked(page.model, most=len(graph)) == graph,
        TOLD: page.content == files.parse_json(files.to_json(expected).encode()),
        RUNS_IN: (digest(page.script), digest(binary)) == (LIBRARY_SHA256, SHA256[BINARY]),
    }
    if all(found.values()):
        script, model, runtime = (part.decode() for part in (page.script, page.model, page.runtime))
        found[AROUND] = page_around(expected, library=script, model=model, runtime=runtime).encode() == page.whole
    return graph if found[MODEL] else None, [words for words, right in found.items() if not right]


def unpacked(text: bytes, *, most: int) -> bytes | None:
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
