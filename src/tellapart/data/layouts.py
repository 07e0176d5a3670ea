"""Which folders are classes and which are splits: understood, or both readings told. Nothing is guessed in silence."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tellapart.data.names import class_name, written
from tellapart.data.reading import ClassesAt
from tellapart.data.split_words import is_container, split_of, splits_of
from tellapart.data.tree import Folder
from tellapart.errors import DataError
from tellapart.types import SPLITS, SplitName

FOLDERS, SPLIT_FOLDERS = "folders", "split folders"
SPLITS_INSIDE, BOTTOM = "class folders with split folders inside", "folders, classes at the bottom"
CLASSES_HINT: Final = "Make one folder for each class and put its pictures there."
_PLAIN: Final = frozenset(("train", "valid", "val", "validation", "test"))
_NAMED: Final = 3  # folders that a message names


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFolder:
    """A folder whose pictures, at any depth, are of one class and one split."""

    folder: Folder
    label: str
    split: SplitName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a folder is to be read.

    Attributes:
        folders: those that pictures are taken from.
        layout: as in `Index`.
        notes: what was not plain, a line each.
        between: the folders above those, whose other contents are listed as passed over.
        passed: why whole folders are passed over, by path.
    """

    folders: tuple[ClassFolder, ...]
    layout: str
    notes: tuple[str, ...]
    between: tuple[Folder, ...]
    passed: dict[str, str]


def understand(tree: Folder, *, classes: ClassesAt | None) -> Plan:
    """Which folders of a tree are classes, and in which splits.

    Args:
        tree: the data.
        classes: "top" takes each folder directly in it for a class with all that is below it, "bottom" each folder
            that pictures lie in; None for what the names say.

    Raises:
        DataError: it can be read in two ways, or there is nothing to read in a split.
    """
    if classes == "top":
        return _plan(FOLDERS, _as_classes(tree.folders), between=[tree])
    chain = [tree]
    while (inner := _wrapped(chain[-1])) is not None:
        chain.append(inner)
    base = chain[-1]
    notes = [f"The data is read from the folder {written(base.path)} in it."] if len(chain) > 1 else []
    splits, more, passed = _splits_on_top(base, may_stop=classes is None)
    if classes == "bottom":
        plan = _at_bottom(base, splits, between=chain, notes=notes, passed=passed)
    elif splits:
        plan = _inside_splits(base, splits, between=chain, notes=[*notes, *more], passed=passed)
    else:
        plan = _classes_on_top(base, between=chain, notes=[*notes, *more])
    if len(chain) == 1:
        return plan
    return replace(plan, layout=f"{plan.layout}, in {written(base.path).rstrip('/')}")


def _plan(
    layout: str,
    folders: Iterable[ClassFolder],
    *,
    between: Sequence[Folder],
    notes: Iterable[str] = (),
    passed: dict[str, str] | None = None,
) -> Plan:
    return Plan(
        folders=tuple(folders), layout=layout, notes=tuple(notes), between=tuple(between), passed=dict(passed or {})
    )


def _wrapped(folder: Folder) -> Folder | None:
    """The only folder in a folder that can be meant, where that one is neither a class nor a split."""
    if folder.direct or len(folder.filled) != 1:
        return None
    only = folder.filled[0]
    named = [split_of(inner.name) is not None for inner in only.filled]
    if only.direct or split_of(only.name) or (all(named) and not any(inner.filled for inner in only.filled)):
        return None  # a class, a split, or one class with its splits
    if len(folder.folders) > 1 and not is_container(only.name) and not all(named):
        return None  # an empty class folder beside it
    return only


def _as_classes(folders: Iterable[Folder], split: SplitName | None = None) -> list[ClassFolder]:
    return [
        ClassFolder(folder=folder, label=class_name(folder.name, where=folder.file), split=split) for folder in folders
    ]


def _splits_on_top(base: Folder, *, may_stop: bool) -> tuple[dict[SplitName, Folder], list[str], dict[str, str]]:
    """The split folders directly in a folder, what is to be said about others, and which are passed over and why.

    They are splits if all of them are called so, or if train is there with valid or test: then others are passed over.
    """
    meant = {folder.name: split_of(folder.name) for folder in base.folders}
    meant |= splits_of([folder.name for folder in base.filled])
    named = [folder for folder in base.folders if meant[folder.name]]
    others = [folder for folder in base.folders if not meant[folder.name]]
    found = {meant[folder.name] for folder in named if folder.holds}
    rest = [folder for folder in others if folder.holds]
    if not found or (rest and not ("train" in found and len(found) > 1)):
        stopping = [folder for folder in named if folder.holds and may_stop]
        return {}, [note for folder in stopping for note in _class_called_so(folder, rest)], {}
    splits: dict[SplitName, Folder] = {}
    for folder in named:
        split = meant[folder.name]
        if split is None:
            continue
        if split in splits:
            hint = "Keep one of the two, or rename one; if they are classes, add --classes top."
            where = f"{written(splits[split].file)} and {written(folder.file)}"
            raise DataError(f"two folders for the split {split}", where=where, hint=hint)
        splits[split] = folder
    notes = [f"{_listed(rest)}: neither train, valid nor test, so passed over."] if rest else []
    if not {folder.name.lower() for folder in named} <= _PLAIN:
        said = ", ".join(f"{split} is {written(splits[split].path)}" for split in SPLITS if split in splits)
        notes.insert(0, f"Split folders: {said}.")
    return splits, notes, {f"{folder.path}": "neither train, valid nor test" for folder in others}


