"""From an index to a matrix of features: the only inference loop.

Pictures are read, hashed, looked up and decoded by a few threads that run ahead of the engine by a bounded number of
pictures; the engine works on all cores at once; what it sees is kept on disk as it comes, so that an interrupted run
goes on where it stopped.

Legend: N pictures of the index, M of them readable, D features.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import AnyEngine, Engine, native_precision
from tellapart.cores import thread_count
from tellapart.data.prefetch import look_ahead, threads_to_prepare
from tellapart.data.thumbnail import SIDE, Miniature
from tellapart.errors import PictureError, UsageError
from tellapart.features.cache import Entry, FeatureCache, entry_key
from tellapart.features.content import LastFile, content_digest, handfuls
from tellapart.progress import Progress, Silent, in_stage
from tellapart.types import Features, Index, LedgerEntry, Pixels

Scalar = TypeVar("Scalar", bound=np.generic)
LOOK_AHEAD = 64  # pictures; at 224 px a prepared one takes 150 kB
HANDFUL = 8  # pictures a decode thread takes at once; handing them over one by one costs a tenth of their decoding
KEEP_EVERY = 256  # pictures; what a kill can cost


class View(Protocol):
    """What the base is shown of a picture."""

    @property
    def key(self) -> str:
        """A short string that changes whenever the pixels would: part of the key of everything cached."""

    @property
    def shown(self) -> str:
        """What the base is shown, for whoever reads what it looks at."""

    def apply(self, pixels: Pixels, digest: bytes) -> Pixels:
        """This view of prepared pixels uint8 [S, S, 3] of the picture with that sha256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """The picture as it is."""

    key: str = "plain"
    shown: str = "pictures"

    def apply(self, pixels: Pixels, digest: bytes) -> Pixels:  # noqa: ARG002
        """The pixels themselves."""
        return pixels


