"""The run that a new one replaces is kept beside it, as RUN.previous, so that the two can be compared.

At every moment there is a complete run, and a kill at any of them is made good by the next run: the finished run is
first held as RUN.previous-new, by links to its files, which nothing ever writes into; only then its folder is opened.
It becomes RUN.previous at once where there is none, and where there is one, when the new run is complete.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path

from tellapart import files
from tellapart.errors import OutputError
from tellapart.runs.folder import LOG, METRICS, RUN_FILES, is_run

ORDER = (LOG, *(name for name in RUN_FILES if name not in (LOG, METRICS)), METRICS)  # a run is known by its log


def previous_of(folder: Path) -> Path:
    """Where the run is that the one in a folder has replaced."""
    place = folder if folder.name not in ("", "..") else files.real(folder)
    return place.with_name(f"{place.name}.previous")


def held_of(folder: Path) -> Path:
    """Where the finished run is while a new one is written over it."""
    return previous_of(folder).with_name(f"{previous_of(folder).name}-new")


def check_previous(folder: Path) -> None:
    """Refuse to keep a finished run where something is that is no run of ours.

    Raises:
        OutputError: something is.
    """
    if not (finished(folder) or os.path.lexists(held_of(folder))):
        return
    for place in (previous_of(folder), held_of(folder)):
        if not os.path.lexists(place):
            continue
        ours = place.is_dir() and not place.is_symlink() and (is_run(place) or not strangers(place))
        if not ours or any((place / name).is_dir() for name in RUN_FILES):
            hint = "Rename it, or choose another folder with -o; nothing was changed."
            raise OutputError("the finished run is to be kept here, and this is no run", where=place, hint=hint)


def hold_finished(folder: Path) -> None:
    """Hold the finished run of a folder, if there is one, before its files are replaced.

    Raises:
        OutputError: it cannot be kept.
    """
    if not finished(folder):
        return
    held = held_of(folder)
    if finished(held) and (held / METRICS).read_bytes() != (folder / METRICS).read_bytes():
        keep_held(folder)  # a kill came between the last two steps of the run before
    try:
        held.mkdir(exist_ok=True)
        for name in reversed(ORDER):
            (held / name).unlink(missing_ok=True)
        for leftover in held.glob(f"{files.STAGED_PREFIX}*"):
            leftover.unlink(missing_ok=True)
        for name in ORDER:
            if is_regular(folder / name):
                link_or_copy(folder / name, held / name)
    except OSError as error:
        raise files.output_error(error, held) from error
    if not finished(previous_of(folder)):
        keep_held(folder)


def keep_held(folder: Path) -> None:
    """Make the run that is held, if there is one, RUN.previous; what else lies in RUN.previous stays.

    Its metrics.json goes last, so that after a kill the next call goes on from there.

    Raises:
        OutputError: it cannot be moved.
    """
    held, previous = held_of(folder), previous_of(folder)
    if not finished(held):
        return
    try:
        previous.mkdir(exist_ok=True)
        if finished(previous):
            for name in reversed(RUN_FILES):
                if name not in (LOG, METRICS) and not (held / name).exists():
                    (previous / name).unlink(missing_ok=True)
            (previous / METRICS).unlink()
        link_or_copy(held / LOG, previous / LOG)
        for name in ORDER[1:]:
            if is_regular(held / name):
                (held / name).replace(previous / name)
                (held / name).unlink(missing_ok=True)  # two links to one file are not moved
        (held / LOG).unlink()  # until now it says whose the folder is
        with contextlib.suppress(OSError):  # someone has laid something beside
            held.rmdir()
    except OSError as error:
        raise files.output_error(error, previous) from error


def strangers(folder: Path) -> list[str]:
    """The names in a folder that no write of ours has left."""
    return [path.name for path in folder.iterdir() if not path.name.startswith(files.STAGED_PREFIX)]


def finished(folder: Path) -> bool:
    """Whether a complete run of ours is in a folder."""
    return is_regular(folder / METRICS) and is_run(folder)


def is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def link_or_copy(source: Path, target: Path) -> None:
    """A second name for a file, or a copy where there is a file already or the file system has no such names.

    Raises:
        OSError: neither can be made.
        OutputError: the copy cannot be written.
    """
    try:
        os.link(source, target)
    except OSError:
        with files.staged(target) as temporary:
            shutil.copyfile(source, temporary)
