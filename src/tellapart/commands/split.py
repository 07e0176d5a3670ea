"""A small set out of a big one: so many pictures a class into train, valid and test, as copies or links.

What is drawn is looked at, so that pictures which show the same are not in two splits.

Nothing is ever moved, changed or deleted, and the same command goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import filecmp
import io
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tellapart import files
from tellapart.backbones.catalogue import load_backbone
from tellapart.commands.folder_names import Taken
from tellapart.cores import thread_count
from tellapart.data.boxes import fragment
from tellapart.data.decode import decode, upright
from tellapart.data.depth import white_of
from tellapart.data.groups import declare_groups
from tellapart.data.png import png_bytes
from tellapart.data.reading import AS_IT_IS, Reading
from tellapart.data.scan import scan
from tellapart.data.walk import SYSTEM_FOLDERS
from tellapart.duplicates.subset import Choice, choose_apart
from tellapart.errors import DataError, OutputError, PictureError, UsageError
from tellapart.features.content import LARGEST_FILE, picture_content
from tellapart.progress import Progress, Silent, in_stage
from tellapart.stores import Origin, StoredObject
from tellapart.targets import check_folder_name
from tellapart.text import counted
from tellapart.types import SPLITS, Index, Picture, SplitName

BASE = "lite0"  # looks at what is drawn
LONGEST_FOLDER = 255  # bytes of a name
WHOLE = 100_000  # a side that nothing is reduced for


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedPicture:
    """One picture and the file it is to become."""

    picture: Picture
    split: SplitName
    target: Path


def split(
    data: Path,
    out: Path,
    *,
    sizes: Mapping[SplitName, int],
    seed: int = 0,
    link: bool = False,
    group_by: str | None = None,
    near: bool = True,
    reading: Reading = AS_IT_IS,
    progress: Progress | None = None,
) -> dict[str, dict[SplitName, int]]:
    """Write OUT/{train,valid,test}/{class}/… with sizes pictures a class and split; the counts, by class.

    Args:
        data: any data that `train` takes; splits it has are not looked at.
        out: where to; made if it is not there.
        sizes: pictures per class in each split; a split of 0 is left out.
        seed: which pictures are drawn.
        link: symbolic links instead of copies.
        group_by: declares groups of pictures of which no two splits get any, see `declare_groups`.
        near: look at what is drawn, so that no edit of a picture is in another split; else only equal files are told.
        reading: what is said of data that can be read in more than one way.
        progress: told of every picture.

    Raises:
        UsageError: the sizes make no sense, or links are asked for pictures that have no file of their own.
        DataError: a class has too few pictures, or a name that no folder can have, or the data cannot be used.
        OutputError: OUT cannot be written to, or holds pictures that are not of this draw.
    """
    if min(sizes.values()) < 0 or sum(sizes.values()) == 0:
        raise UsageError(
            "the sizes of the splits are no counts of pictures", hint="For example: --train 100 --valid 50 --test 50."
        )
    progress = progress or Silent()
    index = scan(data, reading=replace(reading, grouped=group_by is not None, redrawn=True), progress=progress)
    index = index if group_by is None else declare_groups(index, group_by, progress=progress)
    if link:
        check_linkable(index, data)
    check_out(out, data)
    check_names(index)
    base = load_backbone(BASE) if near else None
    whole = index
    index, chosen = choose_apart(index, base, sizes=sizes, seed=seed, progress=progress)
    left_out = len(whole.pictures) - len(index.pictures)
    if left_out:
        drawn = counted(left_out, "picture that cannot be read was", "pictures that cannot be read were")
        progress.note(f"{drawn} drawn and replaced by others.")
    placements = list(place(index, out, chosen))
    check_place(out, {placement.target for placement in placements})
    remove_half_splits(out)
    white = white_of_boxes(placements, progress)
    with in_stage(progress, "Linking pictures" if link else "Copying pictures", total=len(placements), unit="pictures"):
        counts: dict[str, dict[SplitName, int]] = {name: dict.fromkeys(SPLITS, 0) for name in index.classes}
        for placement in placements:
            place_in_split(placement, index, link=link, white=white)
            counts[placement.picture.label or ""][placement.split] += 1
            progress.advance()
    return counts


def check_out(out: Path, data: Path) -> None:
    """Stop where OUT would be called like a file, or lie inside the data.

    Raises:
        UsageError: it would.
    """
    check_folder_name(out)
    if files.real(out).is_relative_to(files.real(data)) and data.is_dir():
        raise UsageError("the new set would lie inside the old one", where=out, hint="Choose a folder outside it.")


def check_linkable(index: Index, data: Path) -> None:
    """Stop where not every picture has a file of its own.

    Raises:
        UsageError: it is so.
    """
    if index.arrays:
        raise UsageError("pictures inside IDX files cannot be linked to", where=data, hint="Leave --link out.")
    if any(picture.box for picture in index.pictures):
        raise UsageError("boxes are cut out of pictures, no link leads to one", where=data, hint="Leave --link out.")


def check_names(index: Index) -> None:
    """Stop at classes of a manifest that are no name of one folder: they would be written elsewhere, even outside OUT.

    So are those whose folders nothing would read again, such as hidden ones.

    Raises:
        DataError: there is one.
    """
    for name in index.classes:
        if (
            name in (".", "..")
            or any(character in name for character in "/\\\0")
            or len(name.encode()) > LONGEST_FOLDER
        ):
            raise DataError("the class cannot be the name of a folder", where=name, hint="Give it another name.")
        if name.startswith(".") or name in SYSTEM_FOLDERS:
            raise DataError("a folder called like the class is never read", where=name, hint="Give it another name.")


def check_place(out: Path, targets: set[Path]) -> None:
    """Stop where OUT holds files of another draw: a picture could then be in train and in test.

    Nor is anything written or removed through a link in OUT, which leads out of it.

    Raises:
        OutputError: it does, or one of its folders is a link.
    """
    for folder in sorted({*(out / name for name in SPLITS), *(target.parent for target in targets)}):
        if folder.is_symlink():
            hint = "Choose an empty folder; nothing was changed."
            raise OutputError("a link is where a folder has to be", where=folder, hint=hint)
    for name in SPLITS:
        for found in sorted((out / name).rglob("*")):
            if not found.is_dir() and found not in targets and not found.name.startswith(files.STAGED_PREFIX):
                hint = "Choose an empty folder; nothing was changed."
                raise OutputError("the folder holds files that are not of this draw", where=found, hint=hint)


def remove_half_splits(out: Path) -> None:
    """Remove the half files that a killed run has left below OUT's splits.

    Raises:
        OutputError: one cannot be removed.
    """
    for name in SPLITS:
        for leftover in (out / name).rglob(f"{files.STAGED_PREFIX}*"):
            try:
                leftover.unlink(missing_ok=True)
            except OSError as error:
                raise files.output_error(error, leftover) from error


def place(index: Index, out: Path, chosen: Sequence[Choice]) -> Iterator[PlacedPicture]:
    """The file that each chosen picture is to become."""
    by_class: dict[str, list[int]] = defaultdict(list)
    for row, picture in enumerate(index.pictures):
        by_class[picture.label or ""].append(row)
    names: dict[int, str] = {}
    for rows in by_class.values():
        names.update(zip(rows, target_names([index.pictures[row] for row in rows]), strict=True))
    for choice in chosen:
        picture = index.pictures[choice.row]
        target = out / choice.split / (picture.label or "") / names[choice.row]
        yield PlacedPicture(picture=picture, split=choice.split, target=target)


def target_names(pictures: list[Picture]) -> list[str]:
    """A file name for each picture: its own, with a number where two would share one."""
    taken, names = Taken(), []
    for picture in pictures:
        name = picture.file.name if picture.row is None else f"{picture.row:06d}.png"
        if picture.box is not None:
            name = f"{picture.file.stem}{re.sub('[^0-9.]+', '-', fragment(picture.box))}.png"
        names.append(taken.take(name))
    return names


def white_of_boxes(placements: Sequence[PlacedPicture], progress: Progress) -> int | None:
    """What is white in the pictures that boxes are cut out of, since those become PNGs of 8 bit; see `white_of`."""
    boxed = {placement.picture.file: placement.picture for placement in placements if placement.picture.box}
    return white_of(boxed.values(), threads=thread_count(), progress=progress)


def place_in_split(placement: PlacedPicture, index: Index, *, link: bool, white: int | None = None) -> None:
    """Make one file, unless it is there already and is the same; `white` is for `made_png`.

    Raises:
        DataError: the picture's file cannot be read.
        OutputError: another file is there, or it cannot be written.
    """
    picture, target = placement.picture, placement.target
    if os.path.lexists(target):
        if target.exists() and is_same(picture, target, index, white=white):
            return
        hint = "Choose an empty folder; nothing was replaced."
        raise OutputError("another file is already there", where=target, hint=hint)
    if picture.row is not None or picture.box is not None:
        files.write_bytes(target, made_png(picture, index, white=white))
    elif link:
        make_link(picture.file, target)
    else:
        copy_file(picture.file, target)


def copy_file(source: Origin, target: Path) -> None:
    """Copy the bytes of a file or of an object.

    Raises:
        DataError: the source cannot be opened.
        OutputError: the target cannot be written.
    """
    try:
        opened = io.BytesIO(object_bytes(source)) if isinstance(source, StoredObject) else files.open_regular(source)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        hint = "Make it readable or take it out, then run it again."
        raise DataError(f"cannot read a picture ({reason})", where=str(source), hint=hint) from error
    with opened, files.staged(target) as temporary, temporary.open("wb") as copy:
        shutil.copyfileobj(opened, copy)


def is_same(picture: Picture, target: Path, index: Index, *, white: int | None) -> bool:
    """Whether a file that is there already is the one that `place_in_split` would make."""
    if picture.row is None and picture.box is None:
        return equal_files(picture.file, target)
    expected = made_png(picture, index, white=white)
    try:
        return expected == files.read_bounded(target, limit=len(expected))
    except (OSError, ValueError):
        return False


def equal_files(source: Origin, target: Path) -> bool:
    """Whether a file has the bytes of another, or of an object.

    Raises:
        OSError, DataError, MissingExtraError: one cannot be read.
    """
    if isinstance(source, Path):
        return filecmp.cmp(source, target, shallow=False)
    with contextlib.suppress(ValueError):  # one is larger than pictures are
        return object_bytes(source) == files.read_bounded(target, limit=LARGEST_FILE)
    return False


def object_bytes(source: StoredObject) -> bytes:
    """The bytes of an object.

    Raises:
        ValueError: they are more than a picture may have.
        OSError, DataError, MissingExtraError: it cannot be read.
    """
    return files.read_bounded(source, limit=LARGEST_FILE)


def made_png(picture: Picture, index: Index, *, white: int | None = None) -> bytes:
    """The PNG of a row of an IDX file, or of a box as it is shown; `white` is that of 16 bit, as in `decode`.

    Raises:
        DataError: the picture cannot be read.
    """
    if picture.row is not None:
        return png_bytes(index.arrays[picture.file][picture.row])
    try:
        content = picture_content(index, picture)
        if isinstance(content, np.ndarray):
            return png_bytes(content)
        decoded = decode(content, at_least=WHOLE, white=white)
    except PictureError as error:
        raise DataError(f"cannot read a picture ({error.what})", where=picture.path) from error
    return png_bytes(upright(decoded.pixels, decoded.orientation))


def make_link(source: Origin, target: Path) -> None:
    """A symbolic link at target to the absolute place of source.

    Raises:
        OutputError: it cannot be made.
    """
    if isinstance(source, StoredObject):
        raise OutputError("no link can lead to an object of a store", where=str(source), hint="Leave out --link.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(files.real(source))
    except OSError as error:
        raise files.output_error(error, target) from error
