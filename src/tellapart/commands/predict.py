"""Answers of a model file about pictures, a part after the other, so that memory does not grow with their number."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tellapart.answers import Answers, Compiled, answer, together
from tellapart.audit.pixels import nothing_on_them
from tellapart.backbones.engine import EXACT, FEW_AT_ONCE, AnyEngine, compiled
from tellapart.bundle.bundle import read_bundle
from tellapart.classifier import Classifier
from tellapart.data.reading import AS_IT_IS, Reading
from tellapart.data.scan import GivenPictures, given_pictures
from tellapart.errors import DataError
from tellapart.features.embed import LOOKING, embed_pictures
from tellapart.features.look import check_precision, check_seen, say_too_bright, with_white
from tellapart.features.together import pack_ledger, readable, unpack_ledger
from tellapart.heads.abstention import Flags, is_weak
from tellapart.heads.products import one_thread
from tellapart.progress import PartOfStage, Progress, Silent, in_stage
from tellapart.types import Index, LedgerEntry, Picture
from tellapart.workers.pool import HERE, Do, Packed, Workers

FEW = 64  # pictures that are looked at in float32 from the start: no second look, and no second decoding
# Pictures of a part: the first answers are soon there, a kill costs seconds, and standing still between two parts, some
# 50 ms, costs little.
SMALLEST_PART, LARGEST_PART = 64, 1024
LONG = 2.0  # seconds; a part that took them is followed by none that is larger


def predict(
    model: Path, paths: Sequence[str | Path], *, reading: Reading = AS_IT_IS, progress: Progress | None = None
) -> Answers:
    """Answer for picture files, for every picture below folders, or for the pictures and boxes that a file lists.

    Raises:
        ModelFileError: the model file is damaged or gives other answers than it must.
        DataError: a path does not exist, or not one of the pictures can be read.
    """
    return together(list(open_asking(model, paths, reading=reading, progress=progress).parts()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A model that is ready to answer about pictures that were found.

    Attributes:
        classifier: what answers.
        engine: its base, compiled.
        given: the pictures.
        count: how many there are.
        boxed: whether there are boxes among them.
        exact: gives the base compiled in float32.
        workers: who looks at the pictures.
        progress: told of every picture.
    """

    classifier: Classifier
    engine: AnyEngine
    given: GivenPictures
    count: int
    boxed: bool
    exact: Compiled
    workers: Workers
    progress: Progress

    def nothing(self) -> Answers:
        """Answers about no picture: what a table of these answers has for a head."""
        return Answers(
            classes=self.classifier.classes,
            pictures=(),
            probabilities=np.empty((0, len(self.classifier.classes))),
            flags=Flags(),
            ledger=(),
            columns=self.given.index.columns,
            boxed=self.boxed,
        )

    def parts(self, *, after: int = 0) -> Iterator[Answers]:
        """Answers about all pictures but the first `after`, some at a time; unreadable ones have their reason.

        Raises:
            DataError: not one of the pictures can be read, and none came before.
        """
        if after < self.count:
            self.workers.ready()  # before the first second that the rate is told of
        unread, told = list[Answers](), bool(after)
        with in_stage(self.progress, LOOKING, total=self.count, unit="pictures"):
            self.progress.advance(after)
            for part in self._parts(islice(self.given, after, None)):
                told = told or bool(part.pictures)
                if told:
                    for ready in (*unread, part):
                        self._tell_unread(ready)
                        yield ready
                unread = [] if told else [*unread, part]
        if unread:
            raise none_readable(unread[0].ledger[0])

    def _tell_unread(self, part: Answers) -> None:
        """Say which pictures cannot be read; those that were never to be looked at stand in the table alone."""
        left_out = {picture.path for picture in part.given if picture.left_out}
        for entry in part.ledger:
            if entry.status == "skipped" and entry.path not in left_out:
                self.progress.note(f"cannot be read: {entry.path} ({entry.reason})")

    def _parts(self, pictures: Iterator[Picture]) -> Iterator[Answers]:
        work = Answering(classifier=self.classifier, boxed=self.boxed, engine=self.engine, exact=self.exact)
        listener = PartOfStage(self.progress, steps=self.count)
        return self.workers.each(work, self._shared_out(pictures), total=self.count, progress=listener)

    def _shared_out(self, pictures: Iterator[Picture]) -> Iterator[Index]:
        """Pictures, some at a time: more of them where the last ones did not take long."""
        most = min(self.workers.part_size(self.count), LARGEST_PART)
        size = min(SMALLEST_PART, most)
        while some := tuple(islice(pictures, size)):
            started = time.perf_counter()
            yield replace(self.given.index, pictures=some)
            if time.perf_counter() - started < LONG:
                size = min(2 * size, most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """The work of answering.

    Attributes:
        classifier: what answers.
        boxed: whether there are boxes among all the pictures.
        engine: its base, compiled; None elsewhere, until the work is open.
        exact: gives the base compiled in float32; None elsewhere, until the work is open.
        precision: what workers elsewhere compute in; "" here.
    """

    classifier: Classifier
    boxed: bool
    engine: AnyEngine | None
    exact: Compiled | None
    precision: str = ""
    stage: ClassVar[str] = LOOKING

    def open(self) -> Do[Answers]:
        """Compile the base, elsewhere."""
        if not self.precision:
            return self.answers
        check_precision(self.precision)
        base = self.classifier.base
        engine = compiled(base, precision=self.precision)
        return replace(self, engine=engine, exact=cache(partial(compiled, base, precision=EXACT))).answers

    def answers(self, part: Index, progress: Progress) -> Answers:
        """Answers about some pictures."""
        if self.engine is None:
            raise ValueError("work that was not opened")
        listener = PartOfStage(progress, steps=len(part.pictures))
        with one_thread():
            found = answers_about(part, self.classifier, self.engine, exact=self.exact, progress=listener)
        return replace(found, boxed=self.boxed)

    def away(self) -> Self:
        """The same with the precision of this machine."""
        precision = self.engine.precision if self.engine else EXACT
        return replace(self, engine=None, exact=None, precision=precision)

    def pack(self, made: Answers) -> Packed:
        """Answers without their pictures."""
        return {
            "probabilities": made.probabilities,
            "unsure": made.flags.unsure,
            "unlike": made.flags.unlike,
            "empty": made.empty,
            **pack_ledger(made.ledger),
        }

    def unpack(self, part: Index, packed: Packed) -> Answers:
        """Answers about pictures that were looked at elsewhere."""
        ledger = unpack_ledger(part, packed)
        check_seen(part, ledger)
        return Answers(
            classes=self.classifier.classes,
            pictures=readable(part, ledger),
            probabilities=np.array(packed["probabilities"]),
            flags=Flags(unsure=own(packed["unsure"]), unlike=own(packed["unlike"])),
            ledger=ledger,
            empty=own(packed["empty"]),
            given=part.pictures,
            columns=part.columns,
            boxed=self.boxed,
            costs=self.classifier.costs,
        )


def own(marks: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """Marks bool [n] in memory of this process; None stays None."""
    return None if marks is None else np.array(marks)


def open_asking(
    model: Path,
    paths: Sequence[str | Path],
    *,
    reading: Reading = AS_IT_IS,
    workers: Workers = HERE,
    progress: Progress | None = None,
) -> Asking:
    """Find pictures, and open a model file to ask it about them.

    Raises:
        ModelFileError: the model file is damaged or gives other answers than it must.
        DataError: a path does not exist, or a folder has no picture.
    """
    progress = progress or Silent()
    given = given_pictures(paths, reading=reading)
    for note in given.index.notes:
        progress.note(note)
    count = sum(1 for _ in given)
    few = count <= FEW
    bundle, engine = read_bundle(model, precision=EXACT if few else None, most=FEW_AT_ONCE if few else None)
    base = with_white(bundle.classifier.base, given, progress)
    promise = bundle.classifier.abstention.guarantee
    if promise is not None and is_weak(promise.to_json()):
        progress.note(promise.in_words())  # else an answer without a mark reads as one to rely on
    return Asking(
        classifier=replace(bundle.classifier, base=base),
        engine=engine,
        given=given,
        count=count,
        boxed=any(picture.box is not None for picture in given.index.pictures),
        exact=cache(partial(compiled, base, precision=EXACT)),
        workers=workers,
        progress=progress,
    )


def none_readable(entry: LedgerEntry) -> DataError:
    """The error where no picture can be read; an entry tells of the first."""
    hint = "docs/formats.md lists what can be read; `tellapart audit` says why each picture cannot."
    return DataError(f"none of the pictures can be read ({entry.reason})", where=entry.path, hint=hint)


def answers_about(
    index: Index,
    classifier: Classifier,
    engine: AnyEngine,
    *,
    exact: Compiled | None = None,
    progress: Progress | None = None,
) -> Answers:
    """What a classifier says of the pictures of an index, by its compiled base; none of it is kept."""
    progress = progress or Silent()
    embedded = embed_pictures(index, classifier.base, progress=progress, engine=engine)
    answers = answer(classifier, embedded, keep=False, exact=exact, progress=progress)
    say_too_bright(answers.ledger, progress)
    boxed = any(picture.box is not None for picture in index.pictures)
    return replace(
        answers,
        empty=nothing_on_them(embedded.miniatures),
        given=index.pictures,
        columns=index.columns,
        boxed=boxed,
    )
