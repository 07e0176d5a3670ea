"""YOLO's data.yaml, and folders of pictures beside folders of labels: each labelled box, with the name of its class.

Source: the page "Object Detection Datasets Overview" of Ultralytics' documentation, and what Roboflow and Label Studio
export. A picture's labels lie where its path has "labels" instead of the last "images", else beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tellapart import files
from tellapart.data.answers import Annotation, table_of
from tellapart.data.limits import LARGEST_LABELS, LARGEST_YAML
from tellapart.data.plain_yaml import YamlValue, read_yaml
from tellapart.data.reading import Reading
from tellapart.data.set_folders import check_total
from tellapart.data.tables import Table, unreadable
from tellapart.data.text_files import read_text
from tellapart.data.yolo_labels import YoloNames, yolo_parts
from tellapart.data.yolo_places import (
    SPLIT_KEYS,
    YoloPictures,
    label_place,
    label_ways,
    lost_labels,
    yolo_pictures,
)
from tellapart.errors import DataError
from tellapart.text import counted, shortened

YAML_ENDINGS: Final = (".yaml", ".yml")
_NAMES: Final = 'Write names: ["cat", "dog"] there, the first for the class 0.'
_HOW: Final = "A picture without boxes has one label here: leave out --boxes none, and each box is a picture."


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloSet:
    """A set of YOLO, its labels not read yet.

    Attributes:
        root: what paths are relative to.
        where: the data.yaml, or the folder where there is none.
        names: of the classes.
        pictures: where they are, and their splits.
    """

    root: Path
    where: Path
    names: YoloNames
    pictures: YoloPictures


def read_yolo(path: Path, *, reading: Reading) -> Table:
    """The boxes of the set that a data.yaml describes; nothing outside of the folder that it is in.

    Raises:
        UsageError: an option that says nothing of YOLO is given.
        DataError: it is no data.yaml, a folder that it names is not there, no picture is labelled, or a line of labels
            is none.
    """
    found = yolo_set(path, reading=reading)
    table = rows_of_yolo(found, reading=reading)
    if table is None:
        raise without_labels(found)
    return table


def yolo_set(path: Path, *, reading: Reading) -> YoloSet:
    """The set that a data.yaml describes.

    Raises:
        DataError: as `read_yolo`.
    """
    said = read_yaml(
        read_text(path, limit=LARGEST_YAML, reading=reading),
        ["path", *SPLIT_KEYS, "names", "nc", "kpt_shape"],
        where=path,
    )
    names = YoloNames(by_number=_names(said, path), source=path.name, keypoints="kpt_shape" in said)
    splits = {key: _places(key, said[key], path) for key in SPLIT_KEYS if key in said}
    if not splits:
        hint = "Write train: images/train there, the folder of the pictures, and val: and test: where there are such."
        raise DataError("neither train nor val nor test is named", where=path, hint=hint)
    base = said.get("path", "")
    if not isinstance(base, str):
        raise DataError("path is no folder", where=path, hint="Write path: . for the folder that the file is in.")
    pictures = yolo_pictures(path.parent, splits, base=base, where=path, reading=reading)
    return YoloSet(root=path.parent, where=path, names=names, pictures=pictures)


def _places(key: str, value: YamlValue, path: Path) -> list[str]:
    if isinstance(value, dict):
        raise DataError(
            f"{key} is neither a folder nor a list of folders", where=path, hint=f"Write {key}: images/{key}"
        )
    return [value] if isinstance(value, str) else value


def _names(said: Mapping[str, YamlValue], path: Path) -> dict[int, str]:
    """The names of classes by their numbers.

    Raises:
        DataError: there are none, or not as many as the file says itself.
    """
    value, count = said.get("names"), said.get("nc")
    if isinstance(value, str) or not value:
        raise DataError("no names of classes, which the data.yaml of YOLO has", where=path, hint=_NAMES)
    if isinstance(value, list):
        names = dict(enumerate(value))
    else:
        if odd := [key for key in value if not (key.isascii() and key.isdigit() and len(key) < 10)]:
            what = f"the name {shortened(value[odd[0]])!r} has {shortened(odd[0])!r} for a number"
            raise DataError(what, where=path, hint=_NAMES)
        names = {int(key): name for key, name in value.items()}
    if unnamed := [number for number, name in names.items() if not name.strip()]:
        raise DataError(f"the class {unnamed[0]} has an empty name", where=path, hint=_NAMES)
    if count is not None and count != str(len(names)):
        what = f"nc is {shortened(str(count))}, and there are {counted(len(names), 'name')}"
        raise DataError(what, where=path, hint="Mend the one that is wrong.")
    return names


def rows_of_yolo(found: YoloSet, *, reading: Reading) -> Table | None:
    """A row for each box; None where no picture of the set has a file of labels.

    Raises:
        UsageError, DataError: as `read_yolo`.
    """
    reading.check_unsaid("path_column", "label_column", of="YOLO's labels")
    answers, labelled, boxes = list[Annotation](), False, 0
    for number, (path, split) in enumerate(found.pictures.placed, start=1):
        place, text = _labels(found.root, path)
        labelled = labelled or text is not None
        answers.append(_answer(number, path, split, text or "", place=place, found=found, reading=reading))
        boxes += len(answers[-1].parts) + len(answers[-1].labels)
        check_total(boxes, where=found.where)
    if not labelled:
        return None
    sure = any(given for answer in answers for part in answer.parts for given in part.given)
    table = table_of(
        answers,
        found.where,
        layout="YOLO",
        how=_HOW,
        unlabelled=reading.unlabelled,
        columns=("confidence",) if sure else (),
        notes=[*found.pictures.notes, *_twice(found.names), *_lost(found)],
    )
    return replace(table, root=found.root, skipped=found.pictures.skipped)


def _answer(
    number: int, path: str, split: str, text: str, *, place: str, found: YoloSet, reading: Reading
) -> Annotation:
    boxes = None if reading.boxes == "none" else reading.boxes
    parts = yolo_parts(text, found.names, path=place, where=found.where, boxes=boxes)
    whole = reading.boxes == "none"
    return Annotation(
        number=number,
        path=path,
        labels=[part.label for part in parts] if whole else (),
        parts=() if whole else parts,
        split=split,
        source=place,
    )


def _labels(root: Path, path: str) -> tuple[str, str | None]:
    """Where the labels of a picture are, and their text; None where there are none.

    Raises:
        DataError: it cannot be read, or is no text.
    """
    for place in label_ways(path):
        try:
            return place, files.read_bounded(root / place, limit=LARGEST_LABELS).decode("utf-8-sig")
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise unreadable(root / place, error) from error
    return label_place(path), None


def _twice(names: YoloNames) -> list[str]:
    """A line where several numbers have one name."""
    by_name: dict[str, list[int]] = {}
    for number, name in names.by_number.items():
        by_name.setdefault(name.strip(), []).append(number)
    return [
        f"{names.source} calls the classes {', '.join(map(str, numbers))} alike, {shortened(name)!r}: they are one."
        for name, numbers in by_name.items()
        if len(numbers) > 1
    ][:1]


def _lost(found: YoloSet) -> list[str]:
    """A line about files of labels whose picture is gone, where there are such."""
    lost = lost_labels(found.root, [path for path, _ in found.pictures.placed])
    count = counted(len(lost), "file of labels has", "files of labels have")
    return [f"{count} no picture, the first {shortened(lost[0])}."] if lost else []


def without_labels(found: YoloSet) -> DataError:
    """That no picture of a set has a file of labels."""
    placed: Sequence[tuple[str, str]] = found.pictures.placed
    what = f"no file of labels for any of {counted(len(placed), 'picture')}"
    hint = f"That of {shortened(placed[0][0])} would be {shortened(label_place(placed[0][0]))}."
    return DataError(what, where=found.where, hint=hint)
