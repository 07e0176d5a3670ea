"""Answers written to a file as they come, so that the same command goes on where an earlier one was killed.

Beside the file lie, until it is finished, the rows so far and a journal: a line for what was asked, and one for each
part of the pictures with how many they are, where their rows end, and a digest of their paths, sizes and times. What
the journal says of pictures that are still the same stands; all behind it is asked for again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import tellapart
from tellapart import files
from tellapart.answers import Answers
from tellapart.commands.predict import Asking
from tellapart.errors import OutputError
from tellapart.progress import say
from tellapart.runs.lock import open_locked, owner_text
from tellapart.stores import StoredObject
from tellapart.text import to_utf8
from tellapart.types import Picture

LONGEST_JOURNAL: Final = 64_000_000  # bytes
OWN_FILE: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | files.O_CLOEXEC | files.O_BINARY
TAKEN: Final = "another command is writing this file"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowForm:
    """How answers become the content of a file, a part after the other.

    Attributes:
        name: of the form, with all that its rows depend on besides.
        head: what stands before the first row.
        rows: the rows of a part.
        finish: makes the file out of all rows, for a form that cannot be written part by part; else they are the file.
    """

    name: str
    head: str
    rows: Callable[[Answers], str]
    finish: Callable[[Iterable[bytes], BinaryIO], None] | None = None


def write_answers(asking: Asking, model: Path, out: Path, form: RowForm) -> None:
    """Ask about all pictures and write what is said; pictures that an earlier call has asked about stand.

    Args:
        asking: the model and the pictures.
        model: its file.
        out: the file to write.
        form: of the rows.

    Raises:
        DataError: not one of the pictures can be read.
        OutputError: it cannot be written; what was asked so far is kept for the same command.
    """
    asked = {
        "form": form.name,
        "head": form.head,
        "model": digest_of_model(model),
        "white": asking.classifier.base.preprocess.white,
        "precision": asking.engine.precision,
        "tellapart": tellapart.__version__,
    }
    with open_rows(out, asked) as rows:
        kept = rows.begin(to_utf8(form.head), asking.given)
        if kept:
            say(f"{kept:,} pictures were answered by an earlier call; it goes on behind them.")
        for part in asking.parts(after=kept):
            rows.add(part.given, to_utf8(form.rows(part)))
        rows.finish(form.finish)


def write_at_once(answers: Answers, out: Path, form: RowForm) -> None:
    """Write answers that are all there.

    Raises:
        OutputError: it cannot be written.
    """
    rows = to_utf8(form.rows(answers))
    with files.staged(out, follow=True) as place, place.open("wb") as file:
        if form.finish is None:
            file.write(to_utf8(form.head) + rows)
        else:
            form.finish(rows.splitlines(), file)


def digest_of_model(model: Path) -> str:
    """The sha256 of a model file, in hexadecimal digits."""
    with files.open_regular(model) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def open_rows(out: Path, asked: Mapping[str, Any]) -> Iterator[Rows]:
    """The rows on their way to a file, which nobody else writes meanwhile.

    Where nothing of them was written they are gone afterwards; else they are kept until the file is finished.

    Raises:
        OutputError: the place cannot be written to, or another command writes there.
    """
    out = files.writable_place(out, follow=True)
    name = f"{files.STAGED_PREFIX}answers-{hashlib.sha256(os.fsencode(out.name)).hexdigest()[:16]}"
    places = [out.parent / f"{name}.{ending}" for ending in ("lock", "journal", "rows")]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        lock = open_locked(places[0], where=out, taken=TAKEN)
        try:
            os.ftruncate(lock, 0)
            os.write(lock, owner_text().encode())
            with own_file(places[1]) as journal, own_file(places[2]) as content:
                rows = Rows(out, journal, content, places=places[1:], asked=asked)
                try:
                    yield rows
                finally:
                    if rows.nothing:
                        for place in places[1:]:
                            place.unlink(missing_ok=True)
        finally:
            if os.name != "nt":
                places[0].unlink(missing_ok=True)  # while it is still locked, so that it is ours
            os.close(lock)
    except OSError as error:
        raise files.output_error(error, out) from error


def own_file(path: Path) -> BinaryIO:
    """A file to be read and written that this user has made, and no link: such names can be guessed by others.

    Raises:
        OutputError: it is none.
        OSError: it cannot be opened.
    """
    file = os.fdopen(os.open(path, OWN_FILE, 0o600), "r+b")
    status = os.fstat(file.fileno())
    if status.st_nlink != 1 or (hasattr(os, "geteuid") and status.st_uid != os.geteuid()):
        file.close()
        raise OutputError("rows kept by somebody else", where=path, hint="Remove that file, then run it again.")
    return file


class Rows:
    """The rows of one file, and the journal beside them."""

    def __init__(
        self, out: Path, journal: BinaryIO, content: BinaryIO, *, places: Sequence[Path], asked: Mapping[str, Any]
    ) -> None:
        """Of a file out, in two files open at places; asked is all that the rows depend on but the pictures."""
        self._out, self._journal, self._content = out, journal, content
        self._journal_path, self._content_path = places
        self._asked = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        self.nothing = True  # not a row is there

    def begin(self, head: bytes, pictures: Iterable[Picture]) -> int:
        """How many of the pictures, from the first on, are answered already; without any the head is written."""
        kept, end, lines = self._still_true(iter(pictures))
        if not kept:
            end, lines = len(head), [json.dumps({"asked": self._asked}).encode() + b"\n"]
            self._content.seek(0)
            self._content.write(head)
        self._content.truncate(end)
        self._content.seek(end)
        self._journal.seek(0)
        self._journal.truncate()
        self._write(self._journal, b"".join(lines))
        self.nothing = not kept
        return kept

    def add(self, pictures: Sequence[Picture], rows: bytes) -> None:
        """Write the rows of the next pictures."""
        self._write(self._content, rows)
        step = {"pictures": len(pictures), "end": self._content.tell(), "digest": digest_of(pictures)}
        self._write(self._journal, json.dumps(step).encode() + b"\n")
        self.nothing = False

    def finish(self, make: Callable[[Iterable[bytes], BinaryIO], None] | None) -> None:
        """Put the file in its place."""
        if make is not None:
            self._content.seek(0)
            with files.staged(self._out) as place, place.open("wb") as file:
                make(self._content, file)
        self._content.close()
        self._journal.close()
        if make is None:
            files.put_in_place(self._content_path, self._out)
        for path in (self._content_path, self._journal_path):
            path.unlink(missing_ok=True)

    def _still_true(self, pictures: Iterator[Picture]) -> tuple[int, int, list[bytes]]:
        """Pictures whose rows stand, where those rows end, and the lines of the journal that say so."""
        kept = end = 0
        size = os.fstat(self._content.fileno()).st_size
        first, *rest = self._journal.read(LONGEST_JOURNAL).splitlines(keepends=True) or [b""]
        if first != json.dumps({"asked": self._asked}).encode() + b"\n":
            return 0, 0, []
        lines = [first]
        for line in rest:
            step = read_step(line)
            if step is None or not end < step["end"] <= size:
                break
            some = list(islice(pictures, step["pictures"]))
            if len(some) < step["pictures"] or digest_of(some) != step["digest"]:
                break
            kept, end = kept + len(some), step["end"]
            lines.append(line)
        return kept, end, lines

    def _write(self, file: BinaryIO, content: bytes) -> None:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def read_step(line: bytes) -> dict[str, Any] | None:
    """A line of a journal; None for one that was not written to its end."""
    try:
        step = files.parse_json(line)
    except ValueError:
        return None
    kinds = {"pictures": int, "end": int, "digest": str}
    sound = line.endswith(b"\n") and isinstance(step, dict) and all(type(step.get(k)) is kinds[k] for k in kinds)
    return step if sound and step["pictures"] > 0 else None


def digest_of(pictures: Sequence[Picture]) -> str:
    """A digest of pictures that changes whenever one of their files does, as its size and time tell.

    An object of a store is taken for what it was: to ask for its time is a request for each.
    """
    digest = hashlib.sha256()
    for picture in pictures:
        state = "stored" if isinstance(picture.file, StoredObject) else state_of(picture.file)
        digest.update(
            f"{picture.path}\0{state}\0{picture.left_out}\0{picture.given}\n".encode("utf-8", "surrogateescape")
        )
    return digest.hexdigest()


def state_of(file: Path) -> str:
    """What changes whenever a file does: its size and its time."""
    try:
        status = os.stat(file)  # noqa: PTH116  (there may be a million)
    except OSError:
        return "gone"
    return f"{status.st_size} {status.st_mtime_ns}"
