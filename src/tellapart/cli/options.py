"""What several commands take, and the words that explain it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", help="Class folders, train/valid/test folders, a CSV or Parquet manifest, or IDX files."
    ),
]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model.tellapart file.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
GroupBy = Annotated[
    str | None,
    typer.Option(
        metavar="PATTERN",
        help="Pictures that must stay together: a regular expression on the path, or parent for the folder.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything that is drawn.")]


def spoken() -> str:
    """The command as it was typed."""
    return shlex.join(["tellapart", *sys.argv[1:]])
