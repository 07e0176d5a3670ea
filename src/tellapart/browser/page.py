"""The page that answers in a browser: with model and runtime inside, or for the server that it came from.

The policy that it states lets a browser run its own scripts and style, by their digests, and WebAssembly; of the
network nothing, or for a server's page that server alone. Whatever comes from a model or a picture is put in as text.
"""

from __future__ import annotations

import base64
import gzip
import re
from functools import cache
from importlib import resources
from typing import Any, Final

import numpy as np

import tellapart
from tellapart.browser.content import model_content, page_content
from tellapart.browser.heat_graph import add_heat, exact_places
from tellapart.browser.runtime import Runtime, global_script
from tellapart.browser.words import ANSWERING, SPOKEN
from tellapart.bundle.bundle import Bundle
from tellapart.bundle.drawn_cards import draw_cards
from tellapart.explain.colours import MIDDLE_GREY, evidence_colours
from tellapart.export.onnx_file import onnx_export
from tellapart.report import inlined
from tellapart.report.language import speaker
from tellapart.report.script_words import SWITCHES, script_texts

FRAME: Final = "answers.html.jinja"
SMALLEST: Final = 9  # gzip's level
HELD: Final = re.compile(r'<script type="text/plain" id="model">([A-Za-z0-9+/=]*)</script>')


def exported_page(bundle: Bundle, runtime: Runtime, *, name: str) -> str:
    """The page with everything inside."""
    graph, heat = page_graph(bundle)
    return page_around(
        page_content(model_content(bundle, name=name, heat=heat)),
        library=library_of(runtime),
        model=packed(graph),
        runtime=packed(runtime.binary),
    )


def library_of(runtime: Runtime) -> str:
    """The first script of a page: the runtime behind its licence."""
    return f"/*\n{_read('onnxruntime.LICENSE.txt').strip()}\n*/\n{global_script(runtime)}\n"


@cache
def served_page() -> str:
    """The page of a server, which asks it for everything; it names nothing of the model."""
    return page_around(page_content(None), library="", model="", runtime="")


def page_graph(bundle: Bundle) -> tuple[bytes, bool]:
    """The graph of the ONNX export without what it says beside, with a heat map where there is one, and whether."""
    import onnx

    model = onnx.load_from_string(onnx_export(bundle))
    places = exact_places(bundle, draw_cards()[0])
    if places is not None:
        add_heat(model, bundle, places)
        onnx.checker.check_model(model)
    del model.metadata_props[:]
    return bytes(model.SerializeToString(deterministic=True)), places is not None


def packed(content: bytes) -> str:
    """Bytes as they stand in a page: gzip, then base64; the same text each time."""
    return base64.b64encode(gzip.compress(content, SMALLEST, mtime=0)).decode("ascii")


def graph_in(page: str) -> bytes:
    """The graph inside a page that was made here."""
    (held,) = HELD.findall(page)
    return gzip.decompress(base64.b64decode(held, validate=True))


def page_around(content: dict[str, Any], *, library: str, model: str, runtime: str) -> str:
    """The page; library, model and runtime are "" where a server answers."""
    local = bool(library)
    names = ("common.js", "pixels.js", "heat.js", "local.js" if local else "remote.js", "answers.js")
    switches = inlined.read("switches.js") + inlined.read("percent.js")
    script = script_texts({**SWITCHES, **SPOKEN}) + switches + "".join(map(_read, names))
    style = inlined.read("templates", "page.css") + _read("answers.css") + scale_colours()
    jinja = inlined.template_environment({FRAME: _read(FRAME)})
    jinja.globals.update(speaker(ANSWERING))
    return jinja.get_template(FRAME).render(
        version=tellapart.__version__,
        local=local,
        policy=policy(style, [library, script] if local else [script], local=local),
        style=style,
        script=script,
        library=library,
        content=inlined.embedded_json(content),
        model=model,
        runtime=runtime,
    )


def policy(style: str, scripts: list[str], *, local: bool) -> str:
    """What a browser may do for the page (CSP level 3)."""
    allowed = " ".join(f"'{inlined.script_hash(script)}'" for script in scripts)
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{inlined.script_hash(style)}'",
            "img-src data:",
            f"script-src {allowed} 'wasm-unsafe-eval'" if local else f"script-src {allowed}; connect-src 'self'",
            "base-uri 'none'; form-action 'none'",
        )
    )


def scale_colours() -> str:
    """The colours of the scale beside a heat map, from against to for."""
    colours = evidence_colours(np.array([-1.0, 0.0, 1.0]), grey=np.full(3, MIDDLE_GREY, np.uint8))
    against, neither, speaks_for = (f"rgb({red} {green} {blue})" for red, green, blue in colours)
    return f":root {{ --against: {against}; --neither: {neither}; --for: {speaks_for}; }}\n"


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
