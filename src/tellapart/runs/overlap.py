"""Whether the pictures a model is scored on are some that it learned from, where its run folder still tells.

Pictures are the same where their content is, whatever they are called and wherever they lie: split.csv has its sha256.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tellapart.errors import DataError
from tellapart.features.embed import Embedded
from tellapart.progress import Progress
from tellapart.runs import folder as run_folder
from tellapart.runs.read import read_splits
from tellapart.text import counted

LEARNED_FROM = ("train", "valid")


def seen_before(model: Path, embedded: Embedded, *, progress: Progress) -> dict[str, int] | None:
    """How many of the pictures are in train and in valid of the run that the model lies in, with a note if any are.

    {"train", "valid"}, each a number of the pictures in embedded; None where no run beside the model says what it
    learned from.
    """
    run = model.parent
    try:
        rows = read_splits(run)
    except DataError:
        return None
    split_of = {row.sha256: row.split for row in rows if row.sha256 and row.split in LEARNED_FROM}
    if not split_of:
        return None
    counts = Counter(split_of.get(digest.hex()) for digest in embedded.digests)
    found = {name: counts[name] for name in LEARNED_FROM}
    total, of = sum(found.values()), len(embedded.digests)
    if total:
        progress.note(
            f"{total:,} of these {counted(of, 'picture')} {'was' if total == 1 else 'were'} trained on (train or "
            f"valid): the score says little about new ones; {run / run_folder.METRICS} has that of the test pictures."
        )
    return found
