"""Where the pictures of a run are now. A run may come from someone else, and so may all that it says of places.

Pictures are read only in the place that the user names, or else below the one that the run names, which is said aloud.
A manifest, and a link in a folder, may lead anywhere: it is followed where the user names the place, as in training;
where the run does, only to what really lies below the place, or in the manifest's own folder.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path

from tellapart import files
from tellapart.data.reading import Reading
from tellapart.data.scan import scan
from tellapart.errors import DataError, TellapartError, one_line
from tellapart.evaluation.run_metrics import RunMetrics
from tellapart.progress import Progress
from tellapart.runs.read import read_ledger, read_splits
from tellapart.text import counted
from tellapart.types import Index, Picture

SPARE = 10_000  # files and folders that a place may have beyond twice those that the run saw there


def find_pictures(run: Path, metrics: RunMetrics, *, named: Path | None, progress: Progress) -> Index | str:
    """Index the data of a run again, or say why that cannot be done, as a clause.

    Args:
        run: its folder.
        metrics: its figures.
        named: where the user says that the pictures are; None for where the run says they were.
        progress: told which place that is, and how many pictures lead out of it.
    """
    place = metrics.data_path if named is None else str(named)
    if not place:
        return "the run does not say where its data was; --data names it"
    try:
        if named is None and holds_more(Path(place), than=SPARE + 2 * files_seen(run)):
            return f"there is far more than its data where it says that was ({one_line(place)}); --data names the place"
        index = scan(Path(place), reading=Reading.from_json(metrics.data.get("reading")))  # as it was read then
        root = files.real(Path(place)).parent if Path(place).is_file() else files.real(Path(place))
    except (TellapartError, OSError, ValueError, RuntimeError) as error:
        reason = (
            error.what if isinstance(error, TellapartError) else getattr(error, "strerror", None) or "no such place"
        )
        there = f"({reason}: {one_line(place)})"
        was = f"no longer where it was {there}; --data names another place"
        return f"the data is {was if named is None else f'not where --data says {there}'}"
    if named is not None:
        return index
    progress.note(f"Pictures are read below {root}, where the run says that its data was; --data names another place.")
    pictures = below(root, index.pictures)
    if len(pictures) < len(index.pictures):
        outside = counted(len(index.pictures) - len(pictures), "picture lies", "pictures lie")
        are = "is" if outside.startswith("1 ") else "are"
        progress.note(f"{outside} outside {root} and {are} left out; --data with that place has them read.")
        if not pictures:
            return f"they lie outside {one_line(str(root))}; --data with that place has them read where links lead"
    return replace(index, pictures=pictures)


def files_seen(run: Path) -> int:
    """How many files the run says it saw: rows of ledger.csv and split.csv, as many as there are and can be read."""
    count = 0
    for rows in (read_ledger, read_splits):
        with contextlib.suppress(DataError):  # whoever needs the table itself will say what is wrong with it
            for _ in rows(run):
                count += 1
    return count


def holds_more(place: Path, *, than: int) -> bool:
    """Whether there are more files and folders below a place than that, without looking at any more of them.

    Links to folders are followed, as `scan` follows them, and each folder is entered once.

    Raises:
        OSError: a folder cannot be listed.
    """
    waiting, entered, count = [str(place)], set(), 0
    while waiting:
        folder = waiting.pop()
        status = os.stat(folder)  # noqa: PTH116  a str all the way down, as in data/walk.py
        if (status.st_dev, status.st_ino) in entered or not os.path.isdir(folder):  # noqa: PTH112
            continue
        entered.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            for entry in entries:
                count += 1
                if count > than:
                    return True
                if _is_folder(entry):
                    waiting.append(entry.path)
    return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return not entry.name.startswith(".") and entry.is_dir()
    except OSError:
        return False


def below(root: Path, pictures: tuple[Picture, ...]) -> tuple[Picture, ...]:
    """The pictures whose files really lie below a folder, links followed. Only links cost more than a look."""
    folders: dict[Path, bool] = {}

    def inside(file: Path) -> bool:
        if file.is_symlink():
            return files.real(file).is_relative_to(root)
        if file.parent not in folders:
            folders[file.parent] = files.real(file.parent).is_relative_to(root)
        return folders[file.parent]

    return tuple(picture for picture in pictures if isinstance(picture.file, Path) and inside(picture.file))
