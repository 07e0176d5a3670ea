"""Which folders are classes and which are splits: understood, or both readings told. Nothing is guessed in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tellapart.data.names import class_name, written
from tellapart.data.reading import ClassesAt
from tellapart.data.split_words import is_container, split_of, splits_of
from tellapart.data.tree import Folder
from tellapart.data.two_readings import (
    both_possible,
    called_like_another,
    check_labelled_splits,
    check_shared,
    check_split,
    class_called_so,
    folder_names,
    half_splits,
    some,
)
from tellapart.errors import DataError
from tellapart.types import SPLITS, SplitName

FOLDERS, SPLIT_FOLDERS = "folders", "split folders"
SPLITS_INSIDE, BOTTOM = "class folders with split folders inside", "folders, classes at the bottom"
_PLAIN: Final = frozenset(("train", "valid", "val", "validation", "test"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFolder:
    """A folder whose pictures, at any depth, are of one class and one split; `named` as the folder of the class is."""

    folder: Folder
    label: str
    named: str
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


def understand(tree: Folder, *, classes: ClassesAt | None, grouped: bool = False) -> Plan:
    """Which folders of a tree are classes, and in which splits.

    Args:
        tree: the data.
        classes: "top" takes each folder directly in it, or in its split folders, for a class with all that is below
            it, "bottom" each folder that pictures lie in; None for what the names say.
        grouped: whether groups are told from the paths: then folders that all classes have are taken for those.

    Raises:
        DataError: it can be read in two ways, or there is nothing to read in a split.
    """
    chain = [tree]
    while (inner := _wrapped(chain[-1])) is not None:
        chain.append(inner)
    base = chain[-1]
    notes = [f"The data is read from the folder {written(base.path)} in it."] if len(chain) > 1 else []
    if classes == "top":
        plan = _at_top(base, between=chain, notes=notes)
    else:
        splits, more, passed = _splits_on_top(base, may_stop=classes is None)
        if classes == "bottom":
            plan = _at_bottom(base, splits, between=chain, notes=notes, passed=passed)
        elif splits:
            plan = _inside_splits(base, splits, between=chain, notes=[*notes, *more], passed=passed, grouped=grouped)
        else:
            plan = _classes_on_top(base, between=chain, notes=[*notes, *more], grouped=grouped)
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


def _at_top(base: Folder, *, between: Sequence[Folder], notes: Sequence[str]) -> Plan:
    """Each folder directly in a folder is a class, or each directly in its split folders where those hold folders."""
    try:
        splits, more, passed = _splits_on_top(base, may_stop=False)
    except DataError:  # two for one split: they are said to be classes
        splits, more, passed = {}, [], {}
    if splits and all(_within(folder, split)[-1].filled for split, folder in splits.items()):
        return _inside_splits(base, splits, between=between, notes=[*notes, *more], passed=passed, said=True)
    return _plan(FOLDERS, _as_classes(base.folders), between=between, notes=notes)


def _as_classes(folders: Iterable[Folder], split: SplitName | None = None) -> list[ClassFolder]:
    return [
        ClassFolder(folder=each, label=class_name(each.name, where=each.file), named=each.name, split=split)
        for each in folders
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
        return {}, [note for folder in stopping for note in class_called_so(folder, rest)], {}
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
    notes = [f"{folder_names(rest)}: neither train, valid nor test, so passed over."] if rest else []
    if not {folder.name.lower() for folder in named} <= _PLAIN:
        said = ", ".join(f"{split} is {written(splits[split].path)}" for split in SPLITS if split in splits)
        notes.insert(0, f"Split folders: {said}.")
    return splits, notes, {folder.path: "neither train, valid nor test" for folder in others}


def _inside_splits(
    base: Folder,
    splits: dict[SplitName, Folder],
    *,
    between: Sequence[Folder],
    notes: Sequence[str],
    passed: dict[str, str],
    said: bool = False,
    grouped: bool = False,
) -> Plan:
    """The classes inside split folders; said where the user says that they are not further down."""
    inner = {split: _within(folder, split) for split, folder in splits.items()}
    chain = [*between, *(each for nodes in inner.values() for each in nodes)]
    homes = {split: nodes[-1] for split, nodes in inner.items()}
    for split in SPLITS:
        if split in homes:
            check_split(split, homes)
    folders = [each for split in SPLITS if split in homes for each in _as_classes(homes[split].folders, split)]
    check_labelled_splits(base, homes)
    if not said:
        filled = [each.folder for each in folders if each.folder.holds]
        notes = [*notes, *(check_shared(base, filled, grouped=grouped) or called_like_another(filled))]
    odd = sorted({each.label for each in folders if split_of(each.folder.name)})
    notes = [*notes, *([f"Inside the splits {some(odd)} is a class like its neighbours."] if odd else [])]
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


def _classes_on_top(base: Folder, *, between: Sequence[Folder], notes: Sequence[str], grouped: bool) -> Plan:
    """The folders directly in a folder are the classes, perhaps with split folders inside each."""
    parts = {folder.name: list(_parts(folder)) for folder in base.folders}
    found = {split for each in parts.values() for _, split in each}
    if found <= {None}:
        more = check_shared(base, base.filled, grouped=grouped) or both_possible(base.filled)
        more = more or called_like_another(base.filled)
        return _plan(FOLDERS, _as_classes(base.folders), between=between, notes=[*notes, *more])
    if None in found:
        raise half_splits(base, parts)
    empty = {split_of(inner.name) for folder in base.folders for inner in folder.all_below() if not inner.holds} - {
        None,
        *found,
    }
    for split in sorted(each for each in empty if each):
        hint = "Put its pictures there, or take these folders away."
        raise DataError(f"no picture in the split {split}", where=written(base.file), hint=hint)
    folders = [
        ClassFolder(folder=part, label=class_name(folder.name, where=folder.file), named=folder.name, split=split)
        for folder in base.folders
        for part, split in parts[folder.name] or [(folder, None)]
    ]
    deepest = {part.path for each in parts.values() for part, _ in each}
    above = [each for each in base.all_below() if any(path.startswith(each.path) for path in deepest - {each.path})]
    words = ", ".join(split for split in SPLITS if split in found)
    said = f"Read as classes ({folder_names(base.filled)}) with split folders inside each ({words})."
    return _plan(SPLITS_INSIDE, folders, between=[*between, *above], notes=[*notes, said])


def _parts(folder: Folder) -> Iterator[tuple[Folder, SplitName | None]]:
    """The split folders in a class, at any depth, and the folders with pictures that are in none, with None.

    Raises:
        DataError: two folders side by side mean the same split.
    """
    chain = [(folder, _meant(folder))]
    while chain:
        opened, inside = chain[-1]
        inner, split = next(inside, (None, None))
        if inner is None:
            chain.pop()
            if opened.direct:
                yield opened, None
        elif split:
            yield inner, split
        else:
            chain.append((inner, _meant(inner)))


def _meant(folder: Folder) -> Iterator[tuple[Folder, SplitName | None]]:
    """The folders with pictures in a folder, each with the split that it means among the others.

    Raises:
        DataError: two mean the same one.
    """
    meant = splits_of([inner.name for inner in folder.filled]) if folder.filled else {}
    for twice, count in Counter(split for split in meant.values() if split).items():
        if count > 1:
            hint = "Keep one of the two, or rename one; if these are no splits, add --classes top."
            raise DataError(f"two folders for the split {twice}", where=written(folder.file), hint=hint)
    return iter([(inner, meant[inner.name]) for inner in folder.filled])


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
            check_split(split, {split: top})
    elif any(folder.filled for folder in base.filled):
        notes = [*notes, f"{folder_names(base.filled)}: no splits, so the pictures in them are put together."]
    return _plan(BOTTOM, folders, between=[*between, *above], notes=notes, passed=passed)
