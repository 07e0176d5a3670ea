"""Prepared squares: pictures decoded once, kept, and dealt out in batches by threads that run ahead of the training.

Legend: N pictures, S side of a square, B pictures in a batch.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.cores import thread_count
from tellapart.data.augment import Augmentation, augment
from tellapart.data.prefetch import look_ahead, threads_to_prepare
from tellapart.data.preprocess import Preprocess
from tellapart.errors import PictureError
from tellapart.features.content import picture_content
from tellapart.features.embed import compact_rows
from tellapart.heads.linear import row_blocks
from tellapart.nets.epoch import Batch
from tellapart.nets.mapped_file import reserved_array
from tellapart.progress import Progress, Silent, in_stage
from tellapart.seeds import generator
from tellapart.types import Index, Labels, LedgerEntry, Pixels

IN_MEMORY: Final = 1_000_000_000  # bytes; more goes to a file in the work folder
TOGETHER: Final = 32  # pictures decoded in one task
AHEAD: Final = 4  # batches
CLEAN: Final = 500  # training pictures that are also judged as they are


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSquares:
    """Prepared pictures with their labels."""

    pixels: NDArray[np.uint8]  # uint8 [N, S, S, 3], in memory or in a file that is mapped into it
    labels: Labels  # int64 [N]

    def __post_init__(self) -> None:
        if len(self.pixels) != len(self.labels):
            raise ValueError(f"{len(self.labels)} labels for {len(self.pixels)} pictures")

    def digest(self) -> str:
        """sha256 of shape, pixels and labels: what a checkpoint must have been trained on."""
        digest = hashlib.sha256(str(self.pixels.shape).encode())
        for rows in row_blocks(len(self.pixels), size=TOGETHER):
            digest.update(self.pixels[rows].tobytes())
        digest.update(self.labels.tobytes())
        return digest.hexdigest()


def read_squares(
    index: Index,
    labels: Labels,
    *,
    rows: Sequence[int],
    preprocess: Preprocess,
    file: Path,
    progress: Progress | None = None,
    stage: str = "Preparing pictures",
) -> tuple[LabelledSquares, tuple[LedgerEntry, ...]]:
    """Decode some rows of an index; the readable pictures in order, and a ledger entry for each that is not.

    `labels`, int64, has one for each picture of the index. More than IN_MEMORY bytes go to the file, which is written
    over. The listener is told the stage.

    Raises:
        OutputError: the file cannot be written, or the disk has too little space for it.
    """
    progress = progress or Silent()
    side = preprocess.size
    shape = (len(rows), side, side, 3)
    fits = np.prod(shape, dtype=np.int64) <= IN_MEMORY
    pixels = np.empty(shape, np.uint8) if fits else reserved_array(file, shape=shape, dtype=np.uint8)
    readable = np.ones(len(rows), bool)
    skipped: list[LedgerEntry] = []

    def prepare(place: int) -> str:
        try:
            pixels[place] = prepare_square(index, rows[place], preprocess)
        except PictureError as error:
            return error.what
        return ""

    with in_stage(progress, stage, total=len(rows), unit="pictures"):
        threads = threads_to_prepare(index, thread_count())
        ahead = look_ahead(prepare, range(len(rows)), threads=threads, most=2 * threads * TOGETHER, handful=TOGETHER)
        with contextlib.closing(ahead):
            for place, failure in enumerate(ahead):
                if failure:
                    readable[place] = False
                    path = index.pictures[rows[place]].path
                    skipped.append(LedgerEntry(path=path, status="skipped", reason=failure))
                progress.advance()
    chosen = labels[np.asarray(rows, np.int64)]
    kept = compact_rows(pixels, np.flatnonzero(readable).tolist())
    return LabelledSquares(pixels=kept, labels=chosen[readable]), tuple(skipped)


def prepare_square(index: Index, row: int, preprocess: Preprocess) -> Pixels:
    """Pixels uint8 [S, S, 3] of one picture of an index; a PictureError where it cannot be read."""
    return preprocess.apply(picture_content(index, index.pictures[row])).pixels


def steps_per_epoch(count: int, *, batch: int) -> int:
    """Batches that `training_batches` makes of count pictures."""
    return -(-count // batch)


def training_batches(
    squares: LabelledSquares, *, batch: int, augmentation: Augmentation | None, seed: int, epoch: int
) -> Generator[Batch]:
    """Every picture once, in an order of (seed, epoch), augmented, prepared by threads that run AHEAD batches ahead.

    The batches are as alike in size as they can be, at most `batch`: a last one of a single picture would have no
    variance for batch normalisation.
    """
    order = generator(seed, "order", epoch).permutation(len(squares.pixels))
    parts = np.array_split(order, steps_per_epoch(len(order), batch=batch)) if len(order) else []

    def make(rows: NDArray[np.int64]) -> Batch:
        inputs = squares.pixels[rows]
        if augmentation is not None:
            for place, row in enumerate(rows.tolist()):
                inputs[place] = augment(inputs[place], augmentation=augmentation, seed=seed, epoch=epoch, index=row)
        return Batch(inputs=inputs, labels=squares.labels[rows])

    return look_ahead(make, parts, threads=thread_count(), most=AHEAD + 1)


def clean_sample(count: int, *, seed: int) -> NDArray[np.int64]:
    """Rows int64 of at most CLEAN of count training pictures, in order: the same in every epoch."""
    return np.sort(generator(seed, "clean").permutation(count)[:CLEAN])


def sampled(squares: LabelledSquares, rows: NDArray[np.int64]) -> LabelledSquares:
    """Some rows of the squares, copied."""
    return LabelledSquares(pixels=squares.pixels[rows], labels=squares.labels[rows])


def plain_batches(squares: LabelledSquares, *, batch: int) -> Iterator[Batch]:
    """Every picture once, in order, as it is: for pictures that judge."""
    for rows in row_blocks(len(squares.pixels), size=batch):
        yield Batch(inputs=np.array(squares.pixels[rows]), labels=squares.labels[rows])