PLAIN = Plain()
LOOKING = f"Looking at {PLAIN.shown}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """What a base sees in an index."""

    features: Features  # float32 [M, D], each value rounded to float16 whether it was kept on disk or not
    index: Index  # the M readable pictures, in the order of the rows
    ledger: tuple[LedgerEntry, ...]  # one entry for each of the N pictures
    digests: tuple[bytes, ...]  # sha256 [M] of the bytes of each readable picture
    miniatures: NDArray[np.uint8]  # uint8 [M, SIDE, SIDE, 3], RGB; [0, …] for augmented views, of which none are made
    pixel_digests: tuple[bytes, ...]  # 16 bytes [M], equal where prepared pixels are; b"" for augmented views
    fresh: int  # pictures that the engine had to look at; the others came from the cache
    precision: str  # what the engine computed in
    decode_s: float  # seconds of reading, hashing and decoding, summed over the threads
    embed_s: float  # seconds from first to last picture

    def take(self, rows: Sequence[int]) -> Self:
        """The same of some rows only, or in another order: copies, since this one stays as it is."""
        kept, pictures = list(rows), self.index.pictures
        return replace(
            self,
            features=self.features[kept],
            index=replace(self.index, pictures=tuple(pictures[row] for row in kept)),
            digests=tuple(self.digests[row] for row in kept),
            miniatures=self.miniatures[kept] if len(self.miniatures) else self.miniatures,
            pixel_digests=tuple(self.pixel_digests[row] for row in kept),
        )

    def without_miniatures(self) -> Self:
        """The same without its miniatures; an array of its own, since a view would keep all of them in memory."""
        return replace(self, miniatures=np.empty((0, SIDE, SIDE, 3), np.uint8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """One picture on its way: from the cache (kept), decoded for the engine (pixels), or unreadable (failure)."""

    row: int
    digest: bytes = b""
    key: bytes = b""
    notes: str = ""
    kept: Entry | None = None
    pixels: Pixels | None = None
    miniature: Miniature | None = None
    failure: str = ""
    seconds: float = 0.0

    @property
    def status(self) -> Literal["used", "converted", "skipped"]:
        """What the ledger says of it."""
        if self.failure:
            return "skipped"
        return "converted" if self.notes else "used"


def embed_pictures(
    index: Index,
    backbone: Backbone,
    *,
    view: View = PLAIN,
    into: Features | None = None,
    cache: FeatureCache | None = None,
    progress: Progress | None = None,
    engine: AnyEngine | None = None,
    precision: str = "",
    stage: str = LOOKING,
) -> Embedded:
    """Features of every readable picture of the index, as the base sees that view of each.

    The halves of a joined base look one after another, each at its own squares and with its own rows in the cache.

    Args:
        index: the pictures.
        backbone: the base that looks at them.
        view: what it is shown of each.
        into: float32 [N, D] to be filled, for example rows of a larger matrix; None makes it.
        cache: where features are looked up and kept; None works without.
        progress: told of every picture.
        engine: the base compiled already; None compiles it when the first picture needs it.
        precision: what it is then compiled in; "" for the CPU's own.
        stage: what the listener is told this is.
    """
    progress = progress or Silent()
    matrix = np.empty((len(index.pictures), backbone.width), np.float32) if into is None else into
    found: Embedded | None = None
    for place, (single, columns) in enumerate(zip(backbone.singles, backbone.columns, strict=True)):
        started, shown = time.perf_counter(), index if found is None else found.index
        own = engine.engines[place] if engine else None
        rows = range(len(shown.pictures))
        run = _Run(
            index=shown,
            backbone=single,
            view=view,
            features=matrix[: len(rows)],
            columns=columns if backbone.halves else slice(None),
            cache=cache,
            progress=progress,
            precision=own.precision if own else precision or native_precision(),
            engine=own,
        )
        halves = f" with {single.name}" if backbone.halves else ""
        with in_stage(progress, f"{stage}{halves}", total=len(rows), unit="pictures"):
            try:
                run.take_all()
            finally:
                run.keep()
        seen = run.result(seconds=time.perf_counter() - started)
        found = seen if found is None else _beside(found, seen)
    if found is None:
        raise ValueError("a base that has no singles")
    return found


def _beside(found: Embedded, seen: Embedded) -> Embedded:
    """What halves have seen so far, and the next one in the pictures they could read, in one matrix."""
    later = iter(seen.ledger)
    return replace(
        seen,
        ledger=tuple(entry if entry.status == "skipped" else _worse(entry, next(later)) for entry in found.ledger),
        fresh=max(found.fresh, seen.fresh),
        decode_s=found.decode_s + seen.decode_s,
        embed_s=found.embed_s + seen.embed_s,
    )


def _worse(first: LedgerEntry, then: LedgerEntry) -> LedgerEntry:
    """What became of a picture that was read twice."""
    return then if then.status == "skipped" or first.status == "used" else first


@dataclass(slots=True, kw_only=True)
class _Run:
    """The state of one embed call: the matrix, the batch being filled, and what is to be kept."""

    index: Index
    backbone: Backbone
    view: View
    features: Features  # float32 [n, D], of all singles
    columns: NDArray[np.int64] | slice  # of this one
    cache: FeatureCache | None
    progress: Progress
    precision: str
    engine: Engine | None = None
    batch: list[Ready] = field(default_factory=list)
    ledger: dict[int, LedgerEntry] = field(default_factory=dict)  # by row
    digests: list[bytes] = field(init=False)
    miniatures: NDArray[np.uint8] = field(init=False)
    pixel_digests: list[bytes] = field(init=False)
    unsaved: list[tuple[bytes, Entry]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    fresh: int = 0
    decode_s: float = 0.0
    beyond: bool = False  # a feature was too large to be kept

    def __post_init__(self) -> None:
        self.digests = [b""] * len(self.index.pictures)
        self.pixel_digests = [b""] * len(self.index.pictures)
        count = len(self.index.pictures) if self.shows_pictures_as_they_are else 0
        self.miniatures = np.empty((count, SIDE, SIDE, 3), np.uint8)

    @property
    def shows_pictures_as_they_are(self) -> bool:
        return self.view.key == PLAIN.key

    def take_all(self) -> None:
        """Read the pictures in threads that run ahead, and take each as it comes, to the last row of the engine."""
        handed = handfuls(self.index, size=HANDFUL)
        threads = threads_to_prepare(self.index, thread_count())
        ahead = look_ahead(self.prepare_some, handed, threads=threads, most=LOOK_AHEAD // HANDFUL)
        with contextlib.closing(ahead):
            for some in ahead:
                for ready in some:
                    self.take(ready)
        self.end()

    def prepare_some(self, rows: Sequence[int]) -> list[Ready]:
        """Prepare a handful of pictures; boxes of one file that follow each other share what was read and decoded.

        Runs in a decode thread.
        """
        made, before = list[Ready](), LastFile()
        for row in rows:
            made.append(self.prepare(row, before))
        return made

    def prepare(self, row: int, before: LastFile) -> Ready:
        """Read one picture, find it in the cache or decode it."""
        started = time.perf_counter()
        picture = self.index.pictures[row]
        try:
            content = before.content_of(self.index, picture)
            digest = content_digest(content)
            key = self.key_of(digest)
            kept = self.cache.get(key) if self.cache else None
            if kept is not None and len(kept.row) == self.backbone.width:
                miniature = Miniature.from_bytes(kept.more)
                if miniature is not None or not self.shows_pictures_as_they_are:
                    return Ready(row=row, digest=digest, notes=kept.notes, kept=kept, miniature=miniature)
            prepared = self.backbone.preprocess.apply(content)
            miniature = Miniature.of(prepared.pixels) if self.shows_pictures_as_they_are else None
            pixels = self.view.apply(prepared.pixels, digest)
        except PictureError as error:
            return Ready(row=row, failure=error.what)
        seconds = time.perf_counter() - started
        notes = "; ".join(prepared.notes)
        return Ready(row=row, digest=digest, key=key, notes=notes, pixels=pixels, miniature=miniature, seconds=seconds)

    def key_of(self, digest: bytes) -> bytes:
        """What the picture of that digest is kept under; b"" where nothing is kept."""
        if self.cache is None:
            return b""
        return entry_key(digest, self.backbone.digest, self.precision, self.backbone.preprocess.key, self.view.key)

    def take(self, ready: Ready) -> None:
        """Put one prepared picture where it belongs: into the matrix, the next request, or the list of failures."""
        self.decode_s += ready.seconds
        self.ledger[ready.row] = LedgerEntry(
            path=self.index.pictures[ready.row].path, status=ready.status, reason=ready.failure or ready.notes
        )
        self.digests[ready.row] = ready.digest
        if ready.miniature is not None:
            self.miniatures[ready.row] = ready.miniature.pixels
            self.pixel_digests[ready.row] = ready.miniature.digest
        if ready.pixels is not None:
            self.batch.append(ready)
            self.submit_full_batch()
            return
        if ready.kept is not None:
            self.features[ready.row, self.columns] = ready.kept.row
        self.progress.advance()

    def submit_full_batch(self) -> None:
        if self.engine is None:
            self.engine = Engine(self.backbone, precision=self.precision)
        if len(self.batch) == self.engine.pictures:
            self.submit()

    def submit(self) -> None:
        batch, self.batch = self.batch, []
        images = np.stack([ready.pixels for ready in batch if ready.pixels is not None])
        if self.engine is not None:
            self.engine.submit(images, lambda rows: self.receive(batch, rows))
        if len(self.unsaved) >= KEEP_EVERY:
            self.save()

    def receive(self, batch: list[Ready], rows: Features) -> None:
        """Take the engine's rows float32 [n, D]. Runs in a thread of the engine."""
        with np.errstate(over="ignore"):
            halves = rows.astype(np.float16)
        with self.lock:
            if not np.isfinite(halves).all():
                self.beyond = True
                return
            for ready, half in zip(batch, halves, strict=True):
                self.features[ready.row, self.columns] = half
                if self.cache is not None:
                    more = ready.miniature.to_bytes() if ready.miniature else b""
                    self.unsaved.append((ready.key, Entry(row=half, notes=ready.notes, more=more)))
            self.fresh += len(batch)
        self.progress.advance(len(batch))

    def end(self) -> None:
        if self.batch:
            self.submit()
        if self.engine is not None:
            self.engine.wait()
        if self.beyond:
            what, hint = "the base gives features beyond float16", "Choose another base, size or weights."
            raise UsageError(what, where=self.backbone.name, hint=hint)

    def keep(self) -> None:
        """Keep everything the engine was given, also where something cut the work short."""
        if self.engine is not None:
            self.engine.drain()
        self.save()

    def save(self) -> None:
        with self.lock:
            entries, self.unsaved = self.unsaved, []
        if self.cache is not None and entries:
            self.cache.put(entries)

    def result(self, *, seconds: float) -> Embedded:
        ledger = tuple(self.ledger[row] for row in range(len(self.index.pictures)))
        rows = [row for row, entry in enumerate(ledger) if entry.status != "skipped"]
        return Embedded(
            features=compact_rows(self.features, rows),
            index=replace(self.index, pictures=tuple(self.index.pictures[row] for row in rows)),
            ledger=ledger,
            digests=tuple(self.digests[row] for row in rows),
            miniatures=compact_rows(self.miniatures, rows) if len(self.miniatures) else self.miniatures,
            pixel_digests=tuple(self.pixel_digests[row] for row in rows),
            fresh=self.fresh,
            precision=self.precision,
            decode_s=self.decode_s,
            embed_s=seconds,
        )


def compact_rows(matrix: NDArray[Scalar], rows: list[int]) -> NDArray[Scalar]:
    """Move the given rows, in rising order, to the top of the array in place, and return them as a view [M, …]."""
    for target, source in enumerate(rows):
        if target != source:
            matrix[target] = matrix[source]
    return matrix[: len(rows)]
