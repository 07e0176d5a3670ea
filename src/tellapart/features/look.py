"""Looking at pictures by way of the user's cache, and saying what could not be looked at."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import AnyEngine
from tellapart.cores import thread_count
from tellapart.data.depth import white_of
from tellapart.data.rgb import BEYOND_WHITE
from tellapart.features.cache import FeatureCache, open_cache
from tellapart.features.embed import PLAIN, Embedded, View, embed_pictures
from tellapart.files import FOLDER_VARIABLE
from tellapart.progress import Progress
from tellapart.text import counted
from tellapart.types import Features, Index, LedgerEntry, Picture


def look_at(
    index: Index,
    base: Backbone,
    progress: Progress,
    *,
    engine: AnyEngine | None = None,
    view: View = PLAIN,
    into: Features | None = None,
    keep: bool = True,
) -> Embedded:
    """Features of every picture, by way of the user's cache where it can be used; arguments as for `embed`.

    Without `keep` the cache is left alone: what a net of one run sees, no other run asks for.
    """
    with usable_cache(progress) if keep else contextlib.nullcontext() as cache:
        embedded = embed_pictures(index, base, cache=cache, progress=progress, engine=engine, view=view, into=into)
        if cache is not None and cache.trouble is not None:
            progress.note(f"The feature cache in {cache.path.parent} could not be used throughout ({cache.trouble}).")
    skipped = [entry for entry in embedded.ledger if entry.status == "skipped"]
    if skipped:
        first = skipped[0]
        fate = "is" if len(skipped) == 1 else "are"
        progress.note(
            f"{len(skipped):,} of {counted(len(index.pictures), 'picture')} cannot be read and {fate} left out "
            f"(the first: {first.path}: {first.reason})."
        )
    return embedded


def with_white(base: Backbone, pictures: Iterable[Picture], progress: Progress) -> Backbone:
    """The base that takes for white in 16 bit what these pictures say, where it does not know already.

    What was found is kept in its preprocess, so that a lone picture is read like those of the set.
    """
    if base.preprocess.white is not None:
        return base
    white = white_of(pictures, threads=thread_count(), progress=progress)
    return base if white is None else base.with_white(white)


def say_too_bright(ledger: Sequence[LedgerEntry], progress: Progress) -> None:
    """Say of which pictures a good part is beyond what a model takes for white; the ledger says it of each."""
    bright = [entry for entry in ledger if BEYOND_WHITE in entry.reason]
    if bright:
        progress.note(
            f"{counted(len(bright), 'picture goes', 'pictures go')} beyond what is white in those it learned "
            f"from: too bright for an answer to be worth much (the first: {bright[0].path})."
        )


@contextlib.contextmanager
def usable_cache(progress: Progress) -> Iterator[FeatureCache | None]:
    """The user's cache, or None with a note where it cannot be opened."""
    with contextlib.ExitStack() as stack:
        try:
            cache = stack.enter_context(open_cache())
        except (OSError, sqlite3.Error) as error:
            advice = f"{FOLDER_VARIABLE} names another folder"
            progress.note(f"The feature cache cannot be used ({error}); this run keeps nothing. {advice}.")
            cache = None
        yield cache