def _class_called_so(folder: Folder, others: Sequence[Folder]) -> Iterator[str]:
    """What is to be said of a folder called like a split among folders that are not.

    Raises:
        DataError: it may be meant as one.
    """
    if not others:
        return
    inside = {inner.name for inner in folder.filled}
    beside = {other.name for other in others} | {inner.name for other in others for inner in other.filled}
    if (len(inside) > 1 and not folder.direct) or inside & beside:
        what = (
            f"{_quoted(folder.name)} is called like a split and holds {_listed(folder.filled)}, "
            f"but {_listed(others)} beside it {'is' if len(others) == 1 else 'are'} not"
        )
        hint = (
            "If these are splits, rename the neighbours to train, valid or test, or move them out; "
            "if all are classes, add --classes top; if the classes are the folders inside, add --classes bottom."
        )
        raise DataError(what, where=written(folder.file), hint=hint)
    yield f"The folder {_quoted(folder.name)} is taken for a class, like its neighbours."


def _inside_splits(
    base: Folder,
    splits: dict[SplitName, Folder],
    *,
    between: Sequence[Folder],
    notes: Sequence[str],
    passed: dict[str, str],
) -> Plan:
    """The classes inside split folders."""
    inner = {split: _within(folder, split) for split, folder in splits.items()}
    chain = [*between, *(each for nodes in inner.values() for each in nodes)]
    homes = {split: nodes[-1] for split, nodes in inner.items()}
    for split in SPLITS:
        if split in homes:
            _check_split(split, homes)
    folders = [each for split in SPLITS if split in homes for each in _as_classes(homes[split].folders, split)]
    _check_shared(base, [each.folder for each in folders if each.folder.holds])
    return _plan(SPLIT_FOLDERS, folders, between=chain, notes=notes, passed=passed)


def _within(folder: Folder, split: SplitName) -> list[Folder]:
    """A split folder, and the folders down to the one that its classes are in."""
    chain = [folder]
    while not chain[-1].direct and len(chain[-1].filled) == 1:
        only = chain[-1].filled[0]
        if not is_container(only.name) and split_of(only.name) != split:
            break
        chain.append(only)
    return chain


def _check_split(split: SplitName, homes: dict[SplitName, Folder]) -> None:
    """Stop at a split without class folders.

    Raises:
        DataError: it is empty, or its pictures are in no class.
    """
    home = homes[split]
    if not home.holds:
        hint = "Put its pictures there, or take the folder away."
        raise DataError(f"no picture in the split {split}", where=written(home.file), hint=hint)
    if home.filled:
        return
    labelled = [other for other in SPLITS if other in homes and homes[other].filled]
    hint = CLASSES_HINT
    if not labelled:
        hint += " If these folders are the classes, add --classes top."
    elif split != "train":
        hint = "Without classes they cannot be tested on: move that folder out of the data, train, and type: "
        hint += f"tellapart predict MODEL {shlex.quote(written(home.file))}"
        if labelled == ["train"]:
            train = shlex.quote(written(homes["train"].file))
            hint = f"Without classes they cannot be tested on. Type: tellapart train {train}, and then: "
            hint += f"tellapart predict runs/{shlex.quote(written(homes['train'].name))}/model.tellapart "
            hint += shlex.quote(written(home.file))
    raise DataError(f"no class folders in the split {split}", where=written(home.file), hint=hint)


def _classes_on_top(base: Folder, *, between: Sequence[Folder], notes: Sequence[str]) -> Plan:
    """The folders directly in a folder are the classes, perhaps with split folders inside each."""
    parts = {folder.name: list(_parts(folder)) for folder in base.folders}
    found = {split for each in parts.values() for _, split in each}
    if found <= {None}:
        _check_shared(base, base.filled)
        more = _both_possible(base.filled)
        return _plan(FOLDERS, _as_classes(base.folders), between=between, notes=[*notes, *more])
    if None in found:
        raise _half_splits(base, parts)
    empty = {split_of(inner.name) for folder in base.folders for inner in folder.all_below() if not inner.holds} - {
        None,
        *found,
    }
    for split in sorted(each for each in empty if each):
        hint = "Put its pictures there, or take these folders away."
        raise DataError(f"no picture in the split {split}", where=written(base.file), hint=hint)
    folders = [
        ClassFolder(folder=part, label=class_name(folder.name, where=folder.file), split=split)
        for folder in base.folders
        for part, split in parts[folder.name] or [(folder, None)]
    ]
    deepest = {part.path for each in parts.values() for part, _ in each}
    above = [each for each in base.all_below() if any(path.startswith(each.path) for path in deepest - {each.path})]
    words = ", ".join(split for split in SPLITS if split in found)
    said = f"Read as classes ({_listed(base.filled)}) with split folders inside each ({words})."
    return _plan(SPLITS_INSIDE, folders, between=[*between, *above], notes=[*notes, said])


