"""From a run to report.html: one file that needs no network.

Every text that comes from the run passes `one_line`, which shows control and direction characters instead of obeying
them, and then Jinja's escaping, or the escaping of JSON. The page's own policy runs the two scripts whose digests it
states, and no other; so a class may have any name at all.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment

from tellapart import files
from tellapart import text as words
from tellapart.evaluation.metrics import is_worse
from tellapart.evaluation.run_metrics import RunMetrics
from tellapart.report import labels, wording
from tellapart.report.charts import chart_data
from tellapart.report.evidence import NOTHING, Evidence
from tellapart.report.headings import stands_upright
from tellapart.report.inlined import (
    data_address,
    embedded_json,
    inlined_library,
    read,
    script_hash,
    template_environment,
    unbroken_texts,
)
from tellapart.report.language import speaker
from tellapart.report.page_words import PAGE
from tellapart.report.reason_words import reason
from tellapart.report.script_words import CHARTS, SWITCHES, script_texts
from tellapart.report.sections import page_sections

FOLDER, FRAME = "templates", "page.html.jinja"
TEMPLATES = (
    *(FRAME, "page.css", "parts.jinja", "top.jinja", "classes.jinja", "confusion.jinja"),
    *("trust.jinja", "training.jinja", "suspects.jinja", "made.jinja"),
)


def write_report(path: Path, metrics: RunMetrics, evidence: Evidence = NOTHING) -> None:
    """Write the page that shows a run and the evidence beside its figures."""
    files.write_text(path, render_report(metrics, evidence))


def render_report(metrics: RunMetrics, evidence: Evidence = NOTHING) -> str:
    """The page as text; arguments as for `write_report`."""
    library = inlined_library()
    script = script_texts({**SWITCHES, **CHARTS}) + read("switches.js") + read("percent.js") + read("page.js")
    page = (
        _environment()
        .get_template(FRAME)
        .render(
            run=metrics,
            library=library,
            script=script,
            script_hashes=[script_hash(library), script_hash(script)],
            chart_data=embedded_json(chart_data(metrics, evidence)),
            **page_sections(metrics, evidence),
        )
    )
    return unbroken_texts(page)


@cache
def _environment() -> Environment:
    """Jinja with our templates and filters; compiling them takes longer than filling them in."""
    jinja = template_environment({name: read(FOLDER, name) for name in TEMPLATES})
    jinja.globals.update(speaker(PAGE))
    jinja.tests.update(upright=stands_upright, worse=is_worse)
    jinja.filters.update(
        percent=words.percent,
        span=wording.span,
        breakable=wording.breakable,
        plain=wording.value_text,
        value=labels.value_label,
        reason=lambda text: labels.value_label(reason(text)),
        address=lambda shot: data_address(shot.content, shot.kind),
        heat_address=lambda shot: data_address(shot.heat, "image/png"),
    )
    return jinja
