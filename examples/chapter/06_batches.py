"""Row 6: batches from a directory: files become pixels of one size, twenty at a time, with their labels.

    python examples/chapter/06_batches.py [--data FOLDER]

A batch stays in whole grey levels, a quarter of the memory; the first layer of every net here turns them into the
numbers it computes with, and that layer is part of what is saved, so that nobody has to remember to do it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from common import ask, facts, find_data, folder, parser, run_example
from tellapart.data.preprocess import Preprocess
from tellapart.data.scan import scan
from tellapart.extras import load_torch
from tellapart.nets.architectures import pixel_layer
from tellapart.nets.images import read_squares, training_batches
from tellapart.progress import listener

SIDE, BATCH = 150, 20


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__).parse_args(arguments)
    index = scan(find_data(options, "cats_vs_dogs_small"))
    labels = np.array([index.classes.index(picture.label or "") for picture in index.pictures], np.int64)
    rows = [row for row, picture in enumerate(index.pictures) if picture.split in ("train", None)]
    place = folder(options, 6)  # written to only where the pictures do not fit in memory
    squares, skipped = read_squares(
        index, labels, rows=rows, preprocess=Preprocess(size=SIDE), file=place / "squares.npy", progress=listener()
    )
    with suppress(OSError):  # it holds something
        place.rmdir()
    most = min(BATCH, len(squares.labels))
    batch = next(training_batches(squares, batch=most, augmentation=None, seed=0, epoch=0))
    unit = pixel_layer(channels=3, mean=(0.0,), std=(255.0,))(load_torch().from_numpy(batch.inputs))
    facts(
        [
            ("pictures found", "2000", f"{len(squares.labels)} ({len(skipped)} cannot be read)"),
            ("classes", "cats dogs", " ".join(index.classes)),
            ("batch", "(20, 150, 150, 3)", str(batch.inputs.shape)),
            ("labels", "(20,)", str(batch.labels.shape)),
            ("bytes of the batch", "", f"{batch.inputs.nbytes:,}"),
            ("kept as", "float32 from 0 to 1", f"{batch.inputs.dtype} to {batch.inputs.max()}"),
            ("as the net gets them", "float32 from 0 to 1", f"float32 from {unit.min():.2f} to {unit.max():.2f}"),
        ]
    )
    ask(6, options)


if __name__ == "__main__":
    run_example(main)
