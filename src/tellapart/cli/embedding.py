"""The command for those who want what the base sees, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tellapart.cli.options import (
    Backbone,
    Boxes,
    Classes,
    Encoding,
    Json,
    LabelColumn,
    On,
    PathColumn,
    Side,
    Weights,
    reading,
)
from tellapart.cli.output import line
from tellapart.cli.tables import print_json
from tellapart.progress import listener
from tellapart.text import counted


def embed(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="What train takes, or a folder of pictures without labels.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="The file to write: .parquet or .npz.")],
    backbone: Backbone = "lite0",
    weights: Weights = None,
    size: Side = None,
    classes: Classes = None,
    path_column: PathColumn = None,
    label_column: LabelColumn = None,
    encoding: Encoding = None,
    boxes: Boxes = None,
    on: On = "local",
    as_json: Json = False,
) -> None:
    """Write what the base sees in each picture, as numbers.

    A row a picture: its path, label and split where it has them, and its features, of every depth of the base.

    \b
    tellapart embed pictures/ -o features.parquet
    tellapart embed inbox/ -o features.npz
    """
    from tellapart.commands.embed import embed_data
    from tellapart.workers.where import hired

    read_as = reading(
        classes=classes, path_column=path_column, label_column=label_column, encoding=encoding, boxes=boxes
    )
    progress = listener()
    with hired(on, progress) as workers:
        made = embed_data(
            data,
            out,
            backbone=backbone,
            size=size,
            weights=weights,
            reading=read_as,
            workers=workers,
            progress=progress,
        )
    count, width = made.features.shape
    if as_json:
        depths = {depth.name: [depth.start, depth.stop] for depth in made.depths}
        print_json({"file": str(out), "pictures": count, "skipped": made.skipped, "features": width, "depths": depths})
    else:
        line(f"{counted(count, 'picture')}, {counted(width, 'feature')} each: {out}")
