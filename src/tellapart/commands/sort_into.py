"""Answers as folders: each picture copied, or linked to, below the class that it was answered with.

Nothing is ever moved or written over. The table is written before the pictures, so that the same command goes on where
it was stopped, and pictures that are there already stay as they are.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tellapart import files
from tellapart.answers import Answers
from tellapart.commands.answer_table import answer_rows, columns, text_rows
from tellapart.commands.folder_names import Taken, class_folders, safe_name
from tellapart.commands.split import copy_file, equal_files, make_link
from tellapart.errors import OutputError
from tellapart.progress import Progress, Silent, in_stage
from tellapart.runs.folder import LOCK
from tellapart.runs.lock import alone_in
from tellapart.stores import Origin
from tellapart.targets import check_folder_name
from tellapart.types import Picture

TABLE, MARK = "predictions.csv", "sorted-by-tellapart.txt"
UNSURE, UNLIKE, EMPTY = "unsure", "unlike", "empty"
MARK_START = "Pictures that `tellapart predict --into` has put here.\n"
MARK_REST = """
CLASS          answers to rely on
unsure/CLASS   less sure than the model's threshold
unlike/CLASS   the picture is unlike the training set
empty          there is nothing on the picture
predictions.csv has every answer, and in the column file where its picture is. The pictures given were left as they are.
"""
LARGEST_TABLE = 2_000_000_000  # bytes
MOST_TOLD = 10  # classes whose folder has another name
ELSEWHERE = "Choose a new folder with --into; nothing was changed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """One readable picture and the file it is to become, below the folder."""

    picture: Picture
    file: str


@dataclass(slots=True, kw_only=True)
class SortingPlan:
    """The rows of the table, those of former calls first, and what is still to be made."""

    rows: list[list[str]]
    known: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    taken: dict[str, Taken] = field(default_factory=dict)
    missing: list[Placement] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def check_into(folder: Path, sources: Sequence[Path]) -> None:
    """Refuse a folder that is in use for something else, or that pictures given lie in, or that lies in theirs.

    Raises:
        UsageError: it would be called like a file.
        OutputError: it is one of these.
    """
    check_folder_name(folder)
    if os.path.lexists(folder) and not folder.is_dir():
        raise OutputError("the place to sort into is no folder", where=folder, hint=ELSEWHERE)
    place = files.real(folder)
    for source in map(files.real, sources):
        if place.is_relative_to(source) or source.is_relative_to(place):
            raise OutputError(
                "the folder to sort into lies in the pictures given, or they in it", where=folder, hint=ELSEWHERE
            )
    try:
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise files.output_error(error, folder) from error
    strangers = [name for name in names if not name.startswith(files.STAGED_PREFIX)]
    if strangers and not is_sorted_folder(folder):
        what = f"the folder is in use for something else (it holds {strangers[0]})"
        raise OutputError(what, where=folder, hint=ELSEWHERE)


def is_sorted_folder(folder: Path) -> bool:
    """Whether a former call has made the folder."""
    try:
        with files.open_regular(folder / MARK) as mark:
            return not (folder / MARK).is_symlink() and mark.read(len(MARK_START)) == MARK_START.encode()
    except OSError:
        return False


def sort_into(
    folder: Path, answers: Answers, *, sources: Sequence[Path], link: bool = False, progress: Progress | None = None
) -> dict[str, int]:
    """Put each readable picture into its folder below `folder`; how many are in which.

    Args:
        folder: new, empty, or made by a former call, to which this one adds.
        answers: about the pictures.
        sources: what the user named, in which `folder` may not lie.
        link: symbolic links instead of copies.
        progress: told of every picture, and of classes that no folder can be called like.

    Raises:
        OutputError: as `check_into`, or it was made with other classes, or there is no room.
        DataError: a picture cannot be read any more.
    """
    progress = progress or Silent()
    with alone_in(folder, lambda: check_into(folder, sources)):
        folders = class_folders(answers.classes, reserved=(UNSURE, UNLIKE, EMPTY, TABLE, MARK))
        tell_renamed(folders, progress)
        plan = SortingPlan(rows=former_rows(folder, columns(answers)))
        make_plan(plan, folder, answers, folders)
        check_room(folder, plan.missing if not link else [])
        remove_half_files(folder)
        files.write_text(folder / MARK, MARK_START + MARK_REST)
        files.write_csv(folder / TABLE, [*columns(answers), "file"], plan.rows)
        stage = "Linking pictures" if link else "Copying pictures"
        with in_stage(progress, stage, total=len(plan.missing), unit="pictures"):
            for placement in plan.missing:
                place_picture(placement, folder, link=link)
                progress.advance()
    return dict(sorted(plan.counts.items()))


def tell_renamed(folders: Mapping[str, str], progress: Progress) -> None:
    renamed = [(name, place) for name, place in folders.items() if name != place]
    for name, place in renamed[:MOST_TOLD]:
        progress.note(f"The class {name!r} is in the folder {place}, since no folder can be called so here.")
    if len(renamed) > MOST_TOLD:
        progress.note(f"{len(renamed) - MOST_TOLD:,} more classes are in folders of other names; {TABLE} says which.")


def former_rows(folder: Path, names: Sequence[str]) -> list[list[str]]:
    """The rows of the table that former calls have written.

    Raises:
        OutputError: it is not one of these classes, or damaged.
    """
    path = folder / TABLE
    if not os.path.lexists(path):
        return []
    try:
        if path.is_symlink():
            raise ValueError("it is a link")  # noqa: TRY301  said below with the path
        content = files.read_bounded(path, limit=LARGEST_TABLE).decode("utf-8-sig", errors="surrogateescape")
        header, *rows = csv.reader(io.StringIO(content, newline=""), strict=True)
    except (OSError, ValueError, csv.Error) as error:
        raise OutputError(f"the table of this folder cannot be read ({error})", where=path, hint=ELSEWHERE) from error
    if header != [*names, "file"] or any(len(row) != len(header) for row in rows):
        raise OutputError("this folder was sorted by a model of other classes", where=path, hint=ELSEWHERE)
    return rows


def make_plan(plan: SortingPlan, folder: Path, answers: Answers, folders: Mapping[str, str]) -> None:
    """Find the place of every picture: where a former call has put it, else under a name that is free."""
    here: dict[tuple[Origin, str], str] = {}  # where a picture of several boxes is to be
    for former, row in enumerate(plan.rows):
        plan.known[row[0], Path(row[-1]).parent.as_posix() if row[-1] else ""].append(former)
    for place, (_, number, _), row in zip(
        places(answers, folders), list(answer_rows(answers)), text_rows(answers), strict=True
    ):
        before = plan.known[row[0], place]
        there = before.pop(0) if before else None
        if number is None:
            replace_or_add(plan, [*row, ""], there)
            continue
        picture = answers.pictures[number]
        plan.counts[place] += 1
        names = free_names(plan, folder, place)
        if there is not None and is_other(picture.file, folder / plan.rows[there][-1]):
            there = None
        known = here.get((picture.file, place)) if picture.box is not None else None
        file = known or (
            f"{place}/{names.take(safe_name(picture.file.name))}" if there is None else plan.rows[there][-1]
        )
        here[picture.file, place] = file
        replace_or_add(plan, [*row, file], there)
        if known is None and not os.path.lexists(folder / file):
            plan.missing.append(Placement(picture=picture, file=file))


def replace_or_add(plan: SortingPlan, row: list[str], there: int | None) -> None:
    if there is None:
        plan.rows.append(row)
    else:
        plan.rows[there] = row


def places(answers: Answers, folders: Mapping[str, str]) -> Iterator[str]:
    """The folder of each picture given: what speaks most against the answer decides; "" for unreadable ones."""
    best = answers.predicted
    for _, number, _ in answer_rows(answers):
        if number is None:
            yield ""
            continue
        name = folders[answers.classes[best[number]]]
        unsure, unlike, empty = answers.marks(number)
        if empty:
            yield EMPTY
        elif unlike:
            yield f"{UNLIKE}/{name}"
        else:
            yield f"{UNSURE}/{name}" if unsure else name


def free_names(plan: SortingPlan, folder: Path, place: str) -> Taken:
    """The names taken in a folder, on disk or in the table.

    Raises:
        OutputError: a link or a file is where the folder has to be.
    """
    if place not in plan.taken:
        for inner in (folder / place, *(folder / parent for parent in Path(place).parents[:-1])):
            if os.path.lexists(inner) and (inner.is_symlink() or not inner.is_dir()):
                raise OutputError("a link or a file is where a folder has to be", where=inner, hint=ELSEWHERE)
        names = os.listdir(folder / place) if (folder / place).is_dir() else []  # noqa: PTH208  names, not paths
        listed = [Path(row[-1]).name for row in plan.rows if row[-1] and Path(row[-1]).parent == Path(place)]
        plan.taken[place] = Taken([*names, *listed])
    return plan.taken[place]


def is_other(source: Origin, target: Path) -> bool:
    """Whether something is at target that is neither a copy of source nor a link to it."""
    if not os.path.lexists(target):
        return False
    try:
        same = isinstance(source, Path) and target.samefile(source)
        return not (same or equal_files(source, target))
    except OSError:
        return True


def check_room(folder: Path, missing: Sequence[Placement]) -> None:
    """Stop before anything is written where the copies would not fit.

    Raises:
        OutputError: there is no room, or a picture has gone.
    """
    try:
        needed = sum(files.size_of(placement.picture.file) for placement in missing)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise files.output_error(error, folder) from error
    if needed > free:
        what = f"no space left on device for the copies: {needed / 1e6:,.1f} MB of pictures, {free / 1e6:,.1f} MB free"
        raise OutputError(what, where=folder, hint="Free some space, or use --link; nothing was changed.")


def remove_half_files(folder: Path) -> None:
    """Remove the half files that a killed call has left."""
    for place, _, names in os.walk(folder):  # follows no links
        for name in names:
            if name.startswith(files.STAGED_PREFIX) and name != LOCK:
                try:
                    Path(place, name).unlink(missing_ok=True)
                except OSError as error:
                    raise files.output_error(error, folder) from error


def place_picture(placement: Placement, folder: Path, *, link: bool) -> None:
    """Make one file, where there still is none.

    Raises:
        DataError: the picture cannot be read.
        OutputError: it cannot be written.
    """
    target = folder / placement.file
    if os.path.lexists(target):
        raise OutputError("a file has come here meanwhile", where=target, hint="Run it again; nothing was replaced.")
    if link:
        make_link(placement.picture.file, target)
    else:
        copy_file(placement.picture.file, target)
