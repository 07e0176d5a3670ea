"""Looking at pictures by way of the user's cache, and saying what could not be looked at."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import EXACT, AnyEngine, compiled, native_precision
from tellapart.cores import thread_count
from tellapart.data.depth import white_of
from tellapart.data.rgb import BEYOND_WHITE
from tellapart.errors import UsageError
from tellapart.features.cache import FeatureCache, open_cache
from tellapart.features.embed import PLAIN, Embedded, View, embed_pictures
from tellapart.features.take import TAKEN_AT_ONCE, Take
from tellapart.features.together import pack_embedded, parts_together, unpack_embedded
from tellapart.files import FOLDER_VARIABLE
from tellapart.progress import PartOfStage, Progress
from tellapart.text import counted
from tellapart.types import Features, Index, LedgerEntry, Picture
from tellapart.workers.pool import HERE, Do, Packed, Workers, parts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """The work of looking at pictures, by way of the cache of whoever does it; attributes as for `embed_pictures`.

    Attributes:
        keep: whether the cache is used.
        take: what is taken of the features; None for all of them.
        miniatures: whether they are wanted.
        precision: what is computed in where no engine is given; "" for this machine's own.
        is_away: whether this is done elsewhere; here the base is compiled when a picture needs it.
        purpose: what for, as the end of a stage that is told: "to find copies"; "" where that is plain.
    """

    base: Backbone
    view: View = PLAIN
    keep: bool = True
    take: Take | None = None
    miniatures: bool = True
    engine: AnyEngine | None = None
    into: Features | None = None
    precision: str = ""
    is_away: bool = False
    purpose: str = ""

    @property
    def stage(self) -> str:
        """What it is and what for, for whoever listens."""
        return f"Looking at {self.view.shown} {self.purpose}".rstrip()

    def open(self) -> Do[Embedded]:
        """Compile the base, elsewhere."""
        if self.is_away:
            check_precision(self.precision)
            return replace(self, engine=compiled(self.base, precision=self.precision)).look
        return self.look

    def look(self, part: Index, progress: Progress) -> Embedded:
        """Look at some pictures."""
        with usable_cache(progress) if self.keep else contextlib.nullcontext() as cache:
            embedded = embed_pictures(
                part,
                self.base,
                cache=cache,
                progress=progress,
                engine=self.engine,
                precision=self.precision,
                view=self.view,
                into=self.into,
                stage=self.stage,
            )
            if cache is not None and cache.trouble is not None:
                what = f"The feature cache in {cache.path.parent} could not be used throughout ({cache.trouble})."
                progress.note(what)
        if self.take is not None:
            embedded = replace(embedded, features=self.take(embedded.features, embedded.index))
        return embedded if self.miniatures else embedded.without_miniatures()

    def away(self) -> Self:
        """The same with the precision of this machine, so that all rows are alike."""
        precision = self.engine.precision if self.engine else self.precision or native_precision()
        return replace(self, engine=None, into=None, precision=precision, is_away=True)

    def pack(self, made: Embedded) -> Packed:
        """What was seen, as arrays and texts."""
        return pack_embedded(made)

    def unpack(self, part: Index, packed: Packed) -> Embedded:
        """What was seen elsewhere."""
        embedded = unpack_embedded(part, packed)
        check_seen(part, embedded.ledger)
        return embedded


def look_at(
    index: Index,
    base: Backbone,
    progress: Progress,
    *,
    engine: AnyEngine | None = None,
    precision: str = "",
    view: View = PLAIN,
    into: Features | None = None,
    keep: bool = True,
    take: Take | None = None,
    workers: Workers = HERE,
    purpose: str = "",
) -> Embedded:
    """Features of every picture, by way of the user's cache where it can be used; arguments as for `embed_pictures`.

    Without `keep` the cache is left alone: what a net of one run sees, no other run asks for. Workers elsewhere use
    the cache of their own machine. With `take` only that is taken of the features, of TAKEN_AT_ONCE pictures at a time,
    and the others can be asked for as `LeftFeatures`. `purpose` is for the listener, as `Looking` has it.
    """
    started, count = time.perf_counter(), len(index.pictures)
    work = Looking(
        base=base,
        view=view,
        keep=keep,
        engine=engine,
        precision=precision,
        into=into,
        take=take,
        purpose=purpose,
    )
    size = workers.part_size(count) if take is None else min(workers.part_size(count), TAKEN_AT_ONCE)
    width, listening = base.width if take is None else take.width, progress
    if take is not None:  # several parts, and one stage
        progress.start(work.stage, total=count, unit="pictures")
        listening = PartOfStage(progress, steps=count)
    seen = workers.each(
        work, parts_of(index, size), total=count, progress=listening, remember=take is not None and keep
    )
    try:
        embedded = parts_together(seen, index, width=width, into=into, since=started)
    finally:
        if take is not None:
            progress.finish()
    if not embedded.fresh and len(embedded.features):
        progress.note("None had to be looked at again: what the base saw of them was kept from before.")
    skipped = [entry for entry in embedded.ledger if entry.status == "skipped"]
    if skipped:
        first = skipped[0]
        fate = "is" if len(skipped) == 1 else "are"
        progress.note(
            f"{len(skipped):,} of {counted(len(index.pictures), 'picture')} cannot be read and {fate} left out "
            f"(the first: {first.path}: {first.reason})."
        )
    return embedded


def check_precision(wanted: str) -> None:
    """Stop where this machine cannot compute as the one that asked.

    Raises:
        UsageError: it is so.
    """
    own = native_precision()
    if wanted not in (own, EXACT):
        what = f"a worker computes in {own}, and the machine that asks in {wanted}"
        raise UsageError(what, hint="Use machines of one kind, or ask from the oldest of them.")


def check_seen(part: Index, ledger: Sequence[LedgerEntry]) -> None:
    """Stop where workers do not see what is to be seen here: a folder that they do not share.

    Raises:
        UsageError: it is so.
    """
    absent = os.strerror(errno.ENOENT).lower()
    for picture, entry in zip(part.pictures, ledger, strict=True):
        unseen = entry.reason == absent and not picture.left_out and isinstance(picture.file, Path)
        if unseen and os.path.exists(str(picture.file)):  # noqa: PTH110
            hint = "Put the pictures into a folder that all machines of the cluster share, by the same name."
            raise UsageError("a worker does not find a picture that is here", where=str(picture.file), hint=hint)


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
