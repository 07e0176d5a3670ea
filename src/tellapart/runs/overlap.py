"""Whether the pictures a model is scored on are some that it learned from, where its run folder still tells.

Pictures are the same where their bytes are, whatever they are called and wherever they lie. Of the pictures a run was
trained on, only those are read again that have the size of one that is scored, and none that is scored itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tellapart.data.scan import scan
from tellapart.errors import DataError, PictureError, TellapartError
from tellapart.features.embed import Embedded, content_digest, picture_content
from tellapart.progress import Progress
from tellapart.runs import folder as run_folder
from tellapart.runs.read import read_metrics, read_splits
from tellapart.text import counted
from tellapart.types import Index, Picture

LEARNED_FROM = ("train", "valid")
Identity = tuple[int, int]  # device and inode number


def seen_before(model: Path, embedded: Embedded, *, progress: Progress) -> dict[str, int] | None:
    """How many of the pictures are in train and in valid of the run that the model lies in, with a note if any are.

    Args:
        model: the model file.
        embedded: the pictures that are scored.
        progress: told of what was found.

    Returns:
        {"train", "valid"}, each a number of pictures; None where there is no run beside the model, or where its
        pictures are no longer where they were.
    """
    split_of = splits_of(model.parent)
    data = data_of(model.parent)
    if not split_of or data is None:
        return None
    try:
        index = scan(data)
    except (TellapartError, OSError):
        return None
    learned = [picture for picture in index.pictures if picture.path in split_of]
    if not learned:
        return None
    split_by_digest = {
        digest: split_of[picture.path] for picture, digest in likely_digests(index, learned, embedded, progress)
    }
    counts = Counter(split_by_digest.get(digest) for digest in embedded.digests)
    found = {name: counts[name] for name in LEARNED_FROM}
    tell(found, of=len(embedded.digests), run=model.parent, progress=progress)
    return found


def tell(found: dict[str, int], *, of: int, run: Path, progress: Progress) -> None:
    """Say in one line what a score on pictures that were trained on is worth; nothing where there are none."""
    total = sum(found.values())
    if total:
        progress.note(
            f"{total:,} of these {counted(of, 'picture')} {'was' if total == 1 else 'were'} trained on (train or "
            f"valid): the score says little about new ones; {run / run_folder.METRICS} has that of the test pictures."
        )


def splits_of(run: Path) -> dict[str, str]:
    """The split of each picture that a run learned from, by its path; {} where there is no split.csv of a run."""
    try:
        return {row.path: row.split for row in read_splits(run) if row.split in LEARNED_FROM}
    except DataError:
        return {}


def data_of(run: Path) -> Path | None:
    """Where the data of a run was; None where its metrics do not say."""
    try:
        path = read_metrics(run).data_path
    except DataError:
        return None
    return None if path is None else Path(path)


def likely_digests(
    index: Index, learned: Sequence[Picture], embedded: Embedded, progress: Progress
) -> Iterator[tuple[Picture, bytes]]:
    """The digest of each picture that was learned from and may be one of those that are scored."""
    known, sizes = known_files(embedded)
    unread = []
    for picture in learned:
        if picture.row is not None:
            unread.append(picture)
            continue
        try:
            status = picture.file.stat()
        except OSError:
            continue
        if (digest := known.get((status.st_dev, status.st_ino))) is not None:
            yield picture, digest
        elif status.st_size in sizes:
            unread.append(picture)
    if not unread:
        return
    progress.start("Comparing with what was trained on", total=len(unread), unit="pictures")
    try:
        for picture in unread:
            try:
                yield picture, content_digest(picture_content(index, picture))
            except PictureError:
                continue
            finally:
                progress.advance()
    finally:
        progress.finish()


def known_files(embedded: Embedded) -> tuple[dict[Identity, bytes], set[int]]:
    """The digest of each file that is scored, by the file itself, and the sizes of those files in bytes."""
    known: dict[Identity, bytes] = {}
    sizes: set[int] = set()
    for picture, digest in zip(embedded.index.pictures, embedded.digests, strict=True):
        if picture.row is None:
            try:
                status = picture.file.stat()
            except OSError:  # gone since it was looked at
                continue
            known[status.st_dev, status.st_ino] = digest
            sizes.add(status.st_size)
    return known, sizes
