"""Small pictures of an audit, inside its page, so that it needs no file beside it."""

from __future__ import annotations

from collections.abc import Iterable

from tellapart.progress import Progress, Silent, in_stage
from tellapart.report.inlined import data_address
from tellapart.report.shots import take_shot
from tellapart.types import Index


def thumbnails(index: Index, paths: Iterable[str], *, progress: Progress | None = None) -> dict[str, str]:
    """Data URIs of some pictures of the index, by path; what cannot be read has none, and the page says so."""
    progress = progress or Silent()
    wanted = set(paths)
    chosen = [picture for picture in index.pictures if picture.path in wanted]
    with in_stage(progress, "Drawing small pictures", total=len(chosen), unit="pictures"):
        drawn = {}
        for picture in chosen:
            shot = take_shot(index, picture)
            if shot is not None:
                drawn[picture.path] = data_address(shot.content, shot.kind)
            progress.advance()
    return drawn
