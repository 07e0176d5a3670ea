"""report.html again, from the JSON that is its source."""

from __future__ import annotations

import json
from pathlib import Path

from tellapart.errors import DataError
from tellapart.files import read_bounded
from tellapart.jobs import run_folder
from tellapart.report.page import write_report

LARGEST_METRICS = 256_000_000  # bytes; a thousand classes take about 8 MB


def rewrite_report(run: Path) -> Path:
    """Write RUN/report.html from RUN/metrics.json; the page's path.

    Raises:
        DataError: the folder holds no finished run.
    """
    source = run / run_folder.METRICS
    try:
        document = json.loads(read_bounded(source, limit=LARGEST_METRICS))
    except OSError as error:
        hint = "`tellapart train DATA -o RUN` makes one."
        raise DataError("no finished run in this folder", where=run, hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise DataError("metrics.json is not JSON", where=source, hint="Train again with --force.") from error
    page = run / run_folder.REPORT
    write_report(page, document)
    return page