def _parts(folder: Folder) -> Iterator[tuple[Folder, SplitName | None]]:
    """The split folders in a class, at any depth, and the folders with pictures that are in none, with None.

    Raises:
        DataError: two folders side by side mean the same split.
    """
    meant = splits_of([inner.name for inner in folder.filled]) if folder.filled else {}
    for twice, count in Counter(split for split in meant.values() if split).items():
        if count > 1:
            hint = "Keep one of the two, or rename one; if these are no splits, add --classes top."
            raise DataError(f"two folders for the split {twice}", where=written(folder.file), hint=hint)
    for inner in folder.filled:
        split = meant[inner.name]
        if split:
            yield inner, split
        else:
            yield from _parts(inner)
    if folder.direct:
        yield folder, None


def _half_splits(base: Folder, parts: dict[str, list[tuple[Folder, SplitName | None]]]) -> DataError:
    """Some folders inside the classes are called like splits, and some pictures are in none of them."""
    every = [each for found in parts.values() for each in found]
    named = next(part for part, split in every if split)
    beside = next(part for part, split in every if not split)
    what = f"{written(named.path)} is called like a split, but the pictures in {written(beside.path)} are in no split"
    hint = (
        "If these are splits, put every picture of every class into a folder train, valid or test; "
        "if they are only parts of their class, add --classes top."
    )
    return DataError(what, where=written(base.file), hint=hint)


def _check_shared(base: Folder, classes: Sequence[Folder]) -> None:
    """Stop where the folders inside the classes may be the classes as well: all have the same ones, and two or more.

    Raises:
        DataError: they do.
    """
    by_label: dict[str, set[str]] = {}
    for folder in classes:
        if folder.direct:
            return
        by_label.setdefault(folder.name, set()).update(inner.name for inner in folder.filled)
    counts = Counter(name for names in by_label.values() for name in names)
    shared = sorted(name for name, count in counts.items() if count > 1)
    if len(shared) < 2 or any(not names & set(shared) for names in by_label.values()):
        return
    top, bottom = _some(sorted(by_label)), _some(shared)
    what = f"two readings: the classes are {top}, or the classes are the folders inside them, {bottom}"
    hint = (
        f"Add --classes top for {top}, or --classes bottom for {bottom}; "
        "if either are splits, rename those to train, valid and test."
    )
    raise DataError(what, where=written(base.file), hint=hint)


def _both_possible(classes: Sequence[Folder]) -> list[str]:
    """A line where every class holds nothing but folders, so that those could be meant."""
    if not classes or any(folder.direct or len(folder.filled) < 2 for folder in classes):
        return []
    inside = [inner for folder in classes for inner in folder.filled]
    said = f"The classes are {_listed(classes)}, each with the folders inside it; --classes bottom takes "
    return [f"{said}{_listed(inside)} instead."]


def _at_bottom(
    base: Folder,
    splits: dict[SplitName, Folder],
    *,
    between: Sequence[Folder],
    notes: Sequence[str],
    passed: dict[str, str],
) -> Plan:
    """Each folder that pictures lie in is a class."""
    tops: list[tuple[Folder, SplitName | None]] = [(splits[split], split) for split in SPLITS if split in splits]
    folders, above = [], []
    for top, split in tops or [(folder, None) for folder in base.folders]:
        for folder in (top, *top.all_below()):
            if folder.direct and folder.filled:
                what = "pictures lie beside folders with pictures, so the classes are not at the bottom"
                raise DataError(what, where=written(folder.file), hint="Put them into a folder of their class.")
            if folder.direct and (folder is not top or not split):
                folders += _as_classes([folder], split)
            else:
                above.append(folder)
    if splits:
        for split, top in splits.items():
            _check_split(split, {split: top})
    elif any(folder.filled for folder in base.filled):
        notes = [*notes, f"{_listed(base.filled)}: no splits, so the pictures in them are put together."]
    return _plan(BOTTOM, folders, between=[*between, *above], notes=notes, passed=passed)


def _quoted(name: str) -> str:
    return f"'{written(name)}'"


def _listed(folders: Iterable[Folder]) -> str:
    return _some(sorted({folder.name for folder in folders}))


def _some(names: Sequence[str]) -> str:
    """The first names of many, as in "a, b, c and 4 more"."""
    shown = [written(name) for name in names[:_NAMED]]
    more = len(names) - len(shown)
    if more:
        return f"{', '.join(shown)} and {more:,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
