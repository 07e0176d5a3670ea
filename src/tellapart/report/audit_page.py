"""From the document of an audit to audit.html: one file with the pictures in it, that loads nothing.

Every text of the data passes `one_line` and Jinja's escaping, as in the report of a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tellapart import files
from tellapart.report import finding_words, wording
from tellapart.report.audit_words import AUDIT
from tellapart.report.inlined import read, script_hash, template_environment, unbroken_texts
from tellapart.report.language import speaker
from tellapart.report.script_words import SWITCHES, script_texts

TEMPLATES = ("audit.html.jinja", "audit.css")
IN_SIGHT = 6  # items of a finding; the page unfolds the others, as far as it has them
ITEMS_SHOWN = 24  # of a finding; findings.json has them all
ITEMS_OF_A_NOTE = 4  # of a finding that asks for nothing to be done
NEEDS_NOTHING = frozenset({"converted", "exact-duplicates", "near-duplicates"})  # training sees to these by itself
PATHS_SHOWN = 6  # of an item
PICTURES_SHOWN = 400  # on the page; at 6 kB each it stays below 4 MB


def shown_paths(document: Mapping[str, Any]) -> list[str]:
    """The pictures that the page shows, each once, those of the worst findings first."""
    paths: dict[str, None] = {}
    for finding in document["findings"]:
        for item in items_shown(finding):
            paths.update(dict.fromkeys(item["paths"][:PATHS_SHOWN]))
    return list(paths)[:PICTURES_SHOWN]


def items_shown(finding: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The items of a finding that the page shows."""
    quiet = finding["severity"] == "note" and finding["code"] in NEEDS_NOTHING
    items: Sequence[Mapping[str, Any]] = finding["items"][: ITEMS_OF_A_NOTE if quiet else ITEMS_SHOWN]
    return items


def write_audit_page(path: Path, document: Mapping[str, Any], *, thumbnails: Mapping[str, str]) -> None:
    """Write the page that shows the document of findings.json, schema 1.

    A picture without a thumbnail, a data URI by its path, is shown as its name.
    """
    files.write_text(path, render_audit(document, thumbnails=thumbnails))


def render_audit(document: Mapping[str, Any], *, thumbnails: Mapping[str, str]) -> str:
    """The page as text; arguments as for `write_audit_page`."""
    script = script_texts(SWITCHES) + read("switches.js") + "switches.start();\n"
    jinja = template_environment({name: read(name) for name in TEMPLATES})
    jinja.globals.update(speaker(AUDIT))
    jinja.filters.update(
        plain=wording.value_text,
        title=finding_words.title,
        message=finding_words.message,
        advice=finding_words.finding_advice,
        case=finding_words.case,
        shown=items_shown,
        breakable=wording.breakable,
    )
    by_outcome = {
        outcome: [finding for finding in document["findings"] if finding["outcome"] == outcome]
        for outcome in ("found", "passed", "not applicable")
    }
    page = jinja.get_template(TEMPLATES[0]).render(
        audit=document,
        by_outcome=by_outcome,
        thumbnails=thumbnails,
        in_sight=IN_SIGHT,
        paths_shown=PATHS_SHOWN,
        script=script,
        script_hash=script_hash(script),
    )
    return unbroken_texts(page)
