"""What pages are made with: templates, the charting library, and files that stand inside the page."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from importlib import resources

from jinja2 import DictLoader, Environment, StrictUndefined

from tellapart.text import unbroken

VENDOR = "vendor"
# In bdi stand names and paths, which are copied, unless it says that it holds a sentence, or has a figure and no more.
NAMED = r'<bdi\b(?! class="sentence")(?!>[\d.,]+ [^\s<]+</bdi>).*?</bdi>'
AS_IT_IS = "|".join(
    (*(rf"<{tag}\b.*?</{tag}>" for tag in ("script", "style", "pre", "code")), NAMED)  # read or copied by programs
)
BETWEEN_TEXTS = re.compile(rf"({AS_IT_IS}|<[^>]*>)", re.DOTALL)


def read(*names: str) -> str:
    return resources.files(__package__).joinpath(*names).read_text(encoding="utf-8")


def inlined_library() -> str:
    """Chart.js below its licence, without the addresses in its comments: the page names no place on the network."""
    code = read(VENDOR, "chart.umd.min.js")
    code = re.sub(r"^ \* https://\S+\n", "", code, flags=re.MULTILINE)
    code = re.sub(r"^//# sourceMappingURL=\S+\n?", "", code, flags=re.MULTILINE)
    return f"/*\n{read(VENDOR, 'chart.LICENSE.txt').strip()}\n*/\n{code.strip()}\n"


def data_address(content: bytes, kind: str) -> str:
    """A file as an address that holds the file itself."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def script_hash(script: str) -> str:
    """What the page's policy allows a script by: the digest of what stands between its tags (CSP level 3)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def template_environment(sources: Mapping[str, str]) -> Environment:
    """Jinja with these templates, escaping everything it is not told to be markup.

    They are filled in once: what Jinja could work out before would take it longer than it saves.
    """
    return Environment(
        loader=DictLoader(sources),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        optimized=False,
    )


def unbroken_texts(page: str) -> str:
    """A page in whose texts no line ends between a number and its unit; all that programs read stays as it is."""
    parts = BETWEEN_TEXTS.split(page)
    parts[::2] = map(unbroken, parts[::2])
    return "".join(parts)


def embedded_json(document: object) -> str:
    """JSON that can stand inside a script element whatever its texts say."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in ("<", ">", "&", "\N{LINE SEPARATOR}", "\N{PARAGRAPH SEPARATOR}"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
