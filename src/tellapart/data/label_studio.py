"""Label Studio's JSON: tasks, each with its data and what annotators answered.

Source: the page "Label Studio Task Format" of its guide, and exports of versions 0.4 to 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tellapart.data.answers import Annotation, Part, table_of
from tellapart.data.columns import find_path, some_names
from tellapart.data.formats import has_picture_ending
from tellapart.data.reading import Reading
from tellapart.data.shapes import box_of_shape
from tellapart.data.tables import Table, text_of
from tellapart.errors import DataError, UsageError
from tellapart.text import shortened
from tellapart.types import Box

_HOW: Final = "A picture without boxes has one label here: settle it in Label Studio, or take the picture out."
_Tasks = Sequence[Mapping[str, Any]]
_Key = tuple[str, bool]  # the name of a control, and whether it is about parts of a picture
_Said = dict[_Key, list[tuple[str, Box | None]]]


def rows_of_tasks(tasks: _Tasks, path: Path, *, reading: Reading) -> Table:
    """The pictures of tasks, each with the choice that annotators made for it, or else its labelled boxes.

    Raises:
        UsageError: a control or a field that the user names is not there.
        DataError: several controls may be the label, or a whole picture has several labels.
    """
    said = [_said(task, number) for number, task in enumerate(tasks, start=1)]
    known = {key for each in said for key in each}
    key = None if reading.unlabelled and not known else _control(known, reading.label_column, path)
    field = _field(tasks, reading.path_column, path)
    answers = [
        _answer(number, task, each.get(key, []) if key else [], field=field, boxes=reading.boxes != "none")
        for number, (task, each) in enumerate(zip(tasks, said, strict=True), start=1)
    ]
    shapes = key is not None and key[1]
    return table_of(answers, path, layout="Label Studio", how=_HOW, unlabelled=reading.unlabelled, shapes=shapes)


def _answer(
    number: int, task: Mapping[str, Any], said: Sequence[tuple[str, Box | None]], *, field: str, boxes: bool
) -> Annotation:
    data = task["data"] if isinstance(task.get("data"), Mapping) else {}
    return Annotation(
        number=number,
        path=text_of(data.get(field)),
        labels=[label for label, box in said if box is None or not boxes],
        parts=[Part(label=label, box=box) for label, box in said if box is not None and boxes],
        split=text_of(data.get("split", "")),
    )


def _said(task: Mapping[str, Any], number: int) -> _Said:
    """All that was answered of one picture, without answers that were taken back."""
    found: _Said = defaultdict(list)
    for answer in _mappings(task.get("annotations", task.get("completions"))):
        if answer.get("was_cancelled"):
            continue
        for result in _mappings(answer.get("result")):
            value, kind = result.get("value"), result.get("type")
            if not isinstance(value, Mapping) or not isinstance(kind, str):
                continue
            labels = value.get(kind)
            if (kind == "choices" or kind.endswith("labels")) and isinstance(labels, list):
                parts = kind != "choices" or "x" in value or "points" in value
                box = box_of_shape(value, result, source=f"task {number:,}") if parts else None
                found[text_of(result.get("from_name")), parts] += [(text_of(label), box) for label in labels]
    return found


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    for each in value if isinstance(value, list) else ():
        if isinstance(each, Mapping):
            yield each


def _control(known: set[_Key], wanted: str | None, path: Path) -> _Key:
    """The control that gives the label: the one of choices, or else the one of boxes.

    Raises:
        UsageError: the one that the user names is not there.
        DataError: there are several, or none.
    """
    if wanted is not None:
        for key in ((wanted, False), (wanted, True)):
            if key in known:
                return key
        every = some_names(sorted({name for name, _ in known}))
        raise UsageError(f"no control {wanted!r}", where=path, hint=f"--label-column takes one of: {every}.")
    for boxes in (False, True):
        names = sorted(name for name, about_boxes in known if about_boxes == boxes)
        if len(names) > 1:
            first, second = map(shortened, names[:2])
            what = f"two controls may be the label, {first!r} and {second!r}"
            hint = f"Say which with --label-column, for example --label-column {first}."
            raise DataError(what, where=path, hint=hint)
        if names:
            return names[0], boxes
    raise DataError("no picture has a label", where=path, hint="Label some with choices, and export them again.")


def _field(tasks: _Tasks, wanted: str | None, path: Path) -> str:
    """The field of the tasks' data that names the picture.

    Raises:
        UsageError: the one that the user names is not there.
        DataError: there are several, or none.
    """
    every: list[Mapping[str, Any]] = [task["data"] for task in tasks if isinstance(task.get("data"), Mapping)]
    fields = list(dict.fromkeys(str(name) for data in every for name in data))
    if wanted is not None:
        if wanted not in fields:
            raise UsageError(
                f"no field {wanted!r}", where=path, hint=f"--path-column takes one of: {some_names(fields)}."
            )
        return wanted
    texts = [name for name in fields if any(isinstance(data.get(name), str) for data in every)]
    place = find_path(texts, where=path)
    if place is not None:
        return texts[place]
    likely = [name for name in texts if any(has_picture_ending(text_of(data.get(name))) for data in every)]
    if len(likely) == 1:
        return likely[0]
    hint = f"Say which it is with --path-column; there are: {some_names(likely or fields)}."
    raise DataError("no field that names the picture", where=path, hint=hint)
