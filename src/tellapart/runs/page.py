"""report.html: written by training, and again at any time from the files of the run, which are its source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tellapart.errors import DataError
from tellapart.files import read_bounded
from tellapart.progress import Progress, Silent
from tellapart.report.figures import load_matplotlib, write_figures
from tellapart.report.page import SCHEMA, write_report
from tellapart.runs import folder as run_folder
from tellapart.runs.analysis import try_to_analyse
from tellapart.runs.read import find_pictures, gather
from tellapart.types import Index

NEEDED = {"classes", "counts", "data", "selected", "test", "valid"}  # what everything on the page is made from
LARGEST_METRICS = 256_000_000  # bytes; a thousand classes take about 8 MB


def rewrite_report(
    run: Path, *, data: Path | None = None, figures: Path | None = None, progress: Progress | None = None
) -> list[Path]:
    """Write RUN/report.html from the files of RUN; the paths of all that was written, the page first.

    Args:
        run: the run folder.
        data: where the pictures are now; None for where they were at training.
        figures: a folder for each plot as PNG and as SVG; None for no such files.
        progress: told of every stage.

    Raises:
        DataError: the folder holds no finished run, or one of its files is damaged.
        MissingExtraError: figures are wanted, and matplotlib is not installed.
    """
    progress = progress or Silent()
    if figures is not None:
        load_matplotlib()
    document = read_metrics(run)
    index = find_pictures(str(data) if data else document.get("data_path"))
    if isinstance(index, str):
        progress.note(f"The report has no pictures: {index}.")
    analysis = try_to_analyse(run, document, index=index, progress=progress)
    evidence = gather(run, document, index=index, analysis=analysis)
    page = run / run_folder.REPORT
    write_report(page, document, evidence)
    return [page, *(write_figures(figures, document, evidence) if figures is not None else ())]


def write_page(folder: Path, document: Mapping[str, Any], *, index: Index | str, analysis: Mapping[str, Any]) -> Path:
    """Write the page of a run whose other files are there; its path."""
    page = folder / run_folder.REPORT
    write_report(page, document, gather(folder, document, index=index, analysis=analysis))
    return page


def read_metrics(run: Path) -> dict[str, Any]:
    """The document of RUN/metrics.json.

    Raises:
        DataError: there is none, it is no JSON object, of another schema, or lacks something.
    """
    source = run / run_folder.METRICS
    try:
        document = json.loads(read_bounded(source, limit=LARGEST_METRICS))
    except OSError as error:
        hint = "`tellapart train DATA -o RUN` makes one."
        raise DataError("no finished run in this folder", where=run, hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise DataError("metrics.json is not JSON", where=source, hint="Train again with --force.") from error
    if not isinstance(document, dict):
        raise DataError("metrics.json is not that of a run", where=source, hint="Train again with --force.")
    if document.get("schema") != SCHEMA:
        what = f"the run's metrics have schema {document.get('schema')}, and this version reads {SCHEMA}"
        raise DataError(what, where=source, hint="Train again with this version.")
    if missing := sorted(NEEDED - document.keys()):
        raise DataError(f"metrics.json lacks {missing[0]}", where=source, hint="Train again with --force.")
    return document
