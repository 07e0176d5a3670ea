"""report.html: written by training, and again at any time from the files of the run, which are its source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tellapart.evaluation.run_metrics import RunMetrics
from tellapart.progress import Progress, Silent
from tellapart.report.figures import load_matplotlib, write_figures
from tellapart.report.page import write_report
from tellapart.runs import folder as run_folder
from tellapart.runs.analysis import try_to_analyse
from tellapart.runs.evidence import gather
from tellapart.runs.read import read_metrics
from tellapart.runs.whereabouts import find_pictures
from tellapart.types import Index


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
    metrics = read_metrics(run)
    index = find_pictures(run, metrics, named=data, progress=progress)
    if isinstance(index, str):
        progress.note(f"The report has no pictures: {index}.")
    analysis = try_to_analyse(run, metrics, index=index, progress=progress)
    evidence = gather(run, metrics, index=index, analysis=analysis)
    page = run / run_folder.REPORT
    write_report(page, metrics, evidence)
    return [page, *(write_figures(figures, metrics, evidence, progress=progress) if figures is not None else ())]


def write_page(folder: Path, metrics: RunMetrics, *, index: Index | str, analysis: Mapping[str, Any]) -> Path:
    """Write the page of a run whose other files are there; its path."""
    page = folder / run_folder.REPORT
    write_report(page, metrics, gather(folder, metrics, index=index, analysis=analysis))
    return page
